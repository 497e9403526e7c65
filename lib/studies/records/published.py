"""Comparisons: what the sources' own estimators give on our networks, through the store."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from landscape.objective import Objective

from studies import published_estimators
from studies.records.solutions import PER_PARAMETER, record_missing
from studies.study import Study

_RITZ = ("ritz_max", "ritz_min", "ritz_negative")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a source's estimator gives on our networks, beside the converged value.

    Attributes:
        arm: The networks.
        quantity: What is estimated, with unit.
        source: The source's own number; None where it gives none.
        replica: What its estimator gives, one value a seed.
        converged: The converged values, in the same order of seeds.
    """

    arm: str
    quantity: str
    source: float | None
    replica: Sequence[float]
    converged: Sequence[float]


def comparisons(
    study: Study,
    pairs: Mapping[tuple[str, str], tuple[str, Mapping[str, float]]],
    arms: Sequence[str],
) -> list[Comparison]:
    """Return recorded values of the sources' estimators beside converged ones.

    Args:
        study: Where both were recorded.
        pairs: (quantity of the estimator, converged quantity) -> heading with unit, and the
            source's own numbers by arm.
        arms: The arms.
    """
    return [
        Comparison(
            arm, heading, given.get(arm), study.values(estimate, arm), study.values(true, arm)
        )
        for (estimate, true), (heading, given) in pairs.items()
        for arm in arms
    ]


def record_published_estimates(
    study: Study,
    at: Mapping[tuple[str, int], Objective | None],
    *,
    iterations: int,
    points: int,
) -> None:
    """Run S3's estimators on solutions, through the store, and record what they give.

    ``power_iteration`` and ``coarse_range`` are its top eigenvalue and loss range.

    Args:
        study: Where to record.
        at: (arm, seed) -> objective, measured at its own theta; None for a run that diverged, which
            gets rows that say so. The seed is also that of the estimators.
        iterations: Of the power method.
        points: Positions along each direction of the plane.
    """
    for (arm, seed), L in at.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(study, ["power_iteration", "coarse_range"], **labels)
            continue
        how = {"iterations": iterations, "seed": seed}
        power = study.store.remember(published_estimators.power_iteration, L, L.theta, **how)
        found = {"error": power.residual, "error_kind": "residual", "unit": PER_PARAMETER}
        cost = {"cost": power.products, "cost_unit": "products"}
        study.add_measurement("power_iteration", power.value, power, **found, **cost, **labels)
        how = {"points": points, "seed": seed}
        coarse = study.store.remember(published_estimators.coarse_range, L, L.theta, **how)
        cost = {"cost": coarse.passes, "cost_unit": "passes", "unit": "nats"}
        study.add_measurement("coarse_range", coarse.value, coarse, **cost, **labels)


def record_published_lanczos(
    study: Study,
    at: Mapping[tuple[str, int], Objective | None],
    *,
    steps: int,
    step_sizes: Sequence[float],
) -> None:
    """Run S2's Lanczos on solutions, through the store, and record what it gives.

    For each step size ε, with ε = 0.001: ``ritz_max_0.001``, ``ritz_min_0.001`` and
    ``ritz_negative_0.001``, how many are below zero.

    Args:
        study: Where to record.
        at: (arm, seed) -> objective, as in `estimated`.
        steps: Lanczos steps, and values.
        step_sizes: Of the finite differences.
    """
    for (arm, seed), L in at.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(
                study, [step_size_name(n, size) for size in step_sizes for n in _RITZ], **labels
            )
            continue
        for size in step_sizes:
            _ritz(study, L, steps, size, labels)


def step_size_name(quantity: str, step_size: float) -> str:
    """Return the recorded name of a number of S2's Lanczos at one step size."""
    return f"{quantity}_{step_size:g}"


def _ritz(study: Study, L: Objective, steps: int, size: float, labels: Mapping) -> None:
    how = {"steps": steps, "step_size": size, "seed": labels["seed"]}
    found = study.store.remember(published_estimators.finite_difference_lanczos, L, L.theta, **how)
    common = {"cost": found.gradients, "cost_unit": "gradients", **labels}
    for name, index in zip(_RITZ[:2], (0, -1), strict=True):
        error = {"error": found.residuals[index], "error_kind": "residual"}
        known = {"converged": bool(found.converged[index]), "unit": PER_PARAMETER}
        study.add_measurement(
            step_size_name(name, size), found.values[index], found, **error, **known, **common
        )
    whole = {"unit": f"of {steps}", "converged": math.isfinite(float(found.values.sum()))}
    study.add_measurement(step_size_name(_RITZ[2], size), found.negative, found, **whole, **common)
