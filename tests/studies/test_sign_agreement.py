"""Sign agreement over pairs that differ in one setting: known answers, ties, what is given."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from studies.sign_agreement import (
    Pairs,
    max_t,
    one_change_pairs,
    resampled_interval,
    residual_ranks,
    sign_agreement,
)


def one_environment(n):
    """All pairs of n networks."""
    first, second = np.array(list(itertools.combinations(range(n), 2))).T
    return Pairs(first, second, np.zeros(len(first), dtype=int), ("all",))


def agreement(predictors, outcome, pairs, *, arms=None, strata=None, seed=0, draws=200):
    n = len(outcome)
    return sign_agreement(
        predictors,
        outcome,
        pairs,
        arms=range(n) if arms is None else arms,
        strata=[0] * n if strata is None else strata,
        generator=np.random.default_rng(seed),
        draws=draws,
    )


def grid(widths, rates, seeds):
    """Networks of a grid in two hyperparameters, and their pairs."""
    rows = [
        {"data": "d", "model": "m", "width": w, "rate": r, "seed": s}
        for w, r, s in itertools.product(range(widths), range(rates), range(seeds))
    ]
    pairs = one_change_pairs(
        rows, ("width", "rate"), fixed=("data", "seed"), environment=("data", "model")
    )
    return rows, pairs, [(row["width"], row["rate"]) for row in rows]


def test_without_ties_over_all_pairs_it_is_kendalls_tau():
    x, y = np.random.default_rng(1).normal(size=(2, 12))
    result = agreement({"x": x}, y, one_environment(12))
    assert result.mean("x") == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


def test_with_ties_it_is_somers_d_and_a_count_by_hand():
    generator = np.random.default_rng(2)
    x, y = generator.integers(0, 3, size=(2, 15)).astype(float)
    result = agreement({"x": x}, y, one_environment(15))
    right = wrong = ordered = 0
    for i, j in itertools.combinations(range(15), 2):
        if y[i] == y[j]:
            continue
        ordered += 1
        right += (x[i] - x[j]) * (y[i] - y[j]) > 0
        wrong += (x[i] - x[j]) * (y[i] - y[j]) < 0
    assert result.mean("x") == pytest.approx((right - wrong) / ordered, abs=1e-12)
    assert result.mean("x") == pytest.approx(scipy.stats.somersd(y, x).statistic, abs=1e-12)
    assert result.pairs[0, 0] == ordered < 105


def test_pairs_differ_in_one_hyperparameter_and_share_the_seed():
    rows, pairs, _ = grid(3, 2, 2)
    for i, j in zip(pairs.first, pairs.second, strict=True):
        assert rows[i]["seed"] == rows[j]["seed"]
        assert sum(rows[i][name] != rows[j][name] for name in ("width", "rate")) == 1
    assert sorted(pairs.names) == ["d, m, rate", "d, m, width"]
    # Two seeds: 3 pairs of widths at each of 2 rates, and 1 pair of rates at each of 3 widths.
    assert np.bincount(pairs.environment).tolist() in ([6, 12], [12, 6])


def test_mean_and_worst_environment_are_those_of_the_environments():
    rows, pairs, arms = grid(4, 4, 3)
    outcome = [row["width"] + 10.0 * row["rate"] for row in rows]
    predictor = [row["width"] - 10.0 * row["rate"] for row in rows]
    result = agreement({"x": predictor}, outcome, pairs, arms=arms)
    assert result.mean("x") == 0
    assert result.worst("x") == ("d, m, rate", -1.0)


def test_an_environment_with_too_few_pairs_and_an_unknown_predictor_have_no_number():
    rows, pairs, arms = grid(2, 1, 2)
    outcome = [float(row["width"]) for row in rows]
    result = agreement({"x": outcome, "none": [math.nan] * 4}, outcome, pairs, arms=arms)
    assert math.isnan(result.mean("x")) and result.pairs.tolist() == [[2], [0]]
    with pytest.raises(ValueError, match="no environment"):
        result.worst("none")


def test_a_planted_predictor_is_found_and_a_random_one_is_not():
    rows, pairs, arms = grid(4, 4, 3)
    generator = np.random.default_rng(3)
    quality = generator.normal(size=(4, 4))
    outcome = np.array([quality[arm] for arm in arms]) + 0.1 * generator.normal(size=len(rows))
    planted = outcome + 0.3 * generator.normal(size=len(rows))
    noise = {f"noise {k}": generator.normal(size=len(rows)) for k in range(5)}
    result = agreement({"planted": planted, **noise}, outcome, pairs, arms=arms, draws=400)
    assert result.mean("planted") > 0.6 and result.interval("planted")[0] > 0.3
    assert result.p_adjusted[0] < 0.01 <= 0.05 < result.p_adjusted[1:].min()
    assert (result.p_adjusted >= result.p).all()


def test_p_is_uniform_under_the_null():
    rows, pairs, arms = grid(5, 5, 2)  # so many that few statistics are equal
    generator = np.random.default_rng(4)
    ps = []
    for repeat in range(150):
        # An outcome and a predictor of arms, unrelated; seeds of an arm are alike in both.
        columns = generator.normal(size=(2, 5, 5))
        x, y = (np.array([column[arm] for arm in arms]) for column in columns)
        x, y = (column + 0.1 * generator.normal(size=len(rows)) for column in (x, y))
        result = agreement({"x": x}, y, pairs, arms=arms, seed=repeat, draws=99)
        ps.append(result.p[0])
    assert scipy.stats.kstest(ps, "uniform").pvalue > 0.01


def test_intervals_treat_seeds_of_an_arm_as_one():
    _, pairs, arms = grid(4, 4, 4)
    generator = np.random.default_rng(5)
    columns = generator.normal(size=(2, 4, 4))
    x, y = (np.array([column[arm] for arm in arms]) for column in columns)
    clustered = agreement({"x": x}, y, pairs, arms=arms, draws=400).interval("x")
    independent = agreement({"x": x}, y, pairs, draws=400).interval("x")
    assert clustered[1] - clustered[0] > 1.5 * (independent[1] - independent[0])


def test_resampled_means_lie_around_the_mean_where_environments_have_few_arms():
    # Ten pairs of two arms each that disagree, and one grid of many arms that agrees.
    rows = [{"data": f"small {k}", "width": w, "seed": s} for k in range(10) for w in (0, 1)
            for s in range(3)]  # fmt: skip
    rows += [{"data": "large", "width": w, "seed": s} for w in range(12) for s in range(3)]
    pairs = one_change_pairs(rows, ("width",), fixed=("data", "seed"), environment=("data",))
    outcome = np.array([float(row["width"]) for row in rows])
    predictor = np.where([row["data"] == "large" for row in rows], outcome, -outcome)
    arms = [(row["data"], row["width"]) for row in rows]
    result = agreement({"x": predictor}, outcome, pairs, arms=arms, draws=2000)
    assert result.mean("x") == pytest.approx(-9 / 11)
    assert np.nanmedian(result.draws) == pytest.approx(-9 / 11, abs=0.06)


def test_a_function_of_the_training_loss_drops_out_given_it():
    rows, pairs, arms = grid(4, 4, 3)
    generator = np.random.default_rng(6)
    loss = generator.exponential(size=len(rows))
    hidden = generator.normal(size=len(rows))
    outcome = np.log(loss) + hidden
    groups = [0] * len(rows)
    given = {
        name: residual_ranks(values, loss, groups)
        for name, values in {"loss": loss, "sharpness": 1 / loss**2, "hidden": hidden}.items()
    }
    left = residual_ranks(outcome, loss, groups)
    result = agreement(given, left, pairs, arms=arms)
    assert result.mean("loss") == result.mean("sharpness") == 0
    assert result.mean("hidden") > 0.7
    alone = agreement({"sharpness": 1 / loss**2}, outcome, pairs, arms=arms)
    assert alone.mean("sharpness") < -0.3


def test_residual_ranks_keep_what_is_not_known_and_what_does_not_vary():
    left = residual_ranks([1.0, math.nan, 2.0, 3.0], [5.0, 1.0, 5.0, 5.0], "aaaa")
    assert np.isnan(left[1]) and left[[0, 2, 3]].tolist() == [-1.0, 0.0, 1.0]


def test_max_t_is_at_least_the_single_p_value_and_holds_by_hand():
    shuffled = np.array([[0.1, -0.3], [-0.2, 0.1], [0.2, 0.1]])
    single, corrected = max_t(np.array([0.2, 0.0]), shuffled)
    assert single.tolist() == [0.75, 1.0]
    assert corrected.tolist() == [1.0, 1.0]
    single, corrected = max_t(np.array([9.0, math.nan]), shuffled)
    assert single[0] == corrected[0] == 0.25 and math.isnan(single[1])


def test_an_interval_is_between_order_statistics():
    draws = np.arange(1.0, 200.0)  # 199 numbers: the 5th from either end
    assert resampled_interval(draws, 0.95) == (5.0, 195.0)
    assert np.isnan(resampled_interval(draws[:20], 0.95)).all()
    assert resampled_interval(np.append(draws, math.nan), 0.9) == (10.0, 190.0)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one of each a network"):
        agreement({"x": [1.0, 2.0]}, [1.0, 2.0, 3.0], one_environment(3))
