"""Records of flatness: trace, average rise, gradient noise and outliers of the spectrum."""

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
from studies.records import eigenvalues, solutions
from studies.study import Study

# (arm, seed) -> objective, measured at its own theta; None for a run that diverged.
Solutions = Mapping[tuple[str, int], Objective | None]

_QUANTITIES = ("trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale")
_PRECONDITIONED = "lambda_max_preconditioned"
# Neighbours within the bulk differ by up to this factor: a smaller one is no gap.
_MIN_GAP_FACTOR = 1.5


def record_flatness(
    study: Study,
    objectives: Solutions,
    runs: Runs,
    *,
    rho: float,
    step: int | None = None,
    trace_rtol: float = 0.02,
    rise_rtol: float = 0.05,
) -> None:
    """Measure, through the store, how flat many solutions are on average, and record it.

    - ``trace`` of the Hessian and ``mean_eigenvalue``: see ``record_trace``.
    - ``average_rise``: the mean rise of the loss over random perturbations of length rho, in nats.
    - ``noise_trace``: the trace of the covariance of the examples' gradients, and ``noise_scale``:
      this trace over the squared gradient, in examples; see ``gradient_noise.gradient_noise``.
    - ``lambda_max_preconditioned``: the largest eigenvalue of P⁻¹H, with the P that an adaptive
      optimizer divides by; only for runs of such optimizers.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None for a run that
            diverged, which gets a row without a number.
        runs: (arm, seed) -> the training run of each objective.
        rho: Length of the perturbations, in parameter units, > 0.
        step: The snapshot that the objectives were taken at; None is the end.
        trace_rtol: Relative standard error of the trace where it is estimated.
        rise_rtol: Relative standard error of the average rise.

    Raises:
        ValueError: If an objective has the policy ``batch``, under which single examples have no
            gradients, or the preconditioner of an optimizer is not known.
    """
    for (arm, seed), L in objectives.items():
        run, labels = runs[arm, seed], {"arm": arm, "seed": seed}
        adaptive = is_adaptive(run.config.optimizer)
        if L is None:
            names = (*_QUANTITIES, _PRECONDITIONED) if adaptive else _QUANTITIES
            solutions.record_missing(study, names, **labels)
            continue
        record_trace(study, L, rtol=trace_rtol, **labels)
        _record_average_rise(study, L, rho, rise_rtol, labels)
        _record_noise(study, L, labels)
        if adaptive:
            scaled = L.hessian(L.theta).scaled(preconditioner(run, step=step))
            top = study.store.remember(eigenpairs, scaled)
            eigenvalues.record_eigenvalue(
                study, _PRECONDITIONED, top, 0, L, unit="1 per parameter", **labels
            )


def record_trace(study: Study, objective: Objective, *, rtol: float = 0.02, **labels: Any) -> None:
    """Measure, through the store, the trace of the Hessian at a solution, and record it.

    ``trace`` is exact where the network is piecewise linear in each parameter and the statistics of
    normalisation are fixed (``spectrum.exact_trace``); elsewhere it is estimated, with its standard
    error. ``mean_eigenvalue`` is the trace over n. Both are in nats per parameter².

    Args:
        study: Where to record.
        objective: The objective, measured at its own theta.
        rtol: Relative standard error of the trace where it is estimated.
        labels: Columns such as ``arm`` and ``seed``.
    """
    try:
        trace = study.store.remember(exact_trace, objective, objective.theta)
        error, kind = trace.error, "rounding"
        cost, cost_unit = trace.passes, "passes"
    except ValueError:  # The network, or its BN policy, has no exact trace.
        hessian = objective.hessian(objective.theta)
        trace = study.store.remember(estimates.trace, hessian, rtol=rtol)
        error, kind = trace.stderr, "standard error"
        cost, cost_unit = trace.products, "products"
    for name, count in (("trace", 1), ("mean_eigenvalue", objective.n)):
        study.add_measurement(
            name,
            trace.value / count,
            objective,
            unit=eigenvalues.PER_PARAMETER,
            error=error / count,
            error_kind=kind,
            converged=trace.converged,
            cost=cost,
            cost_unit=cost_unit,
            **labels,
        )


def _record_average_rise(
    study: Study, L: Objective, rho: float, rtol: float, labels: Mapping[str, Any]
) -> None:
    rise = study.store.remember(average_case, L, L.theta, rho=rho, rtol=rtol, seed=labels["seed"])
    study.add_measurement(
        "average_rise",
        rise.value,
        rise,
        error=rise.stderr,
        error_kind="standard error",
        cost=rise.passes,
        cost_unit="passes",
        unit="nats",
        **labels,
    )


def _record_noise(study: Study, L: Objective, labels: Mapping[str, Any]) -> None:
    noise = study.store.remember(gradient_noise, L, L.theta)
    shared = {
        "error_kind": "standard error",
        "cost": noise.passes,
        "cost_unit": "passes",
        **labels,
    }
    # Nothing in the trace is iterated or divided: it holds wherever it is finite. `converged` of
    # the result is about the scale, whose denominator may be lost in the noise.
    study.add_measurement(
        "noise_trace",
        noise.trace,
        noise,
        error=noise.trace_stderr,
        unit="(nats per parameter)²",
        converged=True,
        **shared,
    )
    study.add_measurement(
        "noise_scale",
        noise.scale,
        noise,
        error=noise.scale_stderr,
        unit="examples",
        note="" if noise.converged else "the gradient is lost in its noise",
        **shared,
    )


@dataclasses.dataclass(frozen=True)
class SpectralGap:
    """The largest gap between neighbours among the largest eigenvalues, by their ratio.

    Attributes:
        outliers: Number of eigenvalues above the gap; 0 where no eigenvalue is positive.
        factor: The eigenvalue above the gap over the one below; NaN where none is positive.
        converged: Whether all eigenvalues converged, and the gap is a factor of at least 1.5 and
            not the last of those seen: a larger gap may follow beyond the last eigenvalue.
    """

    outliers: int
    factor: float
    converged: bool


def largest_gap(pairs: Eigenpairs) -> SpectralGap:
    """Return the largest gap among the k largest eigenvalues, in their logarithms.

    A Hessian of a network trained on C classes has about C eigenvalues that stand out from a bulk.
    The gap between outliers and bulk is where neighbours differ by the largest factor. An
    eigenvalue below its residual is replaced by the residual: a value that cannot be told from 0
    makes no gap.

    Args:
        pairs: The largest eigenvalues, at least 3, such as twice the number of classes; of both
            ends the upper one counts.

    Returns:
        The gap.

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
    # Also an exact 0 needs a positive stand-in, or its ratio to the neighbour is infinite.
    floor = torch.finfo(values.dtype).eps * values[0]
    positive = torch.maximum(values, residuals.clamp_min(floor))
    factors = positive[:-1] / positive[1:]
    index = int(factors.argmax())
    factor = float(factors[index])
    clear = factor >= _MIN_GAP_FACTOR and index + 1 < len(factors)
    return SpectralGap(index + 1, factor, clear and bool(pairs.converged[: pairs.k].all()))


def record_outliers(
    study: Study, objectives: Solutions, *, k: int
) -> dict[tuple[str, int], Eigenpairs]:
    """Count, through the store, the outliers at the top of the Hessian's spectrum; record them.

    ``outliers`` is the position of the largest gap among the k largest eigenvalues; its note gives
    the factor. See ``largest_gap``.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None for a run that
            diverged, which gets a row without a number.
        k: Eigenvalues to compute, at least 3: twice the number of classes, or more.

    Returns:
        (arm, seed) -> the k largest eigenpairs, without runs that diverged.

    Raises:
        ValueError: If k < 3.
    """
    tops = {}
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            solutions.record_missing(study, ["outliers"], **labels)
            continue
        pairs = study.store.remember(eigenpairs, L.hessian(L.theta), k)
        gap = largest_gap(pairs)
        study.add_measurement(
            "outliers",
            gap.outliers,
            L,
            unit="eigenvalues",
            cost=pairs.products,
            cost_unit="products",
            converged=gap.converged,
            note=f"a factor of {gap.factor:.3g} to the next, among the {k} largest",
            **labels,
        )
        tops[arm, seed] = pairs
    return tops
