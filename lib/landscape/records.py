"""Records: what a run, an eigenvalue, a line, a plane or a path puts into a study's results."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from landscape import connectivity, sharpness, slices, spectrum
from landscape.objective import Objective
from landscape.results import Study
from landscape.spectrum import Eigenpairs, Survey
from landscape.statistics import step_noise
from landscape.training import Run

_PER_PARAMETER = "nats per parameter²"
_PER_FILTER = "nats per filter norm²"


def run(study: Study, run: Run, arm: str, seed: int) -> None:
    """Record where a training run ended, its step noise, and its curves.

    Step noise is that of the mini-batch losses after the first epoch, which is all descent. The
    hash of the examples is that of the data set, training and test together.
    """
    diverged = "" if run.diverged_at is None else f"diverged at step {run.diverged_at}"
    labels = {
        "arm": arm,
        "seed": seed,
        "converged": run.diverged_at is None,
        "cost": run.steps,
        "cost_unit": "steps",
        "bn": "frozen",
        "examples_hash": run.data_sha256,
        "dtype": str(next(iter(run.weights.values())).dtype).removeprefix("torch."),
        "note": diverged,
    }
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        unit = "nats" if name.endswith("loss") else "share correct"
        study.add(name, run.history[name][-1], unit=unit, **labels)
    first = run.steps // run.config.epochs
    later = run.step_loss[first:].numpy()
    short = diverged or len(later) < 2
    noise = math.nan if short else step_noise(later)
    study.add("step_noise", noise, unit="nats", **{**labels, "bn": "batch"})  # In train mode.
    curves = zip(*(curve.tolist() for curve in run.history.values()), strict=True)
    rows = [dict(zip(run.history, row, strict=True)) for row in curves]
    study.table(
        "curves",
        [{"arm": arm, "seed": seed, "epoch": epoch, **row} for epoch, row in enumerate(rows)],
    )


def eigenvalue(
    study: Study, quantity: str, pairs: Eigenpairs, index: int, at: Objective, **labels: Any
) -> None:
    """Record one eigenvalue with its residual and the products that its computation used."""
    study.add_measurement(
        quantity,
        pairs.values[index],
        at,
        error=pairs.residuals[index],
        error_kind="residual",
        converged=bool(pairs.converged[index]),
        cost=pairs.products,
        cost_unit="products",
        **{"unit": _PER_PARAMETER, **labels},
    )


def geometry(
    study: Study,
    at: Objective,
    *,
    rho: float,
    rho_adaptive: float,
    which: spectrum.Which = "both ends",
    prefix: str = "",
    **labels: Any,
) -> None:
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
    """
    hessian = at.hessian(at.theta)
    ends = study.store.remember(spectrum.eigenpairs, hessian, which=which)
    relative = hessian.scaled(at.layout.filter_norms(at.theta))
    top = study.store.remember(spectrum.eigenpairs, relative)
    eigenvalue(study, f"{prefix}lambda_max", ends, 0, at, **labels)
    if which == "both ends":
        eigenvalue(study, f"{prefix}lambda_min", ends, -1, at, **labels)
    labels_relative = {**labels, "unit": _PER_FILTER}
    eigenvalue(study, f"{prefix}lambda_max_relative", top, 0, at, **labels_relative)
    for name, radius in (("sam", rho), ("sam_adaptive", rho_adaptive)):
        adaptive = name == "sam_adaptive"
        rise = study.store.remember(sharpness.sam, at, at.theta, rho=radius, adaptive=adaptive)
        cost = {"cost": rise.passes, "cost_unit": "passes", "unit": "nats"}
        study.add_measurement(f"{prefix}{name}", rise.value, rise, **cost, **labels)


def survey(
    study: Study,
    at: Objective,
    *,
    outliers: int,
    probes: int,
    steps: int,
    trace_rtol: float = 0.02,
    **labels: Any,
) -> Survey:
    """Measure, through the store, the whole spectrum of the Hessian at a solution, and record it.

    The trace is exact where the statistics of normalisation are fixed and the network is piecewise
    linear in each parameter (see ``spectrum.exact_trace``); under batch statistics it is estimated.
    Residuals of eigenvalues are at most 1e-4 of the spectral range, 1e-3 under batch statistics.
    ``condition`` is λ_max / |λ_min|. ``negative_mass`` is the share of eigenvalues below −δ, with
    δ a thousandth of the largest magnitude.

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
    found = study.store.remember(spectrum.survey, hessian, tol=tol, **how)
    for name, index in (("lambda_max", 0), ("lambda_kth", outliers - 1), ("lambda_min", -1)):
        eigenvalue(study, f"survey_{name}", found.pairs, index, at, **labels)
    condition = spectrum.condition_number(found.pairs)
    cost = {"cost": found.pairs.products, "converged": condition.converged}
    _interval(study, "condition", condition, at, **cost, **labels)
    cost = {"cost": found.density.products, "converged": not found.interrupted}
    _interval(study, "negative_mass", found.density.negative, at, unit="share", **cost, **labels)
    _trace(study, at, hessian, trace_rtol, labels)
    pairs = zip(found.pairs.values.tolist(), found.pairs.residuals.tolist(), strict=True)
    rows = [
        {**labels, "bn": at.bn, "index": index, "eigenvalue": value, "residual": residual}
        for index, (value, residual) in enumerate(pairs)
    ]
    study.table("eigenvalues", rows)
    return found


def _interval(study: Study, quantity: str, found: Any, at: Objective, **labels: Any) -> None:
    half = (found.high - found.low) / 2
    error = {"error": half, "error_kind": "half of 95% interval", "cost_unit": "products"}
    study.add_measurement(quantity, found.value, at, **error, **labels)


def _trace(study: Study, at: Objective, hessian: Any, rtol: float, labels: dict) -> None:
    labels = {**labels, "unit": _PER_PARAMETER}
    if at.bn != "batch":
        found = study.store.remember(spectrum.exact_trace, at, at.theta)
        error = {"error": found.error, "error_kind": "rounding"}
        cost = {"cost": found.passes, "cost_unit": "passes"}
    else:
        found = study.store.remember(spectrum.trace, hessian, rtol=rtol)
        error = {"error": found.stderr, "error_kind": "standard error"}
        cost = {"cost": found.products, "cost_unit": "products", "converged": found.converged}
    study.add_measurement("trace", found.value, at, **error, **cost, **labels)


def lines(study: Study, cuts: slices.Lines, **labels: Any) -> None:
    """Record the points of several lines in ``lines.csv``."""
    rows = [
        {
            **labels,
            "direction": index,
            "bn": cuts.bn,
            "alpha": alpha,
            "loss": float(cuts.loss[index, i]),
            "accuracy": float(cuts.accuracy[index, i]),
        }
        for index in range(len(cuts.loss))
        for i, alpha in enumerate(cuts.alphas.tolist())
    ]
    study.table("lines", rows)


def plane(study: Study, cut: slices.Plane, **labels: Any) -> None:
    """Record the points of a plane in ``planes.csv``."""
    rows = [
        {
            **labels,
            "bn": cut.bn,
            "alpha": alpha,
            "beta": beta,
            "loss": float(cut.loss[i, j]),
            "accuracy": float(cut.accuracy[i, j]),
        }
        for i, alpha in enumerate(cut.alphas.tolist())
        for j, beta in enumerate(cut.betas.tolist())
    ]
    study.table("planes", rows)


def paths(
    study: Study,
    models: Mapping[int, nn.Module],
    sets: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
    *,
    points: int,
    arm: str,
) -> dict[tuple[str, str], list[connectivity.Path]]:
    """Measure straight paths between solutions under all policies, through the store; record them.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.

    Args:
        models: Seed -> solution.
        sets: Split -> examples; ``reestimate`` takes its statistics from ``train``.
        points: Positions on each path.
        arm: Label of the solutions.

    Returns:
        (split, policy) -> one path a pair.
    """
    seeds = list(models)
    found: dict[tuple[str, str], list[connectivity.Path]] = {}
    for split, bn in itertools.product(sets, ("frozen", "batch", "reestimate")):
        for pair in zip(seeds[::2], seeds[1::2], strict=False):
            how = {"bn": bn, "bn_examples": sets["train"][0]}
            ends = [Objective(models[seed], sets[split], **how) for seed in pair]
            cut = study.store.remember(connectivity.linear_barrier, *ends, ts=points)
            path(study, cut, arm, f"{pair[0]}-{pair[1]}", split)
            found.setdefault((split, bn), []).append(cut)
    return found


def path(study: Study, path: connectivity.Path, arm: str, pair: str, split: str) -> None:
    """Record a path's barriers and its points in ``paths.csv``."""
    labels = {"arm": arm, "seed": pair, "note": split, "converged": True}
    for name in ("barrier", "barrier_above_mean", "error_barrier"):
        value = getattr(path, name)
        labels["converged"] = math.isfinite(value)
        labels["unit"] = "share wrong" if name == "error_barrier" else "nats"
        study.add_measurement(f"{name}_{split}_{path.bn}", value, path, **labels)
    points = zip(path.ts.tolist(), path.loss.tolist(), path.accuracy.tolist(), strict=True)
    study.table(
        "paths",
        [
            {"pair": pair, "split": split, "bn": path.bn, "t": t, "loss": a, "accuracy": b}
            for t, a, b in points
        ],
    )
