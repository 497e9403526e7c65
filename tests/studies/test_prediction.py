"""Predictors of recorded networks: which pairs count, what is given, and what is refused."""

import numpy as np
import pytest
from studies.prediction import predictions, usable


def networks(widths=5, rates=4, seeds=3, **changes):
    """A table of networks whose error is planted in λ_max, and not in the trace."""
    generator = np.random.default_rng(0)
    rows = []
    for width in range(widths):
        for rate in range(rates):
            level = generator.normal()
            for seed in range(seeds):
                error = 0.2 + 0.02 * level + 0.002 * generator.normal()
                row = {"network": f"{width} {rate} {seed}", "setting": f"{width} {rate}"}
                row |= {"seed": seed, "model": "CNN", "width": width, "learning_rate": rate}
                row |= {"data": "mnist, max_train=10", "learned": True, "test_error": error}
                row |= {"error_gap": error, "train_loss": generator.normal(), "parameters": width}
                rows.append(row | {"lambda_max": 100 * error, "trace": generator.normal()})
    return [row | changes for row in rows]


def test_a_planted_measure_is_found_and_others_are_not():
    names = ["lambda_max", "trace", "random"]
    result = predictions(networks(), outcome="test_error", predictors=names, draws=200)
    assert result.mean("lambda_max") == 1.0 and result.p_adjusted[0] < 0.02
    # Both are random; the p-values of such columns are uniform, as test_sign_agreement shows.
    assert max(abs(result.mean(name)) for name in names[1:]) < 0.4
    assert result.p_adjusted[0] < result.p_adjusted[1:].min() and result.p_adjusted[2] > 0.1
    assert result.environments == ("mnist, 10, CNN, learning_rate", "mnist, 10, CNN, width")
    # 6 pairs of rates at 5 widths, and 10 pairs of widths at 4 rates, of 3 seeds.
    assert sorted(result.pairs[0].tolist()) == [90, 120] and result.arms[0] == 20


def test_a_measure_that_follows_the_training_loss_drops_out_given_it():
    rows = networks()
    for row in rows:
        row["train_loss"], row["lambda_max"] = row["test_error"], 1 / row["test_error"]
        row["test_error"] += 0.01 * np.random.default_rng(row["width"]).normal()
    options = {"outcome": "test_error", "predictors": ["lambda_max", "train_loss"], "draws": 60}
    assert predictions(rows, **options).mean("lambda_max") < -0.5
    given = predictions(rows, given="train_loss", **options)
    assert given.mean("lambda_max") == given.mean("train_loss") == 0


def test_networks_that_did_not_learn_and_repeated_ones_do_not_count():
    rows = networks()
    rows[0]["learned"] = False
    repeated = {**rows[5], "network": "again"}
    repeated.pop("lambda_max")
    kept = usable([repeated, *rows])
    assert len(kept) == len(rows) - 1
    (one,) = [r for r in kept if (r["setting"], r["seed"]) == (rows[5]["setting"], rows[5]["seed"])]
    assert one["network"] == rows[5]["network"]


def test_numbers_that_did_not_converge_are_not_known():
    rows = networks()
    whole = predictions(rows, outcome="test_error", predictors=["lambda_max"], draws=60)
    rows[0]["lambda_max_converged"] = False
    part = predictions(rows, outcome="test_error", predictors=["lambda_max"], draws=60)
    # Its 4 pairs in width and 3 in rate.
    assert whole.pairs.sum() - part.pairs.sum() == 7


def test_only_chosen_networks_count_and_the_same_rows_give_the_same_numbers():
    rows = networks()
    others = [{**row, "data": "cifar10", "network": row["network"] + "c"} for row in rows]
    options = {"outcome": "error_gap", "predictors": ["lambda_max", "random"], "draws": 60}
    first = predictions(rows + others, where={"dataset": ["mnist"]}, **options)
    second = predictions(rows, **options)
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.draws, second.draws)


def test_unknown_names_and_tables_without_pairs_are_refused():
    with pytest.raises(ValueError, match="choose an outcome of test_error, error_gap"):
        predictions(networks(), outcome="luck")
    with pytest.raises(ValueError, match="no pair that differs in one"):
        predictions(networks(widths=1, rates=1), outcome="test_error")
