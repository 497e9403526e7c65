"""Encodes results for files and back: JSON for structure, NumPy arrays for tensors, no pickle."""

import dataclasses
import enum
import importlib
import math
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
import torch

from landscape.store import arrays as store_arrays
from landscape.store import library

Arrays = dict[str, np.ndarray]


def encode(value: Any) -> tuple[Any, Arrays]:
    """Return a result as a JSON tree and the arrays that the tree names.

    Args:
        value: None, bool, int, float, str, lists, tuples, mappings with string or integer keys,
            tensors, arrays, and dataclasses of this library. A number or text of a subclass, such
            as NumPy's float64, comes back as the plain one; a parameter as a tensor, a
            ``torch.Size`` as a tuple.

    Raises:
        TypeError: If a value has another type, or could not be read back unchanged.
    """
    arrays: Arrays = {}
    return _encode(value, arrays), arrays


def _encode(value: Any, arrays: Arrays, depth: int = 0) -> Any:
    def inner(items: Iterable[Any]) -> list[Any]:
        return [_encode(item, arrays, depth + 1) for item in items]

    if depth > _DEEPEST:
        raise TypeError(
            f"cannot store lists, tuples or dicts that are nested more than {_DEEPEST} times, or "
            "that hold themselves. Return them flat."
        )
    kind = type(value)
    if isinstance(value, enum.Enum | list | tuple | dict) and kind not in _CONTAINERS:
        _refuse(kind)  # Its class would be lost, and with it what the class adds.
    if isinstance(value, int) and value.bit_length() > 2000:  # JSON has no such number.
        return {"$int": hex(value)}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, torch.Tensor | np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = _plain_array(value)
        return {"$tensor" if isinstance(value, torch.Tensor) else "$array": key}
    if isinstance(value, list):
        return inner(value)
    if isinstance(value, tuple):
        return {"$tuple": inner(value)}
    if isinstance(value, dict):
        return {"$map": [inner(pair) for pair in value.items()]}
    # A class made inside a function has no name by which it could be read back.
    if dataclasses.is_dataclass(value) and _is_known(kind) and "<locals>" not in kind.__qualname__:
        names = [field.name for field in dataclasses.fields(value)]
        fields = inner(getattr(value, name) for name in names)
        return {"$class": _stable_name(kind), "fields": dict(zip(names, fields, strict=True))}
    _refuse(kind)


def _refuse(kind: type) -> NoReturn:
    raise TypeError(
        f"cannot store a {kind.__qualname__}. Return plain values, lists, tuples, dicts, tensors, "
        "arrays or a dataclass of the landscape library."
    )


_CONTAINERS = (list, tuple, dict, torch.Size)
_DEEPEST = 100  # Levels of containers, well below Python's recursion limit.


def _plain_array(value: torch.Tensor | np.ndarray) -> np.ndarray:
    """Return the array that NumPy's file format can hold without loss, or refuse the value."""
    if isinstance(value, torch.Tensor):
        if type(value) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
            _refuse(type(value))
        try:
            name, array = store_arrays.of_tensor(value)
            if not name:
                return array
        except TypeError:
            name = "without plain numbers"
        raise TypeError(f"cannot store a {type(value).__qualname__} {name}. Return it as float32.")
    if type(value) not in (np.ndarray, np.memmap) or value.dtype.hasobject:
        raise TypeError(
            f"cannot store a {type(value).__qualname__} of {value.dtype}. Return a plain array of "
            "numbers."
        )
    return value


def decode(tree: Any, arrays: Arrays) -> Any:
    """Return the result that ``encode`` turned into a tree and arrays.

    Args:
        tree: The JSON tree.
        arrays: Name in the tree -> array.

    Raises:
        ValueError: If the tree names a class outside this library or has an unknown form.
    """
    if isinstance(tree, list):
        return [decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"$int": text}:
            return int(text, 16)
        case {"$float": text}:
            return float(text)
        case {"$tensor": key}:
            return torch.from_numpy(arrays[key])
        case {"$array": key}:
            return arrays[key]
        case {"$tuple": items}:
            return tuple(decode(item, arrays) for item in items)
        case {"$map": items}:
            return {decode(key, arrays): decode(item, arrays) for key, item in items}
        case {"$class": name, "fields": fields}:
            return _dataclass(name)(**{key: decode(item, arrays) for key, item in fields.items()})
    raise ValueError(f"a stored result has the unknown form {sorted(tree)}.")


def _stable_name(kind: type) -> str:
    """Return the name of a class in stored results; for classes of this library without the module.

    So a class may move to another file: its name is unique among the stored classes.
    """
    if _is_of_library(kind):
        return kind.__qualname__
    return f"{kind.__module__}:{kind.__qualname__}"


def _dataclass(name: str) -> type:
    module, _, qualname = name.rpartition(":")
    if not module:
        module = _module_of(qualname)
        importlib.import_module(module)
    elif module not in sys.modules:  # A class of the user: a file must not cause imports.
        raise ValueError(f"a stored result names the class {name!r} of a module not imported here.")
    kind = sys.modules[module]
    for part in qualname.split("."):
        kind = getattr(kind, part)
    if not dataclasses.is_dataclass(kind) or not _is_known(kind):
        raise ValueError(f"a stored result names {name!r}, which is no dataclass of results.")
    return kind


def _module_of(qualname: str) -> str:
    """Return the module of the library that defines a dataclass."""
    name = qualname.partition(".")[0]
    modules = library.definitions().code.classes().get(name, [])
    if len(modules) != 1:
        places = ", ".join(modules) or "no module"
        raise ValueError(
            f"a stored result names the class {qualname!r}, which {places} of the library defines. "
            "Classes that are stored have names of their own."
        )
    return modules[0]


def _is_of_library(kind: type) -> bool:
    return kind.__module__ in library.definitions().code.sources


def _is_known(kind: type) -> bool:
    # A user's own part of a config is known by its base class; by name, which needs no import.
    return _is_of_library(kind) or any(
        base.__qualname__ == "Configuration" and _is_of_library(base) for base in kind.__mro__
    )
