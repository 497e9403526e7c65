"""Arrays and tensors of rare kinds: their numbers count, or they are refused by name."""

import numpy as np
import pytest
import torch
from landscape.store.fingerprint import digest
from torch import nn


class Marked(torch.Tensor):
    pass


def marked(**attributes):
    tensor = torch.zeros(2).as_subclass(Marked)
    vars(tensor).update(attributes)
    return tensor


def hooked(factor):
    parameter = nn.Parameter(torch.zeros(2))
    parameter.register_hook(lambda gradient: gradient * factor)
    return parameter


def fields(*names):
    return np.zeros(2, dtype=[(name, kind) for name, kind in names])


PAIRS = {
    "matrix": (lambda: np.eye(2), lambda: np.asmatrix(np.eye(2))),
    "mask": (lambda: np.ma.array([1, 2], mask=[0, 0]), lambda: np.ma.array([1, 2], mask=[0, 1])),
    "names of fields": (
        lambda: fields(("a", "f4"), ("b", "f4")),
        lambda: fields(("b", "f4"), ("a", "f4")),
    ),
    "types of fields": (lambda: fields(("a", "f4")), lambda: fields(("a", "i4"))),
    "dates": (lambda: np.array(["2020-01-01"], "M8[D]"), lambda: np.array(["2020-01-02"], "M8[D]")),
    "units of time": (lambda: np.timedelta64(1, "s"), lambda: np.timedelta64(1, "m")),
    "class of a tensor": (lambda: torch.zeros(2), marked),
    "attribute of a tensor": (lambda: marked(scale=1), lambda: marked(scale=2)),
    "hook of a tensor": (lambda: hooked(1), lambda: hooked(2)),
    "float8": (
        lambda: torch.ones(2).to(torch.float8_e4m3fnuz),
        lambda: torch.ones(2).to(torch.float8_e5m2fnuz),
    ),
    "half complex": (
        lambda: torch.tensor([1j]).to(torch.complex32),
        lambda: torch.tensor([2j]).to(torch.complex32),
    ),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_digest_tells_arrays_apart(kind):
    one, two = PAIRS[kind]
    assert digest(one()) == digest(one()) != digest(two())


@pytest.mark.parametrize("align", [False, True])
def test_bytes_that_belong_to_no_number_do_not_count(align):
    kind = np.dtype([("a", "i1"), ("b", "i8")], align=align)
    noise = np.full(2 * kind.itemsize, 7, dtype=np.uint8).view(kind)
    clean = np.zeros(2, dtype=kind)
    noise["a"], noise["b"] = 0, 0
    assert digest(noise) == digest(clean)
    long = np.full(32, 7, dtype=np.uint8).view(np.longdouble)
    long[:] = 1
    assert digest(long) == digest(np.ones(2, dtype=np.longdouble))


def in_other_order(number, filler):
    """A long double with its bytes from the last to the first, and 6 bytes that hold no value."""
    raw = np.full(16, filler, dtype=np.uint8)
    raw[6:] = np.array([number], dtype=np.longdouble).view(np.uint8)[9::-1]
    return raw.view(">g")


def test_all_digits_of_numbers_in_the_other_order_of_bytes_count():
    more = 1 + np.finfo(np.longdouble).eps
    assert in_other_order(1, 7) == 1 and in_other_order(more, 7) == more
    one, two = digest(in_other_order(1, 0)), digest(in_other_order(more, 0))
    assert one == digest(in_other_order(1, 7)) != two


def test_tensors_that_hold_no_plain_numbers_are_refused_by_name():
    tensors = [
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
        torch.masked.masked_tensor(torch.zeros(2), torch.tensor([True, False])),
        nn.LazyLinear(1).weight,
    ]
    for tensor in tensors:
        with pytest.raises(TypeError, match=r"cannot fingerprint a \w+ \(\['x'\]\): its content"):
            digest({"x": tensor})
