"""Panels of figures, built from runs, recorded values, lines, spectra and paths."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from landscape.connectivity.path import Path
from landscape.plots.axes import suggests_log_scale
from landscape.plots.bands import band_over_seeds
from landscape.plots.densities import DECADE
from landscape.plots.panel import Band, Panel
from landscape.slices.grid import Lines
from landscape.spectrum.survey import FullSpectrum

from studies.figures.bands import scaled_band
from studies.formatting import path_text, policy_text
from studies.intervals import band, single_curve
from studies.measurements import Measurements
from studies.runs import Runs

# Name of a panel -> its unit, and how its values come from those in the histories of runs.
TRAINING: dict[str, tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = {
    "training loss": ("loss (nats)", "train_loss", np.asarray),
    "test loss": ("loss (nats)", "test_loss", np.asarray),
    "test error": ("share wrong", "test_accuracy", lambda shares: 1 - shares),
    "mini-batch gradients": ("root mean square of ‖g‖₂", "gradient_norm", np.asarray),
}


def training_panels(runs: Runs, shown: Sequence[str] = tuple(TRAINING)) -> list[Panel]:
    """Return the panels of a figure of training curves: losses, test error, gradient norm.

    The mean of an arm ends with a cross where the first of its runs diverged.

    Args:
        runs: (arm, seed) -> run.
        shown: Names of panels, of ``TRAINING``.

    Raises:
        ValueError: If there is no panel of a name.
    """
    if unknown := sorted(set(shown) - set(TRAINING)):
        raise ValueError(f"there is no panel {unknown[0]!r}. There are {', '.join(TRAINING)}.")
    return [
        Panel(title, "epoch", unit, bands, "log", integers=True, mark_ends=True)
        for title in shown
        for unit, name, transform in [TRAINING[title]]
        for bands in [run_bands(runs, name, transform)]
    ]


def column_panels(
    numbers: Measurements, quantities: Mapping[str, str], column: str, x: str
) -> list[Panel]:
    """Return a panel for each quantity against a column, one value of each arm at each position.

    Args:
        numbers: Where the values were recorded, in the order of the positions.
        quantities: Quantity -> heading.
        column: The column that holds the positions, all positive: both axes are logarithmic.
        x: Meaning of the positions.

    Raises:
        ValueError: If an arm has several values at one position.
    """
    panels = []
    for quantity, heading in quantities.items():
        rows = numbers.where(quantity=quantity)
        series, ticks = {}, set()
        for arm in rows.arms:
            chosen = rows.where(arm=arm).frame
            xs = chosen[column].tolist()
            if len(set(xs)) < len(xs):
                raise ValueError(
                    f"{arm} has several values of {quantity} at one {column}: {xs}. Choose a seed "
                    "with where() first."
                )
            series[arm] = single_curve(xs, chosen["value"].tolist())
            ticks |= set(xs)
        unit = rows.unit(quantity) or heading
        panels.append(
            Panel(heading, x, unit, series, "log", x_scale="log", ticks=tuple(sorted(ticks)))
        )
    return panels


def line_panels(
    lines: Mapping[tuple[str, int], Lines],
    x: str = "α (relative to filter norms)",
    *,
    network: str = "",
) -> list[Panel]:
    """Return the panels of loss and accuracy along lines, as bands over seeds.

    Args:
        lines: (arm, seed) -> lines; a seed's curve is the mean over its directions. Mean and
            interval of the loss are taken of its logarithm.
        x: Meaning of the positions.
        network: Kind of network, such as ``MLP``, that begins the titles; empty for none.
    """
    arms = list(dict.fromkeys(arm for arm, _ in lines))
    bands: dict[str, dict[str, Band]] = {}
    for quantity, scale in (("loss", "log"), ("accuracy", "linear")):
        bands[quantity] = {}
        for arm in arms:
            curves = [
                getattr(seed_lines, quantity).mean(0).numpy()
                for (line_arm, _), seed_lines in lines.items()
                if line_arm == arm
            ]
            positions = next(iter(lines.values())).alphas.numpy()
            bands[quantity][arm] = scaled_band(positions, curves, scale)
    return _loss_and_accuracy(bands, x, f"{network}: training " if network else "training ", "log")


def line_spread_panels(
    lines: Mapping[str, Lines], x: str = "α (relative to filter norms)"
) -> list[Panel]:
    """Return the panels of loss and accuracy along lines, with their spread over the directions.

    The curve is the median over directions. The band holds the middle 80% of them, from the 10th to
    the 90th percentile; it is no interval for a mean. Where a value is not finite, both have a gap.

    Args:
        lines: Arm -> the lines through one solution.
        x: Meaning of the positions.
    """
    bands = {
        quantity: {
            arm: _percentiles(arm_lines.alphas, getattr(arm_lines, quantity))
            for arm, arm_lines in lines.items()
        }
        for quantity in ("loss", "accuracy")
    }
    return _loss_and_accuracy(bands, x, "training ", "log")


def _percentiles(x: torch.Tensor, curves: torch.Tensor) -> Band:
    rows = curves.numpy()
    finite = np.where(np.isfinite(rows).all(axis=0), rows, np.nan)
    low, middle, high = np.percentile(finite, [10, 50, 90], axis=0)
    return Band(x.numpy(), middle, low, high, rows, len(rows))


def _loss_and_accuracy(
    bands: Mapping[str, Mapping[str, Band]],
    x: str,
    prefix: str,
    scale: Literal["linear", "log"],
) -> list[Panel]:
    """Return the panel of the loss, at this scale, and the panel of the accuracy."""
    return [
        Panel(f"{prefix}loss", x, "loss (nats)", bands["loss"], scale),
        Panel(f"{prefix}accuracy", x, "share correct", bands["accuracy"], limits=(0, 1)),
    ]


def spectrum_panels(spectra: Mapping[str, Sequence[FullSpectrum]]) -> list[Panel]:
    """Return a panel for each kind of Hessian: density of eigenvalues and outliers, over seeds.

    All panels share one axis, linear within ±δ and logarithmic beyond; densities are shares per
    decade of |λ|. δ is one per cent of the largest magnitude: around zero, quadrature resolves
    nothing finer.

    Args:
        spectra: Title -> one spectrum for each seed.
    """
    every = [spectrum for seed_spectra in spectra.values() for spectrum in seed_spectra]
    delta = 10 * max(spectrum.density.scale for spectrum in every)
    curves = {
        title: [spectrum.density.curve(scale=delta, width=0.2) for spectrum in seed_spectra]
        for title, seed_spectra in spectra.items()
    }
    all_curves = [curve for seed_curves in curves.values() for curve in seed_curves]
    ends = [curve.u[end] for curve in all_curves for end in (0, -1)]
    u = np.linspace(float(min(ends)), float(max(ends)), 512)
    return [
        Panel(
            title,
            f"λ (nats per parameter²), linear within ±{delta:.2g}",
            "share of λ per decade",
            {
                title: band_over_seeds(
                    delta * np.sinh(u),
                    [DECADE * np.interp(u, c.u, c.density, 0, 0) for c in curves[title]],
                )
            },
            "log",
            "asinh",
            unit=delta,
            marks=tuple(tuple(spectrum.pairs.values.tolist()) for spectrum in seed_spectra),
        )
        for title, seed_spectra in spectra.items()
    ]


def path_panels(paths: Mapping[tuple[str, str], Sequence[Path]]) -> list[Panel]:
    """Return the panels of a figure of paths: loss and accuracy of each split, by BN policy.

    Args:
        paths: (split, policy) -> one path for each pair of solutions.
    """
    panels = []
    for quantity, unit in (("loss", "loss (nats)"), ("accuracy", "share correct")):
        for split in dict.fromkeys(split for split, _ in paths):
            series = {
                policy_text(bn): _over_pairs(
                    pair_paths[0].ts, [getattr(path, quantity) for path in pair_paths]
                )
                for (path_split, bn), pair_paths in paths.items()
                if path_split == split
            }
            title, limits = f"{split} {quantity}", (0, 1) if quantity == "accuracy" else None
            panels.append(Panel(title, "position t on the path", unit, series, limits=limits))
    return panels


def path_kind_panels(paths: Mapping[str, Sequence[Path]]) -> list[Panel]:
    """Return the panels of loss and accuracy along several kinds of paths between solutions.

    The loss has a logarithmic axis where it spans a factor of 10. If all paths share one policy for
    running statistics, the titles name it; otherwise the name of each series does.

    Args:
        paths: Kind, such as ``straight`` or ``aligned`` -> one path for each pair of solutions.

    Raises:
        ValueError: If the paths of one kind differ in their positions or their policy.
    """
    policies = {kind: _policy(kind, pair_paths) for kind, pair_paths in paths.items()}
    shared = len(set(policies.values())) == 1
    names = {
        kind: path_text(kind)
        if shared or policy == kind
        else f"{path_text(kind)} ({policy_text(policy)})"
        for kind, policy in policies.items()
    }
    bands = {
        quantity: {
            names[kind]: _over_pairs(
                pair_paths[0].ts, [getattr(path, quantity) for path in pair_paths]
            )
            for kind, pair_paths in paths.items()
        }
        for quantity in ("loss", "accuracy")
    }
    losses = np.concatenate([series.samples.ravel() for series in bands["loss"].values()])
    wide = suggests_log_scale(losses[np.isfinite(losses)])
    panels = _loss_and_accuracy(bands, "position t on the path", "", "log" if wide else "linear")
    policy = f", statistics {policy_text(next(iter(policies.values())))}" if shared else ""
    return [dataclasses.replace(panel, title=f"{panel.title}{policy}") for panel in panels]


def _policy(kind: str, paths: Sequence[Path]) -> str:
    """Return the one policy of the paths of a kind; refuse paths that cannot share a band."""
    policies = dict.fromkeys(path.bn for path in paths)
    if len(policies) != 1 or any(not torch.equal(path.ts, paths[0].ts) for path in paths):
        raise ValueError(
            f"the paths of kind {kind!r} have the policies {list(policies)} and "
            f"{[len(path.ts) for path in paths]} positions. Pass paths of one policy, at the same "
            "positions, one for each pair of solutions; make another policy another kind."
        )
    return paths[0].bn


def _over_pairs(ts: torch.Tensor, curves: Sequence[torch.Tensor]) -> Band:
    values = [curve.numpy() for curve in curves]
    return band(ts.numpy(), values) if len(values) > 1 else single_curve(ts.numpy(), values[0])


def run_bands(
    runs: Runs,
    name: str,
    transform: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> dict[str, Band]:
    """Return for each arm the band over seeds of one quantity in the runs' histories, by epoch.

    Mean and interval are taken of the logarithms. A run that diverged has no values from there on,
    and the band of its arm stops. Its last measurement is left out: the weights that divergence
    left may give any value, and the run did not reach the epoch of that measurement.

    Args:
        runs: (arm, seed) -> run; the runs of an arm share their epochs.
        name: The quantity's name in ``RecordedRun.history``.
        transform: Turns its values (measurements,) into the values to draw.
    """
    bands: dict[str, Band] = {}
    for arm in dict.fromkeys(arm for arm, _ in runs):
        arm_runs = [run for (run_arm, _), run in runs.items() if run_arm == arm]
        epochs = arm_runs[0].measured_at.numpy()
        curves = np.full((len(arm_runs), len(epochs)), np.nan)
        for curve, run in zip(curves, arm_runs, strict=True):
            values = transform(run.history[name].numpy())
            reached = len(values) - (run.diverged_at is not None)
            curve[:reached] = values[:reached]
        bands[arm] = scaled_band(epochs, list(curves), "log")
    return bands
