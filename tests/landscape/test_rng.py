"""Named streams of random numbers."""

import random

import numpy as np
import pytest
import torch
from landscape import rng


def draw(*key):
    return torch.randint(2**62, (4,), generator=rng.stream(*key)).tolist()


def test_a_stream_gives_the_numbers_that_it_has_always_given():
    # Pinned: another hash would silently recompute nothing and compare nothing with old reports.
    assert rng.stream(0, "batches", 1).initial_seed() == 8125730124690911409


def test_a_stream_gives_the_same_numbers_each_time_it_is_made():
    assert draw(3, "batches", 2) == draw(3, "batches", 2)


@pytest.mark.parametrize(
    "other", [(1, "a", "b"), (0, "a"), (0, "b", "a"), (0, "a,b"), (0, "ab"), (0, "a", "b", 0)]
)
def test_streams_of_other_seeds_and_names_differ(other):
    assert draw(*other) != draw(0, "a", "b")


def test_a_number_and_its_text_name_different_streams():
    assert draw(0, "run", 1) != draw(0, "run", "1")


def test_run_1_of_seed_0_is_not_run_0_of_seed_1():
    assert draw(0, "run", 1) != draw(1, "run", 0)


def test_a_stream_lives_on_the_cpu_and_leaves_global_random_numbers_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    stream = rng.stream(7, "anything")
    torch.randn(3, generator=stream)
    assert stream.device.type == "cpu"
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]  # noqa: NPY002


def test_a_stream_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"stream\(5\) has no name.*Name its purpose"):
        rng.stream(5)
