"""Relations: known intervals, units, arms swapped, and what gives no interval."""

import math

import numpy as np
import pytest
from studies.intervals import mean_interval, paired_difference, paired_ratio
from studies.judging.relations import barrier, count, difference, level, ratio, share
from studies.judging.samples import Samples

FIRST, SECOND = [2.0, 3.1, 5.2, 4.4, 2.2], [1.0, 1.4, 2.9, 1.7, 1.3]


def ends(relation):
    return relation.effect.low, relation.effect.estimate, relation.effect.high


def test_a_ratio_has_the_paired_interval_of_the_logarithms():
    effect = ratio("λ", FIRST, SECOND).effect
    wide, narrow = (paired_ratio(FIRST, SECOND, confidence=c) for c in (0.95, 0.9))
    assert (effect.low, effect.high) == pytest.approx((wide.low, wide.high), rel=1e-12)
    assert (effect.low90, effect.high90) == pytest.approx((narrow.low, narrow.high), rel=1e-12)
    assert effect.estimate == pytest.approx(wide.estimate)
    assert (effect.n, effect.log, effect.reason) == (5, True, "")


def test_a_difference_of_accuracies_is_in_points():
    first, second = [0.91, 0.92, 0.905], [0.90, 0.915, 0.88]
    want = paired_difference(first, second)
    found = difference("accuracy", first, second)
    assert ends(found) == pytest.approx((100 * want.low, 100 * want.estimate, 100 * want.high))
    assert (found.unit, found.neutral, found.margin) == ("points", 0.0, "accuracy")


def test_a_level_is_a_mean_or_a_geometric_mean():
    want = mean_interval(FIRST)
    assert ends(level("loss", FIRST)) == pytest.approx((want.low, want.estimate, want.high))
    logs = mean_interval(np.log(FIRST))
    found = level("λ", FIRST, log=True)
    assert ends(found) == pytest.approx(np.exp([logs.low, logs.estimate, logs.high]))
    assert found.effect.log


def test_a_barrier_is_in_points_and_has_its_margin():
    found = barrier("the barrier", [0.12, 0.1, 0.17])
    assert found.effect.estimate == pytest.approx(13.0)
    assert (found.kind, found.neutral, found.margin) == ("barrier", 0.0, "barrier")


def test_swapping_the_arms_inverts_a_ratio_and_turns_a_difference():
    there, back = ends(ratio("λ", FIRST, SECOND)), ends(ratio("λ", SECOND, FIRST))
    assert there == pytest.approx([1 / value for value in reversed(back)])
    there, back = ends(difference("a", FIRST, SECOND)), ends(difference("a", SECOND, FIRST))
    assert there == pytest.approx([-value for value in reversed(back)])


def test_units_do_not_change_a_ratio_and_scale_a_difference():
    scaled = [[1e-3 * value for value in values] for values in (FIRST, SECOND)]
    assert ends(ratio("λ", *scaled)) == pytest.approx(ends(ratio("λ", FIRST, SECOND)))
    whole = difference("a", *scaled, factor=1000.0)
    assert ends(whole) == pytest.approx(ends(difference("a", FIRST, SECOND, factor=1.0)))


def test_a_share_has_the_exact_interval():
    effect = share("runs diverge", [True] * 6).effect
    assert (effect.low, effect.estimate, effect.high) == pytest.approx((0.025 ** (1 / 6), 1.0, 1.0))
    none = share("runs diverge", []).effect
    assert (none.n, none.reason) == (0, "no case is left") and math.isnan(none.estimate)


def test_a_count_is_a_mean_a_case():
    effect = count("spikes", [4, 6]).effect
    assert (effect.estimate, effect.n) == (5.0, 2)
    assert (effect.low, effect.high) == pytest.approx((4.7954 / 2, 18.3904 / 2), abs=1e-4)
    assert count("spikes", []).effect.reason == "no case is left"


@pytest.mark.parametrize("bad", [-1, 0.5, math.nan, math.inf])
def test_a_count_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match=r"cannot be. Pass whole numbers of at least 0"):
        count("spikes", [1, bad])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_a_value_without_logarithm_leaves_no_ratio(bad):
    for values in ([*FIRST[:4], bad], [bad, *FIRST[1:]]):
        effect = ratio("λ", values, SECOND).effect
        assert math.isnan(effect.estimate) and math.isnan(effect.low) and effect.invalid == 1
        assert effect.reason == "1 of 5 cases has a value that is not finite and positive"
        assert effect.tails(1.0) == (1.0, 1.0) and effect.p_value(1.0) == 1.0


def test_values_that_are_not_finite_leave_no_difference():
    effect = difference("a", [math.inf, math.nan, 1.0], [math.inf, 1.0, 0.5]).effect
    assert (effect.invalid, effect.reason) == (2, "2 of 3 cases have a value that is not finite")


@pytest.mark.parametrize("values", [[10.0] * 3, [0.0] * 4, [0.1 + 0.2, 0.3, 0.3]])
def test_equal_values_give_no_interval_of_zero_width(values):
    effect = level("accuracy", values).effect
    assert effect.estimate == pytest.approx(values[-1]) and math.isnan(effect.low)
    assert effect.reason == (
        f"all {len(values)} values are equal, and a t-interval of zero width is a fault: "
        "use a share"
    )
    assert ratio("λ", [3.0] * 3, [1.0] * 3).effect.reason.endswith("use a share")


def test_small_values_that_differ_are_not_taken_as_equal():
    assert not level("bound", [1e-20, 2e-20, 3e-20]).effect.reason


def test_one_case_and_no_case_have_no_interval():
    one = ratio("λ", [2.0], [1.0]).effect
    assert one.estimate == pytest.approx(2.0) and one.reason == "1 case gives no interval"
    dead = Samples((1.0, 2.0), learned=(False, False))
    none = ratio("λ", dead, [1.0, 1.0]).effect
    assert (none.reason, none.left_out, none.n) == ("no case is left", 2, 0)


def test_a_network_that_did_not_learn_enters_no_ratio_and_stays_in_a_difference():
    first = Samples((*FIRST, math.nan), learned=(*[True] * 5, False))
    second = [*SECOND, 0.1]
    assert ends(ratio("λ", first, second)) == pytest.approx(ends(ratio("λ", FIRST, SECOND)))
    assert ratio("λ", first, second).effect.left_out == 1
    kept = ratio("λ", first, second, leave_out_unlearned=False).effect
    assert (kept.left_out, kept.invalid) == (0, 1)
    accuracies = Samples((0.9, 0.8, 0.1), learned=(True, True, False))
    assert difference("accuracy", accuracies, [0.8, 0.75, 0.7]).effect.n == 3


def test_values_that_did_not_converge_are_counted():
    first = Samples(tuple(FIRST), converged=(True, False, True, True, True))
    assert ratio("λ", first, SECOND).effect.unconverged == 1


def test_two_one_sided_tests_pass_exactly_if_the_90_percent_interval_lies_inside():
    effect = level("x", [0.1, -0.2, 0.3, 0.05]).effect
    for step, passes in ((1e-9, True), (-1e-9, False)):
        assert (effect.p_equivalent(effect.low90 - step, 9.0) <= 0.05) == passes
        assert (effect.p_equivalent(-9.0, effect.high90 + step) <= 0.05) == passes
