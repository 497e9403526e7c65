"""Figures of the shape of training paths: shares of components, and the loss along the first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from landscape.plots.axes import suggests_log_scale
from landscape.plots.panel import Band, Panel

from studies.collection import Results
from studies.display import Figure, Missing
from studies.figures.captioned import curves
from studies.intervals import band, single_curve
from studies.recorder import Rows
from studies.training_paths import TrainingPath

_SHOWN = 20  # Components: of short paths, those beyond are the ends of all sums.
_WINDOWS = {"path": "whole path", "last epoch": "last epoch"}


def component_shares(
    rows: Rows, *, centre: str = "mean", label: str, caption: str, alt: str
) -> Figure | Missing:
    """Return what the first components leave of a path, beside what they leave of null models.

    Args:
        rows: Rows of the table ``path_components``, with arm and seed.
        centre: Point around which squared distances are taken.
        label: Such as ``fig-components``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    spreads: dict[str, dict[str, dict[Any, list[float]]]] = {}
    for row in rows:
        if row["centre"] == centre:
            sources = spreads.setdefault(row["arm"], {})
            sources.setdefault(row["source"], {}).setdefault(row["seed"], []).append(row["share"])
    if not spreads:
        return Missing(label)
    panels = [
        Panel(
            arm,
            "components",
            "share of the spread left",
            {source: _left(seeds) for source, seeds in sources.items()},
            scale="log",
            x_scale="log",
            ticks=(1, 2, 5, 10, 20),
        )
        for arm, sources in spreads.items()
    ]
    return curves(panels, columns=3, label=label, caption=caption, alt=alt)


def path_lines(rows: Rows, *, seed: Any, label: str, caption: str, alt: str) -> Figure | Missing:
    """Return the loss along the first component of one seed's paths, in both windows.

    Args:
        rows: Rows of the table ``path_lines``, with arm, seed and network.
        seed: The seed.
        label: Such as ``fig-lines``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    lines: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        if row["seed"] == seed:
            panel = lines.setdefault((row["network"], row["window"]), {})
            panel.setdefault(row["optimizer"], []).append((row["alpha"], row["loss"]))
    if not lines:
        return Missing(label)
    panels = [
        Panel(
            f"{network}, {_WINDOWS[window]}",
            "position (parameter units)",
            "loss (nats)",
            {name: single_curve(*zip(*points, strict=True)) for name, points in named.items()},
        )
        for (network, window), named in lines.items()
    ]
    return curves(panels, columns=2, label=label, caption=caption, alt=alt)


def path_spectra(
    paths: Results[TrainingPath], *, label: str, caption: str, alt: str
) -> Figure | Missing:
    """Return the largest eigenvalues along training paths, a panel for each path.

    Args:
        paths: (arm, seed) -> path, with the largest eigenvalues at its stops.
        label: Such as ``fig-path-spectra``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    panels = [
        Panel(
            str(arm),
            "epoch",
            "eigenvalue (nats per parameter²)",
            _ranked([path.epoch(step) for step in path.spectra], list(path.spectra.values())),
            scale="log" if suggests_log_scale(np.ravel(list(path.spectra.values()))) else "linear",
        )
        for (arm, _), path in paths.items()
        if path.spectra
    ]
    if not panels:
        return Missing(label)
    return curves(panels, columns=3, label=label, caption=caption, alt=alt)


def _ranked(epochs: Sequence[float], spectra: Sequence[Sequence[float]]) -> dict[str, Band]:
    count = min(map(len, spectra))
    return {
        f"λ{rank + 1}": single_curve(epochs, [values[rank] for values in spectra])
        for rank in range(count)
    }


def _left(seeds: Mapping[Any, Sequence[float]]) -> Band:
    """Return the share that the first components leave, over seeds."""
    count = min(_SHOWN, *map(len, seeds.values()))
    shares = [1 - np.cumsum(values)[:count] for values in seeds.values()]
    # Rounding may leave less than nothing, which a logarithmic axis cannot show.
    left = [np.where(values > 1e-9, values, np.nan) for values in shares]
    xs = np.arange(1, count + 1)
    known = np.all(np.isfinite(left), axis=0)
    xs, left = xs[known], [values[known] for values in left]
    return band(xs, left, log=True) if len(left) > 1 else single_curve(xs, left[0])
