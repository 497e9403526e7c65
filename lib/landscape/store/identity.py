"""What identifies functions, classes, networks and other objects: the parts that a hash feeds on.

Nothing is read from files, which may have been edited since: the parts come from what Python holds
in memory. Code of installed packages is known by its name and the package's version.
"""

import dataclasses
import dis
import enum
import functools
import importlib.metadata
import importlib.util
import operator
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

PACKAGE = Path(__file__).parents[1]
CODE = (type, types.FunctionType, types.ModuleType)


class Part(NamedTuple):
    """One thing that identifies an object.

    Attributes:
        kind: What sort of thing, such as ``attribute``.
        label: Its name or a number that belongs to it.
        value: Its value, to be fed in its turn.
        place: How an error names it, behind the object's own place: ``.weight``.
    """

    kind: str
    label: str
    value: Any = None
    place: str = ""


def parts(value: Any, *, known: bool = False, values: bool = True) -> list[Part]:
    """Return what identifies an object.

    Args:
        value: A function, method, class, module, network, enumeration member, or other object.
        known: For a function, whether its code is identified already; what it carries is left.
        values: For a network, whether the values of parameters and buffers count, or their shapes.

    Raises:
        TypeError: If Python cannot say what the object holds, as of an open file or a lock.
    """
    match value:
        case types.ModuleType():
            return _module(value)
        case type():
            return _class(value)
        case types.FunctionType():
            return _function(value, known)
        case types.MethodType():
            return [Part("method", "", value.__func__), Part("self", "", value.__self__)]
        case functools.partial():
            return [
                Part("partial", "", value.func, ".func"),
                Part("arguments", "", [*value.args], ".args"),
                Part("keywords", "", dict(value.keywords), ".keywords"),
                *_attributes(vars(value)),
            ]
        case types.BuiltinFunctionType() | types.BuiltinMethodType():
            own = value.__self__ if not isinstance(value.__self__, types.ModuleType) else None
            return [Part("built in", f"{value.__module__}.{value.__qualname__}", own)]
        case enum.Enum():
            return [Part("member", value.name, type(value)), Part("value", "", value.value)]
        case torch.nn.Module():
            return _network(value, values)
    return _descriptor(value) or _object(value)


def _function(function: types.FunctionType, known: bool) -> list[Part]:
    if not known and _is_installed(function):
        return [_installed(function)]
    carried = [Part("code", "", None)] if known else list(_code(function.__code__, function))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    carried += [
        Part("closure", str(index), _content(cell), f" (its {name!r})")
        for index, (name, cell) in enumerate(cells)
    ]
    carried += [
        Part("defaults", "", function.__defaults__, "'s defaults"),
        Part("keyword defaults", "", function.__kwdefaults__, "'s defaults"),
    ]
    # What functools.wraps sets is in the closure already.
    own = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
    return carried + ([] if known else _attributes(own))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # Not filled yet.
        return NotImplemented


def _code(code: types.CodeType, function: types.FunctionType) -> Iterator[Part]:
    """Yield a function's instructions, the constants in them, and the globals that they read."""
    text = function.__doc__
    yield Part("python", f"{sys.implementation.name} {sys.version_info[:2]}")
    for inner in _nested(code):
        counts = (
            inner.co_argcount,
            inner.co_posonlyargcount,
            inner.co_kwonlyargcount,
            inner.co_flags,
            inner.co_names,
            inner.co_varnames,
            inner.co_freevars,
            inner.co_cellvars,
        )
        yield Part("instructions", repr(counts), inner.co_code + inner.co_exceptiontable)
        constants = [x for x in inner.co_consts if not isinstance(x, types.CodeType)]
        if inner is code and constants and constants[0] == text:
            constants[0] = None
        yield Part("constants", "", constants)
    for chain in dict.fromkeys(chain for inner in _nested(code) for chain in _globals(inner)):
        yield _global(chain, function.__globals__)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _globals(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    """Yield the dotted names of the global variables that instructions read, and of imports."""
    instructions = list(dis.get_instructions(code))
    for index, instruction in enumerate(instructions):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            chain = [instruction.argval]
            for following in instructions[index + 1 :]:
                if following.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                    break
                chain.append(following.argval)
            yield tuple(chain)
        elif instruction.opname == "IMPORT_NAME":
            yield ("import", instruction.argval)


def _global(chain: tuple[str, ...], namespace: dict[str, Any]) -> Part:
    """Return what a dotted global name stands for: followed through modules, to what is used."""
    place = f" (which uses {'.'.join(chain)!r})"
    if chain[0] == "import":
        module = sys.modules.get(chain[1])
        if module is None and not _is_installed_name(chain[1]):
            raise TypeError(f"the module {chain[1]} is not loaded")
        return Part("import", chain[1], module, place)
    builtins = namespace.get("__builtins__", {})
    builtins = vars(builtins) if isinstance(builtins, types.ModuleType) else builtins
    if chain[0] not in namespace:
        return Part("global", chain[0], "built in" if chain[0] in builtins else "missing")
    value, rest = namespace[chain[0]], list(chain[1:])
    while rest and isinstance(value, types.ModuleType) and hasattr(value, rest[0]):
        value = getattr(value, rest.pop(0))
    return Part("global", ".".join(chain), value, place)


def _class(kind: type) -> list[Part]:
    if _is_installed(kind):
        return [_installed(kind)]
    if not kind.__flags__ & 1 << 9:  # Made in C, by a package that cannot be named.
        raise TypeError(f"{kind.__qualname__} is not written in Python")
    held = [Part("class", kind.__qualname__), Part("metaclass", "", type(kind))]
    held += [Part("base", "", base, f"'s base {base.__name__}") for base in kind.__bases__]
    if issubclass(kind, enum.Enum):
        held += [Part("member", member.name, member.value) for member in kind]
    skipped = _ENUM_PARTS if issubclass(kind, enum.Enum) else ()
    for name, value in sorted(vars(kind).items()):
        if name in _CLASS_PARTS or name in skipped or isinstance(value, _SLOTS):
            continue
        if not (issubclass(kind, enum.Enum) and isinstance(value, kind)):
            held.append(Part("attribute", name, value, f".{name}"))
    return held


_CLASS_PARTS = frozenset(
    "__module__ __qualname__ __doc__ __dict__ __weakref__ __annotations__ __abstractmethods__ "
    "_abc_impl __dataclass_params__ __orig_bases__ __parameters__ __firstlineno__ "
    "__static_attributes__".split()
)
_ENUM_PARTS = frozenset(
    "_member_map_ _member_names_ _value2member_map_ _unhashable_values_ _hashable_values_ "
    "_member_type_ _value_repr_ _use_args_ _new_member_ __new__ __reduce_ex__".split()
)
_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType)


def _descriptor(value: Any) -> list[Part]:
    """Return what a property and its kin hold; nothing for other objects."""
    match value:
        case property():
            return [Part("property", "", [value.fget, value.fset, value.fdel])]
        case staticmethod() | classmethod():
            return [Part(type(value).__name__, "", value.__func__)]
        case functools.cached_property():
            return [Part("cached property", "", value.func)]
        case dataclasses.Field():
            options = [value.init, value.repr, value.hash, value.compare, value.kw_only]
            default = [value.default, value.default_factory]
            return [Part("field", f"{value.name} {options}", default, f".{value.name}")]
    wrapped = getattr(value, "__wrapped__", None)  # functools.cache is not written in Python.
    if wrapped is not None and isinstance(value, functools._lru_cache_wrapper):
        return [Part("cached", "", wrapped)]
    return []


def _network(model: torch.nn.Module, values: bool) -> list[Part]:
    held = [Part("class", "", type(model), "'s class")]
    for kind, tensors in (("parameter", model._parameters), ("buffer", model._buffers)):
        for name, tensor in tensors.items():
            content = tensor
            if tensor is not None:
                held.append(Part("trained", str(tensor.requires_grad)))
                content = tensor if values else (tuple(tensor.shape), tensor.dtype)
            held.append(Part(kind, name, content, f".{name}"))
    held += [Part("layer", name, child, f".{name}") for name, child in model._modules.items()]
    for name, attribute in sorted(vars(model).items()):
        if name in ("_parameters", "_buffers", "_modules", "training"):
            continue
        if name.startswith("_") and name.endswith(("_hooks", "_hooks_with_kwargs", "_pre_hooks")):
            # Their keys count the hooks that were ever made in this process.
            attribute = list(attribute.values())
        unused = attribute is None or attribute is False or _is_empty(attribute)
        if not (name.startswith("_") and unused):
            held.append(Part("attribute", name, attribute, f".{name}"))
    return held


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | dict | set) and not value


def _object(value: Any) -> list[Part]:
    """Return class and content of any other object, as far as Python's own rules give it.

    Raises:
        TypeError: If the object has state that Python cannot copy.
    """
    kind = type(value)
    if kind is object:
        raise TypeError("a bare object is nothing but itself")
    plain = kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__
    held = [Part("class", "", kind, "'s class")]
    # Refuses what holds state beyond its attributes, such as a lock or a file.
    reduced = value.__reduce_ex__(2)
    if isinstance(reduced, str):
        return [*held, Part("name", reduced)]
    if not plain:
        function, arguments, *rest = reduced
        held.append(Part("made by", "", [function, arguments]))
        state, items, pairs = [*rest, None, None, None][:3]
        return [*held, Part("state", "", [state, [*(items or ())], [*(pairs or ())]])]
    slots = [
        name
        for base in kind.__mro__
        for name in _names(vars(base).get("__slots__", ()))
        if name not in ("__dict__", "__weakref__") and hasattr(value, name)
    ]
    held += _attributes({name: getattr(value, name) for name in slots})
    return held + _attributes(getattr(value, "__dict__", {}))


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _attributes(attributes: dict[str, Any]) -> list[Part]:
    return [
        Part("attribute", name, value, f".{name}") for name, value in sorted(attributes.items())
    ]


def _module(module: types.ModuleType) -> list[Part]:
    if _is_installed_name(module.__name__):
        return [Part("module", module.__name__, _release(module.__name__))]
    own = {k: v for k, v in vars(module).items() if not k.startswith("__")}
    return [Part("module", ""), *_attributes(own)]


def _is_installed(subject: Any) -> bool:
    """Whether code is an installed package's own: found there under its name."""
    module = sys.modules.get(subject.__module__ or "")
    if module is None or not _is_installed_name(module.__name__):
        return False
    try:
        return operator.attrgetter(subject.__qualname__)(module) is subject
    except AttributeError:
        # Types that Python makes itself have names by which they are not found.
        return isinstance(subject, type) and subject.__module__ == "builtins"


def _installed(subject: Any) -> Part:
    name = f"{subject.__module__}.{subject.__qualname__}"
    return Part("installed", name, _release(subject.__module__))


@functools.cache
def _is_installed_name(module: str) -> bool:
    """Whether a module belongs to Python or to an installed package, not to the reader."""
    root = module.partition(".")[0]
    if root == "__main__":
        return False
    if root in sys.stdlib_module_names or root in sys.builtin_module_names:
        return True
    loaded = sys.modules.get(root)
    places = [getattr(loaded, "__file__", None) or "", *(getattr(loaded, "__path__", ()) or ())]
    if loaded is None:
        spec = importlib.util.find_spec(root)
        places = (
            [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
        )
    return any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places)


@functools.cache
def _release(module: str) -> str:
    """Return the version of the package that holds a module: Python's own, or the installed."""
    root = module.partition(".")[0]
    if root in sys.stdlib_module_names or root in sys.builtin_module_names:
        return f"{sys.implementation.name} {sys.version_info[:3]}"
    version = getattr(sys.modules.get(root), "__version__", None)
    if version is not None:
        return str(version)
    names = importlib.metadata.packages_distributions().get(root, [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names)))
