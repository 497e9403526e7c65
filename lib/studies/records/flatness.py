"""Flatness: trace, average rise, gradient noise and outliers of many solutions, recorded."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from landscape.dynamics.gradient_noise import gradient_noise
from landscape.dynamics.stability import is_adaptive, preconditioner
from landscape.objective import Objective
from landscape.sharpness.average import average_case
from landscape.spectrum import estimates
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.exact_trace.exact import exact_trace
from landscape.spectrum.results import Eigenpairs

from studies.arms import Runs
from studies.records import solutions
from studies.study import Study

Solutions = Mapping[tuple[str, int], Objective | None]

_QUANTITIES = ("trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale")
_PRECONDITIONED = "lambda_max_preconditioned"
# A gap by a smaller factor is none: neighbours within the bulk differ by as much.
_LEAST_FACTOR = 1.5


def record_flatness(
    study: Study,
    at: Solutions,
    runs: Runs,
    *,
    rho: float,
    step: int | None = None,
    trace_rtol: float = 0.02,
    rise_rtol: float = 0.05,
) -> None:
    """Measure, through the store, how flat many solutions are on average, and record it.

    - ``trace`` of the Hessian and ``mean_eigenvalue``: see ``trace``.
    - ``average_rise``: the mean rise of the loss over random perturbations of length rho.
    - ``noise_trace``, the trace of the covariance of the examples' gradients, and ``noise_scale``,
      that over the squared gradient: see ``noise.gradient_noise``.
    - ``lambda_max_preconditioned``: the largest eigenvalue of P⁻¹H, with the P that an adaptive
      optimizer divides by; of runs of such optimizers alone.

    Args:
        study: Where to record.
        at: (arm, seed) -> objective, measured at its own theta; None for a run that diverged, which
            gets no number but a row that says so.
        runs: (arm, seed) -> the training run behind each.
        rho: Length of the perturbations, in parameter units.
        step: The snapshot that the objectives are of; None is the end.
        trace_rtol: Relative standard error of the trace where it is estimated.
        rise_rtol: Relative standard error of the average rise.

    Raises:
        ValueError: If an objective has the policy ``batch``, where examples have no gradients of
            their own, or it is not known what an optimizer divides by.
    """
    for (arm, seed), L in at.items():
        run, labels = runs[arm, seed], {"arm": arm, "seed": seed}
        adaptive = is_adaptive(run.config.optimizer)
        if L is None:
            names = (*_QUANTITIES, _PRECONDITIONED) if adaptive else _QUANTITIES
            solutions.record_missing(study, names, **labels)
            continue
        record_trace(study, L, rtol=trace_rtol, **labels)
        _rise(study, L, {"rho": rho, "rtol": rise_rtol, "seed": seed}, labels)
        _noise(study, L, labels)
        if adaptive:
            scaled = L.hessian(L.theta).scaled(preconditioner(run, step=step))
            top = study.store.remember(eigenpairs, scaled)
            solutions.record_eigenvalue(
                study, _PRECONDITIONED, top, 0, L, unit="1 per parameter", **labels
            )


def record_trace(study: Study, at: Objective, *, rtol: float = 0.02, **labels: Any) -> None:
    """Measure, through the store, the trace of the Hessian at a solution, and record it.

    ``trace`` is exact where the network is piecewise linear in each parameter and the statistics of
    normalisation are fixed (``spectrum.exact_trace``), else estimated with its standard error;
    ``mean_eigenvalue`` is the trace over n.

    Args:
        study: Where to record.
        at: The objective, measured at its own theta.
        rtol: Relative standard error of the trace where it is estimated.
        labels: Columns such as ``arm`` and ``seed``.
    """
    try:
        found = study.store.remember(exact_trace, at, at.theta)
        error, kind = found.error, "rounding"
        cost = {"cost": found.passes, "cost_unit": "passes"}
    except ValueError:  # Not of the kind whose trace is exact.
        found = study.store.remember(estimates.trace, at.hessian(at.theta), rtol=rtol)
        error, kind = found.stderr, "standard error"
        cost = {"cost": found.products, "cost_unit": "products"}
    how = {
        "unit": solutions.PER_PARAMETER,
        "error_kind": kind,
        "converged": found.converged,
        **cost,
    }
    for name, count in (("trace", 1), ("mean_eigenvalue", at.n)):
        value = found.value / count
        study.add_measurement(name, value, at, error=error / count, **how, **labels)


def _rise(study: Study, L: Objective, how: Mapping[str, Any], labels: Mapping[str, Any]) -> None:
    found = study.store.remember(average_case, L, L.theta, **how)
    error = {"error": found.stderr, "error_kind": "standard error"}
    cost = {"cost": found.passes, "cost_unit": "passes", "unit": "nats"}
    study.add_measurement("average_rise", found.value, found, **error, **cost, **labels)


def _noise(study: Study, L: Objective, labels: Mapping[str, Any]) -> None:
    found = study.store.remember(gradient_noise, L, L.theta)
    how = {"error_kind": "standard error", "cost": found.passes, "cost_unit": "passes", **labels}
    # Of the trace nothing is iterated or divided: it holds where it is finite.
    trace = {"error": found.trace_stderr, "unit": "(nats per parameter)²", "converged": True}
    study.add_measurement("noise_trace", found.trace, found, **trace, **how)
    lost = "the gradient is lost in its noise"
    scale = {
        "error": found.scale_stderr,
        "unit": "examples",
        "note": "" if found.converged else lost,
    }
    study.add_measurement("noise_scale", found.scale, found, **scale, **how)


@dataclasses.dataclass(frozen=True)
class SpectralGap:
    """The largest gap between neighbours among the largest eigenvalues, by their ratio.

    Attributes:
        outliers: Eigenvalues above it; 0 where none is positive.
        factor: The eigenvalue above over the one below; NaN where none is positive.
        converged: Whether all eigenvalues converged, and the gap is at least a factor of 1.5 and
            not the last of those seen: beyond the last a larger one may follow.
    """

    outliers: int
    factor: float
    converged: bool


def largest_gap(pairs: Eigenpairs) -> SpectralGap:
    """Return the largest gap among the k largest eigenvalues, in their logarithms.

    A Hessian of a network trained on C classes has about C eigenvalues that stand out from a bulk;
    the gap between both is where neighbours differ by the largest factor. An eigenvalue below its
    residual counts with the residual: what cannot be told from 0 makes no gap.

    Args:
        pairs: The largest eigenvalues, at least 3, such as twice the number of classes; of both
            ends the upper one counts.

    Raises:
        ValueError: If there are fewer than 3 of the largest.

    References: Sagun et al. (2017), Empirical Analysis of the Hessian of Over-Parametrized Neural
        Networks; Papyan (2018), The Full Spectrum of Deepnet Hessians at Scale.
    """
    if pairs.k < 3 or pairs.which == "smallest":
        raise ValueError(
            f"the {pairs.k} {pairs.which} eigenvalues show no gap behind the outliers. Pass at "
            "least 3 of the largest, such as twice the number of classes."
        )
    values, residuals = pairs.values[: pairs.k], pairs.residuals[: pairs.k]
    if not float(values[0]) > 0:
        return SpectralGap(0, float("nan"), False)
    least = torch.finfo(values.dtype).eps * values[0]
    seen = torch.maximum(values, residuals.clamp_min(least))
    factors = seen[:-1] / seen[1:]
    index = int(factors.argmax())
    factor = float(factors[index])
    clear = factor >= _LEAST_FACTOR and index + 1 < len(factors)
    return SpectralGap(index + 1, factor, clear and bool(pairs.converged[: pairs.k].all()))


def record_outliers(study: Study, at: Solutions, *, k: int) -> dict[tuple[str, int], Eigenpairs]:
    """Count, through the store, the outliers at the top of the Hessian's spectrum, and record it.

    ``outliers`` is the position of the largest gap among the k largest eigenvalues; its note gives
    the factor. See ``largest_gap``.

    Args:
        study: Where to record.
        at: (arm, seed) -> objective, measured at its own theta; None for a run that diverged, which
            gets a row without a number.
        k: Eigenvalues to compute, at least 3: twice the number of classes, or more.

    Returns:
        (arm, seed) -> the k largest eigenpairs, without runs that diverged.

    Raises:
        ValueError: If k < 3.
    """
    found = {}
    for (arm, seed), L in at.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            solutions.record_missing(study, ["outliers"], **labels)
            continue
        pairs = study.store.remember(eigenpairs, L.hessian(L.theta), k)
        gap = largest_gap(pairs)
        how = {"unit": "eigenvalues", "cost": pairs.products, "cost_unit": "products"}
        note = f"a factor of {gap.factor:.3g} to the next, among the {k} largest"
        converged = {"converged": gap.converged, "note": note}
        study.add_measurement("outliers", gap.outliers, L, **how, **converged, **labels)
        found[arm, seed] = pairs
    return found
