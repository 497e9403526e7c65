"""Hashes of values, networks and code: they make the keys of the store.

A hash reads the content of everything in a value: numbers and tensors, the source of this library's
code, the memory of a user's code, the name and version of installed packages. An object whose
content cannot be read is refused with an error that names it, and never taken as equal to another.
"""

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from landscape.store import library
from landscape.store.feeder import Feeder
from landscape.store.identity import CODE


class Fingerprint(str):
    """A hash as text, with the versions of the code that went into it.

    Args:
        text: The hash.
        code: Name of each function and class -> version of its code; None for no code.

    Attributes:
        code: The same, as a dict.
    """

    code: Mapping[str, str]

    def __new__(cls, text: str, code: Mapping[str, str] | None = None) -> "Fingerprint":
        fingerprint = super().__new__(cls, text)
        fingerprint.code = dict(code or {})
        return fingerprint


def digest(value: Any) -> str:
    """Return the ``fingerprint`` of a value as a plain text; it is the same in every process.

    Raises:
        TypeError: If the content of something in it cannot be read.
    """
    return str(fingerprint(value))


def fingerprint(value: Any, *, exact: bool = False) -> Fingerprint:
    """Return the SHA-256 of a value's content, and the versions of the code in it.

    Args:
        value: Plain values and containers of them; tensors, arrays and generators of random
            numbers; functions, classes, networks and objects, with all that they carry; or an
            object with a ``fingerprint`` string of its own.
        exact: Whether a list differs from a tuple of the same items, an array from a tensor of the
            same numbers, and a mapping from one in another order. Code may compute different
            results from them.

    Returns:
        64 hexadecimal digits, with the versions of the code in ``code``.

    Raises:
        TypeError: If the content of something in it cannot be read, such as an open file.
    """
    feeder = Feeder(exact=exact)
    feeder.feed_whole(value)
    return Fingerprint(feeder.hexdigest(), feeder.code)


def architecture(model: torch.nn.Module) -> Fingerprint:
    """Return the SHA-256 of a network without the values of its parameters and buffers.

    Classes, settings, hooks, all other attributes, and the shapes of parameters and buffers count.

    Raises:
        TypeError: If an attribute's content cannot be read.
    """
    feeder = Feeder(values=False)
    feeder.feed_whole(model)
    return Fingerprint(feeder.hexdigest(), feeder.code)


def structure(model: torch.nn.Module) -> str:
    """Return a hash that is equal for networks of the same structure; for comparison, not for keys.

    It reads the printed tree, which names every layer with most of its settings, and the plain
    attributes of each layer, which hold the other settings. Unlike ``architecture`` it accepts any
    network: an object whose content cannot be read counts by its name.
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
    """Return the SHA-256 of the code of a function, class or module, and of all code it uses.

    Code of this library counts by its source, see ``code_versions``: a better docstring, another
    file or another name recomputes nothing. Other code counts by what Python holds in memory.

    Args:
        subject: A function, class or module.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: If the code refers to an object whose content cannot be read.
    """
    library.refresh()
    if not getattr(subject, "__closure__", None):  # A closure holds values besides the code.
        known = library.version(subject) if isinstance(subject, CODE) else None
        if known is not None:
            return known[0]
    return digest(subject)
