"""Records of the sources' own estimators on our networks, beside the converged values."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from landscape.objective import Objective

from studies import published_estimators
from studies.records.eigenvalues import PER_PARAMETER
from studies.records.solutions import record_missing
from studies.study import Study

_RITZ_QUANTITIES = ("ritz_max", "ritz_min", "ritz_negative")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The values of a source's estimator on our networks, beside the converged values.

    Attributes:
        arm: Arm of the networks.
        quantity: The estimated quantity, with its unit.
        source: The number that the source gives; None where it gives none.
        estimates: Values of the source's estimator on our networks, one for each seed.
        converged: The converged values, in the same order of seeds.
    """

    arm: str
    quantity: str
    source: float | None
    estimates: Sequence[float]
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

    Returns:
        One comparison for each pair and arm, pair by pair.
    """
    return [
        Comparison(
            arm,
            heading,
            source_numbers.get(arm),
            study.values(estimate, arm),
            study.values(converged, arm),
        )
        for (estimate, converged), (heading, source_numbers) in pairs.items()
        for arm in arms
    ]


def record_published_estimates(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective | None],
    *,
    iterations: int,
    points: int,
) -> None:
    """Run S3's estimators on solutions, through the store, and record their values.

    ``power_iteration`` is its top eigenvalue, in nats per parameter², ``coarse_range`` its range of
    the loss on a coarse plane, in nats.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None for a run that
            diverged, which gets rows that say so. The seed is also the estimators' seed.
        iterations: Iterations of the power method.
        points: Positions along each direction of the plane.

    Reference: study S3; see ``published_estimators``.
    """
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(study, ["power_iteration", "coarse_range"], **labels)
            continue
        power = study.store.remember(
            published_estimators.power_iteration, L, L.theta, iterations=iterations, seed=seed
        )
        study.add_measurement(
            "power_iteration",
            power.value,
            power,
            error=power.residual,
            error_kind="residual",
            unit=PER_PARAMETER,
            cost=power.products,
            cost_unit="products",
            **labels,
        )
        coarse = study.store.remember(
            published_estimators.coarse_range, L, L.theta, points=points, seed=seed
        )
        study.add_measurement(
            "coarse_range",
            coarse.value,
            coarse,
            cost=coarse.passes,
            cost_unit="passes",
            unit="nats",
            **labels,
        )


def record_published_lanczos(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective | None],
    *,
    steps: int,
    step_sizes: Sequence[float],
) -> None:
    """Run S2's Lanczos method on solutions, through the store, and record its values.

    Recorded for each step size ε, such as 0.001: ``ritz_max_0.001`` and ``ritz_min_0.001``, in nats
    per parameter², and ``ritz_negative_0.001``, how many Ritz values are below zero.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, as in ``record_published_estimates``.
        steps: Lanczos steps, and the number of Ritz values.
        step_sizes: Step sizes of the finite differences.

    Reference: study S2; see ``published_estimators``.
    """
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            names = [step_size_name(name, size) for size in step_sizes for name in _RITZ_QUANTITIES]
            record_missing(study, names, **labels)
            continue
        for size in step_sizes:
            _record_ritz_values(study, L, steps, size, labels)


def step_size_name(quantity: str, step_size: float) -> str:
    """Return the recorded name of a value of S2's Lanczos method at one step size.

    Args:
        quantity: ``ritz_max``, ``ritz_min`` or ``ritz_negative``.
        step_size: Step size of the finite differences, written with six significant digits.
    """
    return f"{quantity}_{step_size:g}"


def _record_ritz_values(
    study: Study, L: Objective, steps: int, step_size: float, labels: Mapping
) -> None:
    lanczos = study.store.remember(
        published_estimators.finite_difference_lanczos,
        L,
        L.theta,
        steps=steps,
        step_size=step_size,
        seed=labels["seed"],
    )
    shared = {"cost": lanczos.gradients, "cost_unit": "gradients", **labels}
    *ends, negative = (step_size_name(name, step_size) for name in _RITZ_QUANTITIES)
    for name, index in zip(ends, (0, -1), strict=True):
        study.add_measurement(
            name,
            lanczos.values[index],
            lanczos,
            error=lanczos.residuals[index],
            error_kind="residual",
            converged=bool(lanczos.converged[index]),
            unit=PER_PARAMETER,
            **shared,
        )
    # A single Ritz value that is not finite leaves the number of negative ones unknown.
    countable = math.isfinite(float(lanczos.values.sum()))
    study.add_measurement(
        negative, lanczos.negative, lanczos, unit=f"of {steps}", converged=countable, **shared
    )
