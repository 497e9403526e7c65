"""The parts that identify a class, a function or any other object, for ``feeder`` to hash.

The parts come from what Python holds in memory, not from files, which may have been edited since.
Code of installed packages is identified by its name and the package's version.
"""

import abc
import contextlib
import copyreg
import dataclasses
import enum
import functools
import inspect
import sys
import types
import typing
import weakref
from typing import Any

import numpy as np
import torch

from landscape.store import installed
from landscape.store.functions import Part, Unreadable, code_parts
from landscape.store.networks import network_parts

CODE = (type, types.FunctionType, types.ModuleType)
# Their items vanish when nothing else refers to them.
WEAK_CONTAINERS = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)


def parts(value: Any, *, known: bool = False, values: bool = True) -> list[Part]:
    """Return the parts that identify an object: two objects with equal parts compute the same.

    Args:
        value: A function, method, class, module, network, enumeration member, or other object.
        known: For a function, whether its code is identified already. Then the parts are its
            closure and its defaults alone.
        values: For a network, whether the values of parameters and buffers count, or their shapes.

    Raises:
        TypeError: If Python cannot tell what the object holds, such as an open file or a lock.
    """
    match value:
        case _ if isinstance(value, weakref.ProxyTypes):
            raise Unreadable("it only points to another object")
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
                *attributes(value),
                *_subclass_parts(value, functools.partial),
            ]
        case types.BuiltinFunctionType() | types.BuiltinMethodType():
            return [_built_in(value)]
        case enum.Enum():
            return [Part("member", value.name, type(value)), Part("value", "", value.value)]
        case torch.nn.Module():
            return network_parts(value, values)
    return _descriptor(value) or _special(value) or _object(value)


def _function(function: types.FunctionType, known: bool) -> list[Part]:
    if not known and installed.is_installed(function):
        return [Part("installed", *installed.name_and_release(function))]
    carried = [Part("code", "", None)] if known else list(code_parts(function))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    carried += [
        Part("closure", str(index), _content(cell), f" (its {name!r})")
        for index, (name, cell) in enumerate(cells)
    ]
    carried += [
        Part("defaults", "", function.__defaults__, "'s defaults"),
        Part("keyword defaults", "", function.__kwdefaults__, "'s defaults"),
    ]
    # The function that functools.wraps notes is in the closure already.
    attributes_set = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
    return carried + ([] if known else _named(attributes_set))


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # The variable has no value yet.
        return NotImplemented


def _built_in(function: types.BuiltinFunctionType) -> Part:
    holder = function.__self__
    # torch 2.8 is built with a pybind11 that keeps its record of a module's function in a capsule.
    if type(holder).__name__ == "PyCapsule":
        holder = sys.modules.get(function.__module__, holder)
    if isinstance(holder, types.ModuleType):
        if not installed.is_installed_name(holder.__name__):
            raise Unreadable("it is compiled code of a package that is not installed")
        holder = None
    return Part("built in", f"{function.__module__}.{function.__qualname__}", holder)


def _class(kind: type) -> list[Part]:
    if installed.is_installed(kind):
        changed = [
            Part("patched", f"{base.__qualname__}.{name}", value, f".{name}")
            for base in kind.__mro__
            if installed.is_installed(base)
            for name, value in installed.patches(base)
        ]
        return [Part("installed", *installed.name_and_release(kind)), *changed]
    if not installed.is_heap_type(kind):  # Made in C, by a package that cannot be named.
        raise Unreadable(f"{kind.__qualname__} is not written in Python")
    held = [Part("class", kind.__qualname__), Part("metaclass", "", type(kind))]
    held += [Part("base", "", base, f"'s base {base.__name__}") for base in kind.__bases__]
    if isinstance(kind, abc.ABCMeta):
        registered = {reference() for reference in abc._get_dump(kind)[0]} - {None}  # type: ignore[attr-defined]  # a private function of abc
        held += [Part("registered", "", registered)] if registered else []
    skipped = _CLASS_PARTS
    if issubclass(kind, enum.Enum):
        # Members count by name and value: the tables that Enum derives from them are left out.
        skipped = _CLASS_PARTS | _ENUM_PARTS
        held += [Part("member", member.name, member.value) for member in kind]
        extras = [(member.name, _extra_attributes(member)) for member in kind]
        held += [Part("set", name, extra) for name, extra in extras if extra]
    for name, value in sorted(vars(kind).items()):
        if name in skipped or _is_slot(kind, name, value):
            continue
        if not (issubclass(kind, enum.Enum) and isinstance(value, kind)):
            held.append(Part("attribute", name, value, f".{name}"))
    return held


# Attributes of classes that compute nothing, or that follow from the others.
_CLASS_PARTS = frozenset(
    "__module__ __qualname__ __doc__ __dict__ __weakref__ __abstractmethods__ _abc_impl "
    "__dataclass_params__ __parameters__ __firstlineno__ __static_attributes__ "
    "__slotnames__".split()  # Python keeps it on a class once an instance was copied or pickled.
)
_ENUM_PARTS = frozenset(
    "_member_map_ _member_names_ _value2member_map_ _unhashable_values_ _hashable_values_ "
    "_member_type_ _value_repr_ _use_args_ _new_member_ __new__ __reduce_ex__".split()
)
_SLOT_TYPES = (types.MemberDescriptorType, types.GetSetDescriptorType)


def _is_slot(kind: type, name: str, value: Any) -> bool:
    """Whether a class attribute is the slot in which objects keep the attribute of that name."""
    return isinstance(value, _SLOT_TYPES) and value.__objclass__ is kind and value.__name__ == name


def _extra_attributes(member: enum.Enum) -> dict[str, Any]:
    """Return the attributes of a member of an enumeration besides its name and value."""
    standard = ("_value_", "_name_", "__objclass__", "_sort_order_")
    return {name: value for name, value in vars(member).items() if name not in standard}


def _descriptor(value: Any) -> list[Part]:
    """Return the parts of a property or another descriptor; nothing for other objects."""
    match value:
        case property():
            accessors = [value.fget, value.fset, value.fdel]
            return [Part("property", "", accessors), *_subclass_parts(value, property)]
        case staticmethod():
            return [Part("staticmethod", "", value.__func__), *_subclass_parts(value, staticmethod)]
        case classmethod():
            return [Part("classmethod", "", value.__func__), *_subclass_parts(value, classmethod)]
        case functools.cached_property():
            function = Part("cached property", "", value.func)
            return [function, *_subclass_parts(value, functools.cached_property)]
        case dataclasses.Field():
            options = [value.init, value.repr, value.hash, value.compare, value.kw_only]
            default = [value.default, value.default_factory, *filter(None, [value.metadata])]
            return [Part("field", f"{value.name} {options}", default, f".{value.name}")]
        case functools._lru_cache_wrapper():  # Made in C: it shows the cached function alone.
            return [Part("cached", "", value.__wrapped__)]
    return []


def _subclass_parts(value: Any, base: type) -> list[Part]:
    """Return an object's class and the attributes it adds, or nothing for the base class itself."""
    if type(value) is base:
        return []
    set_by_base = {*vars(base), "__wrapped__", "__name__", "__qualname__", "__annotations__"}
    set_by_base |= {"func", "attrname", "lock"}
    added = {k: v for k, v in dict_of(value).items() if k not in set_by_base}
    return [Part("class", "", type(value), "'s class"), *_named(added)]


def _special(value: Any) -> list[Part]:
    """Return the parts of objects that Python cannot copy; nothing for other objects."""
    match value:
        case contextlib._GeneratorContextManager() if _is_unstarted(value):  # Held by a decorator.
            return [Part("context", "", [type(value), value.func, [*value.args], value.kwds])]
        case _ if type(value) is weakref.ref:
            return [Part("weak", "", value())]
        case _ if isinstance(value, WEAK_CONTAINERS):
            raise Unreadable("it forgets what nothing else holds")
        case typing.ForwardRef():
            return [Part("forward", value.__forward_arg__)]
        case np.ufunc() as function:
            for package in ("numpy", "scipy.special"):
                if getattr(sys.modules.get(package), function.__name__, None) is value:
                    name = f"{package}.{function.__name__}"
                    return [Part("ufunc", name, installed.release(package))]
            raise Unreadable("it is compiled code of unknown origin")
    return []


def _is_unstarted(manager: Any) -> bool:
    return inspect.getgeneratorstate(manager.gen) == inspect.GEN_CREATED


def _object(value: Any) -> list[Part]:
    """Return the class and the content of any other object, by Python's rules for copying it."""
    kind = type(value)
    if kind is object:
        raise Unreadable("a bare object is nothing but itself")
    copied_by_default = (
        kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and kind not in copyreg.dispatch_table
    )
    held = [Part("class", "", kind, "'s class")]
    # Python refuses to copy an object with state beyond its attributes, such as a lock or a file.
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduced = value.__reduce_ex__(2) if reduce is None else reduce(value)
    except RecursionError:
        raise
    except Exception as error:  # Code of users may raise anything.
        raise Unreadable(str(error)) from None
    if copied_by_default and not isinstance(reduced, str):
        return held + attributes(value)
    # A user's way of copying may leave out attributes that the object computes with.
    remaining = [] if installed.is_installed(kind) else attributes(value)
    if isinstance(reduced, str):
        return [*held, Part("name", reduced), *remaining]
    function, arguments, *rest = reduced
    held.append(Part("made by", "", [function, arguments]))
    state, items, pairs = [*rest, None, None, None][:3]
    return [*held, Part("state", "", [state, [*(items or ())], [*(pairs or ())]]), *remaining]


def dict_of(value: Any) -> dict[str, Any]:
    """Return an object's ``__dict__``, also where its class has an attribute of that name."""
    for base in type(value).__mro__:
        slot = vars(base).get("__dict__")
        if isinstance(slot, types.GetSetDescriptorType):
            return slot.__get__(value)
    return {}


def attributes(value: Any) -> list[Part]:
    """Return the attributes of an object, in slots and in its ``__dict__``, sorted by name."""
    slots: dict[str, Any] = {}
    for base in type(value).__mro__:
        for name, slot in vars(base).items() if "__slots__" in vars(base) else ():
            if isinstance(slot, types.MemberDescriptorType) and installed.is_heap_type(base):
                label = f"{base.__qualname__}.{name}" if name in slots else name
                try:
                    slots[label] = slot.__get__(value)
                except AttributeError:  # It has no value.
                    continue
    return _named(slots) + _named(dict_of(value))


def _named(values: dict[str, Any]) -> list[Part]:
    return [
        Part("attribute", name, value, f".{name}")
        for name, value in sorted(values.items(), key=lambda item: str(item[0]))
    ]


def _module(module: types.ModuleType) -> list[Part]:
    if installed.is_installed_name(module.__name__):
        return [Part("module", module.__name__, installed.release(module.__name__))]
    names = {k: v for k, v in vars(module).items() if k not in _MODULE_PARTS}
    return [Part("module", ""), *_named(names), *_subclass_parts(module, types.ModuleType)[:1]]


_MODULE_PARTS = frozenset(
    "__name__ __doc__ __file__ __cached__ __loader__ __spec__ __package__ __path__ __builtins__ "
    "__annotations__ __warningregistry__".split()
)
