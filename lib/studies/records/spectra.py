"""Surveys: whole spectra of Hessians, measured through the store and recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.objective import Objective
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.survey import FullSpectrum
from landscape.spectrum.survey import full_spectrum as whole_spectrum

from studies.records.flatness import record_trace
from studies.records.solutions import record_eigenvalue, record_interval
from studies.study import Study


def record_spectra(
    study: Study,
    at: Mapping[tuple[str, int], Objective],
    hessians: Mapping[str, tuple[str, str]],
    *,
    seeds: Sequence[int],
    **how: Any,
) -> dict[str, list[FullSpectrum]]:
    """Measure and record the whole spectrum of several kinds of Hessians, over seeds.

    Args:
        at: (arm, seed) -> objective, measured at its own theta.
        hessians: Name of a kind, recorded as arm -> arm of the networks and policy.
        seeds: Seeds of the networks.
        how: Arguments of ``survey``.

    Returns:
        Name -> one survey a seed.

    Raises:
        ValueError: If a seed of an arm is not among the objectives.
    """
    asked = [(arm, seed) for arm, _ in hessians.values() for seed in seeds]
    if absent := [key for key in dict.fromkeys(asked) if key not in at]:
        raise ValueError(
            f"there is no solution of {absent} to survey. Train these, or name seeds among "
            f"{sorted({seed for _, seed in at})}."
        )
    return {
        name: [
            record_spectrum(study, at[arm, seed].replace(bn=bn), arm=name, seed=seed, **how)
            for seed in seeds
        ]
        for name, (arm, bn) in hessians.items()
    }


def record_spectrum(
    study: Study,
    at: Objective,
    *,
    outliers: int,
    probes: int,
    steps: int,
    trace_rtol: float = 0.02,
    **labels: Any,
) -> FullSpectrum:
    """Measure, through the store, the whole spectrum of the Hessian at a solution, and record it.

    The trace is that of ``record_trace``: exact where it can be. Residuals of eigenvalues are at
    most 1e-4 of the spectral range, 1e-3 under batch statistics. ``condition`` is λ_max / |λ_min|.
    ``negative_mass`` is the share of eigenvalues below −δ, with δ a thousandth of the largest
    magnitude.

    Args:
        at: The objective, measured at its own theta.
        outliers: Eigenvalues to compute at each end.
        probes: Random vectors of the density.
        steps: Lanczos steps of each.
        trace_rtol: Relative standard error of the trace where it is estimated.
        labels: Columns such as ``arm`` and ``seed``.
    """
    hessian = at.hessian(at.theta)
    # Derivatives of batch statistics are sums over all examples and their places: in float32 their
    # rounding alone is a few 1e-4 of the spectral range.
    tol = 1e-3 if at.bn == "batch" else 1e-4
    how = {"outliers": outliers, "probes": probes, "steps": steps, "seed": labels["seed"]}
    found = study.store.remember(whole_spectrum, hessian, tol=tol, **how)
    for name, index in (("lambda_max", 0), ("lambda_kth", outliers - 1), ("lambda_min", -1)):
        record_eigenvalue(study, f"survey_{name}", found.pairs, index, at, **labels)
    condition = condition_number(found.pairs)
    known = {"converged": condition.converged, "error_kind": "half of interval"}
    record_interval(study, "condition", condition, at, cost=found.pairs.products, **known, **labels)
    cost = {"cost": found.density.products, "converged": not found.interrupted}
    record_interval(
        study, "negative_mass", found.density.negative, at, unit="share", **cost, **labels
    )
    record_trace(study, at, rtol=trace_rtol, **labels)
    pairs = zip(found.pairs.values.tolist(), found.pairs.residuals.tolist(), strict=True)
    rows = [
        {**labels, "bn": at.bn, "index": index, "eigenvalue": value, "residual": residual}
        for index, (value, residual) in enumerate(pairs)
    ]
    study.table("eigenvalues", rows)
    return found
