"""Records: what a training run and the sharpness of a solution put into a study's results."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from landscape.diagnostics.rounding import rounding_error
from landscape.diagnostics.signal_propagation import signal_propagation
from landscape.objective import Objective
from landscape.sharpness.onestep import Sharpness, sam
from landscape.spectrum.conditioning import condition_number
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.results import Eigenpairs, Which
from landscape.theory.bounds import trace_bound
from landscape.theory.reparametrization import reparametrized_twin
from torch import nn

from studies.arms import Runs, grouped
from studies.study import Study

PER_PARAMETER = "nats per parameter²"
_PER_FILTER = "nats per filter norm²"
# Residuals converge against the spectral range, and one end may be a thousand times the other, as
# the lower one is early in training: an end is known only if its own is at most this share of it.
_KNOWN_TO = 0.05
_SOLUTION = (
    "lambda_max",
    "lambda_min",
    "lambda_max_relative",
    "sam",
    "sam_adaptive",
    "rounding",
    "kappa",
)
# Of what `runs` and `solutions` record, the rows of a table of networks: quantity -> heading.
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


def record_eigenvalue(
    study: Study,
    quantity: str,
    pairs: Eigenpairs,
    index: int,
    at: Objective,
    *,
    known_to: float = 1.0,
    **labels: Any,
) -> None:
    """Record one eigenvalue with its residual and the products that its computation used.

    Residuals converge against the spectral range. An eigenvalue that is smaller than its own, since
    another end of the spectrum is so large, has no known sign: it is recorded as not converged.

    Args:
        known_to: Largest residual relative to the eigenvalue itself; above it the eigenvalue is
            recorded as not converged.
    """
    value, residual = float(pairs.values[index]), float(pairs.residuals[index])
    signed = abs(value) > residual or residual == 0
    known = signed and _known(pairs, index, to=known_to)
    note = "" if known else "known too roughly" if signed else "not told from 0"
    labels["note"] = _joined(labels, note)
    study.add_measurement(
        quantity,
        value,
        at,
        error=residual,
        error_kind="residual",
        converged=known and bool(pairs.converged[index]),
        cost=pairs.products,
        cost_unit="products",
        **{"unit": PER_PARAMETER, **labels},
    )


def _joined(labels: Mapping[str, Any], reason: str) -> str:
    """Return the caller's note, if there is one, and behind it a reason of ours."""
    return "; ".join(filter(None, [labels.get("note", ""), reason]))


def record_interval(study: Study, quantity: str, found: Any, at: Objective, **labels: Any) -> None:
    """Record a value whose result has ``low`` and ``high``, with half of what lies between them."""
    half = (found.high - found.low) / 2
    error = {"error": half, "error_kind": "half of 95% interval", "cost_unit": "products"}
    study.add_measurement(quantity, found.value, at, **{**error, **labels})


def record_geometry(
    study: Study,
    at: Objective,
    *,
    rho: float,
    rho_adaptive: float,
    which: Which = "both ends",
    prefix: str = "",
    **labels: Any,
) -> Eigenpairs | None:
    """Measure, through the store, how sharp a solution is, and record it.

    ``lambda_max`` (and ``lambda_min`` with ``which="both ends"``) and ``sam`` depend on how
    layers are scaled; ``lambda_max_relative``, the top eigenvalue of D H D with D the norm of
    each weight's filter, and ``sam_adaptive`` do not.

    Args:
        at: The objective, measured at its own theta.
        rho: Radius of SAM's step.
        rho_adaptive: Radius of the adaptive step.
        which: Ends of the spectrum of H to compute.
        prefix: Goes before the recorded names.
        labels: Columns such as ``arm`` and ``seed``.

    Returns:
        The eigenpairs of H; None where products are not those of a symmetric matrix, or not finite,
        as shortly before a run diverges: it then has rows that say so.
    """
    hessian = at.hessian(at.theta)
    relative = hessian.scaled(at.layout.filter_norms(at.theta))
    found = functools.partial(study.store.remember, eigenpairs)
    names = ["lambda_max", "lambda_min"] if which == "both ends" else ["lambda_max"]
    names = [f"{prefix}{name}" for name in names]
    ends = _ends(study, names, lambda: found(hessian, which=which), at, **labels)
    own = {**labels, "known_to": 1.0, "unit": _PER_FILTER}
    _ends(study, [f"{prefix}lambda_max_relative"], lambda: found(relative), at, **own)
    record_rise(study, f"{prefix}sam", at, rho, **labels)
    record_rise(study, f"{prefix}sam_adaptive", at, rho_adaptive, adaptive=True, **labels)
    _rounding(study, f"{prefix}rounding", at, **labels)
    return ends


def _ends(
    study: Study,
    names: Sequence[str],
    find: Callable[[], Eigenpairs],
    at: Objective,
    *,
    known_to: float = _KNOWN_TO,
    **labels: Any,
) -> Eigenpairs | None:
    """Record the largest eigenvalue, with two names the smallest too, or that there are none."""
    try:
        found = find()
    except OperatorError as error:
        why = str(error).partition(". ")[0].partition(":")[0]
        labels["note"] = _joined(labels, why)
        record_missing(study, names, **labels)
        return None
    for name, index in zip(names, (0, -1), strict=False):
        record_eigenvalue(study, name, found, index, at, known_to=known_to, **labels)
    return found


def record_rise(
    study: Study, quantity: str, at: Objective, rho: float, *, adaptive: bool = False, **labels: Any
) -> Sharpness:
    """Measure, through the store, record and return SAM's rise of the loss by a step of rho."""
    found = study.store.remember(sam, at, at.theta, rho=rho, adaptive=adaptive)
    cost = {"cost": found.passes, "cost_unit": "passes", "unit": "nats"}
    study.add_measurement(quantity, found.value, found, **cost, **labels)
    return found


def _rounding(study: Study, quantity: str, at: Objective, **labels: Any) -> None:
    found = study.store.remember(rounding_error, at, at.theta)
    cost = {"cost": found.passes, "cost_unit": "passes", "unit": "share of the gradient"}
    study.add_measurement(quantity, found.value, found, **cost, **labels)


def record_solutions(
    study: Study, at: Mapping[tuple[str, int], Objective | None], **how: Any
) -> None:
    """Measure and record the ``geometry`` of many solutions, and ``kappa``, λ_max / |λ_min|.

    Args:
        at: (arm, seed) -> objective, measured at its own theta; None for a run that diverged, which
            gets no number but a row that says so.
        how: Arguments of ``geometry``.
    """
    for (arm, seed), L in at.items():
        if L is None:
            record_missing(study, _SOLUTION, arm=arm, seed=seed)
            continue
        labels = {"arm": arm, "seed": seed}
        ends = record_geometry(study, L, **labels, **how)
        if ends is None:
            record_missing(study, ["kappa"], note="λ_max and λ_min are not known", **labels)
            continue
        found = condition_number(ends)
        whole = found.converged and math.isfinite(found.value) and _known(ends, 0, -1)
        known = {"converged": whole, "error_kind": "half of interval"}
        record_interval(study, "kappa", found, L, cost=ends.products, **labels, **known)


def record_signals(
    study: Study, at: Mapping[tuple[str, int], Objective | None], *, prefix: str
) -> dict[tuple[str, int], torch.Tensor]:
    """Measure, through the store, the gradients that layers receive, and record how they decay.

    Args:
        at: (arm, seed) -> objective, measured at its own theta; None where there is no such
            network, which gets a row that says so.
        prefix: Goes before ``signal_decay``; the norms are in ``signals.csv``.

    Returns:
        (arm, seed) -> norms (layers,), from the input on, of those that there are.
    """
    norms = {}
    for (arm, seed), L in at.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(study, [f"{prefix}signal_decay"], **labels)
            continue
        found = study.store.remember(signal_propagation, L, L.theta)
        cost = {"cost": found.passes, "cost_unit": "passes", "unit": "a layer"}
        study.add_measurement(f"{prefix}signal_decay", found.decay, found, **cost, **labels)
        norms[arm, seed] = found.norms
        rows = [
            {**labels, "layer": layer, "signal_norm": norm}
            for layer, norm in enumerate(found.norms.tolist(), start=1)
        ]
        study.table("signals", rows)
    return norms


def record_missing(
    study: Study, names: Sequence[str], *, note: str = "the run diverged", **labels: Any
) -> None:
    """Record of a run that it has none of these quantities, and why."""
    for name in names:
        study.add(name, math.nan, converged=False, note=note, **labels)


def record_early(
    study: Study,
    at: Mapping[tuple[str, int], Objective | None],
    *,
    rho: float,
    prefix: str,
    without: str = "the run diverged",
    tol: float = 1e-4,
) -> None:
    """Measure, through the store, and record what can be known of a network early in training.

    ``loss``, ``lambda_max``, the norm of the full gradient, ``gradient_norm``, and the rise of the
    loss by a step of length rho along it, ``sam``. Where the residual of λ_max is above 5% of it,
    it is computed again to smaller tolerances, and has not converged if it stays so.

    Args:
        at: (arm, seed) -> objective, measured at its own theta; None where there is no such
            network, which gets rows that say so.
        rho: Radius of the step.
        prefix: Goes before the recorded names.
        without: Why there is none.
        tol: Largest residual of λ_max, relative to the spectral range.
    """
    for (arm, seed), L in at.items():
        if L is None:
            names = ("loss", "lambda_max", "sam", "gradient_norm", "rounding")
            known = [f"{prefix}{name}" for name in names]
            record_missing(study, known, note=without, arm=arm, seed=seed)
            continue
        labels = {"arm": arm, "seed": seed}
        _ends(study, [f"{prefix}lambda_max"], functools.partial(_top, study, L, tol), L, **labels)
        found = record_rise(study, f"{prefix}sam", L, rho, **labels)
        cost = {"cost": 1, "cost_unit": "passes", **labels}
        norm = {"unit": "nats per parameter", **cost}
        study.add_measurement(f"{prefix}gradient_norm", found.gradient_norm, found, **norm)
        study.add_measurement(f"{prefix}loss", found.loss, found, unit="nats", **cost)
        _rounding(study, f"{prefix}rounding", L, **labels)


def record_test_loss(
    study: Study,
    at: Mapping[tuple[str, int], Objective | None],
    examples: tuple,
    *,
    prefix: str,
    without: str,
    split: str = "test",
) -> None:
    """Record ``test_accuracy`` and ``test_loss`` of networks in eval mode, as training has them.

    Args:
        at: (arm, seed) -> objective, at its own theta; None where there is no such network, which
            gets rows that say so.
        examples: Inputs and targets of the split.
        prefix: Goes before the recorded names.
        without: Why there is none.
        split: What the examples are, in the recorded names: ``test`` or ``train``.
    """
    for (arm, seed), L in at.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            names = [f"{prefix}{split}_accuracy", f"{prefix}{split}_loss"]
            record_missing(study, names, note=without, **labels)
            continue
        of = L.replace(examples=examples, bn="frozen")
        found, labels = of.evaluate(of.theta), {"cost": 1, "cost_unit": "passes", **labels}
        share = {"unit": "share correct", **labels}
        study.add_measurement(f"{prefix}{split}_accuracy", found.accuracy, of, **share)
        study.add_measurement(f"{prefix}{split}_loss", found.loss, of, unit="nats", **labels)


def _top(study: Study, L: Objective, tol: float) -> Eigenpairs:
    hessian, found = L.hessian(L.theta), None
    for smaller in (tol, *(step for step in (1e-4, 1e-5, 1e-6) if step < tol)):
        found = study.store.remember(eigenpairs, hessian, tol=smaller)
        # A smaller tolerance than one that was not met would not be either.
        if _known(found, 0) or not bool(found.converged[0]):
            break
    return found


def _known(pairs: Eigenpairs, *indices: int, to: float = _KNOWN_TO) -> bool:
    """Whether residuals are small beside the eigenvalues themselves, too."""
    return all(float(pairs.residuals[i]) <= to * abs(float(pairs.values[i])) for i in indices)


def record_bounds(study: Study, runs: Runs) -> None:
    """Record ``trace_bound``: what a source says the trace of the Hessian is at most.

    ``theory.trace_bound`` with the training loss at the initialisation, 0 as the least, and the
    ``noise_trace`` recorded at the end (``record_flatness``). The source names no constant C before
    the noise: ``trace_constant`` is the one with which the bound would be the recorded ``trace``,
    negative where the bound holds without the noise. With momentum β the rate is η / (1 − β), at
    which it moves in the long run. NaN for a run that diverged before its first step, or whose loss
    was not finite from the start.

    The bound is one of squared gradients, which the source writes beside a trace: its unit is the
    gradient's, squared, and that of C what is left of the trace's.
    """
    for arm, own in grouped(runs).items():
        measured = (study.values(name, arm) for name in ("noise_trace", "trace"))
        for noise, trace, run in zip(*measured, own, strict=True):
            bound = constant = math.nan
            if run.steps and math.isfinite(start := float(run.history["train_loss"][0])):
                config = run.config
                held = 1 - getattr(config.optimizer, "momentum", 0.0)
                pace = config.optimizer.learning_rate / held
                how = {"learning_rate": pace, "steps": run.steps}
                how["batch_size"] = config.batch_size
                bound = trace_bound(start, noise=noise, **how)
                rest = trace - trace_bound(start, noise=0.0, **how)
                constant = rest * config.batch_size / noise if noise else math.nan
            labels = {"arm": arm, "seed": run.config.seed}
            study.add("trace_bound", bound, unit="(nats per parameter)²", **labels)
            study.add("trace_constant", constant, unit="1 per nat", **labels)


def record_subsets(
    study: Study,
    models: Mapping[str, nn.Module],
    sets: Sequence[tuple[torch.Tensor, torch.Tensor]],
    *,
    seed: int,
) -> None:
    """Measure, through the store, λ_max of networks on several sets of examples, and record it.

    Args:
        models: Arm -> network, measured at its own theta.
        sets: Inputs and targets, recorded in this order as ``lambda_max_by_examples``.
        seed: Seed of the networks.
    """
    for (arm, model), examples in itertools.product(models.items(), sets):
        L = Objective(model, examples)
        top = study.store.remember(eigenpairs, L.hessian(L.theta))
        record_eigenvalue(study, "lambda_max_by_examples", top, 0, L, arm=arm, seed=seed)


def record_twins(
    study: Study,
    models: Mapping[str, nn.Module],
    examples: tuple[torch.Tensor, torch.Tensor],
    *,
    layer: str,
    factors: Sequence[float],
    seed: int,
    **radii: float,
) -> None:
    """Measure the sharpness of networks of one function, a layer of which is rescaled.

    ``geometry`` of each is recorded with the prefix ``twin_`` in the order of the factors, beside
    ``twin_loss_change``: what rounding makes of the same function.

    Args:
        models: Arm -> network.
        examples: Inputs and targets.
        layer: Name of the layer to rescale; see ``theory.reparametrized_twin``.
        factors: What to multiply it by.
        seed: Seed of the networks.
        radii: ``rho`` and ``rho_adaptive`` of ``geometry``.
    """
    for (arm, model), factor in itertools.product(models.items(), factors):
        own = Objective(model, examples)
        twin = Objective(reparametrized_twin(model, layer=layer, factor=factor), examples)
        labels = {"arm": arm, "note": f"a = {factor}"}
        how = {**radii, "which": "largest", "prefix": "twin_", "seed": seed}
        record_geometry(study, twin, **how, **labels)
        moved = abs(twin.loss(twin.theta) - own.loss(own.theta))
        study.add_measurement("twin_loss_change", moved, twin, unit="nats", **labels)
