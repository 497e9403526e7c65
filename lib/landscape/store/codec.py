"""Results as files and back: plain JSON for structure, NumPy arrays for tensors, no pickle."""

import dataclasses
import importlib
import math
import sys
from typing import Any

import numpy as np
import torch

Arrays = dict[str, np.ndarray]


def encode(value: Any) -> tuple[Any, Arrays]:
    """Return a JSON tree and the arrays that it points to.

    Args:
        value: None, bool, int, float, str, lists, tuples, mappings with string or integer keys,
            tensors, arrays, and dataclasses of this library.

    Raises:
        TypeError: If a value of another type is met.
    """
    arrays: Arrays = {}
    return _encode(value, arrays), arrays


def _encode(value: Any, arrays: Arrays) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, torch.Tensor | np.ndarray):
        key = f"a{len(arrays)}"
        is_tensor = isinstance(value, torch.Tensor)
        arrays[key] = value.detach().cpu().contiguous().numpy() if is_tensor else value
        return {"$tensor" if is_tensor else "$array": key}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {
            "$map": [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]
        }
    kind = type(value)
    if dataclasses.is_dataclass(value) and _is_known(kind):
        fields = {
            field.name: _encode(getattr(value, field.name), arrays)
            for field in dataclasses.fields(value)
        }
        return {"$class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    raise TypeError(
        f"cannot store a {kind.__qualname__}. Return plain values, lists, tuples, dicts, tensors, "
        "arrays or a dataclass of the landscape library."
    )


def decode(tree: Any, arrays: Arrays) -> Any:
    """Return the value that ``encode`` turned into ``tree`` and ``arrays``.

    Raises:
        ValueError: If the tree names a class outside this library or has an unknown form.
    """
    if isinstance(tree, list):
        return [decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
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


def _dataclass(name: str) -> type:
    module, _, qualname = name.partition(":")
    if module.split(".")[0] in ("landscape", "studies"):
        kind = importlib.import_module(module)
    elif module in sys.modules:  # The reader's own family of models: never import on a file's word.
        kind = sys.modules[module]
    else:
        raise ValueError(f"a stored result names the class {name!r} of a module not imported here.")
    for part in qualname.split("."):
        kind = getattr(kind, part)
    if not dataclasses.is_dataclass(kind) or not _is_known(kind):
        raise ValueError(f"a stored result names {name!r}, which is no dataclass of results.")
    return kind


def _is_known(kind: type) -> bool:
    # A part of a config may be the reader's own; it is known by its base, without importing that.
    bases = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    return (
        kind.__module__.split(".")[0] in ("landscape", "studies")
        or "landscape.store.configuration.Configuration" in bases
    )
