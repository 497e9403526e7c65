"""Hashes of values and of code."""

import copy
import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from landscape import rng, spectrum, training
from landscape.store import entries, library
from landscape.store.fingerprint import Fingerprint, code_version, digest, fingerprint

from tests import sample_values as values


@dataclasses.dataclass(frozen=True)
class Pair:
    a: object
    b: object


@dataclasses.dataclass(frozen=True)
class Other:
    a: object
    b: object


class Named:
    def __init__(self, text):
        self.fingerprint = text


def exact(value):
    """The hash as a function's argument has it, inside the mapping of all arguments."""
    return str(fingerprint(({"argument": value},), exact=True))


@pytest.mark.parametrize("kind", values.EACH_KIND)
@given(data=st.data())
def test_equal_values_have_equal_digests_however_they_were_built(kind, data):
    value = data.draw(values.EACH_KIND[kind])
    assert digest(values.rebuilt(value, data.draw)) == digest(value)
    assert exact(values.rebuilt(value, data.draw, reorder=False)) == exact(value)


@given(values.RESULTS)
def test_a_copy_of_a_result_has_its_digest(value):
    assert digest(copy.deepcopy(value)) == digest(value)


@pytest.mark.parametrize("kind", values.EACH_KIND)
@given(data=st.data())
def test_values_have_equal_digests_only_where_they_are_equal(kind, data):
    value = data.draw(values.EACH_KIND[kind])
    other = values.changed(value, data.draw)
    equal = values.canonical(other) == values.canonical(value)
    assert (digest(other) == digest(value)) == equal
    equal = values.canonical(other, exact=True) == values.canonical(value, exact=True)
    assert (exact(other) == exact(value)) == equal


@given(values.INPUTS, values.INPUTS)
def test_any_two_values_are_told_apart(one, other):
    assert (digest(one) == digest(other)) == (values.canonical(one) == values.canonical(other))


def test_digest_tells_places_in_nested_values_apart():
    nested = [{"a": {"b": 1}}, {"a": {}, "b": 1}, [[1], [2]], [[1, 2]], [1, [2]], [[1], 2], [1, 2]]
    assert len({digest(value) for value in nested}) == len(nested)


def test_digest_tells_objects_apart():
    objects = [{"a": 1, "b": 2}, Pair(1, 2), Pair(2, 1), Other(1, 2), Named("x"), Named("y")]
    assert len({digest(value) for value in objects}) == len(objects)


def test_digest_is_64_hexadecimal_digits():
    assert len(digest(1)) == 64 and int(digest(1), 16) > 0


def test_digest_of_a_generator_follows_its_state():
    one, two = rng.stream(0, "a"), rng.stream(0, "a")
    assert digest(one) == digest(two)
    torch.randn(1, generator=one)
    assert digest(one) != digest(two)


@pytest.mark.slow
def test_digest_is_the_same_in_another_process():
    value = {"b": [1, 2.5, None, True], "a": ("x", b"y"), 3: {"z": 1}}
    code = f"from landscape.store.fingerprint import digest; print(digest({value!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(value)


@pytest.mark.parametrize("value", [object(), (x for x in "ab"), [1, {"a": object()}]])
def test_digest_refuses_what_it_cannot_look_at(value):
    with pytest.raises(TypeError, match=r"cannot fingerprint a .*Pass plain values, tensors"):
        digest(value)


def test_digest_refuses_arrays_of_objects():
    # Their bytes are addresses in memory: other in each process, the same for changed objects.
    with pytest.raises(TypeError, match=r"cannot fingerprint"):
        digest(np.array([{}, 1], dtype=object))


def test_digest_refuses_tensors_without_plain_content():
    for tensor in (torch.eye(2).to_sparse(), torch.empty(2, device="meta")):
        with pytest.raises(TypeError, match=r"cannot fingerprint a Tensor \(\['x'\]\)"):
            digest({"x": tensor})


def test_digest_knows_sets_complex_numbers_types_and_devices():
    values = [{1, 2}, {1, 3}, 1j, torch.float32, torch.float64, torch.device("cpu"), range(3)]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a", "b", "c"}) == digest({"c", "b", "a"})


def test_digest_of_a_list_that_holds_itself_ends():
    loop = [1]
    loop.append(loop)
    other = [2]
    other.append(other)
    assert digest(loop) == digest(loop) != digest(other)


def test_a_fingerprint_remembers_the_code_in_it_also_through_others():
    inner = fingerprint((spectrum.eigenpairs, 1))
    assert isinstance(inner, Fingerprint) and inner.code == {
        "eigenpairs": code_version(spectrum.eigenpairs)
    }
    assert fingerprint([Named(inner), training.train]).code == {
        "eigenpairs": code_version(spectrum.eigenpairs),
        "train": code_version(training.train),
    }
    assert type(digest(1)) is str


# Versions of code


def test_code_version_is_that_of_the_definition_and_not_of_its_module():
    versions = [code_version(x) for x in (entries, entries.Store, entries.Damage)]
    assert len(set(versions)) == 3
    assert code_version(entries.Store.get) == code_version(entries.Store)


@pytest.mark.slow
def test_code_version_is_that_of_the_code_as_it_was_imported(tmp_path):
    # A file edited while a study runs is not the code that runs.
    package = tmp_path / "landscape"
    shutil.copytree(library.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import pathlib; from landscape import spectrum; from landscape.store.fingerprint import "
        "code_version; [p.write_text('edited = 1') for p in pathlib.Path(PLACE).rglob('*.py')]; "
        "print(code_version(spectrum.eigenpairs))"
    ).replace("PLACE", repr(str(package)))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == code_version(spectrum.eigenpairs)


def one(x):
    return x + 1


def two(x):
    return x + 2


def test_code_version_of_the_readers_own_code_is_its_content():
    assert code_version(one) == code_version(one) != code_version(two)
