"""Words on training paths: they follow the numbers, and say what is not known."""

import dataclasses

import pytest
import torch
from studies.arms import Arm
from studies.collection import Results
from studies.tables import training_paths as words
from studies.training_paths import TrainingPath

PATH = TrainingPath(
    steps=[0, 5, 10],
    epochs=[0.0, 1.0, 2.0],
    coordinates=torch.zeros(3, 2).double(),
    distance=torch.zeros(3).double(),
    loss=torch.tensor([2.0, 0.5, 0.2]).double(),
    projected_loss=torch.tensor([2.01, 0.35, 0.2]).double(),
    explained=torch.tensor([0.9, 0.06, 0.01]).double(),
    lambda_max={0: 4.0, 5: 60.0, 10: 20.0},
    plane=None,
    surroundings={},
)


def paths(*found):
    return Results({(Arm(f"arm {i}"), 0): path for i, path in enumerate(found)})


@pytest.mark.parametrize(
    ("shares", "word"),
    [((0.96, 0.97), "more than"), ((0.8, 0.7), "no more than"), ((0.8, 0.97), "compared with")],
)
def test_the_share_of_the_plane_is_compared_with_a_random_walk(shares, word):
    found = [dataclasses.replace(PATH, explained=torch.tensor([s, 0.0])) for s in shares]
    first, second = (f"{100 * share:.1f}%" for share in shares)
    assert words.plane_share(paths(*found)) == (
        f"The plane shows {first} (arm 0) and {second} (arm 1) of the squared distance to the last "
        f"network, {word} the 90.1% of a long random walk [@antognini2018]"
    )


def test_only_the_first_two_directions_count_as_the_plane():
    assert "96.0% (arm 0)" in words.plane_share(paths(PATH))


def test_the_largest_gap_is_named_with_its_epoch_whatever_its_sign():
    assert words.plane_gap(paths(PATH)).endswith("by up to 0.15 nats at epoch 1 (arm 0)")


def test_a_plane_that_hides_the_height_of_the_start_says_so():
    low = dataclasses.replace(PATH, projected_loss=torch.tensor([0.7, 0.5, 0.2]).double())
    text = words.plane_gap(paths(low, low))
    assert "1.3 nats at epoch 0 (arm 0)" in text
    assert text.endswith(": the plane does not show how high the loss begins")
    high = dataclasses.replace(PATH, projected_loss=torch.tensor([2.7, 0.5, 0.2]).double())
    assert words.plane_gap(paths(low, high)).endswith("0.7 nats at epoch 0 (arm 1)")


def test_curvature_is_told_with_its_peak_where_it_has_one_on_the_way():
    falling = dataclasses.replace(PATH, lambda_max={0: 9.0, 10: 3.0})
    assert words.curvature_course(paths(PATH, falling)) == (
        "Over training λ_max rises from 4 over a peak of 60 to 20 nats per parameter² (arm 0) and "
        "falls from 9 to 3 nats per parameter² (arm 1)"
    )


def test_what_the_record_lacks_is_called_unknown():
    assert "an unknown amount of the squared distance" in words.plane_share(paths())
    assert "unknown" in words.plane_gap(paths())
    bare = dataclasses.replace(PATH, lambda_max={})
    assert "takes an unknown course (arm 0)" in words.curvature_course(paths(bare))
    assert words.curvature_course(paths()).endswith("unknown amount")
