"""Panels: what one set of axes shows, built from runs, recorded values, lines and paths."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from landscape.connectivity.path import Path
from landscape.plots.axes import suggests_log_scale
from landscape.plots.panel import Band, Panel
from landscape.slices.grid import Lines
from landscape.spectrum.survey import FullSpectrum
from landscape.training.run import Run

from studies.arms import diverged, grouped
from studies.figures.bands import band_over_seeds
from studies.formatting import diverged_text
from studies.intervals import band, single
from studies.study import Study


def training_panels(runs: Mapping[tuple[str, int], Run]) -> list[Panel]:
    """Return the panels of a figure of training curves: losses, test error, gradient norm.

    The name of an arm says how many of its runs diverged; its mean ends where the first of them
    did, which may be before a second point makes it a line.

    Args:
        runs: (arm, seed) -> run.
    """
    said = {arm: diverged_text(*diverged(runs, arm)) for arm in grouped(runs)}
    found = {
        "training loss": ("loss (nats)", run_bands(runs, "train_loss")),
        "test loss": ("loss (nats)", run_bands(runs, "test_loss")),
        "test error": ("share wrong", run_bands(runs, "test_accuracy", lambda x: 1 - x)),
        "mini-batch gradients": (
            "root mean square of ‖g‖₂",
            run_bands(runs, "gradient_norm"),
        ),
    }
    return [
        Panel(title, "epoch", unit, _remarked(series, said), "log", integers=True)
        for title, (unit, series) in found.items()
    ]


def _remarked(series: Mapping[str, Band], said: Mapping[str, str]) -> dict[str, Band]:
    return {f"{arm} ({said[arm]})" if said[arm] else arm: of for arm, of in series.items()}


def recorded_panels(
    study: Study, quantities: Mapping[str, str], arms: Sequence[str], x: str, xs: Sequence[float]
) -> list[Panel]:
    """Return a panel for each recorded quantity, one value of each arm at each position.

    Args:
        study: Where the values were recorded, in the order of the positions.
        quantities: Recorded name -> heading.
        arms: The arms.
        x: Meaning of the positions.
        xs: Positions, all positive: both axes are logarithmic.
    """
    return [
        Panel(
            heading,
            x,
            study.unit(quantity) or heading,
            {arm: single(xs, study.values(quantity, arm)) for arm in arms},
            "log",
            x_scale="log",
            ticks=tuple(xs),
        )
        for quantity, heading in quantities.items()
    ]


def line_panels(
    cuts: Mapping[tuple[str, int], Lines],
    x: str = "α (relative to filter norms)",
    *,
    of: str = "",
) -> list[Panel]:
    """Return the panels of loss and accuracy along lines, as bands over seeds.

    Args:
        cuts: (arm, seed) -> lines; a seed's curve is the mean over its directions. Mean and
            interval of the loss are those of its logarithm.
        x: Meaning of the positions.
        of: What they are lines of, such as ``MLP``, which titles then begin with.
    """
    arms = list(dict.fromkeys(arm for arm, _ in cuts))
    found = {
        what: {
            arm: band_over_seeds(
                next(iter(cuts.values())).alphas.numpy(),
                [
                    getattr(cut, what).mean(0).numpy()
                    for (own, _), cut in cuts.items()
                    if own == arm
                ],
                scale,
            )
            for arm in arms
        }
        for what, scale in (("loss", "log"), ("accuracy", "linear"))
    }
    return _along(found, x, f"{of}: training " if of else "training ", "log")


def line_spread_panels(
    cuts: Mapping[str, Lines], x: str = "α (relative to filter norms)"
) -> list[Panel]:
    """Return the panels of loss and accuracy along lines, as they spread over the directions.

    The curve is the median over directions and the band holds the middle 80% of them, from the
    10th to the 90th percentile: no interval for a mean. Where a value is not finite there is
    neither.

    Args:
        cuts: Arm -> the lines through one solution.
        x: Meaning of the positions.
    """
    found = {
        what: {arm: _percentiles(cut.alphas, getattr(cut, what)) for arm, cut in cuts.items()}
        for what in ("loss", "accuracy")
    }
    return _along(found, x, "training ", "log")


def _percentiles(x: torch.Tensor, curves: torch.Tensor) -> Band:
    rows = curves.numpy()
    kept = np.where(np.isfinite(rows).all(axis=0), rows, np.nan)
    low, middle, high = np.percentile(kept, [10, 50, 90], axis=0)
    return Band(x.numpy(), middle, low, high, rows, len(rows))


def _along(
    found: Mapping[str, Mapping[str, Band]], x: str, what: str, scale: Literal["linear", "log"]
) -> list[Panel]:
    return [
        Panel(f"{what}loss", x, "loss (nats)", found["loss"], scale),
        Panel(f"{what}accuracy", x, "share correct", found["accuracy"], limits=(0, 1)),
    ]


def spectrum_panels(found: Mapping[str, Sequence[FullSpectrum]]) -> list[Panel]:
    """Return a panel for each kind of Hessian: density of eigenvalues and outliers, over seeds.

    All share one coordinate u = asinh(λ / δ), linear within ±δ and logarithmic beyond, with δ one
    per cent of the largest magnitude: quadrature resolves no less around zero.

    Args:
        found: Title -> one survey a seed.
    """
    every = [survey for surveys in found.values() for survey in surveys]
    delta = 10 * max(survey.density.scale for survey in every)
    curves = {
        title: [survey.density.curve(scale=delta, width=0.2) for survey in surveys]
        for title, surveys in found.items()
    }
    ends = [curve.u[end] for of in curves.values() for curve in of for end in (0, -1)]
    u = np.linspace(float(min(ends)), float(max(ends)), 1024)
    return [
        Panel(
            title,
            f"eigenvalue λ (nats per parameter²), logarithmic beyond ±{delta:.2g}",
            "share per unit of u",
            {title: band(u, [np.interp(u, c.u, c.density, 0, 0) for c in curves[title]])},
            "log",
            unit=delta,
            marks=tuple(tuple(survey.pairs.values.tolist()) for survey in surveys),
        )
        for title, surveys in found.items()
    ]


def path_panels(found: Mapping[tuple[str, str], Sequence[Path]]) -> list[Panel]:
    """Return the panels of a figure of paths: loss and accuracy of each split, by policy.

    Args:
        found: (split, policy) -> one path a pair.
    """
    made = []
    for what, unit in (("loss", "loss (nats)"), ("accuracy", "share correct")):
        for split in dict.fromkeys(split for split, _ in found):
            series = {
                bn: band(of[0].ts, [getattr(path, what) for path in of])
                for (own, bn), of in found.items()
                if own == split
            }
            limits = (0, 1) if what == "accuracy" else None
            made.append(
                Panel(f"{split} {what}", "position t on the path", unit, series, limits=limits)
            )
    return made


def path_kind_panels(found: Mapping[str, Sequence[Path]]) -> list[Panel]:
    """Return the panels of loss and accuracy along several kinds of paths between solutions.

    The loss has a logarithmic axis where it spans a factor of 10. The titles name the policy for
    running statistics if all paths share one; else each series does.

    Args:
        found: Kind, such as ``straight`` or ``aligned`` -> one path a pair of solutions.

    Raises:
        ValueError: If paths of one kind have other positions or another policy than the first.
    """
    policies = {kind: _policy(kind, of) for kind, of in found.items()}
    shared = len(set(policies.values())) == 1
    names = {
        kind: kind if shared or policy == kind else f"{kind} ({policy})"
        for kind, policy in policies.items()
    }
    bands = {
        what: {
            names[kind]: _over_pairs(of[0].ts, [getattr(path, what) for path in of])
            for kind, of in found.items()
        }
        for what in ("loss", "accuracy")
    }
    losses = np.concatenate([of.samples.ravel() for of in bands["loss"].values()])
    scale = "log" if suggests_log_scale(losses[np.isfinite(losses)]) else "linear"
    made = _along(bands, "position t on the path", "", scale)
    policy = f", policy {next(iter(policies.values()))}" if shared else ""
    return [dataclasses.replace(panel, title=f"{panel.title}{policy}") for panel in made]


def _policy(kind: str, of: Sequence[Path]) -> str:
    policies = dict.fromkeys(path.bn for path in of)
    if len(policies) != 1 or any(not torch.equal(path.ts, of[0].ts) for path in of):
        raise ValueError(
            f"the paths of kind {kind!r} have the policies {list(policies)} and "
            f"{[len(path.ts) for path in of]} positions. Pass paths of one policy, at the same "
            "positions, a pair of solutions each; another policy is another kind."
        )
    return of[0].bn


def _over_pairs(ts: torch.Tensor, curves: Sequence[torch.Tensor]) -> Band:
    return band(ts, curves) if len(curves) > 1 else single(ts, curves[0])


def run_bands(
    runs: Mapping[tuple[str, int], Run],
    name: str,
    shown: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> dict[str, Band]:
    """Return for each arm the band over seeds of one quantity in the runs' histories, by epoch.

    Mean and interval are those of the logarithms. A run that diverged has no values from there on,
    and the band of its arm stops: what is measured of the weights that it left, at any size, would
    stand at an epoch that the run did not reach.

    Args:
        runs: (arm, seed) -> run; the runs of an arm share their epochs.
        name: The quantity's name in ``Run.history``.
        shown: Makes of its values what is shown.
    """
    found = {}
    for arm in dict.fromkeys(arm for arm, _ in runs):
        own = [run for (which, _), run in runs.items() if which == arm]
        epochs = own[0].measured_at.numpy()
        curves = np.full((len(own), len(epochs)), np.nan)
        for curve, run in zip(curves, own, strict=True):
            values = shown(run.history[name].numpy())
            reached = len(values) - (run.diverged_at is not None)
            curve[:reached] = values[:reached]
        found[arm] = band_over_seeds(epochs, list(curves), "log")
    return found
