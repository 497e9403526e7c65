"""The codec: what it takes comes back equal, and it refuses by name what would not."""

import collections
import dataclasses
import enum
import io
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from landscape.spectrum import Estimate
from landscape.store import codec
from landscape.training.optimizers import OptimizerConfig
from studies.intervals import Interval

from tests import sample_values as values


def files(value):
    """The two files of a result, as bytes."""
    tree, arrays = codec.encode(value)
    numbers = io.BytesIO()
    np.savez(numbers, **arrays)
    return json.dumps(tree, allow_nan=False).encode(), numbers.getvalue()


def read(text, numbers):
    with np.load(io.BytesIO(numbers), allow_pickle=False) as archive:
        return codec.decode(json.loads(text), {key: archive[key] for key in archive.files})


@given(values.RESULTS)
def test_what_is_stored_comes_back_with_its_types_to_the_last_bit(value):
    assert values.same(read(*files(value)), value)


@given(values.RESULTS)
def test_a_value_has_the_same_files_each_time(value):
    assert files(value) == files(read(*files(value)))


@given(values.TENSORS, st.data())
def test_the_files_of_a_tensor_do_not_depend_on_its_memory(tensor, data):
    assert files(values.rebuilt(tensor, data.draw)) == files(tensor)


def test_a_stored_interval_of_the_studies_is_read_back():
    value = Interval(1.0, -math.inf, math.nan, 3, 0.95, 1, "mean")
    assert repr(read(*files(value))) == repr(value)


@pytest.mark.parametrize("number", [1.5, math.nan, -math.inf])
def test_a_number_of_numpy_comes_back_as_python_s(number):
    assert values.same(read(*files(np.float64(number))), number)


def test_a_conjugate_is_read_back():
    value = torch.tensor([1 + 2j]).conj()
    assert torch.equal(read(*files(value)), value)
    assert torch.equal(read(*files(value.imag)), value.imag)


def test_a_tensor_that_is_trained_comes_back_as_numbers():
    parameter = torch.nn.Parameter(torch.tensor([1.0, -0.0]))
    assert values.same(read(*files(parameter)), parameter.detach())


@dataclasses.dataclass(frozen=True)
class Stranger:
    a: int = 1


@dataclasses.dataclass(frozen=True)
class OwnEstimate(Estimate):
    pass


class Level(enum.IntEnum):
    LOW = 1


class Marked(torch.Tensor):
    pass


Point = collections.namedtuple("Point", "x y")


def local_config():
    @dataclasses.dataclass(frozen=True)
    class Local(OptimizerConfig):
        pass

    return Local(learning_rate=0.1)


def cyclic():
    loop = []
    loop.append(loop)
    return loop


# What would come back as something else, or not at all -> how the error names it.
UNSTORABLE = {
    "a set": (lambda: {1}, "a set"),
    "an object": (object, "a object"),
    "bytes": (lambda: b"a", "a bytes"),
    "a complex number": (lambda: 1j, "a complex"),
    "NumPy's integer": (lambda: np.int64(1), "a int64"),
    "a dataclass of the reader's": (Stranger, "a Stranger"),
    "a subclass of a result": (
        lambda: OwnEstimate(1.0, 0.1, 0.8, 1.2, False, 5, 2, "test"),
        "a OwnEstimate",
    ),
    "a class made in a function": (local_config, "a local_config.<locals>.Local"),
    "the class itself": (lambda: Estimate, "a type"),
    "a tuple with names": (lambda: Point(1, 2), "a Point"),
    "a mapping with a default": (lambda: collections.defaultdict(int), "a defaultdict"),
    "a member of an enumeration": (lambda: Level.LOW, "a Level"),
    "a key that is an object": (lambda: {Stranger(): 1}, "a Stranger"),
    "a tensor of another class": (lambda: torch.ones(1).as_subclass(Marked), "a Marked"),
    "objects": (lambda: np.array([{}], dtype=object), "a ndarray of object"),
    "a mask": (lambda: np.ma.array([1, 2], mask=[0, 1]), "a MaskedArray"),
    "a matrix": (lambda: np.asmatrix(np.eye(2)), "a matrix"),
    "texts of any length": (lambda: np.array(["a"], np.dtypes.StringDType()), "a ndarray of Str"),
    "bfloat16": (lambda: torch.ones(2, dtype=torch.bfloat16), "a Tensor bfloat16"),
    "a sparse tensor": (lambda: torch.eye(2).to_sparse(), "a Tensor without plain numbers"),
    "a tensor without memory": (lambda: torch.ones(1, device="meta"), "a Tensor without plain"),
    "a list that holds itself": (cyclic, "lists, tuples or dicts that are nested more than 100"),
}


@given(st.sampled_from([*UNSTORABLE]), values.PLACES)
def test_what_could_not_be_read_back_is_refused_by_name(kind, place):
    make, name = UNSTORABLE[kind]
    with pytest.raises(TypeError, match=f"^cannot store {name}.*Return"):
        codec.encode(values.wrapped(make(), place))


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (
            {"$class": "os:stat_result", "fields": {}},
            "names 'os:stat_result', which is no dataclass",
        ),
        ({"$class": "nowhere:X", "fields": {}}, "'nowhere:X' of a module not imported here"),
        ({"$class": "landscape.store.entries:Store", "fields": {}}, "which is no dataclass"),
        ({"$other": 1}, r"unknown form \['\$other'\]"),
    ],
)
def test_codec_refuses_a_tree_that_it_did_not_write(tree, text):
    with pytest.raises(ValueError, match=text):
        codec.decode(tree, {})
