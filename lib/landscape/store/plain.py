"""Plain values, such as numbers and strings: the kind and the content that a hash reads."""

import enum
import struct
from typing import Any

import numpy as np
import torch

SCALARS = (type(None), bool, int, str, float, complex, bytes, bytearray)
# Values that their text identifies.
_NAMED = (
    torch.dtype,
    torch.device,
    torch.memory_format,
    torch.layout,
    type(Ellipsis),
    type(NotImplemented),
)


def token(value: Any) -> tuple[str, bytes | str] | None:
    """Return the kind and the content of a plain value, or None for any other value.

    Subclasses cannot answer for themselves: the methods of the plain types are called directly.
    """
    match value:
        case enum.Enum():  # Its class counts too, also where it is a subclass of int or str.
            return None
        case None | bool() | int() | str():
            return (type(value).__name__ if type(value) in SCALARS else "plain"), _text(value)
        case float():
            return "float", struct.pack("<d", value)
        case complex():
            parts = complex.real.__get__(value), complex.imag.__get__(value)
            return "complex", struct.pack("<dd", *parts)
        case bytes():
            return "bytes", value[:]
        case bytearray():
            return "bytearray", bytes(value)
        case _ if isinstance(value, _NAMED):
            return "named", f"{type(value).__name__} {value!r}"
    return None


def _text(value: bool | int | str | None) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value) if is_short(value) else hex(int(value))
    return str(value)


def is_short(number: int) -> bool:
    """Return whether an integer may be written in decimal: Python limits the digits of long ones.

    The limit can be set, so a number near it would have one text here and another there.
    """
    return int.bit_length(number) <= 2000


def is_plain_key(key: Any) -> bool:
    """Return whether ``repr`` tells a key of a mapping from all others, in every process."""
    if isinstance(key, tuple):
        return type(key) is tuple and all(map(is_plain_key, key))
    if isinstance(key, int):
        return type(key) in SCALARS and is_short(key)
    is_scalar = type(key) in SCALARS and key is not None
    return is_scalar or isinstance(key, np.float64 | np.str_)


def shown_key(key: Any) -> str:
    """Return a key of a mapping as error texts show it: its ``repr``, or its class's name."""
    return repr(key) if is_plain_key(key) else type(key).__qualname__
