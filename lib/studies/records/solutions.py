"""Records of single solutions: extreme eigenvalues, sharpness, rounding and losses."""

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
# An eigenvalue counts as known if its residual is at most 5% of it. Convergence is judged against
# the spectral range, and one end of the spectrum may be a thousand times the other, as early in
# training: the small end may then have converged without a single known digit.
_MAX_RELATIVE_RESIDUAL = 0.05
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


def record_eigenvalue(
    study: Study,
    quantity: str,
    pairs: Eigenpairs,
    index: int,
    objective: Objective,
    *,
    max_relative_residual: float = 1.0,
    **labels: Any,
) -> None:
    """Record one eigenvalue with its residual and the products that its computation used.

    An eigenvalue smaller than its residual has no known sign and is recorded as not converged. It
    occurs where the other end of the spectrum is much larger, since convergence is judged against
    the spectral range.

    Args:
        study: Where to record.
        quantity: Name to record under.
        pairs: The eigenpairs.
        index: Position of the eigenvalue among them.
        objective: Where it was measured: gives policy, examples and dtype.
        max_relative_residual: Largest residual relative to the eigenvalue itself; above it the
            eigenvalue is recorded as not converged.
        labels: Columns such as ``arm`` and ``seed``; ``unit`` is nats per parameter² unless given.
    """
    value, residual = float(pairs.values[index]), float(pairs.residuals[index])
    has_sign = abs(value) > residual or residual == 0
    known = has_sign and _known(pairs, index, limit=max_relative_residual)
    reason = "" if known else "known too roughly" if has_sign else "not told from 0"
    labels["note"] = _joined(labels, reason)
    study.add_measurement(
        quantity,
        value,
        objective,
        error=residual,
        error_kind="residual",
        converged=known and bool(pairs.converged[index]),
        cost=pairs.products,
        cost_unit="products",
        **{"unit": PER_PARAMETER, **labels},
    )


def _joined(labels: Mapping[str, Any], reason: str) -> str:
    """Return the caller's note, if any, followed by our reason."""
    return "; ".join(filter(None, [labels.get("note", ""), reason]))


def record_interval(
    study: Study, quantity: str, interval: Any, objective: Objective, **labels: Any
) -> None:
    """Record a value with an interval; the recorded error is half of the interval's width.

    Args:
        study: Where to record.
        quantity: Name to record under.
        interval: A result with the attributes ``value``, ``low`` and ``high``.
        objective: Where it was measured: gives policy, examples and dtype.
        labels: Columns such as ``arm``, ``seed`` and ``cost``; ``error_kind`` is a 95% interval and
            ``cost_unit`` is products unless given.
    """
    half = (interval.high - interval.low) / 2
    defaults = {"error": half, "error_kind": "half of 95% interval", "cost_unit": "products"}
    study.add_measurement(quantity, interval.value, objective, **{**defaults, **labels})


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
        The eigenpairs of H. None where the products are not finite or not those of a symmetric
        matrix, as shortly before a run diverges; the recorded rows say so.

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
    max_relative_residual: float = _MAX_RELATIVE_RESIDUAL,
    **labels: Any,
) -> Eigenpairs | None:
    """Record the largest eigenvalue, with two names the smallest too, or that there are none."""
    try:
        pairs = compute()
    except OperatorError as error:
        # The first clause names the fault; the rest of the message tells a caller what to do.
        fault = str(error).partition(". ")[0].partition(":")[0]
        labels["note"] = _joined(labels, fault)
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
        known = kappa.converged and math.isfinite(kappa.value) and _known(ends, 0, -1)
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


def record_signals(
    study: Study, objectives: Mapping[tuple[str, int], Objective | None], *, prefix: str
) -> dict[tuple[str, int], torch.Tensor]:
    """Measure, through the store, the gradients that layers receive, and record how they decay.

    ``signal_decay`` is the factor by which the norms change from a layer to the one before it:
    below 1 gradients vanish towards the input. The norms go to ``signals.csv``.

    Args:
        study: Where to record.
        objectives: (arm, seed) -> objective, measured at its own theta; None where there is no such
            network, which gets a row that says so.
        prefix: Goes before ``signal_decay``.

    Returns:
        (arm, seed) -> norms (layers,), from the input on, in nats per unit of output; without the
        networks that do not exist.
    """
    norms = {}
    for (arm, seed), L in objectives.items():
        labels = {"arm": arm, "seed": seed}
        if L is None:
            record_missing(study, [f"{prefix}signal_decay"], **labels)
            continue
        signals = study.store.remember(signal_propagation, L, L.theta)
        study.add_measurement(
            f"{prefix}signal_decay",
            signals.decay,
            signals,
            cost=signals.passes,
            cost_unit="passes",
            unit="a layer",
            **labels,
        )
        norms[arm, seed] = signals.norms
        rows = [
            {**labels, "layer": layer, "signal_norm": norm}
            for layer, norm in enumerate(signals.norms.tolist(), start=1)
        ]
        study.table("signals", rows)
    return norms


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
        if _known(pairs, 0) or not bool(pairs.converged[0]):
            break
    return pairs


def _known(pairs: Eigenpairs, *indices: int, limit: float = _MAX_RELATIVE_RESIDUAL) -> bool:
    """Whether residuals are at most this share of the eigenvalues themselves."""
    return all(float(pairs.residuals[i]) <= limit * abs(float(pairs.values[i])) for i in indices)


def record_bounds(study: Study, runs: Runs) -> None:
    """Record ``trace_bound``: what a source says the trace of the Hessian is at most.

    The bound is ``theory.trace_bound`` with the training loss at the initialisation, 0 as the least
    loss, and the ``noise_trace`` recorded at the end (``flatness.record_flatness``). The source
    names no constant C before the noise: ``trace_constant`` is the C with which the bound equals
    the recorded ``trace``, negative where the bound holds without the noise. With momentum β the
    learning rate is η / (1 − β), the effective rate in the long run. Both are NaN for a run that
    diverged before its first step, or whose loss was not finite from the start.

    The source writes a bound of squared gradients beside a trace. So the unit of the bound is that
    of the gradient, squared, and C has the unit that is left of the trace.

    Args:
        study: Where ``trace`` and ``noise_trace`` were recorded, in the order of ``runs``, and
            where to record.
        runs: (arm, seed) -> run.

    Reference: study S2, theorem 1.
    """
    for arm, arm_runs in grouped(runs).items():
        measured = (study.values(name, arm) for name in ("noise_trace", "trace"))
        for noise, trace, run in zip(*measured, arm_runs, strict=True):
            bound = constant = math.nan
            if run.steps and math.isfinite(start := float(run.history["train_loss"][0])):
                config = run.config
                momentum = getattr(config.optimizer, "momentum", 0.0)
                bound_of = functools.partial(
                    trace_bound,
                    start,
                    learning_rate=config.optimizer.learning_rate / (1 - momentum),
                    steps=run.steps,
                    batch_size=config.batch_size,
                )
                bound = bound_of(noise=noise)
                rest = trace - bound_of(noise=0.0)
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
        study: Where to record.
        models: Arm -> network, measured at its own theta.
        sets: Inputs and targets of each set; recorded in this order as ``lambda_max_by_examples``.
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
    """Measure and record the sharpness of reparametrized twins: one function, one layer rescaled.

    The geometry of each twin is recorded with the prefix ``twin_``, in the order of the factors.
    ``twin_loss_change`` is the difference that rounding makes to the loss of the same function.

    Args:
        study: Where to record.
        models: Arm -> network.
        examples: Inputs and targets.
        layer: Name of the layer to rescale; see ``theory.reparametrized_twin``.
        factors: Factors of that layer's weights.
        seed: Seed of the networks.
        radii: ``rho`` and ``rho_adaptive`` of ``record_geometry``.

    Reference: Dinh et al. (2017), Sharp Minima Can Generalize For Deep Nets, ICML.
    """
    for (arm, model), factor in itertools.product(models.items(), factors):
        original = Objective(model, examples)
        twin = Objective(reparametrized_twin(model, layer=layer, factor=factor), examples)
        labels = {"arm": arm, "note": f"a = {factor}"}
        record_geometry(study, twin, which="largest", prefix="twin_", seed=seed, **radii, **labels)
        change = abs(twin.loss(twin.theta) - original.loss(original.theta))
        study.add_measurement("twin_loss_change", change, twin, unit="nats", **labels)
