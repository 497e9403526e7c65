"""Which numbers of recorded networks predict their test error and their generalisation gap."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from landscape.rng import stream
from numpy.random import PCG64, Generator

from studies.hyperparameters import HYPERPARAMETERS
from studies.intervals import Interval
from studies.recorder import Rows
from studies.sign_agreement import SignAgreement, one_change_pairs, residual_ranks, sign_agreement

OUTCOMES = {"test_error": "test error", "error_gap": "generalisation gap"}
GEOMETRY = {
    "lambda_max": "λ_max",
    "lambda_max_batch": "λ_max, batch statistics",
    "lambda_max_relative": "relative λ_max",
    "trace": "trace",
    "kappa": "condition number",
    "sam": "SAM rise",
    "sam_batch": "SAM rise, batch statistics",
    "sam_adaptive": "adaptive rise",
    "average_rise": "average rise",
    "basin_width": "basin width",
}
CONTROLS = {
    "random": "random number",
    "parameters": "number of parameters",
    "depth": "depth",
    "learning_rate": "learning rate",
}
POSITIVE = {"train_loss": "training loss", "early_test_loss": "early test loss"}
PREDICTORS = {**GEOMETRY, **CONTROLS, **POSITIVE}


def predictions(
    rows: Rows,
    *,
    outcome: str,
    given: str = "",
    where: Mapping[str, Sequence[str]] | None = None,
    predictors: Sequence[str] = tuple(PREDICTORS),
    draws: int = 2000,
) -> SignAgreement:
    """Return how predictors of networks agree in sign with an outcome.

    Pairs of networks share data, seed and all hyperparameters but one. Networks that did not learn
    are left out, and so are those of which no λ_max was measured; numbers that did not converge are
    not known. The same network trained twice counts once. What is given is taken out of the ranks
    of predictors and outcome, within networks of one model on the same data.

    Args:
        rows: Networks, as ``network_table.network_rows`` gives them.
        outcome: One of ``OUTCOMES``.
        given: A column that is held equal, such as ``train_loss``; empty for none.
        where: Column -> values of the networks that count, such as ``{"model": ["CNN"]}``; the
            column ``dataset`` is the first word of the data.
        predictors: Columns among ``PREDICTORS``.
        draws: Resampled tables and permutations.

    Raises:
        ValueError: If the outcome or a predictor is unknown, or no pair of networks is left.
    """
    if outcome not in OUTCOMES or not PREDICTORS.keys() >= set(predictors):
        raise ValueError(
            f"outcome={outcome!r} and predictors={list(predictors)}: choose an outcome of "
            f"{', '.join(OUTCOMES)} and predictors of {', '.join(PREDICTORS)}."
        )
    networks = usable(rows, where)
    settings = [{name: row.get(name) for name in (*_FIXED, *HYPERPARAMETERS)} for row in networks]
    pairs = one_change_pairs(
        settings, HYPERPARAMETERS, fixed=_FIXED, environment=("dataset", "train_size", "model")
    )
    if not len(pairs.first):
        raise ValueError(
            f"{len(networks)} networks hold no pair that differs in one hyperparameter. Pass more."
        )
    seed = stream(0, "prediction", outcome).initial_seed()
    generator = Generator(PCG64(seed))
    random = dict(zip(_identities(networks), generator.normal(size=len(networks)), strict=True))
    columns = {name: _column(networks, name, random) for name in predictors}
    truth = _column(networks, outcome, random)
    if given:
        held = _column(networks, given, random)
        groups = [(row["data"], row["model"]) for row in networks]
        columns = {name: residual_ranks(values, held, groups) for name, values in columns.items()}
        truth = residual_ranks(truth, held, groups)
    return sign_agreement(
        columns,
        truth,
        pairs,
        arms=[row["setting"] for row in networks],
        strata=[row["data"] for row in networks],
        generator=generator,
        draws=draws,
    )


def psi(result: SignAgreement, predictor: str) -> Interval:
    """Return the mean sign agreement of a predictor as an interval.

    Args:
        result: The agreement.
        predictor: A column among ``PREDICTORS``.
    """
    low, high = result.interval(predictor)
    arms = result.arms[result.place(predictor)]
    return Interval(result.mean(predictor), low, high, arms, 0.95, 0, "correlation")


def highest(result: SignAgreement, predictor: str) -> float:
    """Return the largest sign agreement of a predictor in one environment."""
    return float(np.nanmax(result.values[result.place(predictor)]))


def telling(result: SignAgreement, border: float) -> list[str]:
    """Return the measures of geometry in words whose corrected p-value is at most a border.

    Args:
        result: The agreement.
        border: The border, such as 0.05.
    """
    return [
        f"the {words}" if words[0].isascii() else words
        for name, words in GEOMETRY.items()
        if name in result.predictors and result.p_adjusted[result.place(name)] <= border
    ]


_FIXED = ("data", "dataset", "train_size", "seed")


def usable(rows: Rows, where: Mapping[str, Sequence[str]] | None = None) -> Rows:
    """Return the networks that learned and whose λ_max is known, each setting and seed once.

    Args:
        rows: Networks.
        where: As for ``predictions``.
    """
    kept: dict[tuple[Any, Any], dict[str, Any]] = {}
    for row in rows:
        words = {**row, **_data_words(row["data"])}
        chosen = all(words.get(name) in values for name, values in (where or {}).items())
        if chosen and row["learned"] and "lambda_max" in row:
            kept.setdefault((row["setting"], row["seed"]), words)
    return sorted(kept.values(), key=lambda row: (row["setting"], row["seed"]))


def _data_words(data: str) -> dict[str, str]:
    name, _, limit = data.partition(", max_train=")
    return {"dataset": name, "train_size": limit or "all"}


def _identities(networks: Rows) -> list[str]:
    return [row["network"] for row in networks]


def _column(networks: Rows, name: str, random: Mapping[str, float]) -> np.ndarray:
    if name == "random":
        return np.array([random[network] for network in _identities(networks)])
    return np.array(
        [
            row[name]
            if row.get(name) is not None and row.get(f"{name}_converged", True)
            else math.nan
            for row in networks
        ],
        dtype=float,
    )
