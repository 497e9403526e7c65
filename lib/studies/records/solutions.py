"""Records of single solutions: extreme eigenvalues, sharpness, rounding and losses."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from landscape.diagnostics.rounding import rounding_error
from landscape.objective import Objective
from landscape.sharpness.onestep import Sharpness, sam
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.results import Eigenpairs, Which
from torch import nn

from studies.records.eigenvalues import (
    MAX_RELATIVE_RESIDUAL,
    joined_note,
    record_eigenvalue,
    record_interval,
    residual_is_small,
)
from studies.study import Study

_PER_FILTER = "nats per filter norm²"
_SOLUTION_QUANTITIES = (
    "lambda_max",
    "lambda_min",
    "lambda_max_relative",
    "sam",
    "sam_adaptive",
    "rounding",
    "kappa",
)
# Rows of a table of networks, among what `record_runs` and `record_solutions` record:
# quantity -> heading.
HEADINGS = {
    "test_accuracy": "test accuracy",
    "train_loss": "training loss (nats)",
    "test_loss": "test loss (nats)",
    "lambda_max": "λ_max",
    "lambda_min": "λ_min",
    "kappa": "λ_max / |λ_min|",
    "sam": "SAM rise (nats)",
    "lambda_max_relative": "relative λ_max",
    "sam_adaptive": "adaptive rise (nats)",
}


def record_geometry(
    study: Study,
    objective: Objective,
    *,
    rho: float,
    rho_adaptive: float,
    which: Which = "both ends",
    prefix: str = "",
    **labels: Any,
) -> Eigenpairs | None:
    """Measure, through the store, how sharp a solution is, and record it.

    ``lambda_max`` (and ``lambda_min`` with ``which="both ends"``) and ``sam`` depend on how layers
    are scaled. ``lambda_max_relative``, the top eigenvalue of D H D with D the norm of each
    weight's filter, and ``sam_adaptive`` do not. ``rounding`` is the share of the gradient that
    rounding makes.

    Args:
        study: Where to record.
        objective: The objective, measured at its own theta.
        rho: Radius of SAM's step, in parameter units, > 0.
        rho_adaptive: Radius of the adaptive step, relative to each parameter's size, > 0.
        which: Ends of the spectrum of H to compute.
        prefix: Goes before the recorded names.
        labels: Columns such as ``arm`` and ``seed``.

    Returns:
        The eigenpairs of H. None where the products are not finite, or no symmetric matrix gives
        them, as shortly before a run diverges; the recorded rows say so.

    References: Foret et al. (2021), Sharpness-Aware Minimization, ICLR; Kwon et al. (2021), ASAM,
        ICML.
    """
    hessian = objective.hessian(objective.theta)
    relative = hessian.scaled(objective.layout.filter_norms(objective.theta))
    remembered = functools.partial(study.store.remember, eigenpairs)
    names = ["lambda_max", "lambda_min"] if which == "both ends" else ["lambda_max"]
    names = [f"{prefix}{name}" for name in names]
    ends = _record_ends(study, names, lambda: remembered(hessian, which=which), objective, **labels)
    _record_ends(
        study,
        [f"{prefix}lambda_max_relative"],
        lambda: remembered(relative),
        objective,
        max_relative_residual=1.0,
        unit=_PER_FILTER,
        **labels,
    )
    record_rise(study, f"{prefix}sam", objective, rho, **labels)
    record_rise(study, f"{prefix}sam_adaptive", objective, rho_adaptive, adaptive=True, **labels)
    _record_rounding(study, f"{prefix}rounding", objective, **labels)
    return ends


def _record_ends(
    study: Study,
    names: Sequence[str],
    compute: Callable[[], Eigenpairs],
    objective: Objective,
    *,
    max_relative_residual: float = MAX_RELATIVE_RESIDUAL,
    **labels: Any,
) -> Eigenpairs | None:
    """Record the largest eigenvalue, with two names the smallest too, or that there are none."""
    try:
        pairs = compute()
    except OperatorError as error:
        # The first clause names the fault; the rest of the message tells a caller what to do.
        fault = str(error).partition(". ")[0].partition(":")[0]
        labels["note"] = joined_note(labels, fault)
        record_missing(study, names, **labels)
        return None
    for name, index in zip(names, (0, -1), strict=False):
        record_eigenvalue(
            study,
            name,
            pairs,
            index,
            objective,
            max_relative_residual=max_relative_residual,
            **labels,
        )
    return pairs


def record_rise(
    study: Study,
    quantity: str,
    objective: Objective,
    rho: float,
    *,
    adaptive: bool = False,
    **labels: Any,
) -> Sharpness:
    """Measure, through the store, SAM's rise of the loss by one step, record and return it.

    Args:
        study: Where to record.
        quantity: Name to record under, in nats.
        objective: The objective, measured at its own theta.
        rho: Length of the step, > 0; in parameter units, or relative when adaptive.
        adaptive: Whether to scale the step by each parameter's size.
        labels: Columns such as ``arm`` and ``seed``.

    Reference: Foret et al. (2021), Sharpness-Aware Minimization, ICLR.
    """
    rise = study.store.remember(sam, objective, objective.theta, rho=rho, adaptive=adaptive)
    study.add_measurement(
        quantity, rise.value, rise, cost=rise.passes, cost_unit="passes", unit="nats", **labels
    )
    return rise


def _record_rounding(study: Study, quantity: str, objective: Objective, **labels: Any) -> None:
    rounding = study.store.remember(rounding_error, objective, objective.theta)
    study.add_measurement(
        quantity,
        rounding.value,
        rounding,
        cost=rounding.passes,
        cost_unit="passes",
        unit="share of the gradient",
        **labels,
    )


def record_solutions(
    study: Study, objectives: Mapping[tuple[str, int], Objective | None], **options: Any
) -> None:
    """Measure and record the geometry of many solutions, and ``kappa``, λ_max / |λ_min|.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None for a run that
            diverged, which gets a row without a number.
        options: Options of ``record_geometry``, such as ``rho`` and ``rho_adaptive``.
    """
    for (arm, seed), L in objectives.items():
        if L is None:
            record_missing(study, _SOLUTION_QUANTITIES, arm=arm, seed=seed)
            continue
        labels = {"arm": arm, "seed": seed}
        ends = record_geometry(study, L, **labels, **options)
        if ends is None:
            record_missing(study, ["kappa"], note="λ_max and λ_min are not known", **labels)
            continue
        kappa = condition_number(ends)
        # A ratio is as good as its worse end: both have to be known.
        known = kappa.converged and math.isfinite(kappa.value) and residual_is_small(ends, 0, -1)
        record_interval(
            study,
            "kappa",
            kappa,
            L,
            cost=ends.products,
            converged=known,
            error_kind="half of interval",
            **labels,
        )


def record_missing(
    study: Study, names: Sequence[str], *, note: str = "the run diverged", **labels: Any
) -> None:
    """Record that a run has none of these quantities, and why.

    Args:
        study: Where to record.
        names: The quantities; each gets a row with NaN, as not converged.
        note: Why there is no number.
        labels: Columns such as ``arm`` and ``seed``.
    """
    for name in names:
        study.add(name, math.nan, converged=False, note=note, **labels)


def record_early(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective | None],
    *,
    rho: float,
    prefix: str,
    missing_note: str = "the run diverged",
    tol: float = 1e-4,
) -> None:
    """Measure, through the store, and record the numbers that an early network has.

    They are ``loss``, ``lambda_max``, the norm of the full gradient ``gradient_norm``, the rise of
    the loss by a step of length rho along the gradient ``sam``, and ``rounding``. Where the
    residual of λ_max is above 5% of it, λ_max is computed again to smaller tolerances; if the
    residual stays above 5%, λ_max is recorded as not converged.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None where there is no such
            network, which gets rows that say so.
        rho: Length of the step, in parameter units, > 0.
        prefix: Goes before the recorded names.
        missing_note: Why a network is missing.
        tol: Largest residual of λ_max, relative to the spectral range.
    """
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            quantities = ("loss", "lambda_max", "sam", "gradient_norm", "rounding")
            names = [f"{prefix}{quantity}" for quantity in quantities]
            record_missing(study, names, note=missing_note, **labels)
            continue
        compute = functools.partial(_known_top, study, L, tol)
        _record_ends(study, [f"{prefix}lambda_max"], compute, L, **labels)
        rise = record_rise(study, f"{prefix}sam", L, rho, **labels)
        cost = {"cost": 1, "cost_unit": "passes", **labels}
        study.add_measurement(
            f"{prefix}gradient_norm", rise.gradient_norm, rise, unit="nats per parameter", **cost
        )
        study.add_measurement(f"{prefix}loss", rise.loss, rise, unit="nats", **cost)
        _record_rounding(study, f"{prefix}rounding", L, **labels)


def record_test_loss(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective | None],
    examples: tuple,
    *,
    prefix: str,
    missing_note: str,
    split: str = "test",
) -> None:
    """Record ``test_accuracy`` and ``test_loss`` of networks in eval mode, as training does.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, at its own theta; None where there is no such network,
            which gets rows that say so.
        examples: Inputs and targets of the split.
        prefix: Goes before the recorded names.
        missing_note: Why a network is missing.
        split: Name of the split in the recorded names: ``test`` or ``train``.
    """
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            names = [f"{prefix}{split}_accuracy", f"{prefix}{split}_loss"]
            record_missing(study, names, note=missing_note, **labels)
            continue
        on_split = L.replace(examples=examples, bn="frozen")
        evaluation = on_split.evaluate(on_split.theta)
        labels = {"cost": 1, "cost_unit": "passes", **labels}
        study.add_measurement(
            f"{prefix}{split}_accuracy",
            evaluation.accuracy,
            on_split,
            unit="share correct",
            **labels,
        )
        study.add_measurement(
            f"{prefix}{split}_loss", evaluation.loss, on_split, unit="nats", **labels
        )


def _known_top(study: Study, L: Objective, tol: float) -> Eigenpairs:
    """Return the top eigenpair, with tolerances that fall until its residual is small enough."""
    hessian, pairs = L.hessian(L.theta), None
    for smaller in (tol, *(step for step in (1e-4, 1e-5, 1e-6) if step < tol)):
        pairs = study.store.remember(eigenpairs, hessian, tol=smaller)
        # Where a tolerance was not met, a smaller one would not be met either.
        if residual_is_small(pairs, 0) or not bool(pairs.converged[0]):
            break
    return pairs


def record_subsets(
    study: Study,
    models: Mapping[str, nn.Module],
    sets: Sequence[tuple[torch.Tensor, torch.Tensor]],
    *,
    seed: int,
) -> None:
    """Measure, through the store, λ_max of networks on several sets of examples, and record it.

    Args:
        study: Where to record.
        models: Arm -> network, measured at its own theta.
        sets: Inputs and targets of each set; recorded in this order as ``lambda_max_by_examples``.
        seed: Seed of the networks.
    """
    for (arm, model), examples in itertools.product(models.items(), sets):
        L = Objective(model, examples)
        top = study.store.remember(eigenpairs, L.hessian(L.theta))
        record_eigenvalue(study, "lambda_max_by_examples", top, 0, L, arm=arm, seed=seed)
