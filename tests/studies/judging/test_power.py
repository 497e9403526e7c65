"""Power: against the noncentral t, the referee's table and the exact tests' own tails."""

import math

import pytest
import scipy.stats
from studies.judging.power import (
    detectable_correlation,
    detectable_rate,
    detectable_share,
    detectable_shift,
    student_power,
)


@pytest.mark.parametrize("n", [3, 5, 20])
@pytest.mark.parametrize("units", [0.5, 2.0, 4.0])
def test_power_is_that_of_the_noncentral_t(n, units):
    quantile, shift = scipy.stats.t.ppf(0.975, n - 1), units / math.sqrt(n)
    want = scipy.stats.nct.sf(quantile, n - 1, units) + scipy.stats.nct.cdf(-quantile, n - 1, units)
    assert student_power(shift, sd=1.0, n=n) == pytest.approx(want, abs=1e-6)


def test_power_without_a_shift_is_the_size_of_the_test():
    assert student_power(0.0, sd=2.0, n=6) == pytest.approx(0.05, abs=1e-6)


SDS = (0.07, 0.13, 0.25, 0.37, 0.60)
TABLE = {
    3: (1.26, 1.53, 2.26, 3.35, 7.1),
    5: (1.12, 1.24, 1.52, 1.86, 2.7),
    6: (1.11, 1.21, 1.43, 1.70, 2.4),
    10: (1.07, 1.14, 1.28, 1.45, 1.8),
    20: (1.05, 1.09, 1.18, 1.28, 1.5),
}


@pytest.mark.parametrize("n", TABLE)
def test_ratios_that_would_be_seen_are_those_of_the_referees_table(n):
    for sd, want in zip(SDS, TABLE[n], strict=True):
        digits = 1 if want in (7.1, 2.7, 2.4, 1.8, 1.5) and sd == 0.60 else 2
        assert round(math.exp(detectable_shift(sd=sd, n=n)), digits) == pytest.approx(want)


def test_a_shift_goes_with_the_unit():
    one = detectable_shift(sd=0.3, n=4)
    assert detectable_shift(sd=30.0, n=4) == pytest.approx(100 * one, rel=1e-9)
    assert student_power(one, sd=0.3, n=4) == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [{"n": 1}, {"sd": 0.0}, {"sd": math.nan}, {"sd": -1.0}, {"power": 1.0}, {"power": 0.05}],
)
def test_what_gives_no_shift_is_refused(wrong):
    with pytest.raises(ValueError, match=r"give no detectable shift. Pass n >= 2"):
        detectable_shift(**{"sd": 1.0, "n": 5, **wrong})


@pytest.mark.parametrize(("n", "border"), [(10, 0.5), (24, 0.7), (6, 0.3)])
def test_a_share_is_seen_in_four_of_five_samples(n, border):
    share = detectable_share(n, border, above=True)
    seen = [k for k in range(n + 1) if scipy.stats.binom.sf(k - 1, n, border) <= 0.025]
    assert scipy.stats.binom.pmf(seen, n, share).sum() == pytest.approx(0.8, rel=1e-9)
    assert detectable_share(n, 1 - border, above=False) == pytest.approx(1 - share)


def test_three_cases_tell_no_share_from_a_half():
    assert detectable_share(3, 0.5, above=True) is detectable_share(3, 0.5, above=False) is None


@pytest.mark.parametrize("above", [True, False])
def test_a_mean_count_is_seen_in_four_of_five_samples(above):
    rate = detectable_rate(5, 2.0, above=above)
    tail = scipy.stats.poisson.sf if above else scipy.stats.poisson.cdf
    seen = [k for k in range(200) if tail(k - above, 10.0) <= 0.025]
    assert scipy.stats.poisson.pmf(seen, 5 * rate).sum() == pytest.approx(0.8, rel=1e-6)
    assert (rate > 2.0) == above


def test_no_count_lies_clearly_below_a_mean_of_three():
    assert detectable_rate(1, 3.0, above=False) is None
    assert detectable_rate(1, 0.0, above=True) == pytest.approx(-math.log(0.2))


def test_nine_clusters_see_strong_correlations_alone():
    # 1/√6 is the error of 9 independent samples; t with 8 degrees of freedom asks for more.
    options = dict(error=0.1, jackknife=1 / math.sqrt(6), clusters=9)
    value = detectable_correlation(0.0, **options, above=True)
    assert 0.75 < value < 0.9
    assert detectable_correlation(0.0, **options, above=False) == pytest.approx(-value)
    independent = detectable_correlation(0.0, error=0.1, jackknife=0.0, clusters=9, above=True)
    assert math.atanh(independent) == pytest.approx(0.28016, rel=1e-4)
    for jackknife in (math.inf, 3.0):
        options["jackknife"] = jackknife
        assert detectable_correlation(0.0, **options, above=True) is None
