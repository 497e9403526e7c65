"""Measure the geometry at one solution: extreme eigenvalues, sharpness, rounding and losses."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from landscape.diagnostics.rounding import rounding_error
from landscape.objective import Objective
from landscape.sharpness import symmetric
from landscape.sharpness.onestep import sam
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.results import Eigenpairs

from studies.quantities import PER_FILTER
from studies.recorder import Recorder
from studies.records.eigenvalues import (
    MAX_RELATIVE_RESIDUAL,
    joined_note,
    record_eigenvalue,
    record_interval,
    residual_is_small,
)


def ends(recorder: Recorder, L: Objective, *, max_basis: int | None = None) -> None:
    """Record ``lambda_max``, ``lambda_min`` and ``kappa``, λ_max / |λ_min|, of the Hessian.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        max_basis: Largest number of vectors held at once; None sets no limit.
    """
    search = {"which": "both ends", "max_basis": max_basis}
    pairs = _record_ends(
        recorder,
        ["lambda_max", "lambda_min"],
        lambda: recorder.store.remember(eigenpairs, L.hessian(L.theta), **search),
        L,
    )
    if pairs is None:
        record_missing(recorder, ["kappa"], note="λ_max and λ_min are not known", bn=L.bn)
        return
    kappa = condition_number(pairs)
    # A ratio is as good as its worse end: both have to be known.
    known = kappa.converged and math.isfinite(kappa.value) and residual_is_small(pairs, 0, -1)
    record_interval(
        recorder,
        "kappa",
        kappa,
        L,
        cost=pairs.products,
        converged=known,
        error_kind="half of interval",
    )


def top(
    recorder: Recorder, L: Objective, *, tol: float = 1e-4, max_basis: int | None = None
) -> None:
    """Record ``lambda_max`` alone, to tolerances that fall until its residual is at most 5% of it.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        tol: Largest residual, relative to the spectral range, to begin with.
        max_basis: Largest number of vectors held at once; None sets no limit.
    """
    known = functools.partial(_known_top, recorder, L, tol, max_basis)
    _record_ends(recorder, ["lambda_max"], known, L)


def relative_top(recorder: Recorder, L: Objective, *, max_basis: int | None = None) -> None:
    """Record ``lambda_max_relative``: the top eigenvalue of D H D, D the norm of each filter.

    No rescaling of layers changes it.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        max_basis: Largest number of vectors held at once; None sets no limit.
    """
    relative = L.hessian(L.theta).scaled(L.layout.filter_norms(L.theta))
    _record_ends(
        recorder,
        ["lambda_max_relative"],
        lambda: recorder.store.remember(eigenpairs, relative, max_basis=max_basis),
        L,
        max_relative_residual=1.0,
        unit=PER_FILTER,
    )


def rise(recorder: Recorder, L: Objective, *, rho: float) -> None:
    """Record ``sam``, the rise of the loss by one step along the gradient.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        rho: Length of the step, in parameter units, > 0.

    Reference: Foret et al. (2021), Sharpness-Aware Minimization, ICLR.
    """
    step = recorder.store.remember(sam, L, L.theta, rho=rho, adaptive=False)
    cost = {"cost": step.passes, "cost_unit": "passes"}
    recorder.add_measurement("sam", step.value, step, unit="nats", rho=rho, **cost)


def slope(recorder: Recorder, L: Objective, *, rho: float) -> None:
    """Record the ``loss`` and the ``gradient_norm`` where the step of ``rise`` begins.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        rho: Length of the step: the number is read from the result of the same computation.
    """
    step = recorder.store.remember(sam, L, L.theta, rho=rho, adaptive=False)
    cost = {"cost": 1, "cost_unit": "passes"}
    recorder.add_measurement(
        "gradient_norm", step.gradient_norm, step, unit="nats per parameter", **cost
    )
    recorder.add_measurement("loss", step.loss, step, unit="nats", **cost)


def symmetric_rise(recorder: Recorder, L: Objective, *, rho: float) -> None:
    """Record ``sam_symmetric``: the rise along the gradient without the slope's own part.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        rho: Length of the step, in parameter units, > 0.
    """
    step = recorder.store.remember(symmetric.symmetric_rise, L, L.theta, rho=rho)
    cost = {"cost": step.passes, "cost_unit": "passes"}
    recorder.add_measurement("sam_symmetric", step.value, step, unit="nats", rho=rho, **cost)


def adaptive_rise(recorder: Recorder, L: Objective, *, rho_adaptive: float) -> None:
    """Record ``sam_adaptive``, the rise by a step whose length is relative to each parameter.

    Args:
        recorder: Where to record.
        L: The objective, measured at its own theta.
        rho_adaptive: Length of the step, relative to each parameter's size, > 0.

    Reference: Kwon et al. (2021), ASAM, ICML.
    """
    step = recorder.store.remember(sam, L, L.theta, rho=rho_adaptive, adaptive=True)
    cost = {"cost": step.passes, "cost_unit": "passes"}
    recorder.add_measurement(
        "sam_adaptive", step.value, step, unit="nats", rho=rho_adaptive, **cost
    )


def rounding(recorder: Recorder, L: Objective) -> None:
    """Record ``rounding``: the share of the gradient that rounding makes."""
    error = recorder.store.remember(rounding_error, L, L.theta)
    recorder.add_measurement(
        "rounding",
        error.value,
        error,
        cost=error.passes,
        cost_unit="passes",
        unit="share of the gradient",
    )


def losses(recorder: Recorder, L: Objective, *, split: str) -> None:
    """Record ``<split>_accuracy`` and ``<split>_loss``, as training measures them.

    Args:
        recorder: Where to record.
        L: The objective, in eval mode, on the examples of the split.
        split: ``train`` or ``test``.
    """
    evaluation, cost = L.evaluate(L.theta), {"cost": 1, "cost_unit": "passes"}
    recorder.add_measurement(
        f"{split}_accuracy", evaluation.accuracy, L, unit="share correct", **cost
    )
    recorder.add_measurement(f"{split}_loss", evaluation.loss, L, unit="nats", **cost)


def record_missing(recorder: Recorder, names: Sequence[str], *, note: str, **columns: Any) -> None:
    """Record that there are no such numbers, and why.

    Args:
        recorder: Where to record.
        names: The quantities; each gets a row with NaN, as not converged.
        note: Why there is no number.
        columns: Further columns, such as ``bn``.
    """
    for name in names:
        recorder.add(name, math.nan, converged=False, note=note, **columns)


def fault(error: OperatorError) -> str:
    """Return why an operator has no eigenvalues, in a few words.

    Args:
        error: The error of the search. The first clause of its text names the fault; the rest tells
            a caller what to do.

    Raises:
        OperatorError: If the operator is random: this is a fault of the study.
    """
    if "not deterministic" in str(error):
        raise error
    return str(error).partition(". ")[0].partition(":")[0]


def _record_ends(
    recorder: Recorder,
    names: Sequence[str],
    compute: Callable[[], Eigenpairs],
    L: Objective,
    *,
    max_relative_residual: float = MAX_RELATIVE_RESIDUAL,
    **columns: Any,
) -> Eigenpairs | None:
    """Record the largest eigenvalue, with two names the smallest too, or that there are none."""
    try:
        pairs = compute()
    except OperatorError as error:
        record_missing(recorder, names, note=joined_note(columns, fault(error)), bn=L.bn)
        return None
    for name, index in zip(names, (0, -1), strict=False):
        record_eigenvalue(
            recorder,
            name,
            pairs,
            index,
            L,
            max_relative_residual=max_relative_residual,
            **columns,
        )
    return pairs


def _known_top(recorder: Recorder, L: Objective, tol: float, max_basis: int | None) -> Eigenpairs:
    """Return the top eigenpair, with tolerances that fall until its residual is small enough."""
    hessian = L.hessian(L.theta)
    pairs: Eigenpairs
    for smaller in (tol, *(step for step in (1e-4, 1e-5, 1e-6) if step < tol)):
        pairs = recorder.store.remember(eigenpairs, hessian, tol=smaller, max_basis=max_basis)
        # Where a tolerance was not met, a smaller one would not be met either.
        if residual_is_small(pairs, 0) or not bool(pairs.converged[0]):
            break
    return pairs
