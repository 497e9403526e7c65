"""Records of the sources' own estimators on our networks, beside the converged values."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from studies import published_estimators
from studies.measurements import Measurements
from studies.quantities import QUANTITIES, quantity
from studies.recorder import Recorder
from studies.solutions import Solution


def power_iteration(recorder: Recorder, solution: Solution, *, iterations: int) -> None:
    """Record ``power_iteration``: S3's estimate of λ_max by a few steps of the power method.

    Args:
        recorder: Where to record.
        solution: The network; the seed of its run is also the estimator's.
        iterations: Iterations of the power method, a column of the number.

    Reference: study S3; see ``published_estimators``.
    """
    L = solution.objective
    power = recorder.store.remember(
        published_estimators.power_iteration,
        L,
        L.theta,
        iterations=iterations,
        seed=solution.config.seed,
    )
    recorder.add_measurement(
        "power_iteration",
        power.value,
        power,
        error=power.residual,
        error_kind="residual",
        unit=QUANTITIES["power_iteration"].unit,
        cost=power.products,
        cost_unit="products",
        iterations=iterations,
    )


def coarse_range(recorder: Recorder, solution: Solution, *, coarse_points: int) -> None:
    """Record ``coarse_range``: S3's range of the loss, on a coarse plane.

    Args:
        recorder: Where to record.
        solution: The network; the seed of its run is also the estimator's.
        coarse_points: Positions along each direction of the plane, a column of the number.

    Reference: study S3; see ``published_estimators``.
    """
    L = solution.objective
    coarse = recorder.store.remember(
        published_estimators.coarse_range,
        L,
        L.theta,
        points=coarse_points,
        seed=solution.config.seed,
    )
    recorder.add_measurement(
        "coarse_range",
        coarse.value,
        coarse,
        cost=coarse.passes,
        cost_unit="passes",
        unit=QUANTITIES["coarse_range"].unit,
        coarse_points=coarse_points,
    )


def ritz_values(
    recorder: Recorder, solution: Solution, *, lanczos_steps: int, step_size: float
) -> None:
    """Record ``ritz_max``, ``ritz_min`` and ``ritz_negative`` by S2's Lanczos method.

    ``ritz_negative`` counts the Ritz values below zero.

    Args:
        recorder: Where to record.
        solution: The network; the seed of its run is also the estimator's.
        lanczos_steps: Lanczos steps, and the number of Ritz values; a column of the numbers.
        step_size: Step size ε of the finite differences; a column of the numbers.

    Reference: study S2; see ``published_estimators``.
    """
    L = solution.objective
    lanczos = recorder.store.remember(
        published_estimators.finite_difference_lanczos,
        L,
        L.theta,
        steps=lanczos_steps,
        step_size=step_size,
        seed=solution.config.seed,
    )
    shared = {
        "cost": lanczos.gradients,
        "cost_unit": "gradients",
        "lanczos_steps": lanczos_steps,
        "step_size": step_size,
    }
    for name, index in (("ritz_max", 0), ("ritz_min", -1)):
        recorder.add_measurement(
            name,
            lanczos.values[index],
            lanczos,
            error=lanczos.residuals[index],
            error_kind="residual",
            converged=bool(lanczos.converged[index]),
            unit=QUANTITIES[name].unit,
            **shared,
        )
    # A single Ritz value that is not finite leaves the number of negative ones unknown.
    countable = math.isfinite(float(lanczos.values.sum()))
    unit = f"of {lanczos_steps}"
    recorder.add_measurement(
        "ritz_negative", lanczos.negative, lanczos, unit=unit, converged=countable, **shared
    )


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
    numbers: Measurements,
    pairs: Mapping[str, str],
    *,
    source: Mapping[str, Mapping[str, float]] | None = None,
    arms: Sequence[str] | None = None,
) -> list[Comparison]:
    """Return values of the sources' estimators beside converged ones.

    Args:
        numbers: Numbers of both on the same networks, in the same order of seeds: one kind of each
            quantity.
        pairs: Quantity of the estimator, such as ``power_iteration`` -> the converged one, such
            as ``lambda_max``.
        source: Quantity of the estimator -> arm -> the source's own number.
        arms: The arms; None for all.

    Returns:
        One comparison for each pair and arm, pair by pair; none where either number is not
        recorded for each network.
    """
    chosen = numbers.arms if arms is None else arms
    return [
        Comparison(
            arm,
            quantity(estimate).title,
            (source or {}).get(estimate, {}).get(arm),
            numbers.values(estimate, arm),
            numbers.values(converged, arm),
        )
        for estimate, converged in pairs.items()
        for arm in chosen
        if 0 < _count(numbers, estimate, arm) == _count(numbers, converged, arm)
    ]


def _count(numbers: Measurements, name: str, arm: str) -> int:
    rows = numbers.frame
    return int(((rows["quantity"] == name) & (rows["arm"] == str(arm))).sum())
