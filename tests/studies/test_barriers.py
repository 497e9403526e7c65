"""Barriers on many kinds of paths, and predictions of them."""

import pytest
import torch
from landscape.connectivity.path import Path
from landscape.training import Branch
from studies.arms import Arm
from studies.barriers import Barriers, Prediction, by_path, counted, outcome, parting, shared, tally
from studies.collection import Results
from studies.measurements import Measurements


def path(*errors):
    accuracy = 1 - torch.tensor(errors, dtype=torch.float64)
    ts = torch.linspace(0, 1, len(errors), dtype=torch.float64)
    chord = (1 - ts) * errors[0] + ts * errors[-1]
    excess = float((1 - accuracy - chord).max())
    conditions = {"bn": "frozen", "examples": 4, "examples_hash": "h", "dtype": "float32"}
    return Path(ts, 1 - accuracy, accuracy, excess, excess, excess, 0.5, **conditions)


def barriers():
    items = {}
    for name, parted, height in (("MLP 4", None, 0.2), ("MLP 4", 0.0, 0.0), ("CNN 2", None, 0.4)):
        factors = {"network": name, "path": "straight", "split": "train", "bn": "frozen"}
        factors |= {} if parted is None else {"parted": parted}
        arm = Arm(", ".join(map(str, factors.values())), **factors)
        items |= {(arm, f"{n}-{n}"): path(0.0, height + 0.01 * n, 0.02) for n in range(3)}
        aligned = Arm(f"{arm} aligned", **{**factors, "path": "aligned"})
        items |= {(aligned, f"{n}-{n}"): path(0.0, height / 2 + 0.01, 0.02) for n in range(3)}
    return Barriers(Results(items))


LINE = {"path": "straight", "split": "train", "bn": "frozen"}


def test_paths_are_chosen_by_factors_that_may_be_absent():
    joined = barriers()
    assert joined.points(network="MLP 4", parted=None, **LINE) == pytest.approx([19, 20, 21])
    assert joined.points(network="MLP 4", parted=0.0, **LINE) == pytest.approx([0, 0, 1])
    assert len(joined.where(network="MLP 4", **LINE)) == 6
    assert joined.nats(network="CNN 2", **LINE) == pytest.approx([0.39, 0.4, 0.41])
    # The rise at the middle counts from the start, not from the chord.
    assert joined.middle(network="CNN 2", **LINE) == pytest.approx([40, 41, 42])
    assert joined.points(network="ViT", **LINE) == []


def test_what_is_left_is_a_range_over_networks_that_have_a_barrier():
    joined = barriers()
    before = {"parted": None, **LINE}
    after = {**before, "path": "aligned"}
    assert joined.left(after, before, ["MLP 4", "CNN 2"]) == "50%"
    assert joined.left(before, before, ["MLP 4"]) == "100%"
    parted = {"parted": 0.0, **LINE}
    assert joined.left(after, parted, ["MLP 4"]) == "an unknown share"


@pytest.mark.parametrize(
    ("heights", "said"),
    [
        ([10.0, 11.0, 12.0], "a barrier"),
        ([0.0, 0.1, 0.0], "no barrier"),
        ([0.0, 10.0, 20.0], "open"),
        ([10.0], "open"),
        ([2.0, 2.0, 2.0], "open"),  # At the border nothing is decided.
        ([float("nan"), 10.0, 10.0], "open"),
    ],
)
def test_an_interval_on_one_side_of_the_margin_decides(heights, said):
    assert outcome(heights, 2.0) == said


HIGH, LOW, WIDE = [10.0, 11.0, 12.0], [0.0, 0.1, 0.0], [0.0, 10.0, 20.0]


def test_networks_with_and_without_a_barrier_are_counted():
    assert counted({"a": HIGH, "b": HIGH}, 2.0) == "all 2 networks cross a barrier"
    assert counted({"a": LOW, "b": LOW}, 2.0) == "none of 2 networks crosses a barrier"
    several = {"a": HIGH, "b": LOW, "c": WIDE, "d": LOW, "e": []}
    assert counted(several, 2.0) == "1 of 4 networks crosses a barrier, 2 cross none, 1 is open"
    assert shared({"a": HIGH, "b": HIGH}, 2.0) == "a barrier"
    assert shared(several, 2.0) == shared({}, 2.0) == "mixed"


def test_predictions_hold_fail_or_stay_open():
    predictions = [
        Prediction("one", "a barrier", HIGH),
        Prediction("two", "no barrier", HIGH),
        Prediction("three", "no barrier", LOW),
        Prediction("four", "a barrier", WIDE),
        Prediction("five", "a barrier", []),
    ]
    rows = [one.row(2.0) for one in predictions]
    assert [row["prediction"] for row in rows] == ["held", "failed", "held", "open", "open"]
    assert rows[0]["measured"] == "a barrier" and rows[0]["predicted"] == "a barrier"
    assert rows[4]["error barrier (points)"] == "–"
    assert tally(predictions, 2.0) == "Of 5 predictions 2 held and 1 failed; 2 are open"


def test_numbers_are_named_by_network_and_path_under_the_policy_that_counts():
    def row(**changes):
        usual = {"quantity": "barrier", "value": 1.0, "network": "BN", "path": "straight"}
        return {**usual, "arm": "x", "split": "train", "bn": "reestimate", **changes}

    numbers = Measurements(
        [
            row(),
            row(bn="frozen"),
            row(split="test"),
            row(parted=0.0),
            row(quantity="length"),
            row(path="repaired", bn="repaired"),
        ],
        missing=["one path"],
    )
    chosen = by_path(numbers, {"BN": "reestimate"})
    assert [row["arm"] for row in chosen.rows] == ["BN, straight", "BN, repaired"]
    assert chosen.missing == ["one path"]


def test_parted_runs_keep_settings_and_factors():
    ((arm, settings),) = parting({Arm("MLP 4", width=4): {"epochs": 3}}, 0.5).items()
    assert arm == "MLP 4, parted at 0.5" and arm.factors == {"width": 4, "parted": 0.5}
    assert settings == {"epochs": 3, "branch": Branch(0.5)}
