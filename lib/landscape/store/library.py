"""Versions of code in memory whose source is known: this library, and packages that register.

A function counts as known only while its code in memory is what the source says.
"""

import functools
import importlib.machinery
import inspect
import operator
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landscape.store import installed
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode, read_package

PACKAGE = Path(__file__).parents[1]
# Read once, at import: a file that is edited during a run is not the code that runs.
_SOURCES = read_package(PACKAGE)
_VERSIONS = CodeVersions(SourceCode(_SOURCES), on_disk=True)
# Module -> its spec when its source was read; `importlib.reload` replaces the spec.
_SPECS: dict[str, importlib.machinery.ModuleSpec | None] = {}


def read_code(package: Path) -> None:
    """Register another package: its code then counts by its source, as this library's does.

    Call it from the package's ``__init__``.

    Args:
        package: Folder of the package.
    """
    _read_again(read_package(package))


def packages() -> list[str]:
    """Return the names of all packages whose code counts by its source."""
    return sorted({name.partition(".")[0] for name in _SOURCES})


def definitions() -> CodeVersions:
    """Return the versions of all definitions whose source is known."""
    return _VERSIONS


def _read_again(sources: dict[str, str]) -> None:
    global _VERSIONS
    _SOURCES.update(sources)
    _VERSIONS = CodeVersions(SourceCode(_SOURCES), on_disk=True)
    for name in sources:
        _SPECS.pop(name, None)
    _places.cache_clear()


def refresh() -> None:
    """Read the source of modules again that were reloaded, as notebooks do after an edit."""
    reloaded = {}
    for name in _SOURCES:
        if name in sys.modules:
            spec = getattr(sys.modules[name], "__spec__", None)
            if spec is not _SPECS.setdefault(name, spec) and spec is not None and spec.origin:
                reloaded[name] = Path(spec.origin).read_text(encoding="utf-8")
    if reloaded:
        _read_again(reloaded)


def version(subject: Any) -> tuple[str, int] | None:
    """Return the version of code whose source is known, or None for other code.

    Args:
        subject: A function, class or module.

    Returns:
        The version of the definition at the top level of its module, and the number of the function
        or class inside that definition, in the order of the source: 0 for the definition itself.
    """
    if isinstance(subject, types.ModuleType):
        known = subject.__name__ in _SOURCES and sys.modules.get(subject.__name__) is subject
        return (_VERSIONS.module_version(subject.__name__), 0) if known else None
    if isinstance(subject, types.FunctionType):
        return _version_of_function(subject) or _version_of_decorated(subject)
    module, name = getattr(subject, "__module__", None), subject.__qualname__.partition(".")[0]
    if module is None or not _is_found_by_name(subject) or _is_patched(subject):
        return None
    if not _is_defined(module, name):
        return None
    numbers = {code.co_qualname: place[1] for code, place in _places(module).items()}
    return _VERSIONS.version(module, name), numbers.get(subject.__qualname__, 0)


def _version_of_function(function: types.FunctionType) -> tuple[str, int] | None:
    """Return the version of a function whose code in memory equals the code of the source.

    Its name proves nothing: a decorator copies the name of the function that it wraps.
    """
    module = function.__globals__.get("__name__")
    if module not in _SOURCES or module not in sys.modules:
        return None
    if vars(sys.modules[module]) is not function.__globals__:
        return None
    name, number = _places(module).get(function.__code__, ("", 0))
    return (_VERSIONS.version(module, name), number) if _is_defined(module, name) else None


def _version_of_decorated(function: types.FunctionType) -> tuple[str, int] | None:
    """Return the version of a definition that an installed package's decorator wraps."""
    inner = inspect.unwrap(function)
    if inner is function or not _is_found_by_name(function):
        return None
    home = function.__globals__.get("__name__") or ""
    return _version_of_function(inner) if installed.is_installed_name(home) else None


def _is_defined(module: str, name: str) -> bool:
    return name in _VERSIONS.names(module)


@functools.cache
def _places(module: str) -> dict[types.CodeType, tuple[str, int]]:
    """Return compiled code -> (definition at the top level, number of the code in it)."""
    whole = compile(_SOURCES[module], module, "exec", dont_inherit=True)
    places: dict[types.CodeType, tuple[str, int]] = {}
    for top in _inner(whole):
        for index, code in enumerate((top, *_all_inner(top))):
            places.setdefault(code, (top.co_name, index))
    return places


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _all_inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for inner in _inner(code):
        yield inner
        yield from _all_inner(inner)


def _is_found_by_name(subject: Any) -> bool:
    """Whether a module whose source is known holds this class or function under its name."""
    try:
        named = operator.attrgetter(subject.__qualname__)(sys.modules[subject.__module__])
    except (AttributeError, KeyError):
        return False
    return named is subject and subject.__module__ in _SOURCES


def _is_patched(kind: type) -> bool:
    """Whether somebody set a function from outside the known packages in a class."""
    return any(
        installed.is_foreign(function) and function.__globals__.get("__name__") not in _SOURCES
        for value in vars(kind).values()
        for function in installed.functions_of(value)
    )


refresh()
