"""Evidence: an interval excludes a border exactly if its p-value says so, for every kind."""

import math

import numpy as np
import pytest
import scipy.stats
from studies.judging.evidence import BinomialShare, OrderedMedian, PoissonRate, Ranks, StudentMean
from studies.rank_correlation import rank_correlation

NUMBERS = np.random.default_rng(3)
X, Y = NUMBERS.normal(size=(2, 20))
ARMS = np.repeat(range(5), 4).tolist()
EVIDENCE = {
    "mean": StudentMean(0.3, 0.5, 6, log=False),
    "ratio": StudentMean(0.3, 0.5, 6, log=True),
    "share": BinomialShare(9, 12),
    "rate": PoissonRate(12, 4),
    "correlation": Ranks(rank_correlation(X, X + Y)),
    "clusters": Ranks(rank_correlation(X, X + Y, clusters=ARMS)),
    "median": OrderedMedian(4.5, [1, 2, 3, 4, 5, 6, 7.5, 8], [1.5, 2, 3, 4, 5, 6, 8, 9]),
}


@pytest.mark.parametrize("name", EVIDENCE)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_an_interval_excludes_a_border_exactly_if_a_tail_is_small(name, confidence):
    evidence = EVIDENCE[name]
    low, high = evidence.interval(confidence)
    assert low < evidence.estimate < high
    miss = (1 - confidence) / 2
    for end, sign, tail in ((low, 1, 0), (high, -1, 1)):
        step = 1e-6 * sign
        assert evidence.tails(end - step)[tail] <= miss
        assert evidence.tails(end + step)[tail] > miss


@pytest.mark.parametrize("name", ["mean", "ratio", "correlation", "clusters"])
def test_continuous_tails_add_up_to_one(name):
    for border in (0.2, 0.7, 1.3):
        assert sum(EVIDENCE[name].tails(border)) == pytest.approx(1.0)


def test_students_tails_are_those_of_the_t_test():
    samples = np.array([0.3, 0.9, -0.2, 0.6])
    evidence = StudentMean(samples.mean(), samples.std(ddof=1), 4, log=False)
    for index, alternative in enumerate(("greater", "less")):
        want = scipy.stats.ttest_1samp(samples, 0.1, alternative=alternative).pvalue
        assert evidence.tails(0.1)[index] == pytest.approx(want, rel=1e-12)


def test_a_ratio_lies_above_any_border_that_is_not_positive():
    assert EVIDENCE["ratio"].tails(0.0) == EVIDENCE["ratio"].tails(-1.0) == (0.0, 1.0)
    assert EVIDENCE["ratio"].detectable(0.0, above=True) is None
    assert StudentMean(800.0, 1.0, 4, log=True).estimate == math.inf


def test_a_correlation_lies_inside_one():
    assert EVIDENCE["clusters"].tails(1.0) == (1.0, 0.0)
    assert EVIDENCE["clusters"].tails(-1.5) == (0.0, 1.0)


def test_garwoods_interval_is_the_published_one():
    # Garwood's table: 0 events, 0 to 3.689; 10 events, 4.795 to 18.390.
    assert PoissonRate(0, 1).interval(0.95) == (0.0, pytest.approx(3.6889, abs=1e-4))
    assert PoissonRate(10, 1).interval(0.95) == pytest.approx((4.7954, 18.3904), abs=1e-4)


def test_what_would_have_been_seen_lies_on_the_asked_side():
    for evidence in EVIDENCE.values():
        if not isinstance(evidence, OrderedMedian):
            assert evidence.detectable(0.5, above=True) > 0.5
    assert EVIDENCE["mean"].detectable(0.5, above=False) < 0.5
    ratio = EVIDENCE["ratio"]
    up, down = (ratio.detectable(1.0, above=above) for above in (True, False))
    assert up * down == pytest.approx(1.0)
    assert EVIDENCE["median"].detectable(1.0, above=False) > 0.9  # A share of pairs.
