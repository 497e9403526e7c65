"""Recorded measurements: what is kept of each number, and the queries on them."""

import math

import pandas as pd
import pytest
import torch
from landscape import sharpness, spectrum
from studies import frames
from studies.intervals import paired_difference, paired_ratio
from studies.measurements import Measurements
from studies.recorder import NUMBER_COLUMNS

from tests.sample_networks import diagonal_operator, small_objective

# Recording


def test_values_come_back_in_the_order_they_were_added(numbers):
    for seed, value in enumerate((3.0, 1.0, 2.0)):
        numbers.add("lambda_max", value, arm="batch", seed=seed)
        numbers.add("lambda_max", -value, arm="none", seed=seed)
    assert numbers.values("lambda_max", "batch") == [3.0, 1.0, 2.0]
    assert numbers.values("lambda_max", "none") == [-3.0, -1.0, -2.0]


def test_differences_and_ratios_are_those_of_the_recorded_pairs(numbers):
    first, second = [3.0, 1.0, 2.5], [1.0, 0.5, 2.0]
    for a, b in zip(first, second, strict=True):
        numbers.add("loss", a, arm="a")
        numbers.add("loss", b, arm="b")
    assert numbers.ratio("loss", ["a", "b"]) == paired_ratio(first, second)
    assert numbers.ratios("loss", ["a", "b"]) == [3.0, 2.0, 1.25]
    found = numbers.difference("loss", ["a", "b"], factor=100.0)
    want = paired_difference([300.0, 100.0, 250.0], [100.0, 50.0, 200.0])
    assert found == want


def test_negative_values_have_the_ratio_of_their_magnitudes(numbers):
    for a, b in ((-3.0, -1.0), (-1.0, -0.5)):
        numbers.add("lambda_min", a, arm="a")
        numbers.add("lambda_min", b, arm="b")
    found = numbers.ratio("lambda_min", ["a", "b"], sign=-1)
    assert found == paired_ratio([3.0, 1.0], [1.0, 0.5])
    assert numbers.ratio("lambda_min", ["a", "b"]).invalid == 2


def test_values_that_were_not_recorded_are_refused(numbers):
    numbers.add("loss", 1.0, arm="a")
    with pytest.raises(KeyError, match=r"no 'loss' of arm 'b' was recorded; it is in the arms a"):
        numbers.values("loss", "b")
    with pytest.raises(KeyError, match=r"no 'gain' of arm 'a' was recorded; it is in no arm"):
        numbers.values("gain", "a")


def test_convergence_needs_every_value_converged_and_finite(numbers):
    for quantity, value, labels in (
        ("good", 1.0, {}),
        ("good", 2.0, {"converged": True}),
        ("open", 1.0, {"converged": True}),
        ("open", 1.0, {"converged": False}),
        ("nan", math.nan, {}),
        ("inf", math.inf, {"converged": True}),
    ):
        numbers.add(quantity, value, **labels)
    found = [numbers.converged(name) for name in ("good", "open", "nan", "inf", "absent")]
    assert found == [True, False, False, False, False]
    assert numbers.counts() == (6, 3)
    assert numbers.failures() == {"open": 1, "nan": 1, "inf": 1}


def test_convergence_can_be_asked_of_some_arms(numbers):
    numbers.add("loss", 1.0, arm="a")
    numbers.add("loss", math.nan, arm="b")
    assert numbers.converged("loss", ["a"]) and not numbers.converged("loss", ["a", "b"])
    assert not numbers.converged("loss", ["c"])


def test_measurement_carries_what_it_was_measured_on(numbers):
    at = small_objective(13, bn="batch", dtype=torch.float32)
    rise = sharpness.sam(at, at.theta)
    numbers.add_measurement("sam", rise.value, rise, arm="a", cost=4)
    numbers.add_measurement("loss", at.loss(at.theta), at, dtype="other")
    sam, loss = numbers.frame.to_dict("records")
    for row in (sam, loss):
        assert (row["bn"], row["examples"], row["examples_hash"]) == ("batch", 13, at.examples_hash)
    assert (sam["converged"], sam["dtype"], sam["arm"]) == (True, "float32", "a")
    assert loss["dtype"] == "other"


def test_measurement_of_several_eigenpairs_converged_if_all_did(numbers):
    pairs = spectrum.eigenpairs(diagonal_operator([1.0, 2.0, -3.0]), which="both ends")
    numbers.add_measurement("lambda_max", pairs.largest, pairs)
    assert numbers.converged("lambda_max") and numbers.frame["converged"].tolist() == [True]


def test_an_unknown_error_is_the_largest_wherever_it_stands(numbers):
    for arm, errors in (("a", [0.1, math.nan]), ("b", [math.nan, 0.1]), ("c", [0.1, 0.3])):
        for seed, error in enumerate(errors):
            numbers.add("q", 1.0, arm=arm, seed=seed, error=error, error_kind="standard error")
    numbers.add("q", 1.0, arm="c", seed=2)
    assert math.isnan(numbers.largest_error("q", ["a"])) and math.isnan(numbers.largest_error("q"))
    assert math.isnan(numbers.largest_error("q", ["b"]))
    assert numbers.largest_error("q", ["c"]) == 0.3 and numbers.largest_error("q", ["d"]) is None
    assert numbers.errors("q", "c")[:2] == [0.1, 0.3] and math.isnan(numbers.errors("q", "c")[2])
    assert numbers.errors("q", "d") == []


def test_failures_have_their_reasons_and_those_of_diverged_runs_are_counted(numbers):
    numbers.add("q", 1.0, arm="a", unit="nats")
    for note in ("no gap", "the run diverged", "no gap", ""):
        numbers.add("q", math.nan, arm="a", converged=False, note=note)
    numbers.add("p", math.inf, note="the run diverged")  # Not said to have failed by that.
    assert numbers.reasons("q") == ["no gap"] and numbers.reasons("p") == []
    assert numbers.diverged_count() == 1 and numbers.failures() == {"q": 4, "p": 1}
    assert (numbers.unit("q"), numbers.unit("p"), numbers.unit("absent")) == ("nats", "", "")


def test_values_without_arm_are_those_of_no_arm(numbers):
    numbers.add("q", 1.0)
    numbers.add("q", 2.0, arm="a")
    assert numbers.values("q", None) == [1.0]
    with pytest.raises(KeyError, match="in the arms None, a"):
        numbers.values("q", "b")


# Frames

TYPES = {
    **dict.fromkeys(NUMBER_COLUMNS, "str"),
    **dict.fromkeys(("value", "error", "cost"), "float64"),
    **dict.fromkeys(("converged", "learned"), "boolean"),
    "examples": "Int64",
    "arm": "str",
}


def types_of(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_measurements_are_a_tidy_frame_with_typed_columns(numbers):
    assert numbers.frame.empty and types_of(numbers.frame) == {
        **TYPES,
        "seed": "object",
    }
    numbers.add(
        "q", 1, arm="a", seed=0, error=torch.tensor(0.5), converged=True, examples=13, cost=4
    )
    numbers.add("p", math.nan, seed=1, note="lost")
    frame = numbers.frame
    assert set(frame.columns) == {*NUMBER_COLUMNS, "arm", "seed"} and len(frame) == 2
    assert types_of(frame) == {**TYPES, "seed": "int64"}
    assert frame["converged"].tolist() == [True, pd.NA] and frame["examples"][0] == 13
    assert frame["error"][0] == 0.5 and math.isnan(frame["value"][1])
    numbers.add("q", 2.0, seed="0 and 1")
    assert numbers.frame["seed"].tolist() == [0, 1, "0 and 1"]
    assert numbers.frame.groupby("quantity")["value"].count().to_dict() == {"p": 0, "q": 2}


def test_the_frame_is_built_when_asked_for_and_not_for_each_number(numbers, monkeypatch):
    built = []
    real = frames.tidy_frame
    monkeypatch.setattr(frames, "tidy_frame", lambda *given: built.append(1) or real(*given))
    for seed in range(50):
        numbers.add("q", seed, arm="a", seed=seed)
    assert not built
    assert (
        numbers.values("q", "a") == list(range(50)) and numbers.converged("q") and len(built) == 1
    )
    numbers.add("q", 50, arm="a", seed=50)
    assert len(numbers.values("q", "a")) == 51 and len(built) == 2


def test_a_change_of_the_frame_does_not_reach_the_study(numbers):
    numbers.add("q", 1.0, arm="a")
    frame = numbers.frame
    frame.loc[0, "value"] = 5.0
    frame["new"] = 1
    assert numbers.values("q", "a") == [1.0] and set(numbers.frame.columns) == {
        *NUMBER_COLUMNS,
        "arm",
        "seed",
    }


# Choosing


@pytest.fixture
def factors(numbers):
    for width, at, value in ((8, "end", 1.0), (8, "start", 2.0), (16, "end", 3.0)):
        numbers.add("q", value, arm="x", width=width, at=at, seed=0)
    numbers.add("p", 4.0, arm="y", seed=0, bn="batch")
    return numbers


def test_numbers_are_chosen_by_their_columns(factors):
    assert factors.where(quantity="q", at="end").frame["value"].tolist() == [1.0, 3.0]
    assert factors.where(width=[8, 16], at="start").frame["value"].tolist() == [2.0]
    assert factors.where(width=None).quantities == ["p"] and "p" in factors and "r" not in factors
    assert factors.where(bn="batch").arms == ["y"] and len(factors) == 4


def test_arms_are_named_by_columns(factors):
    named = factors.where(quantity="q", at="end").by("width")
    assert named.arms == ["width 8", "width 16"] and named.values("q", "width 16") == [3.0]
    assert factors.renamed({"z": "y"}).values("p", "z") == [4.0]
    assert (factors.where(bn="batch") | named).arms == ["y", "width 8", "width 16"]


def test_a_choice_that_leaves_nothing_is_refused(factors):
    with pytest.raises(ValueError, match=r"there is no 'depth' to choose by. Choose by quantity"):
        factors.where(depth=3)
    with pytest.raises(ValueError, match=r"no recorded number has .'at': 'middle'."):
        factors.where(at="middle")
    with pytest.raises(ValueError, match=r"p of arm 'y' has no 'width'. Choose numbers with"):
        factors.by("width")
    assert len(Measurements([], missing=["q of 3 networks"]).where(quantity="q")) == 0


def test_words_behind_quantities_may_hold_columns(numbers):
    for distance in (0.5, 1.0):
        numbers.add("line_rise", 2 * distance, arm="a", distance=distance)
    told = numbers.qualified("at {distance:.2g}")
    assert told.quantities == ["line_rise, at 0.5", "line_rise, at 1"]
    assert told.values("line_rise, at 1", "a") == [2.0]
