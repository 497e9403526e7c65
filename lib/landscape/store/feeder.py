"""Walks through a value and feeds one hash with every part, each with its kind and length.

``identity`` names the parts of objects; here they are fed in order, and a part that stands in
several places is fed once.
"""

import collections
import hashlib
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import numpy as np
import torch

from landscape.store import arrays, identity, installed, library, plain
from landscape.store.networks import parts_of_all_networks, tensor_parts


class Feeder:
    """A SHA-256 that is being fed, and the versions of the code that went into it.

    Args:
        values: Whether the values of a network's parameters and buffers count, or their shapes.
        exact: Whether a list differs from a tuple of the same items, and an array from a tensor of
            the same numbers. Inside objects they always differ: the object's code may tell them
            apart.

    Attributes:
        code: Name of each function and class of this library met so far -> version of its code.
    """

    def __init__(self, *, values: bool = True, exact: bool = False) -> None:
        self.code: dict[str, str] = {}
        self._hasher = hashlib.sha256()
        self._values, self._exact = values, exact
        # id -> (number, object) of the objects met so far. A second reference to an object feeds
        # its number, so objects may refer to each other in circles.
        self._met: dict[int, tuple[int, Any]] = {}
        self._shared: dict[int, tuple[int, Any]] = {}  # The same for tensors of networks.
        self._has_network = False
        self._open: list[int] = []  # ids of the containers that are being fed, outermost first.
        self._containers = 0

    def hexdigest(self) -> str:
        """Return the SHA-256 of everything fed so far, as 64 hexadecimal digits."""
        return self._hasher.hexdigest()

    def feed_whole(self, value: Any) -> None:
        """Feed a value that is not part of another.

        Raises:
            TypeError: If the content of something in it cannot be read, or it is nested too deep.
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
        """Feed one piece of content with its kind and length, so that none runs into the next.

        Args:
            kind: Word for the kind of thing, such as ``float``. Keys in existing stores hold these
                words: never change one.
            content: The bytes, or a text.
        """
        if isinstance(content, str):
            content = content.encode(errors="surrogatepass")
        self._hasher.update(f"{kind}:{len(content)}:".encode() + content)

    def feed(self, value: Any, place: str) -> None:
        """Feed a value and all its parts.

        Args:
            value: Any value.
            place: Where it stands, for error texts, such as ``loss.weights[2]``.

        Raises:
            TypeError: If the content of something in it cannot be read.
        """
        fingerprint = None if type(value) in plain.SCALARS else _fingerprint_attribute(value)
        if isinstance(fingerprint, str):
            self.token("own", fingerprint)
            self.code |= getattr(fingerprint, "code", {})
        elif not (self._feed_plain(value, place) or self._feed_numbers(value, place)):
            is_weak = isinstance(value, identity.WEAK_CONTAINERS)
            if isinstance(value, list | tuple | Set | Mapping | np.ndarray) and not is_weak:
                self._feed_container(value, place)
            else:
                self._feed_object(value, place)

    def _feed_plain(self, value: Any, place: str) -> bool:
        if (plain_token := plain.token(value)) is not None:
            self.token(*plain_token)
        elif isinstance(value, range | slice):
            self._feed_ends(value, place)
        else:
            return False
        if type(value) not in plain.SCALARS and isinstance(value, plain.SCALARS):
            self._feed_kind(value, place)
        return True

    def _feed_ends(self, value: range | slice, place: str) -> None:
        ends = [value.start, value.stop, value.step]
        if all(end is None or (type(end) is int and plain.is_short(end)) for end in ends):
            self.token("named", f"{type(value).__name__} {value!r}")
        else:
            self.token(type(value).__name__)
            self.feed(ends, place)

    def _feed_kind(self, value: Any, place: str) -> None:
        """Feed the class of a value whose base is a plain type: it may compute something else."""
        kind = type(value)
        if library.version(kind) is not None:  # The class ``Fingerprint``: a text like any other.
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
            if part.shared is None:
                self.feed(part.value, where)
            elif not self._is_repeated(part.shared):
                # `feed` would take the tensor, which is noted by now, for a repeated one.
                is_tensor = part.value is part.shared
                self._feed_tensor(part.value, where) if is_tensor else self.feed(part.value, where)

    def _is_repeated(self, tensor: Any) -> bool:
        """Whether a network's tensor was met before; then its number is fed."""
        if id(tensor) in self._shared:
            self.token("shared", str(self._shared[id(tensor)][0]))
            return True
        self._shared[id(tensor)] = (len(self._shared), tensor)
        return False

    def _feed_numbers(self, value: Any, place: str) -> bool:
        if isinstance(value, torch.Tensor):
            if id(value) in self._shared:
                self._is_repeated(value)
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
            if value.device.type != "cpu":  # Other devices round differently.
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
        if kind not in _CONTAINERS:  # The class of a user may compute more.
            self.token("container")
            self.feed(kind, f"{place}'s class")
            attributes = {part.label: part.value for part in identity.attributes(value)}
            self.feed(attributes if attributes or hasattr(kind, "__dict__") else None, place)
            has_factory = isinstance(value, collections.defaultdict)
            self.feed(value.default_factory if has_factory else None, f"{place}.default_factory")
        elif _CONTAINERS[kind] and (self._exact or self._met):
            self.token("kind", kind.__name__)
        if isinstance(value, Mapping):
            self._feed_mapping(self._items(value, place), place)
        elif isinstance(value, Set):
            items = self._items(value, place)
            # A set has no order: its items are hashed one by one, and the hashes sorted.
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
        """Return a container's items by its base type's methods, whatever a subclass overrides."""
        for base, items in _ITEMS.items():
            if isinstance(value, base):
                return value if type(value) is base else items(value)
        try:
            return dict(value.items()) if isinstance(value, Mapping) else list(value)
        except Exception:  # Code of users may raise anything.
            self._refuse(value, place)

    def _feed_mapping(self, value: Mapping, place: str) -> None:
        self.token("mapping", str(len(value)))
        labels = {key: self._key_label(key, place) for key in value}
        for key in sorted(value, key=labels.__getitem__):
            self.feed(key, place)
            self.feed(value[key], f"{place}[{plain.shown_key(key)}]")
        # The order counts inside an object or an argument: code may iterate over the mapping. The
        # store itself makes the two outer containers of a key: the tuple of all inputs, and the
        # mapping of the function's arguments.
        is_argument = self._exact and len(self._open) > 2 and not _is_sorted(labels)
        if self._met or is_argument:
            self.token("order", " ".join(labels.values()))

    def _key_label(self, key: Any, place: str) -> str:
        """Return a text to sort keys by; the ``repr`` of an object would hold its address."""
        return repr(key) if plain.is_plain_key(key) else self._digest_of(key, place)

    def _digest_of(self, value: Any, place: str) -> str:
        feeder = Feeder(values=self._values, exact=self._exact)
        if type(value) not in plain.SCALARS:  # The item may refer to an object around it.
            feeder._met, feeder._shared = dict(self._met), dict(self._shared)
            feeder._open = list(self._open)
        feeder.feed(value, place)
        self.code |= feeder.code
        return feeder.hexdigest()

    def _feed_object(self, value: Any, place: str) -> None:
        """Feed a function, class, network or other object by its parts."""
        if id(value) in self._met:
            self.token("met", str(self._met[id(value)][0]))
            return
        self._met[id(value)] = (len(self._met), value)  # Kept alive: a freed id is used again.
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
        except identity.Unreadable as error:
            self._refuse(value, place, str(error))
        except TypeError:
            self._refuse(value, place)
        if isinstance(value, torch.nn.Module) and not self._has_network:
            self._has_network = True  # Once, not for each layer: it takes a look at all of torch.
            parts += parts_of_all_networks()
        self._feed_parts(parts, place)

    def _refuse(self, value: Any, place: str, reason: str = "") -> None:
        where = place.removeprefix(".")
        raise TypeError(
            f"cannot fingerprint a {type(value).__qualname__}{f' ({where})' if where else ''}: its "
            f"content cannot be read{f' ({reason})' if reason else ''}, and a key without it "
            "would stand for other values too. Pass plain values, tensors, arrays, generators, "
            "dataclasses, or functions and objects that carry such, or give the object a string "
            "attribute `fingerprint`."
        ) from None


def _fingerprint_attribute(value: Any) -> Any:
    """Return an object's ``fingerprint`` if it has one, not what its ``__getattr__`` makes up."""
    if isinstance(value, type) or type(value) in weakref.ProxyTypes:
        return None
    in_class = any("fingerprint" in vars(base) for base in type(value).__mro__)
    if in_class or "fingerprint" in identity.dict_of(value):
        return getattr(value, "fingerprint", None)
    return None


def _is_sorted(labels: dict[Any, str]) -> bool:
    return list(labels.values()) == sorted(labels.values())


# The largest number of containers in one value: hashing so many takes half a minute. Aliases of
# aliases can multiply without end.
_MOST = 5_000_000
# Type -> whether its kind is fed, which tells it from the other type with the same items.
_CONTAINERS: dict[type, bool] = {
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
