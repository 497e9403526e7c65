"""Feeds values into a hash, each with its kind and length, so that none runs into the next."""

import collections
import enum
import hashlib
import struct
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np
import torch

from landscape.store import arrays, identity, installed, library
from landscape.store.networks import tensor_parts


class Feeder:
    """One hash, and the code that went into it.

    Args:
        values: Whether values of parameters and buffers of networks count.
        exact: Whether kinds of containers and numbers count that hold the same, such as lists and
            tuples; inside objects, whose code may tell them apart, they always do.

    Attributes:
        code: Name of each function and class met so far -> version of its code.
    """

    def __init__(self, *, values: bool = True, exact: bool = False) -> None:
        self.code: dict[str, str] = {}
        self._hasher = hashlib.sha256()
        self._values, self._exact = values, exact
        # Objects met so far, in order: those that refer to each other are told by their place.
        self._met: dict[int, tuple[int, Any]] = {}
        self._shared: dict[int, tuple[int, Any]] = {}  # Tensors of networks likewise.
        self._open: list[int] = []  # Containers that are being fed.
        self._containers = 0

    def hexdigest(self) -> str:
        """Return the hash of all that was fed."""
        return self._hasher.hexdigest()

    def feed_whole(self, value: Any) -> None:
        """Feed a value that is no part of another.

        Raises:
            TypeError: If it holds something that cannot be looked at.
        """
        library.refresh()
        try:
            self.feed(value, "")
        except RecursionError:
            raise TypeError(
                f"cannot fingerprint a {type(value).__qualname__}: it is nested deeper than "
                "Python's recursion goes. Pass it flat, such as one list or tensor."
            ) from None

    def token(self, kind: str, content: bytes | str = b"") -> None:
        """Feed a kind of thing and its content."""
        if isinstance(content, str):
            content = content.encode(errors="surrogatepass")
        self._hasher.update(f"{kind}:{len(content)}:".encode() + content)

    def feed(self, value: Any, place: str) -> None:
        """Feed a value; ``place`` says in errors where it stands, such as ``loss.weights[2]``."""
        own = None if type(value) in _SCALARS else _own_fingerprint(value)
        if isinstance(own, str):
            self.token("own", own)
            self.code |= getattr(own, "code", {})
        elif not (self._feed_plain(value, place) or self._feed_numbers(value, place)):
            forgets = isinstance(value, identity.FORGETTING)
            if isinstance(value, list | tuple | Set | Mapping | np.ndarray) and not forgets:
                self._feed_container(value, place)
            else:
                self._feed_object(value, place)

    def _feed_plain(self, value: Any, place: str) -> bool:
        match value:
            case enum.Enum():
                return False
            case None | bool() | int() | str():
                self.token(
                    type(value).__name__ if type(value) in _SCALARS else "plain", _text(value)
                )
            case float():
                self.token("float", struct.pack("<d", value))
            case complex():
                parts = complex.real.__get__(value), complex.imag.__get__(value)
                self.token("complex", struct.pack("<dd", *parts))
            case bytes():
                self.token("bytes", value[:])
            case bytearray():
                self.token("bytearray", bytes(value))
            case range() | slice():
                ends = [value.start, value.stop, value.step]
                if not all(end is None or (type(end) is int and _is_short(end)) for end in ends):
                    self.token(type(value).__name__)
                    self.feed(ends, place)
                else:
                    self.token("named", f"{type(value).__name__} {value!r}")
            case _ if isinstance(value, _NAMED):
                self.token("named", f"{type(value).__name__} {value!r}")
            case _:
                return False
        if type(value) not in _SCALARS and isinstance(value, _SCALARS):
            self._feed_kind(value, place)
        return True

    def _feed_kind(self, value: Any, place: str) -> None:
        """Feed what a subclass of a plain type is: it may compute otherwise."""
        kind = type(value)
        if library.version(kind) is not None:  # A fingerprint.
            return
        if not installed.is_installed(kind):
            self.feed(kind, f"{place}'s class")
            self._feed_parts(identity.attributes(value), place)
        elif self._exact or self._met:
            self.token("of", f"{kind.__module__}.{kind.__qualname__}")

    def _feed_parts(self, parts: list[identity.Part], place: str) -> None:
        self.token("object", str(len(parts)))
        for part in parts:
            self.token(part.kind, part.label)
            where = f"{place}{part.place}"
            if part.shared is None or not self._is_again(part.shared):
                here = part.value is part.shared and part.shared is not None
                self._feed_tensor(part.value, where) if here else self.feed(part.value, where)

    def _is_again(self, tensor: Any) -> bool:
        """Whether a network's tensor stands in another place too; then that is fed instead."""
        if id(tensor) in self._shared:
            self.token("shared", str(self._shared[id(tensor)][0]))
            return True
        self._shared[id(tensor)] = (len(self._shared), tensor)
        return False

    def _feed_numbers(self, value: Any, place: str) -> bool:
        if isinstance(value, torch.Tensor):
            if id(value) in self._shared:
                self._is_again(value)
            else:
                self._feed_tensor(value, place)
        elif isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
                self.feed(type(value), f"{place}'s class")
                self._feed_parts(identity.attributes(value), place)
                value = value.view(np.ndarray)
            elif isinstance(value, np.ndarray) and (self._exact or self._met):
                self.token("numpy")
            for description, content in arrays.content(value):
                self.token("array", description)
                self._hasher.update(content)
        elif isinstance(value, torch.Generator):
            self.token("generator", value.get_state().numpy().tobytes())
        else:
            return False
        return True

    def _feed_tensor(self, value: torch.Tensor, place: str) -> None:
        try:
            name, array = arrays.of_tensor(value)
        except TypeError:
            self._refuse(value, place)
        if type(value) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
            self.feed(type(value), f"{place}'s class")
        if self._exact or self._met:
            if value.device.type != "cpu":  # It computes other last bits.
                self.token("device", value.device.type)
            if value.requires_grad:
                self.token("trained")
        if carried := tensor_parts(value):
            self._feed_parts(carried, place)
        if name:
            self.token(name)
        self.token("array", f"{array.dtype.str}{array.shape}")
        self._hasher.update(array.data)

    def _feed_container(self, value: Any, place: str) -> None:
        if id(value) in self._open:
            self.token("outer", str(len(self._open) - self._open.index(id(value))))
            return
        if isinstance(value, np.ndarray):
            self._refuse(value, place)
        self._open.append(id(value))
        self._containers += 1
        if self._containers > _MOST:
            raise TypeError(
                f"cannot fingerprint a value of more than {_MOST:,} lists, tuples, dicts and sets; "
                "one that stands in many places counts in each. Pass tensors."
            )
        kind = type(value)
        if kind not in _CONTAINERS:  # A container of the reader's own may do more.
            self.token("container")
            self.feed(kind, f"{place}'s class")
            own = {part.label: part.value for part in identity.attributes(value)}
            self.feed(own if own or hasattr(kind, "__dict__") else None, place)
            counts = isinstance(value, collections.defaultdict)
            self.feed(value.default_factory if counts else None, f"{place}.default_factory")
        elif _CONTAINERS[kind] and (self._exact or self._met):
            self.token("kind", kind.__name__)
        if isinstance(value, Mapping):
            self._feed_mapping(self._items(value, place), place)
        elif isinstance(value, Set):
            items = self._items(value, place)
            self.token("set", str(len(items)))
            for item in sorted(self._digest_of(item, place) for item in items):
                self.token("item", item)
        else:
            items = self._items(value, place)
            self.token("sequence", str(len(items)))
            for index, item in enumerate(items):
                self.feed(item, f"{place}[{index}]")
        self._open.pop()

    def _items(self, value: Any, place: str) -> Any:
        """Return what a container holds, whatever a subclass says instead."""
        for base, items in _ITEMS.items():
            if isinstance(value, base):
                return value if type(value) is base else items(value)
        try:
            return dict(value.items()) if isinstance(value, Mapping) else list(value)
        except Exception:  # Written by others, it may raise anything.
            self._refuse(value, place)

    def _feed_mapping(self, value: Mapping, place: str) -> None:
        self.token("mapping", str(len(value)))
        labels = {key: self._key_label(key, place) for key in value}
        for key in sorted(value, key=labels.__getitem__):
            self.feed(key, place)
            self.feed(value[key], f"{place}[{_shown(key)}]")
        # Inside an object, or what a function is given, code may go through it in order. The outer
        # two are the store's own: all inputs, and those of the function.
        inputs = self._exact and len(self._open) > 2 and not _is_sorted(labels)
        if self._met or inputs:
            self.token("order", " ".join(labels.values()))

    def _key_label(self, key: Any, place: str) -> str:
        """Return a text by which keys are sorted; that of an object would hold its address."""
        return repr(key) if _is_plain(key) else self._digest_of(key, place)

    def _digest_of(self, value: Any, place: str) -> str:
        feeder = Feeder(values=self._values, exact=self._exact)
        if type(value) not in _SCALARS:  # It may refer to what it stands in.
            feeder._met, feeder._shared = dict(self._met), dict(self._shared)
            feeder._open = list(self._open)
        feeder.feed(value, place)
        self.code |= feeder.code
        return feeder.hexdigest()

    def _feed_object(self, value: Any, place: str) -> None:
        """Feed a function, class, network or other object: what identifies it, part by part."""
        if id(value) in self._met:
            self.token("met", str(self._met[id(value)][0]))
            return
        self._met[id(value)] = (len(self._met), value)  # Held, so that no other takes its id.
        known = library.version(value) if isinstance(value, identity.CODE) else None
        if known is not None:
            version, number = known
            self.token("code", version)
            if number:
                self.token("number", str(number))
            self.code[getattr(value, "__qualname__", value.__name__)] = version
            if not isinstance(value, types.FunctionType):
                return
        try:
            parts = identity.parts(value, known=known is not None, values=self._values)
        except identity.Unseen as error:
            self._refuse(value, place, str(error))
        except TypeError:
            self._refuse(value, place)
        self._feed_parts(parts, place)

    def _refuse(self, value: Any, place: str, reason: str = "") -> None:
        where = place.removeprefix(".")
        raise TypeError(
            f"cannot fingerprint a {type(value).__qualname__}{f' ({where})' if where else ''}: its "
            f"content cannot be looked at{f' ({reason})' if reason else ''}, and a key without it "
            "would stand for others too. Pass plain values, tensors, arrays, generators, "
            "dataclasses, or functions and objects that carry such, or give the object a string "
            "attribute `fingerprint`."
        ) from None


def _own_fingerprint(value: Any) -> Any:
    """Return the attribute ``fingerprint`` of an object that has one, not what it makes up."""
    if isinstance(value, type) or type(value) in weakref.ProxyTypes:
        return None
    has = any("fingerprint" in vars(base) for base in type(value).__mro__)
    if has or "fingerprint" in identity.dict_of(value):
        return getattr(value, "fingerprint", None)
    return None


def _text(value: bool | int | str | None) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value) if _is_short(value) else hex(int(value))
    return str(value)


def _is_short(number: int) -> bool:
    """Whether Python writes a number in decimal, however it is set."""
    return int.bit_length(number) <= 2000


def _is_plain(key: Any) -> bool:
    if isinstance(key, tuple):
        return type(key) is tuple and all(map(_is_plain, key))
    if isinstance(key, int):
        return type(key) in _SCALARS and _is_short(key)
    plain = type(key) in _SCALARS and key is not None
    return plain or isinstance(key, np.float64 | np.str_)


def _is_sorted(labels: dict[Any, str]) -> bool:
    return list(labels.values()) == sorted(labels.values())


def _shown(key: Any) -> str:
    return repr(key) if _is_plain(key) else type(key).__qualname__


_MOST = 5_000_000  # Half a minute.
_SCALARS = (type(None), bool, int, str, float, complex, bytes, bytearray)
_NAMED = (
    torch.dtype,
    torch.device,
    torch.memory_format,
    torch.layout,
    type(Ellipsis),
    type(NotImplemented),
)
# Whether they are told from others that hold the same.
_CONTAINERS = {
    list: True,
    tuple: False,
    torch.Size: True,
    dict: False,
    types.MappingProxyType: True,
    set: False,
    frozenset: True,
}
_ITEMS: dict[type, Callable[[Any], Iterable]] = {
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: list(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: list(set.__iter__(value)),
    frozenset: lambda value: list(frozenset.__iter__(value)),
}
