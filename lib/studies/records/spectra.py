"""Records of whole spectra of Hessians: extreme eigenvalues, density, condition and trace."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.objective import Objective
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.survey import FullSpectrum
from landscape.spectrum.survey import full_spectrum as whole_spectrum

from studies.records.eigenvalues import record_eigenvalue, record_interval
from studies.records.flatness import record_trace
from studies.study import Study


def record_spectra(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective],
    hessians: Mapping[str, tuple[str, str]],
    *,
    seeds: Sequence[int],
    **options: Any,
) -> dict[str, list[FullSpectrum]]:
    """Measure and record the whole spectra of several kinds of Hessians, over seeds.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta.
        hessians: Name of a kind, recorded as arm -> arm of the networks, and BN policy.
        seeds: Seeds of the networks.
        options: Options of ``record_spectrum``: ``outliers``, ``probes``, ``steps`` and
            ``trace_rtol``.

    Returns:
        Name of a kind -> one spectrum for each seed.

    Raises:
        ValueError: If an arm has no objective of a seed.
    """
    needed = [(arm, seed) for arm, _ in hessians.values() for seed in seeds]
    if absent := [key for key in dict.fromkeys(needed) if key not in objectives]:
        raise ValueError(
            f"there is no solution of {absent} to measure the spectrum of. Train these, or pass "
            f"seeds among {sorted({seed for _, seed in objectives})}."
        )
    spectra = {}
    for name, (arm, bn) in hessians.items():
        spectra[name] = [
            record_spectrum(
                study, objectives[arm, seed].replace(bn=bn), arm=name, seed=seed, **options
            )
            for seed in seeds
        ]
    return spectra


def record_spectrum(
    study: Study,
    objective: Objective,
    *,
    outliers: int,
    probes: int,
    steps: int,
    trace_rtol: float = 0.02,
    **labels: Any,
) -> FullSpectrum:
    """Measure, through the store, the whole spectrum of the Hessian at a solution, and record it.

    Recorded are, in nats per parameter² where nothing else is said:

    - ``survey_lambda_max``, ``survey_lambda_kth`` and ``survey_lambda_min``: the largest, the
      ``outliers``-th largest and the smallest eigenvalue. Residuals are at most 1e-4 of the
      spectral range, 1e-3 under batch statistics.
    - ``condition``: λ_max / |λ_min|.
    - ``negative_mass``: the share of eigenvalues below −δ, with δ a thousandth of the largest
      magnitude.
    - ``trace`` and ``mean_eigenvalue``: see ``flatness.record_trace``; exact where it can be.

    The eigenvalues themselves go to ``eigenvalues.csv``.

    Args:
        study: Where to record.
        objective: The objective, measured at its own theta.
        outliers: Eigenvalues to compute at each end.
        probes: Random vectors of the density.
        steps: Lanczos steps of each random vector.
        trace_rtol: Relative standard error of the trace where it is estimated.
        labels: Columns such as ``arm``; ``seed`` is needed, and also seeds the random vectors.

    Returns:
        The extreme eigenpairs and the density.
    """
    hessian = objective.hessian(objective.theta)
    # Derivatives of batch statistics are sums over all examples and their places: in float32 their
    # rounding alone is a few 1e-4 of the spectral range.
    tol = 1e-3 if objective.bn == "batch" else 1e-4
    spectrum = study.store.remember(
        whole_spectrum,
        hessian,
        tol=tol,
        outliers=outliers,
        probes=probes,
        steps=steps,
        seed=labels["seed"],
    )
    pairs = spectrum.pairs
    for name, index in (("lambda_max", 0), ("lambda_kth", outliers - 1), ("lambda_min", -1)):
        record_eigenvalue(study, f"survey_{name}", pairs, index, objective, **labels)
    condition = condition_number(pairs)
    record_interval(
        study,
        "condition",
        condition,
        objective,
        cost=pairs.products,
        converged=condition.converged,
        error_kind="half of interval",
        **labels,
    )
    record_interval(
        study,
        "negative_mass",
        spectrum.density.negative,
        objective,
        unit="share",
        cost=spectrum.density.products,
        converged=not spectrum.interrupted,
        **labels,
    )
    record_trace(study, objective, rtol=trace_rtol, **labels)
    values = zip(pairs.values.tolist(), pairs.residuals.tolist(), strict=True)
    rows = [
        {**labels, "bn": objective.bn, "index": index, "eigenvalue": value, "residual": residual}
        for index, (value, residual) in enumerate(values)
    ]
    study.table("eigenvalues", rows)
    return spectrum
