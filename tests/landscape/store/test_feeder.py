"""What the hash of values tells apart, what it refuses, and that it ends."""

import collections
import types
import weakref

import numpy as np
import pytest
import torch
from landscape.store import feeder
from landscape.store.fingerprint import digest, fingerprint
from torch import nn

from tests.landscape.store.test_identity import cell, held


def exact(value):
    """The hash as a function's argument has it, inside the mapping of all arguments."""
    return str(fingerprint(({"argument": value},), exact=True))


SUBCLASSES = {
    "a method of an integer": ("class C(int):\n    def __mul__(s, o): return {}\nx = C(3)", 1, 2),
    "a method of a text": ("class C(str):\n    def upper(s): return {}\nx = C('a')", 1, 2),
    "what a text says it is": ("class C(str):\n    __str__ = lambda s: ''\nx = C('{}')", 1, 2),
    "a method of a number": ("class C(float):\n    def __mul__(s, o): return {}\nx = C(3)", 1, 2),
    "a method of bytes": ("class C(bytes):\n    def upper(s): return {}\nx = C(b'a')", 1, 2),
    "an attribute of a number": ("class C(complex): pass\nx = C(1)\nx.k = {}", 1, 2),
    "slots of a list": ("class C(list): __slots__ = ('k',)\nx = C()\nx.k = {}", 1, 2),
    "slots of a mapping": ("class C(dict): __slots__ = ('k',)\nx = C()\nx.k = {}", 1, 2),
    "a list that hides what it holds": (
        "class C(list):\n    def __iter__(s): return iter(())\nx = C([{}])",
        1,
        2,
    ),
    "a mapping that hides what it holds": (
        "class C(dict):\n    def __iter__(s): return iter(())\nx = C(a={})",
        1,
        2,
    ),
    "a mapping whose attributes are its keys": (
        "class C(dict): __getattr__ = dict.__getitem__\nx = C(a={})",
        1,
        2,
    ),
    "an object that makes up its attributes": (
        "class C:\n    def __getattr__(s, n): return 'z'\nx = C()\nx.k = {}",
        1,
        2,
    ),
}


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_a_subclass_of_a_plain_type_is_looked_at(kind):
    text, one, two = SUBCLASSES[kind]
    found = [digest(cell(text.format(value))["x"]) for value in (one, one, two)]
    assert found[0] == found[1] != found[2]


ALIKE = {
    "list, tuple": ([0, 1], (0, 1)),
    "set, frozenset": ({1}, frozenset({1})),
    "a mapping that may change or not": ({1: 2}, types.MappingProxyType({1: 2})),
    "tuple, torch's size": ((1, 2), torch.Size((1, 2))),
    "tensor, array": (torch.arange(3.0), np.arange(3, dtype=np.float32)),
    "Python's float, NumPy's": (1.5, np.float64(1.5)),
    "tensors with and without gradients": (torch.ones(2), torch.ones(2, requires_grad=True)),
    "the order of a mapping": ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_kinds_that_compute_otherwise_are_told_apart_where_code_uses_them(kind):
    # x[[0, 1]] and x[0, 1] are not the same, nor are the deviations of a tensor and of an array.
    one, two = ALIKE[kind]
    assert exact(one) == exact(one) != exact(two)
    assert digest(held(one)) == digest(held(one)) != digest(held(two))


def test_the_store_tells_a_list_from_a_tuple(store):
    def picked(index):
        return torch.arange(9.0).reshape(3, 3)[index]

    assert store.remember(picked, (0, 1)).shape == ()
    assert store.remember(picked, [0, 1]).shape == (2, 3)


def test_the_bytes_of_a_bytearray_are_told_from_bytes():
    assert digest(b"a") != digest(bytearray(b"a"))


def test_long_integers_and_texts_without_encoding_are_plain_values():
    values = [10**5000, 10**5000 + 1, range(10**5000), range(10**5001), "\ud800", "\ud801"]
    assert len({digest(value) for value in values}) == len(values)


def test_slices_are_known_by_all_that_they_hold():
    # Printed, a long tensor leaves out what is in the middle.
    one, two = torch.zeros(9999), torch.zeros(9999)
    two[5000] = 1
    assert digest(slice(one, None)) != digest(slice(two, None))
    assert digest(slice(1, 2)) == digest(slice(1, 2)) != digest(slice(1, 3))


class Node:
    def __init__(self, number):
        self.number = number


def around(number, place):
    node = Node(number)
    node.others = place(node)
    return node


@pytest.mark.parametrize("place", [lambda node: {node}, lambda node: {node: 1}])
def test_an_object_in_a_set_of_its_own_ends(place):
    assert digest(around(1, place)) == digest(around(1, place)) != digest(around(2, place))


def test_keys_that_are_objects_in_tuples_are_known_by_content_not_by_address():
    assert digest({(Node(1), "a"): 2}) == digest({(Node(1), "a"): 2}) != digest({(Node(2), "a"): 2})


def nested(wrap, times=5000):
    value = 1
    for _ in range(times):
        value = wrap(value)
    return value


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap", [lambda x: [x], lambda x: {"a": x}, Node, lambda x: frozenset([x])]
)
def test_what_is_nested_too_deep_is_refused_in_words(wrap):
    with pytest.raises(TypeError, match="is nested deeper than Python's recursion goes"):
        digest(nested(wrap))


def test_a_mapping_that_cannot_be_gone_through_is_refused():
    class Broken(collections.abc.Mapping):
        def __getitem__(self, key):
            raise RuntimeError

        def __iter__(self):
            return iter("ab")

        def __len__(self):
            return 2

    with pytest.raises(TypeError, match=r"cannot fingerprint a .*Broken \(\['x'\]\)"):
        digest({"x": Broken()})


def test_what_only_points_to_another_object_is_refused():
    network = nn.Linear(1, 1)
    with pytest.raises(TypeError, match="it only points to another object"):
        digest(weakref.proxy(network))
    with pytest.raises(TypeError, match="it forgets what nothing else holds"):
        digest(weakref.WeakSet([network]))


def test_a_list_that_stands_in_too_many_places_is_refused(monkeypatch):
    monkeypatch.setattr(feeder, "_MOST", 1000)
    with pytest.raises(TypeError, match=r"more than 1,000 lists.* counts in each"):
        digest(nested(lambda x: [x, x], times=60))
