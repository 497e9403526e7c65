"""Rank correlation: Spearman's where samples are pooled, and intervals that cover."""

import math

import numpy as np
import pytest
import scipy.stats
from studies.intervals import Interval
from studies.rank_correlation import fisher_interval, rank_correlation

X = [3.1, 0.2, 5.0, 4.4, 1.0, 2.2, 9.0, 7.0]
Y = [1.0, 0.1, 2.0, 9.0, 0.5, 0.4, 3.0, 2.5]
ARMS = np.repeat(np.arange(14), 3)


def ends(found):
    return found.low, found.high


# Estimates


@pytest.mark.parametrize("ties", [False, True])
def test_pooled_correlation_is_spearmans(ties):
    numbers = np.random.default_rng(0)
    for n in (4, 12, 45):
        x, y = numbers.normal(size=(2, n))
        if ties:
            x, y = np.round(2 * x), np.round(y + x)
        found = rank_correlation(x, y)
        assert found.estimate == pytest.approx(scipy.stats.spearmanr(x, y)[0], rel=1e-12)
        assert (found.n, found.groups, found.clusters, found.unused) == (n, 1, n, 0)
        assert found.low < found.estimate < found.high and not found.reason


def test_a_correlation_is_an_interval_whose_neutral_value_is_zero():
    found = rank_correlation(X, Y, confidence=0.9)
    assert isinstance(found, Interval) and found.kind == "correlation"
    assert (found.neutral, found.confidence, found.invalid) == (0.0, 0.9, 0)


def test_within_groups_is_the_correlation_of_ranks_taken_in_each():
    # Ranks within a: 1 2 3 and 2 1 3; within b: 1 2 3 4 and 1 3 2 4. Σ uv = 1 + 4, Σ u² = 2 + 5.
    x = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 40.0]
    y = [5.0, 4.0, 6.0, 1.0, 3.0, 2.0, 4.0]
    found = rank_correlation(x, y, groups=list("aaabbbb"))
    assert found.estimate == pytest.approx((1 + 4) / 7, rel=1e-14)
    assert (found.n, found.groups, found.unused) == (7, 2, 0)
    mixed = [3, 0, 6, 1, 4, 2, 5]
    again = rank_correlation(
        *(np.array(values)[mixed] for values in (x, y)), groups=np.array(list("aaabbbb"))[mixed]
    )
    assert again.estimate == pytest.approx(found.estimate) and ends(again) == pytest.approx(
        ends(found)
    )


def test_within_groups_averages_tied_ranks():
    # Ranks in each group of x: 1.5 1.5 3, of y: 1 2 3: Σ uv = 1.5, Σ u² = 1.5, Σ v² = 2.
    found = rank_correlation([1, 1, 2, 5, 5, 9], [1, 2, 3, 1, 2, 3], groups=[0, 0, 0, 1, 1, 1])
    assert found.estimate == pytest.approx(3 / math.sqrt(3 * 4), rel=1e-14)


def test_within_groups_of_the_same_size_is_the_mean_of_their_correlations():
    x, y = np.random.default_rng(1).normal(size=(2, 14, 3))
    found = rank_correlation(x.ravel(), y.ravel(), groups=ARMS)
    each = [scipy.stats.spearmanr(a, b)[0] for a, b in zip(x, y, strict=True)]
    assert found.estimate == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_only_the_order_of_values_counts_however_large_they_are():
    huge = np.array([1e308, -1e308, 5e-324, 0.0, -0.0, 1.0, 1e308, -1.0])
    order = [5, 0, 3, 2, 2, 4, 5, 1]  # 0 and −0 are the same.
    for labels in ({}, {"groups": list("aaaabbbb")}, {"clusters": list("aabbccdd")}):
        assert rank_correlation(huge, Y, **labels) == rank_correlation(order, Y, **labels)


def test_the_sign_within_arms_may_be_opposite_to_that_between_them():
    arm = ARMS.astype(float)
    seed = np.tile([0.0, 1.0, 2.0], 14)
    x, y = 10 * arm + seed, 10 * arm - seed
    pooled = rank_correlation(x, y, clusters=ARMS)
    within = rank_correlation(x, y, groups=ARMS)
    assert pooled.estimate > 0.95 and pooled.low > 0.8
    assert within.estimate == -1.0 and within.high < -0.7


def test_what_arms_share_does_not_count_within_them():
    x, y = np.random.default_rng(2).normal(size=(2, 42))
    found = rank_correlation(x, y, groups=ARMS)
    shifted = rank_correlation(x + 5 * ARMS, y - 7 * np.sqrt(ARMS), groups=ARMS)
    assert found == shifted


@pytest.mark.parametrize("labels", [{}, {"groups": ARMS}, {"clusters": ARMS}])
def test_monotone_maps_change_nothing_and_a_falling_one_turns_the_interval(labels):
    x, y = np.random.default_rng(3).normal(size=(2, 42))
    y = y + x
    found = rank_correlation(x, y, **labels)
    assert rank_correlation(np.exp(x), y**3, **labels) == found
    assert ends(rank_correlation(y, x, **labels)) == pytest.approx(ends(found), rel=1e-12)
    turned = rank_correlation(-x, y, **labels)
    assert turned.estimate == pytest.approx(-found.estimate, rel=1e-12)
    assert ends(turned) == pytest.approx((-found.high, -found.low), rel=1e-12)


def test_labels_may_be_of_any_kind():
    x, y = np.random.default_rng(4).normal(size=(2, 42))
    named = [("arm", f"{label}") for label in ARMS]
    assert rank_correlation(x, y, groups=named) == rank_correlation(x, y, groups=ARMS)
    assert rank_correlation(x, y, clusters=named) == rank_correlation(x, y, clusters=list(ARMS))


def test_samples_alone_in_their_group_contribute_nothing_and_are_counted():
    x, y = np.random.default_rng(5).normal(size=(2, 12))
    groups = [*"aaaabbbb", *"cdef"]
    found = rank_correlation(x, y, groups=groups)
    without = rank_correlation(x[:8], y[:8], groups=groups[:8])
    assert (found.n, found.unused, found.groups) == (8, 4, 2)
    assert (found.estimate, *ends(found)) == (without.estimate, *ends(without))


def test_groups_in_which_a_variable_does_not_vary_contribute_nothing_and_are_counted():
    x, y = np.random.default_rng(5).normal(size=(2, 16))
    groups = np.repeat([*"abcd"], 4)
    y[8:12], x[12:] = 24.0, 0.0  # Such as runs that all stop at the end of one plan.
    for clusters in (None, [0, 1, 2, 3] * 4):
        of = None if clusters is None else clusters[:8]
        found = rank_correlation(x, y, groups=groups, clusters=clusters)
        without = rank_correlation(x[:8], y[:8], groups=groups[:8], clusters=of)
        assert (found.n, found.unused, found.groups) == (8, 8, 2)
        assert (found.estimate, *ends(found)) == (without.estimate, *ends(without))
    apart = rank_correlation(x[8:], y[8:], groups=groups[8:])
    assert math.isnan(apart.estimate)
    assert apart.reason == "in no group do both variables vary"


# Intervals


def test_the_interval_of_many_samples_is_that_of_bonett_and_wright():
    x, y = np.random.default_rng(6).normal(size=(2, 1000))
    y = y + x
    found = rank_correlation(x, y)
    r = found.estimate
    half = 1.959964 * math.sqrt((1 + r**2 / 2) / (1000 - 3))
    want = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    assert ends(found) == pytest.approx(want, rel=1e-3)


def test_the_interval_of_pairs_has_the_variance_of_a_share():
    # 14 pairs, 11 in the same order: r = 8/14, and z has the variance 1/((1 − r²)(14 − 2)).
    x = np.tile([0.0, 1.0], 14)
    y = x.copy()
    y[:6] = 1 - y[:6]
    found = rank_correlation(x, y, groups=np.repeat(np.arange(14), 2))
    r = 8 / 14
    half = 1.959964 / math.sqrt((1 - r**2) * 12)
    assert found.estimate == pytest.approx(r, rel=1e-14)
    assert ends(found) == pytest.approx(
        (math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)), rel=1e-6
    )


def test_the_interval_of_clusters_is_the_jackknifes():
    numbers = np.random.default_rng(7)
    shared = np.repeat(numbers.normal(size=(2, 14)), 3, axis=1)
    x, y = shared + 0.3 * numbers.normal(size=(2, 42))
    found = rank_correlation(x, y, clusters=ARMS)
    left = [scipy.stats.spearmanr(x[ARMS != arm], y[ARMS != arm])[0] for arm in range(14)]
    z = np.arctanh(left)
    error = math.sqrt(13 / 14 * ((z - z.mean()) ** 2).sum())
    half = scipy.stats.t.ppf(0.975, 13) * error
    middle = math.atanh(scipy.stats.spearmanr(x, y)[0])
    assert ends(found) == pytest.approx((math.tanh(middle - half), math.tanh(middle + half)))
    assert (found.clusters, found.n) == (14, 42)
    alone = rank_correlation(x, y)
    assert found.estimate == alone.estimate and found.low < alone.low and alone.high < found.high


def test_clusters_never_make_an_interval_narrower():
    # Each arm holds the whole order, so that leaving one out changes next to nothing.
    x = np.tile([0.0, 1.0, 2.0], 14) + 0.001 * ARMS
    y = np.tile([0.0, 2.0, 1.0], 14) + 0.001 * ARMS
    assert ends(rank_correlation(x, y, clusters=ARMS)) == ends(rank_correlation(x, y))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("n", "least"), [(4, -1.0), (5, -0.6), (8, 0.3), (12, 0.6), (42, 0.9)])
def test_few_samples_in_perfect_order_do_not_prove_much(n, least, sign):
    x = np.arange(n) ** 1.5
    found = rank_correlation(x, sign * x)
    low, high = sorted((sign * found.low, sign * found.high))
    assert found.estimate == sign and high == 1.0
    assert least < low < 1 - 6 / (n**3 - n) and (n > 6) == (low > 0)


def test_a_perfect_order_of_clusters_still_has_a_width():
    x = np.arange(42.0)
    found = rank_correlation(x, x, clusters=ARMS)
    assert found.estimate == found.high == 1.0 and 0.8 < found.low < 0.99


def test_an_order_that_hinges_on_one_cluster_is_not_sure_at_all():
    x = np.zeros(12)
    x[0], y = 1.0, np.arange(12.0)
    found = rank_correlation(x, y, clusters=np.repeat(np.arange(4), 3))
    assert ends(found) == (-1.0, 1.0) and found.estimate == pytest.approx(
        scipy.stats.spearmanr(x, y)[0]
    )


def normal_pair(numbers, correlation, shape):
    a, b = numbers.normal(size=(2, *shape))
    return a, correlation * a + math.sqrt(1 - correlation**2) * b


def arms(numbers, between, within, shared):
    """14 arms with 3 seeds; ``shared`` is the share of the variance that is the arms'."""
    arm, seed = normal_pair(numbers, between, (14, 1)), normal_pair(numbers, within, (14, 3))
    return (
        (math.sqrt(shared) * a + math.sqrt(1 - shared) * s).ravel()
        for a, s in zip(arm, seed, strict=True)
    )


def coverage(draw, truth, trials, **labels):
    """The share of intervals that hold the truth."""
    found = [rank_correlation(*draw(), **labels) for _ in range(trials)]
    return np.mean([item.low <= truth <= item.high for item in found])


@pytest.mark.slow
@pytest.mark.parametrize(("between", "within", "shared"), [(0.0, 0.0, 0.8), (0.8, 0.2, 0.9)])
def test_arms_as_clusters_cover_as_often_as_they_say_and_seeds_as_samples_do_not(
    between, within, shared
):
    numbers, trials = np.random.default_rng(8), 250
    correlation = shared * between + (1 - shared) * within
    truth = 6 / math.pi * math.asin(correlation / 2)
    draws = [tuple(arms(numbers, between, within, shared)) for _ in range(trials)]
    clustered = coverage(iter(draws).__next__, truth, trials, clusters=ARMS)
    naive = coverage(iter(draws).__next__, truth, trials)
    # Four standard errors of a share of 250; larger simulations give 96 to 98%.
    assert abs(clustered - 0.96) < 4 * math.sqrt(0.96 * 0.04 / trials)
    assert naive < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("within", [0.0, 0.8, 0.95])
def test_within_arms_covers_as_often_as_it_says(within):
    numbers, trials = np.random.default_rng(9), 400
    # The mean Spearman correlation of 3 samples of a normal pair (Moran 1948).
    truth = 6 / (4 * math.pi) * (math.asin(within) + math.asin(within / 2))
    found = coverage(lambda: arms(numbers, 0.9, within, 0.9), truth, trials, groups=ARMS)
    assert abs(found - 0.965) < 4 * math.sqrt(0.965 * 0.035 / trials)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_independent_samples_cover_as_often_as_they_say(correlation):
    numbers, trials = np.random.default_rng(10), 800
    truth = 6 / math.pi * math.asin(correlation / 2)
    found = coverage(lambda: normal_pair(numbers, correlation, (15,)), truth, trials)
    assert abs(found - 0.96) < 4 * math.sqrt(0.96 * 0.04 / trials)


# What gives no correlation


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("labels", [{}, {"groups": ARMS[:8]}, {"clusters": list("aabbccdd")}])
def test_a_value_that_is_not_finite_gives_no_estimate(bad, labels):
    for x, y in (([*X[:-1], bad], Y), (X, [bad, *Y[1:-1], bad])):
        found = rank_correlation(x, y, **labels)
        assert all(math.isnan(value) for value in (found.estimate, *ends(found)))
        assert found.n == 8 and found.invalid == (1 if y is Y else 2)
        assert found.reason == f"{found.invalid} samples have a value that is not finite"


def test_a_sample_that_is_not_finite_in_both_values_counts_once():
    assert rank_correlation([math.nan, *X[1:]], [math.inf, *Y[1:]]).invalid == 1


def test_a_variable_that_does_not_vary_gives_no_estimate_and_says_so():
    for x, y, name in (([2.0] * 8, Y, "first"), (X, [0.1] * 8, "second")):
        found = rank_correlation(x, y)
        assert math.isnan(found.estimate) and math.isnan(found.low) and found.invalid == 0
        assert found.reason == f"the {name} variable does not vary within any group"
    within = rank_correlation(ARMS, np.arange(42.0), groups=ARMS)
    assert math.isnan(within.estimate) and within.reason.startswith(
        "the first variable does not vary"
    )


@pytest.mark.parametrize("n", [2, 3])
def test_too_few_samples_give_no_estimate_and_say_so(n):
    found = rank_correlation(X[:n], Y[:n])
    assert all(math.isnan(value) for value in (found.estimate, *ends(found))) and found.n == n
    assert found.reason.startswith(f"{n} samples in 1 groups (0 more contribute nothing) leave")


@pytest.mark.parametrize("n", [0, 1])
def test_of_no_pair_of_samples_none_contributes(n):
    found = rank_correlation(X[:n], Y[:n])
    assert math.isnan(found.estimate) and (found.n, found.unused) == (0, n) and found.reason


def test_groups_that_leave_too_little_give_no_estimate_and_say_so():
    found = rank_correlation(X, Y, groups=list("aabbcdef"))
    assert math.isnan(found.estimate) and (found.n, found.groups, found.unused) == (4, 2, 4)
    assert found.reason == (
        "4 samples in 2 groups (4 more contribute nothing) leave 2 degrees of freedom; an "
        "interval takes 3"
    )
    assert rank_correlation(X, Y, groups=range(8)).unused == 8


def test_too_few_clusters_give_no_estimate_and_say_so():
    found = rank_correlation(X, Y, clusters=list("aabbccca"))
    assert found.estimate == rank_correlation(X, Y).estimate and ends(found) == (-1, 1)
    assert found.clusters == 3
    assert found.reason == "3 clusters are too few to estimate how clusters vary (4 are needed)"
    assert not math.isnan(rank_correlation(X, Y, clusters=list("aabbccdd")).estimate)


@pytest.mark.parametrize("name", ["groups", "clusters"])
def test_labels_that_do_not_fit_are_refused(name):
    with pytest.raises(ValueError, match=rf"7 {name} do not fit 8 samples. Pass one label"):
        rank_correlation(X, Y, **{name: range(7)})


@pytest.mark.parametrize(
    ("x", "y", "confidence"),
    [(X, Y[:7], 0.95), ([X], [Y], 0.95), (X, Y, 0.0), (X, Y, 1.0), (X, Y, 95), (X, Y, math.nan)],
)
def test_samples_that_give_no_correlation_are_refused(x, y, confidence):
    with pytest.raises(ValueError, match=rf"at confidence={confidence} give no correlation. Pass"):
        rank_correlation(x, y, confidence=confidence)


# Given a third variable


def test_a_partial_correlation_is_that_of_the_ranks():
    numbers = np.random.default_rng(11)
    x, y, z = numbers.normal(size=(3, 30)) + numbers.normal(size=30)
    r = scipy.stats.spearmanr(np.stack([x, y, z]), axis=1)[0]
    want = (r[0, 1] - r[0, 2] * r[1, 2]) / math.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    found = rank_correlation(x, y, given=z)
    assert found.estimate == pytest.approx(want, rel=1e-12)
    assert rank_correlation(x, y, given=np.exp(-z)).estimate == pytest.approx(want, rel=1e-12)


def test_a_third_variable_costs_a_degree_of_freedom_also_where_it_is_constant():
    plain, given = rank_correlation(X, Y), rank_correlation(X, Y, given=[1.0] * 8)
    assert given.estimate == pytest.approx(plain.estimate)
    square = plain.estimate**2
    for found, freedom in ((plain, 7), (given, 6)):
        variance = (1 - 1 / freedom) * (1 + square / 2) + 1 / freedom / (1 - square)
        assert found.error == pytest.approx(math.sqrt(variance / (freedom - 2)))
    few = rank_correlation(X[:4], Y[:4], given=[1.0, 3.0, 2.0, 5.0])
    assert "leave 2 degrees of freedom" in few.reason


def test_a_third_variable_that_is_one_of_the_two_leaves_nothing():
    found = rank_correlation(X, Y, given=np.exp(X))
    assert math.isnan(found.estimate) and found.reason.endswith("nothing is left")


def test_a_third_variable_that_does_not_fit_or_is_not_finite():
    with pytest.raises(ValueError, match=r"given of shape \(2,\) does not fit 8 samples"):
        rank_correlation(X, Y, given=[1.0, 2.0])
    assert rank_correlation(X, Y, given=[math.nan, *X[1:]]).invalid == 1


def test_the_errors_of_z_give_the_interval():
    labels = [0, 0, 1, 1, 2, 2, 3, 3]
    for options in ({}, {"clusters": labels}, {"clusters": [0, 0, 0, 1, 1, 1, 2, 2]}):
        found = rank_correlation(X, Y, confidence=0.8, **options)
        errors = found.z, found.error, found.jackknife, found.clusters
        again = fisher_interval(found.estimate, *errors, confidence=0.8)
        assert again == ends(found)
        assert found.z == pytest.approx(math.atanh(found.estimate))
