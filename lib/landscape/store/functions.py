"""The parts that identify a user's function: instructions, constants, and the globals it reads.

Functions of this library and of installed packages never come here: ``library`` and ``installed``
identify them.
"""

import builtins
import dis
import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from landscape.store import installed


class Part(NamedTuple):
    """One of the parts that identify an object.

    Attributes:
        kind: Word for the kind of part, such as ``attribute``; it is in the hash.
        label: Its name or number; it is in the hash.
        value: Its value, which is hashed in turn.
        place: Its name in error texts, behind the name of the object: ``.weight``.
        shared: The object that the part stands for, such as a parameter of a network, where it
            counts whether two places hold the same one.
    """

    kind: str
    label: str
    value: Any = None
    place: str = ""
    shared: Any = None


class Unreadable(TypeError):
    """The content of an object cannot be read, for the reason that the text gives."""


def code_parts(function: types.FunctionType) -> Iterator[Part]:
    """Yield a function's instructions, its constants, and the globals and imports that it reads.

    Raises:
        Unreadable: If it looks up names by text while it runs, or imports a module of the user's
            that is not loaded: nobody can say what it will read.
    """
    yield Part("python", f"{sys.implementation.name} {sys.version_info[:2]}")
    codes = list(_nested(function.__code__))
    for code in codes:
        counts = (
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
        )
        yield Part("instructions", repr(counts), code.co_code + code.co_exceptiontable)
        yield Part("constants", "", _constants(code))
        for name in {"__globals__", "f_globals"} & set(code.co_names):
            raise Unreadable(f"it looks up names while it runs, by {name}")
    for chain in dict.fromkeys(chain for code in codes for chain in _globals(code)):
        yield _global(chain, function.__globals__)
    for statement in dict.fromkeys(entry for code in codes for entry in _imports(code)):
        yield from _import(*statement, function.__globals__)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield a code object and those of the functions defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _constants(code: types.CodeType) -> list[Any]:
    constants = [value for value in code.co_consts if not isinstance(value, types.CodeType)]
    if code.co_consts and isinstance(code.co_consts[0], str):
        used = {step.arg for step in dis.get_instructions(code) if step.opcode in dis.hasconst}
        if 0 not in used:  # A docstring, which no instruction reads.
            constants[0] = None
    return constants


def _globals(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """Yield the dotted names of the global variables that instructions read."""
    instructions = list(dis.get_instructions(code))
    for index, instruction in enumerate(instructions):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            chain = [instruction.argval]
            for following in instructions[index + 1 :]:
                if following.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                chain.append(following.argval)
            yield tuple(chain)


def _imports(code: types.CodeType) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Yield (levels up, names taken from the module, module) of each import statement."""
    steps = list(dis.get_instructions(code))
    for index, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            # Two constants precede the import: the level, and the names or None.
            yield steps[index - 2].argval, steps[index - 1].argval or (), step.argval


def _global(chain: tuple[str, ...], namespace: dict[str, Any]) -> Part:
    """Return the object that a dotted global name stands for, followed through modules."""
    place = f" (which uses {'.'.join(chain)!r})"
    if chain[0] not in namespace:
        return _builtin(chain[0], namespace, place)
    value, rest = namespace[chain[0]], list(chain[1:])
    while rest and isinstance(value, types.ModuleType) and hasattr(value, rest[0]):
        value = getattr(value, rest.pop(0))
    if value is os.getenv:
        value = os.environ  # What it reads.
    if value is sys.modules or value is importlib.import_module:
        raise Unreadable(f"it looks up names while it runs, by {'.'.join(chain)}")
    return Part("global", ".".join(chain), value, place)


def _builtin(name: str, namespace: dict[str, Any], place: str) -> Part:
    held = namespace.get("__builtins__", builtins)
    held = vars(held) if isinstance(held, types.ModuleType) else held
    value = held.get(name)
    if value in (eval, exec, globals, __import__):
        raise Unreadable(f"it looks up names while it runs, by {name}()")
    if isinstance(value, types.FunctionType) and not installed.is_installed(value):
        return Part("global", name, value, place)  # Somebody replaced a built-in function.
    return Part("global", name, "built in" if name in held else "missing")


def _import(
    level: int, names: tuple[str, ...], module: str, namespace: dict[str, Any]
) -> Iterator[Part]:
    """Yield the objects that an import statement inside a function gives."""
    if level:
        package = namespace.get("__package__") or namespace.get("__name__", "").rpartition(".")[0]
        try:
            module = importlib.util.resolve_name("." * level + module, package)
        except ImportError:
            reason = f"the place of the module {module!r} that it imports is unknown"
            raise Unreadable(reason) from None
    place = f" (which imports {module!r})"
    if installed.is_installed_name(module):
        yield Part("import", module, [*names, installed.release(module)])
    elif names:
        for name in names:
            inner, loaded = f"{module}.{name}", _loaded(module)
            value = getattr(loaded, name) if hasattr(loaded, name) else _loaded(inner)
            yield Part("import", inner, value)
    else:  # `import a.b` also gives `a`, with everything in it.
        for name in dict.fromkeys((module, module.partition(".")[0])):
            yield Part("import", name, _loaded(name), place)


def _loaded(module: str) -> types.ModuleType:
    if module not in sys.modules:
        raise Unreadable(f"the module {module!r} that it imports is not loaded: import it first")
    return sys.modules[module]
