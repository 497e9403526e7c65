"""Exponents, rank correlations and ratios of durations."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from studies.judging.associations import correlation, exponent, median_ratio
from studies.judging.samples import Samples
from studies.rank_correlation import rank_correlation

NAN = math.nan
NUMBERS = np.random.default_rng(5)
X, Y = NUMBERS.normal(size=(2, 12))


def durations(*values, width=0.2, never=()):
    return [
        SimpleNamespace(epochs=v, earliest=v - width, latest=math.inf if i in never else v + width)
        for i, v in enumerate(values)
    ]


def test_an_exact_power_law_has_its_exponent_in_each_seed():
    values = [[3.0 * w**-1.0, 5.0 * w**-1.2, 2.0 * w**-1.1] for w in (32.0, 64.0, 128.0)]
    found = exponent("λ", [32, 64, 128], values, variable="width")
    assert found.effect.estimate == pytest.approx(-1.1) and found.effect.n == 3
    scaled = [[1e6 * value for value in row] for row in values]
    again = exponent("λ", [1, 2, 4], scaled, variable="width").effect
    assert (again.low, again.high) == pytest.approx((found.effect.low, found.effect.high))


def test_a_seed_with_a_network_that_did_not_learn_has_no_exponent():
    dead = Samples((1.0, 2.0, 0.1), learned=(True, True, False))
    values = [dead, [3.0, 5.0, 9.0]]
    effect = exponent("λ", [1, 2], values, variable="width").effect
    assert (effect.n, effect.left_out) == (2, 1)
    bad = exponent("λ", [1, 2], [[1.0, NAN], [3.0, 5.0]], variable="width").effect
    assert bad.invalid == 1 and math.isnan(bad.estimate)


def test_sizes_without_values_are_refused():
    with pytest.raises(ValueError, match="1 lists of values do not fit 2 sizes"):
        exponent("λ", [1, 2], [[1.0, 2.0]], variable="width")


def test_a_correlation_is_the_rank_correlation_with_its_interval():
    for labels in ({}, {"clusters": [0, 1, 2, 3, 4, 5] * 2}, {"groups": [0, 1] * 6}):
        effect = correlation("λ", X, Y, other="accuracy", **labels).effect
        for c, ends in ((0.95, (effect.low, effect.high)), (0.9, (effect.low90, effect.high90))):
            want = rank_correlation(X, Y, confidence=c, **labels)
            assert (effect.estimate, *ends) == pytest.approx((want.estimate, want.low, want.high))


def test_a_partial_correlation_is_that_of_the_library():
    third = X + Y
    effect = correlation("λ", X, Y, other="accuracy", given=("width", third)).effect
    want = rank_correlation(X, Y, given=third)
    assert (effect.estimate, effect.low) == pytest.approx((want.estimate, want.low))


def test_a_network_that_did_not_learn_leaves_with_its_label():
    x = Samples(tuple(X), learned=(False, *[True] * 11))
    clusters = [*range(6)] * 2
    effect = correlation("λ", x, Y, other="a", clusters=clusters, leave_out_unlearned=True).effect
    want = rank_correlation(X[1:], Y[1:], clusters=clusters[1:])
    assert (effect.estimate, effect.low) == pytest.approx((want.estimate, want.low))
    assert (effect.n, effect.left_out) == (11, 1)
    none = Samples(tuple(X), learned=(False,) * 12)
    empty = correlation("λ", none, Y, other="a", leave_out_unlearned=True).effect
    assert (empty.reason, empty.left_out) == ("no case is left", 12)


def test_too_few_clusters_leave_the_correlation_open():
    effect = correlation("λ", X, X, other="a", clusters=[0, 1, 2] * 4).effect
    assert (effect.low, effect.estimate, effect.high) == (-1.0, 1.0, 1.0)
    assert "3 clusters are too few" in effect.reason and effect.p_value(0.0) == 1.0


def test_a_value_that_is_not_finite_leaves_no_correlation():
    effect = correlation("λ", [NAN, *X[1:]], Y, other="a").effect
    assert math.isnan(effect.estimate) and effect.invalid == 1


@pytest.mark.parametrize("name", ["clusters", "groups"])
def test_labels_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match=f"2 {name} do not fit 12 networks"):
        correlation("λ", X, Y, other="a", **{name: [0, 1]})


def test_six_pairs_reach_95_percent_and_five_say_that_they_do_not():
    six = median_ratio("t", durations(*[4.0, 5, 6, 7, 8, 9]), durations(*[2.0] * 6)).effect
    assert (six.estimate, six.confidence) == (3.25, 0.95)
    assert (six.low, six.high) == pytest.approx((3.8 / 2.2, 9.2 / 1.8))
    assert six.p_value(1.0) == pytest.approx(2 / 64)
    five = median_ratio("t", durations(*[4.0, 5, 6, 7, 8]), durations(*[2.0] * 5)).effect
    assert (five.confidence, five.p_value(1.0)) == (0.9, pytest.approx(2 / 32))
    assert five.low == pytest.approx(3.8 / 2.2)
    four = median_ratio("t", durations(1.0, 2, 3, 4), durations(*[2.0] * 4)).effect
    assert four.reason == "4 pairs give no interval of a median; it takes 5"


def test_swapping_the_arms_inverts_the_median_ratio():
    first, second = durations(4.0, 5, 6, 7, 8, 9), durations(2.0, 3, 1, 2, 2, 2)
    there, back = (median_ratio("t", *arms).effect for arms in ((first, second), (second, first)))
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_a_run_that_never_arrives_keeps_a_median_that_does_not_depend_on_it():
    second = durations(*[2.0] * 7)
    known = median_ratio("t", durations(4.0, 5, 6, 7, 8, 9, 9, never={6}), second).effect
    assert known.estimate == 3.5 and known.high == math.inf and not known.reason
    three = median_ratio("t", durations(*[9.0] * 7, never={0, 1, 2, 3}), second).effect
    assert math.isnan(three.estimate) and three.reason == "in 4 of 7 pairs a run never gets there"
    assert three.low > 1
    both = median_ratio("t", durations(*[9.0] * 7, never={0}), durations(*[9.0] * 7, never={0}))
    assert both.effect.p_value(1.0) == 1.0


def test_durations_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="1 and 2 durations are no pairs"):
        median_ratio("t", durations(1.0), durations(1.0, 2.0))


def test_runs_that_need_no_time_are_equally_fast():
    zero = durations(*[0.0] * 6, width=0.0)
    assert median_ratio("t", zero, zero).effect.estimate == 1.0
