"""Tells code of Python and of installed packages, known by name and version, from users' code."""

import ast
import functools
import importlib.metadata
import importlib.util
import inspect
import operator
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def is_heap_type(kind: type) -> bool:
    """Return whether a class lies on the heap, as those that a class statement makes do."""
    return bool(kind.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE.


def is_installed(subject: Any) -> bool:
    """Return whether an installed package holds this class or function under its name."""
    module = sys.modules.get(getattr(subject, "__module__", None) or "")
    if module is None or not is_installed_name(module.__name__) or is_foreign(subject):
        return False
    try:
        return operator.attrgetter(subject.__qualname__)(module) is subject
    except AttributeError:
        # Some types of Python itself, such as that of generators, are not found by their names. A
        # class executed without a module's name also claims to be built in, but lies on the heap.
        made_by_python = isinstance(subject, type) and not is_heap_type(subject)
        return made_by_python and subject.__module__ == "builtins"


def is_foreign(function: Any) -> bool:
    """Return whether a function's code is a user's, whatever the name that it may have copied."""
    if not isinstance(function, types.FunctionType):
        return False
    home = function.__globals__.get("__name__") or ""
    return not (home.startswith("namedtuple_") or is_installed_name(home))


def patches(place: type | types.ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the (name, value) pairs of an installed class or module that a user has replaced.

    Args:
        place: The class or module.
    """
    # Other packages copy methods from class to class and set attributes later themselves, as
    # transformers does: of them only what comes from outside counts.
    of_torch = _home(place).partition(".")[0] == "torch"
    for name, value in list(vars(place).items()):
        functions = functions_of(value)
        if any(is_foreign(x) or (of_torch and _is_moved(place, name, x)) for x in functions):
            yield name, value
        elif of_torch and isinstance(place, types.ModuleType) and _is_replaced(name, value):
            yield name, value
    if of_torch and isinstance(place, type) and issubclass(place, _module_class()):
        yield from _constants_set_later(place)


def _home(place: type | types.ModuleType) -> str:
    """Return the name of the module that a class or module belongs to."""
    return place.__module__ if isinstance(place, type) else place.__name__


def _module_class() -> type:
    """Return torch.nn.Module where torch is loaded; this module imports no package."""
    layers = sys.modules.get("torch.nn")
    return layers.Module if layers is not None else type(None)


def _is_moved(place: type | types.ModuleType, name: str, function: Any) -> bool:
    """Return whether an installed function stands where another one was: Tanh.forward = silu."""
    known = name.startswith("__") or function.__module__ is None  # Such as Tensor.__pow__ = pow.
    if isinstance(place, types.ModuleType) or known:
        return False
    home = function.__qualname__.rpartition(".")[0]
    if home:
        return home != place.__qualname__ and not home.endswith("<locals>")
    return function.__module__ != place.__module__


def _is_replaced(name: str, value: Any) -> bool:
    """Return whether a public name of a module stands for a function of another name, or none."""
    if name.startswith("_"):
        return False
    if isinstance(value, functools.partial):
        return True
    kinds = types.FunctionType, types.BuiltinFunctionType
    return isinstance(value, kinds) and _plain_name(value.__name__) != _plain_name(name)


def _plain_name(name: str) -> str:
    return name.replace("_", "")


def _constants_set_later(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the plain public attributes of a class that its source does not set."""
    plain = bool, int, float, complex, str, bytes, tuple, list, dict, set
    values = {k: x for k, x in vars(kind).items() if isinstance(x, plain) and k[0] != "_"}
    if not values:
        return
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # No source: its version has to do.
        return
    texts: dict[str, ast.expr | None] = {}
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        texts |= {x.id: node.value for x in targets if isinstance(x, ast.Name)}  # type: ignore[attr-defined]  # it has a target
    for name, value in values.items():
        if name not in texts or not _may_be(texts[name], value):
            yield name, value


def _may_be(text: ast.expr | None, value: Any) -> bool:
    """Return whether an expression can have a value; True where only running it would tell."""
    try:
        return text is None or bool(ast.literal_eval(text) == value)
    except ValueError:
        return True


def functions_of(value: Any) -> list[types.FunctionType]:
    """Return the Python functions behind an attribute of a class, such as a property."""
    if isinstance(value, types.FunctionType):
        return [value]
    if isinstance(value, staticmethod | classmethod):
        held: list[Any] = [value.__func__]
    elif isinstance(value, property):
        held = [value.fget, value.fset, value.fdel]
    else:
        return []
    return [function for function in held if isinstance(function, types.FunctionType)]


def name_and_release(subject: Any) -> tuple[str, str]:
    """Return the dotted name of an installed class or function, and the version of its package."""
    return f"{subject.__module__}.{subject.__qualname__}", release(subject.__module__)


def is_installed_name(module: str) -> bool:
    """Return whether a module belongs to Python or to an installed package, not to the user.

    The place of its file decides, not the name: a user's ``code.py`` is not Python's ``code``.
    """
    root = module.partition(".")[0]
    if root in ("__main__", ""):
        return False
    loaded = sys.modules.get(root)
    places: list[str | None] | None
    if loaded is not None:
        places = [getattr(loaded, "__file__", None), *(getattr(loaded, "__path__", ()) or ())]
    else:
        places = _places_on_disk(root)
        if places is None:
            return False
    return _lies_in_python(root, tuple(str(place) for place in places if place))


@functools.cache
def _places_on_disk(root: str) -> list[str | None] | None:
    """Return where a module that is not loaded lies, or None where there is none."""
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    return [
        spec.origin if spec.has_location else None,
        *(spec.submodule_search_locations or ()),
    ]


@functools.cache
def _lies_in_python(root: str, places: tuple[str, ...]) -> bool:
    if not places:  # Built into the interpreter.
        return root in sys.stdlib_module_names or root in sys.builtin_module_names
    paths = [Path(place) for place in places]
    if any({"site-packages", "dist-packages"} & set(path.parts) for path in paths):
        return True
    folders = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib")]
    return root in sys.stdlib_module_names and any(
        path.resolve().is_relative_to(folder) for path in paths for folder in folders
    )


@functools.cache
def release(module: str) -> str:
    """Return the version of the package that holds a module; for Python's modules, of Python."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names or root in sys.builtin_module_names:
        return f"{sys.implementation.name} {sys.version_info[:3]}"
    version = getattr(sys.modules.get(root), "__version__", None)
    if version is not None:
        return str(version)
    names = importlib.metadata.packages_distributions().get(root, [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names)))
