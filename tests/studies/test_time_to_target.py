"""Durations: epochs to a target, also of runs that never get there, and what several seeds say."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from studies.durations import Duration, faster, median_duration
from studies.rank_correlation import rank_correlation
from studies.runs import RecordedRun
from studies.time_to_target import reach

NAN, INF = math.nan, math.inf
AT = [0.0, 0.5, 1.0, 2.0, 4.0]


def run(at=AT, *, loss=None, accuracy=None, diverged_at=None):
    """A run with these test losses and accuracies; one that diverged has fewer than positions."""
    count = len(loss if loss is not None else accuracy)
    history = {"test_loss": [1.0] * count if loss is None else loss}
    history["test_accuracy"] = [0.5] * count if accuracy is None else accuracy
    history["gradient_norm"] = [1.0] * count
    return RecordedRun(
        config=None,
        task=None,
        recording=None,
        measured_at=torch.tensor(at, dtype=torch.float64),
        history={name: torch.tensor(of, dtype=torch.float64) for name, of in history.items()},
        gradients=torch.ones(0, 0),
        steps=6,
        diverged_at=diverged_at,
        parameters=0,
        last={},
    )


def at(*epochs, end=24.0):
    """Durations, known exactly; infinite ones never get there."""
    return [Duration(min(x, end), min(x, end), x if x <= end else INF) for x in epochs]


# One run


def test_an_accuracy_is_reached_on_the_line_between_measurements():
    found = reach(run(accuracy=[0.1, 0.5, 0.9, 0.96, 0.98]), "test_accuracy", 0.975)
    # Three quarters of the way from 0.96 at 2 to 0.98 at 4.
    assert found.epochs == pytest.approx(3.5, rel=1e-14)
    assert (found.reached, found.measurement_interval) == (True, 2.0)
    assert (found.earliest, found.latest) == (2.0, 4.0)


@pytest.mark.parametrize("when", [0.1, 0.5, 0.8, 1.7, 3.9, 4.0])
def test_a_loss_that_falls_exponentially_is_timed_exactly(when):
    losses = [2.3 * math.exp(-0.7 * t) for t in AT]
    found = reach(run(loss=losses), "test_loss", 2.3 * math.exp(-0.7 * when) * (1 + 1e-15))
    assert found.reached and found.epochs == pytest.approx(when, rel=1e-12)


def test_a_loss_that_falls_otherwise_is_timed_within_the_interval():
    losses = [1 / (1 + t**2) for t in AT]
    for when in (0.3, 0.9, 1.2, 3.0):
        found = reach(run(loss=losses), "test_loss", 1 / (1 + when**2))
        assert 0 < abs(found.epochs - when) < found.measurement_interval


def test_the_first_time_counts_also_if_the_target_is_lost_again():
    found = reach(run(accuracy=[0.1, 0.5, 0.97, 0.2, 0.99]), "test_accuracy", 0.97)
    assert (found.epochs, found.measurement_interval) == (1.0, 0.5)


def test_a_target_that_holds_at_the_initialisation_takes_no_time():
    assert reach(run(accuracy=[0.3] * 5), "test_accuracy", 0.3) == Duration(0.0, 0.0, 0.0)
    assert reach(run(loss=[0.3] * 5), "test_loss", 0.3) == Duration(0.0, 0.0, 0.0)


@pytest.mark.parametrize(("name", "target"), [("test_accuracy", 0.97), ("test_loss", 0.01)])
def test_a_run_that_never_gets_there_lasts_to_the_end_of_its_plan(name, target):
    found = reach(run(loss=[2.3, 1, 0.5, 0.2, 0.1]), name, target)
    assert found == Duration(4.0, 4.0, INF) and not found.reached


def test_a_run_that_diverges_before_lasts_to_the_end_of_its_plan():
    ended = run(loss=[2.3, 2.0, NAN], accuracy=[0.1, 0.3, 0.1], diverged_at=7)
    assert reach(ended, "test_accuracy", 0.9) == Duration(4.0, 4.0, INF)


def test_a_run_that_diverges_afterwards_got_there():
    ended = run(loss=[2.3, 2.0, NAN], accuracy=[0.1, 0.3, 0.1], diverged_at=7)
    assert reach(ended, "test_accuracy", 0.2).epochs == pytest.approx(0.25)


def test_networks_without_a_finite_loss_reach_nothing():
    lost = run(loss=[2.3, NAN, INF], accuracy=[0.1, 0.6, 0.6], diverged_at=7)
    assert not reach(lost, "test_accuracy", 0.6).reached
    assert not reach(run(loss=[2.3, NAN, NAN]), "test_loss", 1.0).reached


@pytest.mark.parametrize("lost", [NAN, INF])
@pytest.mark.parametrize(("name", "target"), [("test_accuracy", 0.5), ("test_loss", 1.0)])
def test_a_target_is_reached_at_the_measurement_if_the_one_before_is_not_finite(name, target, lost):
    odd = run(loss=[2.3, 2.3, lost, 0.5, 0.4], accuracy=[0.1, 0.1, 0.4, 0.8, 0.8])
    assert reach(odd, name, target) == Duration(2.0, 1.0, 2.0)


def test_a_loss_of_zero_is_reached_between_its_measurements():
    found = reach(run(loss=[2.3, 1, 0, 0, 0]), "test_loss", 0.1)
    assert found.reached and 0.5 <= found.epochs <= 1.0


@pytest.mark.parametrize("name", ["gradient_norm", "validation_loss", "loss"])
def test_reach_refuses_what_has_no_target(name):
    known = "test_loss, test_accuracy"
    with pytest.raises(ValueError, match=rf"quantity='{name}' has no target.*history: {known}\."):
        reach(run(loss=[1.0] * 5), name, 0.5)


@pytest.mark.parametrize("target", [97.0, 0.0, -0.1, NAN, INF])
def test_reach_refuses_a_target_that_is_no_accuracy(target):
    with pytest.raises(ValueError, match=r"target=.* for 'test_accuracy'. Pass a share correct in"):
        reach(run(loss=[1.0] * 5), "test_accuracy", target)


@pytest.mark.parametrize("target", [0.0, -1.0, NAN, INF])
def test_reach_refuses_a_target_that_is_no_loss(target):
    with pytest.raises(ValueError, match=r"target=.* for 'test_loss'. Pass a finite loss > 0"):
        reach(run(loss=[1.0] * 5), "test_loss", target)


# Ranks


def test_censored_runs_are_ranked_behind_all_others():
    true = [3.0, 30.0, 9.0, 5.0, 7.0, 20.0]
    shape = [1.0, 6.0, 3.0, 5.0, 2.0, 4.0]
    recorded = [of.epochs for of in at(*true)]
    assert recorded[1] == 24.0
    assert rank_correlation(shape, recorded) == rank_correlation(shape, true)


# Seeds


def test_the_interval_of_five_seeds_is_their_extremes_and_says_its_coverage():
    found = median_duration(at(3.0, 9.0, 5.0, 4.0, 7.0))
    assert (found.estimate, found.low, found.high) == (5.0, 3.0, 9.0)
    assert found.confidence == pytest.approx(0.9375, rel=1e-14)
    assert (found.n, found.kind, found.censored, found.reason) == (5, "median", 0, "")
    assert (found.least, found.most) == (5.0, 5.0)


@pytest.mark.parametrize(
    ("n", "rank", "coverage"),
    [(5, 1, 30 / 32), (7, 1, 126 / 128), (8, 2, 238 / 256), (12, 3, 1 - 2 * 79 / 4096)],
)
def test_the_interval_is_between_order_statistics_of_known_coverage(n, rank, coverage):
    found = median_duration(at(*(float(k) for k in range(n, 0, -1))))
    assert (found.low, found.high) == (rank, n + 1 - rank)
    assert found.confidence == pytest.approx(coverage, rel=1e-12)


@pytest.mark.parametrize(("epochs", "median"), [([3.0], 3.0), ([3.0, 8.0, 5.0, 6.0], 5.5)])
def test_too_few_seeds_have_a_median_without_interval(epochs, median):
    found = median_duration(at(*epochs))
    assert found.estimate == median
    assert (found.low, found.high, found.confidence) == (0.0, INF, 1.0)


def test_a_median_below_the_censored_runs_stands_and_its_upper_end_is_infinite():
    found = median_duration(at(3.0, INF, 5.0, 4.0, INF))
    assert (found.estimate, found.low, found.high) == (5.0, 3.0, INF)
    assert (found.censored, found.reason) == (2, "")


def test_a_median_that_never_gets_there_is_a_lower_bound():
    found = median_duration(at(INF, INF, 5.0, 4.0, INF))
    assert math.isnan(found.estimate) and (found.least, found.most) == (24.0, INF)
    assert (found.low, found.high) == (4.0, INF)
    assert found.reason == "3 of 5 runs never get there"
    never = median_duration(at(*[INF] * 5))
    assert (never.low, never.high, never.least) == (24.0, INF, 24.0)


def test_a_median_midway_to_a_censored_run_is_a_lower_bound():
    found = median_duration(at(INF, INF, 8.0, 4.0))
    assert math.isnan(found.estimate) and found.least == 16.0


@pytest.mark.slow
def test_the_interval_covers_the_median_as_often_as_it_says():
    draws = np.random.default_rng(3).exponential(10.0, (1500, 5))
    median = 10 * math.log(2)
    for end in (INF, 8.0):  # Without and with many runs that are cut off.
        found = [median_duration(at(*row, end=end)) for row in draws]
        share = np.mean([of.low <= median <= of.high for of in found])
        stderr = math.sqrt(0.9375 * 0.0625 / len(draws))
        assert share > 0.9375 - 4 * stderr
        if end == INF:
            assert share < 0.9375 + 4 * stderr


# Arms compared


def test_faster_is_the_median_over_seeds_of_the_paired_ratio():
    first, second = at(2.0, 3.0, 4.0, 5.0, 6.0), at(4.0, 9.0, 6.0, 20.0, 6.6)
    found = faster(first, second)
    want = [1.1, 1.5, 2.0, 3.0, 4.0]
    assert (found.estimate, found.low, found.high) == pytest.approx((2.0, want[0], want[-1]))
    assert (found.kind, found.neutral, found.confidence) == ("ratio", 1.0, 0.9375)
    back = faster(second, first)
    ends = (1 / back.estimate, 1 / back.high, 1 / back.low)
    assert ends == pytest.approx((found.estimate, found.low, found.high))


def test_faster_than_runs_that_never_get_there_is_a_bound():
    found = faster(at(2.0, 3.0, 4.0, 6.0, 8.0), at(INF, INF, 8.0, 9.0, 12.0))
    assert (found.estimate, found.low, found.high) == (2.0, 1.5, INF)
    assert found.censored == 2
    found = faster(at(2.0, 3.0, 4.0, 6.0, 8.0), at(*[INF] * 5))
    assert math.isnan(found.estimate) and (found.least, found.low, found.high) == (6.0, 3.0, INF)
    assert found.reason == "in 5 of 5 seeds a run never gets there"


def test_a_seed_in_which_neither_gets_there_decides_nothing():
    found = faster(at(2.0, 3.0, 4.0, 6.0, INF), at(4.0, 9.0, 8.0, 9.0, INF))
    assert (found.low, found.high) == (0.0, INF)


def test_a_tie_is_a_ratio_of_one_also_at_the_initialisation():
    assert faster(at(0.0, 2.0, 2.0), at(0.0, 2.0, 2.0)).estimate == 1.0
    assert faster(at(0.0), at(2.0)).estimate == INF
    assert faster(at(2.0), at(0.0)).estimate == 0.0


@pytest.mark.parametrize("n", [5, 8, 11])
def test_the_interval_of_faster_excludes_one_exactly_if_the_sign_test_does(n):
    rng = np.random.default_rng(n)
    decided = 0
    for _ in range(200):
        a, b = rng.exponential(10.0, n), rng.exponential(25.0, n)
        found = faster(at(*a, end=INF), at(*b, end=INF))
        p = scipy.stats.binomtest(int((a < b).sum()), n).pvalue
        excluded = not found.low <= 1 <= found.high
        assert excluded == (p <= 1 - found.confidence + 1e-12)
        decided += excluded
    assert 0 < decided < 200


def test_intervals_count_the_measurements_on_either_side():
    timed = [Duration(x + 0.4, x, x + 1.0) for x in (3.0, 4.0, 5.0, 7.0, 9.0)]
    found = median_duration(timed)
    assert (found.estimate, found.low, found.high) == (5.4, 3.0, 10.0)
    # All five are faster by interpolation; in one seed both get there between two measurements.
    other = [Duration(of.earliest + 0.2, of.earliest, of.latest) for of in timed]
    first = [Duration(of.epochs / 2, of.earliest / 2, of.latest / 2) for of in timed[:4]]
    found = faster([*first, other[4]], timed)
    assert found.estimate == pytest.approx(2.0) and found.low == pytest.approx(9 / 10)
    assert found.high == pytest.approx(4 / 1.5)
    assert found.low < 1 < found.high


def test_what_is_censored_only_widens_intervals():
    rng = np.random.default_rng(7)
    for _ in range(200):
        a, b = rng.exponential(10.0, (2, 6))
        pairs = (
            (median_duration(at(*a, end=INF)), median_duration(at(*a, end=9.0))),
            (faster(at(*a, end=INF), at(*b, end=INF)), faster(at(*a, end=9.0), at(*b, end=9.0))),
        )
        for whole, cut in pairs:
            assert cut.low <= whole.low and cut.high >= whole.high
            assert cut.least <= whole.estimate <= cut.most
            assert math.isnan(cut.estimate) or cut.estimate == whole.estimate


def test_faster_refuses_what_are_no_pairs():
    with pytest.raises(ValueError, match=r"2 and 1 durations are no pairs.*same seeds"):
        faster(at(1.0, 2.0), at(1.0))


@pytest.mark.parametrize(("count", "confidence"), [(0, 0.9), (5, 1.0), (5, 0.0), (5, NAN)])
def test_no_durations_and_no_coverage_are_refused(count, confidence):
    with pytest.raises(ValueError, match=rf"{count} durations at confidence=.*at least one"):
        median_duration(at(*[1.0] * count), confidence=confidence)
