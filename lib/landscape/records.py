"""Records: what a run, an eigenvalue, a line, a plane or a path puts into a study's results."""

import math
from typing import Any

from landscape import connectivity, sharpness, slices, spectrum
from landscape.objective import Objective
from landscape.results import Study
from landscape.spectrum import Eigenpairs
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
