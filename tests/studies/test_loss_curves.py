"""Curvature against loss: closed forms on quadratics, planted flips, and what has no number."""

import math

import numpy as np
import pytest
from studies.loss_curves import LossCurve, compare, flips, from_numbers, levelled, shared_levels
from studies.measurements import Measurements


def curve(losses, value, note=""):
    """A curve whose value is a function of the loss."""
    return LossCurve(tuple(losses), tuple(map(value, losses)), (True,) * len(losses), note)


def descent(curvature, rate, start=1.0, steps=12):
    """The losses of gradient descent on λ θ²/2, in closed form."""
    return [curvature / 2 * (start * (1 - rate * curvature) ** t) ** 2 for t in range(steps)]


def test_two_quadratics_of_one_curvature_have_the_factor_1():
    # Different rates: one has trained further at each step, but the curvature is constant.
    pair = [curve(descent(2.0, rate), lambda _: 2.0) for rate in (0.05, 0.08)]
    level = levelled(pair)
    assert level.values == pytest.approx((2.0, 2.0), rel=1e-12) and level.reason == ""
    assert level.converged


def test_two_quadratics_of_known_ratio_have_this_factor():
    first = curve(descent(6.0, 0.05), lambda _: 6.0)
    second = curve(descent(2.0, 0.13), lambda _: 2.0)
    a, b = levelled([first, second]).values
    assert a / b == pytest.approx(3.0, rel=1e-12)


def test_a_ratio_that_the_loss_explains_is_gone():
    # λ = 5 L^0.7 in both: at the end one is much sharper, since it has trained less.
    slow, fast = (np.geomspace(1.0, end, 9) for end in (0.1, 0.005))
    pair = [curve(losses, lambda x: 5 * x**0.7) for losses in (slow, fast)]
    a, b = levelled(pair).values
    assert pair[0].values[-1] / pair[1].values[-1] > 5
    assert a / b == pytest.approx(1.0, rel=1e-9)


def test_the_first_third_does_not_count():
    losses = np.geomspace(1.0, 0.1, 9)
    late = curve(losses, lambda x: x)
    spoiled = LossCurve(late.losses, (9.0, 9.0, 9.0, *late.values[3:]), late.converged)
    assert levelled([late, spoiled]).values == pytest.approx(levelled([late, late]).values)


def test_what_cannot_be_compared_says_why():
    high, low = curve([4, 3.5, 3, 2.5, 2], float), curve([1, 0.9, 0.8, 0.7, 0.6], float)
    level = levelled([high, low])
    assert level.reason == "the losses do not overlap (2 to 3.5, and 0.6 to 0.9 nats)"
    assert all(map(math.isnan, level.values)) and not level.converged
    few = levelled([curve([1.0], float), high])
    assert few.reason == "only 1 snapshots with a loss follow the first third"
    bad = LossCurve((4, 3, 2), (1.0, math.nan, -2.0), (True,) * 3)
    assert levelled([bad, high]).reason == "2 of 2 snapshots have no positive number"
    diverged = curve([4, 3, 2], float, note="the run diverged")
    assert levelled([high, diverged]).reason == "the run diverged"


def test_a_number_that_did_not_converge_marks_the_result():
    losses = tuple(np.geomspace(1.0, 0.1, 6))
    rough = LossCurve(losses, losses, (True,) * 5 + (False,))
    assert not levelled([rough, curve(losses, float)]).converged


def test_a_planted_flip_is_reported_at_its_loss():
    losses = np.geomspace(1.0, 0.01, 15)
    # The ratio is (L / 0.1)^0.5: above 1 early, below 1 late.
    seeds = (0.97, 1.0, 1.03)
    first = [curve(losses, lambda x, s=s: s * (x / 0.1) ** 0.5) for s in seeds]
    second = [curve(losses, lambda x: 1.0) for _ in seeds]
    levels = shared_levels(first + second, 9)
    compared = compare(first, second, levels)
    assert [one.outcome for one in compared][:2] == ["above", "above"]
    assert [one.outcome for one in compared][-2:] == ["below", "below"]
    assert flips(compared) == pytest.approx([0.1], rel=0.02)
    assert flips(compared[:4]) == []


def test_close_seeds_are_equal_and_scattered_ones_open():
    losses = np.geomspace(1.0, 0.1, 5)
    ones = [curve(losses, lambda x: 1.0) for _ in range(3)]
    close = [curve(losses, lambda x, s=s: s) for s in (0.98, 1.0, 1.03)]
    wide = [curve(losses, lambda x, s=s: s) for s in (0.3, 1.0, 3.0)]
    assert compare(close, ones, [0.5])[0].outcome == "equal"
    assert compare(wide, ones, [0.5])[0].outcome == "open"


def test_curves_are_read_where_the_loss_first_falls_to_a_level():
    bumpy = LossCurve((1.0, 0.4, 0.6, 0.2), (1.0, 4.0, 9.0, 16.0), (True,) * 4)
    assert bumpy.at(1.0) == 1.0 and bumpy.at(0.4) == 4.0
    assert bumpy.at(0.6) == pytest.approx(4 ** (math.log(0.6) / math.log(0.4)))
    assert math.isnan(bumpy.at(0.1)) and math.isnan(bumpy.at(1.5))
    gap = LossCurve((1.0, 0.4, 0.2), (1.0, math.nan, 2.0), (True,) * 3)
    assert math.isnan(gap.at(0.5))


def test_levels_are_those_that_all_networks_pass():
    curves = [curve([2.0, 0.5, 0.1], float), curve([1.0, 0.3, 0.2], float)]
    assert shared_levels(curves, 3) == pytest.approx([1.0, math.sqrt(0.2), 0.2])
    assert shared_levels([curve([1.0, 0.9], float), curve([0.5, 0.1], float)]) == []
    assert shared_levels([curve([1.0, math.nan], float)]) == []


def test_curves_come_from_the_snapshots_of_one_mode_in_order():
    rows = [
        {"quantity": q, "arm": "a", "seed": 0, "step": step, "bn": bn, "value": value, "note": note}
        for step, loss, value, bn, note in (
            (9, 0.1, 3.0, "frozen", ""),
            (3, 0.5, 2.0, "frozen", ""),
            (3, 0.4, 7.0, "batch", ""),
            (12, math.nan, math.nan, "frozen", "the run diverged"),
        )
        for q, value in (("loss", loss), ("lambda_max", value))
    ]
    rows.append({"quantity": "lambda_max", "arm": "a", "seed": 0, "value": 5.0, "at": "end"})
    (one,) = from_numbers(Measurements(rows), "lambda_max").values()
    assert one.losses[:2] == (0.5, 0.1) and one.values[:2] == (2.0, 3.0)
    assert one.note == "the run diverged"
    assert from_numbers(Measurements(rows), "lambda_max", bn="batch")["a", 0].values == (7.0,)
