"""Intervals over seeds."""

import math

import numpy as np
import pytest
import scipy.stats
from studies import intervals
from studies.intervals import mean_interval, paired_difference, paired_ratio

SAMPLES = [0.3, -1.2, 2.5, 0.9, 1.1]
NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("samples", [SAMPLES, SAMPLES[:2], list(np.arange(40.0) ** 2)])
def test_mean_interval_is_students(samples, confidence):
    found = mean_interval(samples, confidence=confidence)
    want = scipy.stats.ttest_1samp(samples, 0.0).confidence_interval(confidence)
    assert found.estimate == pytest.approx(np.mean(samples), rel=1e-14)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), rel=1e-12)
    assert (found.n, found.confidence, found.invalid) == (len(samples), confidence, 0)


def test_mean_interval_of_two_samples_is_the_textbook_number():
    # t(0.975, 1) = 12.7062, half-width = t · |a - b| / 2.
    found = mean_interval([1.0, 3.0])
    assert (found.low, found.high) == pytest.approx((2 - 12.7062047, 2 + 12.7062047), rel=1e-8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [2.0, 0.0, -1e300, 5e-324])
def test_mean_interval_of_equal_samples_has_no_width(value):
    for n in (2, 3):
        found = mean_interval([value] * n)
        assert (found.low, found.estimate, found.high) == (value, value, value)


@pytest.mark.filterwarnings("error")
def test_mean_interval_of_samples_equal_to_rounding_is_as_narrow():
    found = mean_interval([0.1, 0.1, 0.1])
    assert found.high - found.low < 1e-16 and found.low <= 0.1 <= found.high


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 5, 20])
def test_mean_interval_covers_the_mean_as_often_as_it_says(n):
    numbers, trials = np.random.default_rng(n), 2000
    hits = 0
    for sample in numbers.normal(3.0, 2.0, (trials, n)):
        found = mean_interval(sample)
        hits += found.low <= 3.0 <= found.high
    # Four standard errors of a share of 2000.
    assert abs(hits / trials - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)


@pytest.mark.slow
def test_paired_ratio_covers_the_ratio_as_often_as_it_says():
    numbers, trials = np.random.default_rng(9), 2000
    hits = 0
    for _ in range(trials):
        common = numbers.normal(0, 3, 5)
        first = np.exp(common + numbers.normal(math.log(1.5), 0.3, 5))
        found = paired_ratio(first, np.exp(common))
        hits += found.low <= 1.5 <= found.high
    assert abs(hits / trials - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)


def test_paired_difference_is_the_interval_of_the_differences():
    second = [1.0, 0.5, -2.0, 0.0, 4.0]
    found = paired_difference(SAMPLES, second)
    want = scipy.stats.ttest_rel(SAMPLES, second).confidence_interval(0.95)
    assert found.estimate == pytest.approx(np.mean(SAMPLES) - np.mean(second))
    assert (found.low, found.high) == pytest.approx((want.low, want.high), rel=1e-12)
    assert (found.kind, found.neutral, found.n) == ("difference", 0.0, 5)


def test_paired_ratio_is_the_geometric_mean_of_the_ratios():
    first, second = [2.0, 8.0, 3.0], [1.0, 2.0, 3.0]
    found = paired_ratio(first, second, confidence=0.9)
    logs = np.log([2.0, 4.0, 1.0])
    want = scipy.stats.ttest_1samp(logs, 0.0).confidence_interval(0.9)
    assert found.estimate == pytest.approx(2.0, rel=1e-14)
    assert (found.low, found.high) == pytest.approx((math.exp(want.low), math.exp(want.high)))
    assert (found.kind, found.neutral, found.confidence) == ("ratio", 1.0, 0.9)
    turned = paired_ratio(second, first, confidence=0.9)
    assert turned.estimate == pytest.approx(1 / found.estimate)
    assert turned.low == pytest.approx(1 / found.high)


def test_pairs_are_stronger_than_arms_when_seeds_vary():
    common = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    noise = np.array([0.9, 1.1, 1.0, 0.8, 1.2])
    assert paired_difference(common + noise, common).low > 0.8


@pytest.mark.parametrize("bad", NOT_FINITE)
def test_a_sample_that_is_not_finite_gives_no_estimate(bad):
    for found in (
        mean_interval([1.0, bad, 2.0]),
        paired_difference([1.0, bad, 2.0], [0.0, 0.0, 0.0]),
        paired_ratio([1.0, 2.0, 3.0], [1.0, bad, 2.0]),
    ):
        assert all(math.isnan(x) for x in (found.estimate, found.low, found.high))
        assert (found.n, found.invalid) == (3, 1)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_pair_without_logarithm_gives_no_ratio(bad):
    found = paired_ratio([1.0, bad, bad], [1.0, 1.0, 2.0])
    assert math.isnan(found.estimate) and (found.n, found.invalid) == (3, 2)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, math.nan])
def test_a_coverage_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError, match=rf"confidence={confidence} give no interval"):
        mean_interval(SAMPLES, confidence=confidence)


@pytest.mark.parametrize("samples", [[], [1.0], [[1.0, 2.0], [3.0, 4.0]], 1.0])
def test_samples_that_give_no_interval_are_refused(samples):
    with pytest.raises(
        ValueError, match=r"samples at confidence=0.95 give no interval.*at least 2"
    ):
        mean_interval(samples)


def test_samples_that_are_no_pairs_are_refused():
    for compare in (paired_difference, paired_ratio):
        with pytest.raises(ValueError, match=r"2 and 3 samples are no pairs.*same seeds"):
            compare([1.0, 2.0], [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"1 samples at confidence"):
            compare([1.0], [2.0])


# Curves


def test_band_is_the_interval_at_each_position():
    curves = [[1.0, 2.0, 0.0], [3.0, 2.5, 1.0], [2.0, math.nan, 0.5]]
    found = intervals.band([0, 1, 2], curves)
    for place in (0, 2):
        want = mean_interval([curve[place] for curve in curves])
        assert (found.low[place], found.mean[place], found.high[place]) == (
            want.low,
            want.estimate,
            want.high,
        )
    assert math.isnan(found.mean[1]) and math.isnan(found.low[1]) and math.isnan(found.high[1])
    np.testing.assert_array_equal(found.samples, curves)
    assert found.n == 3 and found.x.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [2, 9, 20])
def test_band_of_many_curves_is_the_interval_at_each_position(n):
    curves = np.random.default_rng(n).normal(size=(n, 6))
    curves[0, 1], curves[-1, 2], curves[:, 3] = math.nan, math.inf, 2.0
    found = intervals.band(range(6), curves)
    for place, column in enumerate(curves.T):
        want = mean_interval(column)
        got = found.mean[place], found.low[place], found.high[place]
        assert got == pytest.approx((want.estimate, want.low, want.high), rel=1e-13, nan_ok=True)


def test_band_refuses_curves_that_do_not_fit():
    with pytest.raises(ValueError, match=r"curves of \(2,\) points do not fit a grid of \(3,\)"):
        intervals.band([0, 1, 2], [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"at least 2 samples"):
        intervals.band([0, 1], [[1.0, 2.0]])


@pytest.mark.parametrize("curves", [[], [[1.0, 2.0], [3.0]]])
def test_band_refuses_no_curves_and_curves_of_different_lengths_in_its_own_words(curves):
    with pytest.raises(ValueError, match=r"do not fit a grid of \(2,\)|at least 2"):
        intervals.band([0, 1], curves)


def test_a_single_curve_is_a_band_without_width():
    found = intervals.single_curve([0, 1], [2.0, math.nan])
    assert found.n == 1 and found.samples.shape == (1, 2)
    assert found.low[0] == found.mean[0] == found.high[0] == 2.0 and math.isnan(found.mean[1])


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], 1.0])
def test_a_single_curve_that_does_not_fit_is_refused(values):
    with pytest.raises(ValueError, match=r"do not fit a grid of \(2,\). Pass one value"):
        intervals.single_curve([0, 1], values)


# Step noise


def test_step_noise_of_an_alternating_series_is_known():
    # Differences of ±2: √(4 / 2).
    assert intervals.step_noise([1.0, -1.0, 1.0, -1.0]) == pytest.approx(math.sqrt(2))


def test_step_noise_is_the_deviation_of_the_noise_and_not_of_the_trend():
    n = 4000
    noise = np.random.default_rng(0).normal(0, 0.3, n)
    found = intervals.step_noise(np.linspace(50, 0, n) + noise)
    # Relative error of a root mean square of n correlated differences: about √(3/4n).
    assert abs(found / 0.3 - 1) < 4 * math.sqrt(3 / (4 * n))


def test_step_noise_of_a_series_that_is_not_finite_is_not_finite():
    assert not math.isfinite(intervals.step_noise([1.0, math.inf, 2.0]))


@pytest.mark.parametrize("series", [[], [1.0], [[1.0, 2.0]]])
def test_step_noise_refuses_a_series_without_steps(series):
    with pytest.raises(ValueError, match=r"have no successive differences. Pass at least 2"):
        intervals.step_noise(series)


# Shares and exponents


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (3, 3, 0.025 ** (1 / 3), 1.0),  # Closed form at the ends.
        (0, 9, 0.0, 1 - 0.025 ** (1 / 9)),
        (4, 20, 0.0573, 0.4366),  # A table of Clopper and Pearson's.
    ],
)
def test_share_has_the_exact_interval(count, n, low, high):
    found = intervals.share_interval(count, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (found.estimate, found.n, found.kind) == (count / n, n, "share")


@pytest.mark.parametrize(("count", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_counts_that_are_no_share_are_refused(count, n):
    with pytest.raises(ValueError, match=f"{count} of {n} cases is no share. Pass 0 <= count"):
        intervals.share_interval(count, n)


def test_power_law_gives_its_exponent():
    xs = [8, 20, 56]
    assert intervals.power_law(xs, [3 * x**-1.5 for x in xs]) == pytest.approx(-1.5, rel=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_value_without_logarithm_leaves_no_exponent(bad):
    assert math.isnan(intervals.power_law([1, 2, 3], [1.0, bad, 9.0]))


@pytest.mark.parametrize(("xs", "ys"), [([1, 1], [2, 3]), ([0, 1], [1, 1]), ([1, 2], [1])])
def test_positions_without_slope_are_refused(xs, ys):
    with pytest.raises(ValueError, match="give no exponent"):
        intervals.power_law(xs, ys)


def test_an_interval_is_inside_a_margin_only_as_a_whole():
    narrow = intervals.mean_interval([-0.51, -0.5, -0.49], confidence=0.9)
    assert narrow.inside(-0.6, -0.4)
    assert not narrow.inside(-0.5, -0.4) and not narrow.inside(-0.6, -0.5)
    assert not intervals.mean_interval([1.0, float("nan")]).inside(-9, 9)
