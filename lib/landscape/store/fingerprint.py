"""Hashes of values, of networks and of the code that computes with them: the keys of the store.

Whatever counts in a key is looked at: numbers, tensors and code of this library by content, code of
a reader's own by what Python holds of it in memory, installed packages by name and version. What
cannot be looked at is refused by its name, and never taken as equal.
"""

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from landscape.store import library
from landscape.store.code_versions import CodeVersions
from landscape.store.feeder import Feeder
from landscape.store.identity import CODE


class Fingerprint(str):
    """A hash that remembers which code is in it.

    Attributes:
        code: Name of each function and class -> version of its code.
    """

    code: Mapping[str, str]

    def __new__(cls, text: str, code: Mapping[str, str] | None = None) -> "Fingerprint":
        fingerprint = super().__new__(cls, text)
        fingerprint.code = dict(code or {})
        return fingerprint


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's content, the same in every process: see ``fingerprint``."""
    return str(fingerprint(value))


def fingerprint(value: Any, *, exact: bool = False) -> Fingerprint:
    """Return the SHA-256 of a value's content, and the versions of the code in it.

    Args:
        value: Plain values and containers of them; tensors, arrays and generators of random
            numbers; functions, classes, networks and objects, with all that they carry; or an
            object with a ``fingerprint`` string of its own.
        exact: Whether a list differs from a tuple, an array from a tensor, and a mapping from one
            in another order, which hold the same but need not compute the same.

    Returns:
        64 hexadecimal digits, which know the code that went into them.

    Raises:
        TypeError: If the content of something in it cannot be looked at, such as an open file.
    """
    feeder = Feeder(exact=exact)
    feeder.feed_whole(value)
    return Fingerprint(feeder.hexdigest(), feeder.code)


def architecture(model: torch.nn.Module) -> Fingerprint:
    """Return the SHA-256 of a network without the values of its parameters and buffers.

    Classes, settings, hooks and all other attributes count, and the shapes of what is left out.

    Raises:
        TypeError: If an attribute's content cannot be looked at.
    """
    feeder = Feeder(values=False)
    feeder.feed_whole(model)
    return Fingerprint(feeder.hexdigest(), feeder.code)


def structure(model: torch.nn.Module) -> str:
    """Return a hash that is the same for networks of one make: to compare, never to be a key.

    The printed tree names every layer with most of its settings; plain attributes give the settings
    that are not printed. What cannot be looked at counts by its name.
    """
    kinds = {kind for module in model.modules() for kind in type(module).__mro__}
    layers = [
        (name, type(module).__qualname__, _plain_attributes(module))
        for name, module in model.named_modules()
    ]
    return digest((repr(model), layers, sorted(map(_version_or_name, kinds))))


def _plain_attributes(module: torch.nn.Module) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.startswith("_") or name == "training":
            continue
        if value is None or isinstance(value, bool | int | float | str | list | tuple | dict):
            plain[name] = repr(value)
        elif callable(value) and not isinstance(value, torch.nn.Module):
            plain[name] = getattr(value, "__qualname__", type(value).__qualname__)
        elif isinstance(value, torch.Tensor | np.ndarray):
            plain[name] = value
    return plain


def _version_or_name(kind: type) -> str:
    try:
        return code_version(kind)
    except TypeError:
        return kind.__qualname__


def code_version(subject: Callable | type | types.ModuleType) -> str:
    """Return the SHA-256 of the code that a function, class or module computes with.

    For code of this library: its definition and all that its names refer to, see
    ``code_versions``, so that better words, another file or another name recompute nothing. For
    other code: what Python holds of it in memory, and what that refers to.

    Args:
        subject: A function, class or module.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: If the code refers to something whose content cannot be looked at.
    """
    library.refresh()
    if not getattr(subject, "__closure__", None):  # Which holds more than the code.
        known = library.version(subject) if isinstance(subject, CODE) else None
        if known is not None:
            return known[0]
    return digest(subject)


def definitions() -> CodeVersions:
    """Return the versions of all definitions that are known by their source."""
    return library.definitions()
