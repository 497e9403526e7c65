"""Hashes of values, of networks and of the code that computes with them: the keys of the store.

Whatever counts in a key is looked at: numbers, tensors and code of this library by content, code of
a reader's own by what Python holds of it in memory, installed packages by name and version. What
cannot be looked at is refused by its name, and never taken as equal.
"""

import enum
import hashlib
import struct
import types
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landscape.store import identity
from landscape.store.code_versions import CodeVersions
from landscape.store.source_code import SourceCode, read_package

# Read once, when the library is imported: a file edited while a run goes on is not what it runs.
_SOURCES = read_package(identity.PACKAGE)
_VERSIONS = CodeVersions(SourceCode(_SOURCES))


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


def read_code(package: Path) -> None:
    """Let the source of another package be known by content, as the library's own is.

    Args:
        package: Its folder. To be called when the package is imported, from its ``__init__``.
    """
    global _VERSIONS
    _SOURCES.update(read_package(package))
    _VERSIONS = CodeVersions(SourceCode(_SOURCES))


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's content, the same in every process: see ``fingerprint``."""
    return str(fingerprint(value))


def fingerprint(value: Any) -> Fingerprint:
    """Return the SHA-256 of a value's content, and the versions of the code in it.

    Args:
        value: Plain values and containers of them; tensors, arrays and generators of random
            numbers; functions, classes, networks and objects, with all that they carry; or an
            object with a ``fingerprint`` string of its own.

    Returns:
        64 hexadecimal digits, which know the code that went into them.

    Raises:
        TypeError: If the content of something in it cannot be looked at, such as an open file.
    """
    feeder = _Feeder()
    feeder.feed(value, "")
    return feeder.fingerprint()


def architecture(model: torch.nn.Module) -> Fingerprint:
    """Return the SHA-256 of a network without the values of its parameters and buffers.

    Classes, settings, hooks and all other attributes count, and the shapes of what is left out.

    Raises:
        TypeError: If an attribute's content cannot be looked at.
    """
    feeder = _Feeder(values=False)
    feeder.feed(model, "")
    return feeder.fingerprint()


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
    return _library_version(subject) or digest(subject)


def definitions() -> CodeVersions:
    """Return the versions of all definitions that are known by their source."""
    return _VERSIONS


def _library_version(subject: Any) -> str | None:
    """Return the version of code whose source is known, or None for any other."""
    if isinstance(subject, types.ModuleType):
        known = subject.__name__ in _SOURCES
        return _VERSIONS.module_version(subject.__name__) if known else None
    module = getattr(subject, "__module__", None)
    name = str(getattr(subject, "__qualname__", "")).partition(".")[0]
    if module not in _SOURCES or name not in _VERSIONS.code.module(module).definitions:
        return None
    return _VERSIONS.version(module, name)


class _Feeder:
    """Feeds values into a hash, each with its kind and length, so that none runs into the next."""

    def __init__(self, *, values: bool = True) -> None:
        self._hasher = hashlib.sha256()
        self._values = values
        self._code: dict[str, str] = {}
        # Objects met so far, in order: those that refer to each other are told by their place.
        self._met: dict[int, tuple[int, Any]] = {}
        self._open: list[int] = []  # Containers that are being fed.

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self._hasher.hexdigest(), self._code)

    def token(self, kind: str, content: bytes | str = b"") -> None:
        content = content.encode() if isinstance(content, str) else content
        self._hasher.update(f"{kind}:{len(content)}:".encode() + content)

    def feed(self, value: Any, place: str) -> None:
        """Feed a value; ``place`` says in errors where it stands, such as ``loss.weights[2]``."""
        own = None if isinstance(value, type) else getattr(value, "fingerprint", None)
        if isinstance(own, str):
            self.token("own", own)
            self._code |= getattr(own, "code", {})
        elif not (self._feed_plain(value) or self._feed_numbers(value, place)):
            if isinstance(value, list | tuple | Set | Mapping | np.ndarray):
                self._feed_container(value, place)
            else:
                self._feed_object(value, place)

    def _feed_plain(self, value: Any) -> bool:
        match value:
            case enum.Enum():
                return False
            case None | bool() | int() | str():
                self.token(type(value).__name__ if type(value) in _PLAIN else "plain", str(value))
            case float():
                self.token("float", struct.pack("<d", value))
            case complex():
                self.token("complex", struct.pack("<dd", value.real, value.imag))
            case bytes() | bytearray():
                self.token("bytes", bytes(value))
            case _ if isinstance(value, _NAMED):
                self.token("named", f"{type(value).__name__} {value!r}")
            case _:
                return False
        return True

    def _feed_numbers(self, value: Any, place: str) -> bool:
        if isinstance(value, torch.Tensor):
            self._feed_tensor(value, place)
        elif isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            self.token("array", f"{value.dtype.str}{value.shape}")
            self._hasher.update(np.ascontiguousarray(value).data)
        elif isinstance(value, torch.Generator):
            self.token("generator", value.get_state().numpy().tobytes())
        else:
            return False
        return True

    def _feed_tensor(self, value: torch.Tensor, place: str) -> None:
        if value.layout is not torch.strided or value.is_quantized or value.is_meta:
            self._refuse(value, place)
        value = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        if value.dtype in _WITHOUT_ARRAYS:  # NumPy has no such type.
            self.token(str(value.dtype).removeprefix("torch."))
            value = value.view(_WITHOUT_ARRAYS[value.dtype])
        array = value.numpy()
        self.token("array", f"{array.dtype.str}{array.shape}")
        self._hasher.update(array.data)

    def _feed_container(self, value: Any, place: str) -> None:
        if id(value) in self._open:
            self.token("outer", str(len(self._open) - self._open.index(id(value))))
            return
        if isinstance(value, np.ndarray):
            self._refuse(value, place)
        self._open.append(id(value))
        if type(value) not in _CONTAINERS:  # A container of the reader's own may do more.
            self.token("container")
            self.feed(type(value), f"{place}'s class")
            self.feed(vars(value) if hasattr(value, "__dict__") else None, place)
            self.feed(getattr(value, "default_factory", None), f"{place}.default_factory")
        if isinstance(value, Mapping):
            self._feed_mapping(value, place)
        elif isinstance(value, Set):
            self.token("set", str(len(value)))
            for item in sorted(self._digest_of(item, place) for item in value):
                self.token("item", item)
        else:
            self.token("sequence", str(len(value)))
            for index, item in enumerate(value):
                self.feed(item, f"{place}[{index}]")
        self._open.pop()

    def _feed_mapping(self, value: Mapping, place: str) -> None:
        self.token("mapping", str(len(value)))
        labels = {key: self._key_label(key, place) for key in value}
        for key in sorted(value, key=labels.__getitem__):
            self.feed(key, place)
            self.feed(value[key], f"{place}[{key!r}]")
        if self._met:  # Inside an object, whose code may go through it in order.
            self.token("order", " ".join(labels.values()))

    def _key_label(self, key: Any, place: str) -> str:
        """Return a text by which keys are sorted; that of an object would hold its address."""
        plain = isinstance(key, bool | int | float | str | bytes | tuple)
        return repr(key) if plain else self._digest_of(key, place)

    def _digest_of(self, value: Any, place: str) -> str:
        feeder = _Feeder()
        feeder.feed(value, place)
        self._code |= feeder._code
        return str(feeder.fingerprint())

    def _feed_object(self, value: Any, place: str) -> None:
        """Feed a function, class, network or other object: what identifies it, part by part."""
        if id(value) in self._met:
            self.token("met", str(self._met[id(value)][0]))
            return
        self._met[id(value)] = (len(self._met), value)  # Held, so that no other takes its id.
        version = _library_version(value) if isinstance(value, identity.CODE) else None
        if version is not None:
            self.token("code", version)
            self._code[getattr(value, "__qualname__", value.__name__)] = version
            if not isinstance(value, types.FunctionType):
                return
        try:
            parts = identity.parts(value, known=version is not None, values=self._values)
        except TypeError:
            self._refuse(value, place)
        self.token("object", str(len(parts)))
        for part in parts:
            self.token(part.kind, part.label)
            self.feed(part.value, f"{place}{part.place}")

    def _refuse(self, value: Any, place: str) -> None:
        where = place.removeprefix(".")
        raise TypeError(
            f"cannot fingerprint a {type(value).__qualname__}{f' ({where})' if where else ''}: its "
            "content cannot be looked at, and a key without it would stand for others too. Pass "
            "plain values, tensors, arrays, generators, dataclasses, or functions and objects that "
            "carry such, or give the object a string attribute `fingerprint`."
        ) from None


_PLAIN = (type(None), bool, int, str)
_NAMED = (
    torch.dtype,
    torch.device,
    torch.memory_format,
    torch.layout,
    range,
    slice,
    type(Ellipsis),
    type(NotImplemented),
)
_CONTAINERS = (list, tuple, torch.Size, dict, types.MappingProxyType, set, frozenset)
_WITHOUT_ARRAYS = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
}
