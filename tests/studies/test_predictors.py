"""Predictors: correlations of recorded numbers, and exponents over positions."""

import math

import pytest
from studies import predictors
from studies.measurements import Measurements
from studies.rank_correlation import rank_correlation


def recorded(numbers, **quantities):
    for quantity, by_arm in quantities.items():
        for arm, values in by_arm.items():
            for seed, value in enumerate(values):
                numbers.add(quantity, value, arm=arm, seed=seed)
    return numbers


X = {"a": [1, 2, 3, 4], "b": [11, 14, 12, 13], "c": [5, 4, 6, 7], "d": [8, 7, 9, 6.5]}
Y = {"a": [9, 8, 7, 7.5], "b": [1, 0, 2, -1], "c": [5, 6, 4, 5.5], "d": [3, 3.5, 2.5, 2]}


def test_points_are_the_values_of_each_arm_in_the_order_of_seeds(numbers):
    recorded(numbers, x=X, y=Y)
    assert predictors.points(numbers, "x", "y", ["b", "a"]) == {
        "b": (X["b"], Y["b"]),
        "a": (X["a"], Y["a"]),
    }


def test_correlations_pool_all_networks_and_look_within_arms(numbers):
    recorded(numbers, x=X, y=Y)
    found = predictors.rank_correlations(numbers, {"x": "the x"}, "y", list(X), confidence=0.9)
    (pooled, within), labels = found["the x"], [arm for arm in X for _ in range(4)]
    seeds = [seed for _ in X for seed in range(4)]  # Those of all arms share weights and batches.
    xs, ys = ([v for arm in X for v in of[arm]] for of in (X, Y))
    assert pooled == rank_correlation(xs, ys, clusters=labels, confidence=0.9)
    assert within == rank_correlation(xs, ys, groups=labels, clusters=seeds, confidence=0.9)
    alone = rank_correlation(xs, ys, groups=labels, confidence=0.9)
    assert within.estimate == alone.estimate and within.low <= alone.low
    assert pooled.estimate < -0.9 and within.confidence == 0.9


def test_too_few_arms_have_no_interval_and_a_reason(numbers):
    for arm in "abc":
        for seed in range(2):
            numbers.add("x", float(seed), arm=arm, seed=seed)
            numbers.add("y", float(seed), arm=arm, seed=seed)
    pooled, within = predictors.rank_correlations(numbers, {"x": "the x"}, "y", list("abc"))[
        "the x"
    ]
    assert (pooled.estimate, pooled.low, pooled.high) == (1.0, -1.0, 1.0)
    assert pooled.reason.startswith("3 clusters are too few")
    assert (pooled.n, pooled.clusters) == (6, 3)
    assert (within.estimate, within.low, within.high) == (1.0, -1.0, 1.0)
    assert within.reason.startswith("2 clusters are too few")
    two = predictors.rank_correlations(numbers, {"x": "the x"}, "y", list("ab"))["the x"]
    assert two[0].low == -1.0 and math.isnan(two[1].estimate) and two[0].reason
    assert "2 degrees of freedom" in two[1].reason


def test_quantities_that_the_record_lacks_are_left_out(numbers):
    recorded(numbers, x=X, y=Y, part={"a": X["a"], "b": X["b"][:2]})
    with pytest.raises(KeyError, match=r"no 'part' of arm 'c' was recorded"):
        predictors.rank_correlations(numbers, {"part": "part"}, "y", list(X))
    numbers.missing.append("part of 2 of 4 networks")
    known = predictors.rank_correlations(
        numbers, {"part": "part", "x": "the x", "z": "z"}, "y", list(X)
    )
    assert list(known) == ["the x"]


def test_points_of_arms_that_the_record_lacks_are_left_out(numbers):
    recorded(numbers, x=X, y={arm: Y[arm] for arm in "ab"} | {"c": Y["c"][:2]})
    with pytest.raises(KeyError, match=r"no 'y' of arm 'd' was recorded"):
        predictors.points(numbers, "x", "y", list(X))
    numbers.missing.append("y of 6 of 16 networks")
    assert list(predictors.points(numbers, "x", "y", list(X))) == ["a", "b"]
    assert predictors.points(numbers, "x", "z", list(X)) == {}


def test_a_column_becomes_a_quantity_of_each_network():
    rows = [
        {"quantity": "loss", "arm": arm, "seed": seed, "width": width, "value": 0.5}
        for arm, width in (("narrow", 4), ("wide", 16))
        for seed in (0, 1)
    ]
    widths = predictors.of_column(Measurements(rows), "loss", "width")
    assert widths.quantities == ["width"]
    assert [widths.values("width", arm) for arm in widths.arms] == [[4.0, 4.0], [16.0, 16.0]]


def test_numbers_that_did_not_converge_lose_their_value(numbers):
    numbers.add("epochs", 24.0, arm="a", seed=0, converged=False)
    numbers.add("epochs", 3.0, arm="a", seed=1, converged=True)
    numbers.add("epochs", 4.0, arm="a", seed=2)
    lost, *known = predictors.converged_only(numbers).values("epochs", "a")
    assert math.isnan(lost) and known == [3.0, 4.0]
    assert numbers.values("epochs", "a") == [24.0, 3.0, 4.0]
