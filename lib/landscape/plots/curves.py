"""One function a kind of figure; they draw what they are given and compute nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes

from landscape.plots import axes as frames
from landscape.plots.figure import Figure, maths
from landscape.plots.panel import Band, Panel

_FLOOR = 1e-7  # Of a density's highest peak: one eigenvalue among ten million.


class IntervalLike(Protocol):
    """An estimate over seeds with its confidence interval.

    Attributes:
        estimate: What is estimated; NaN where there is none.
        low: Lower end.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


def curves(
    panels: Sequence[Panel], *, label: str, caption: str, alt: str, columns: int = 2
) -> Figure:
    """Draw curves: the mean over seeds as a line, its 95% interval as a band, each seed thin.

    The frame holds all lines. Bands may make it higher by half of what the lines span, above and
    below; what of them lies beyond, as where few seeds are far apart, is cut off.

    Args:
        panels: The panels, in reading order.
        label: Such as ``fig-training``.
        caption: What to see.
        alt: What the picture shows.
        columns: Panels side by side.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    with matplotlib.style.context(frames.STYLES):
        canvas, axes = frames.axes_grid(len(panels), columns, height=2.35)
        for axis, panel in zip(axes, panels, strict=True):
            for name, band in panel.series.items():
                _curve(axis, band, name, frames.series_style(names.index(name)))
            if (view := _view(panel)) is not None:
                axis.set_ylim(*view)
            frames.label_axes(axis, panel)
        frames.legend(canvas, axes)
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _view(panel: Panel) -> tuple[float, float] | None:
    """Return what a vertical axis shows; None where that follows from what is drawn."""
    there, back = (np.log, np.exp) if panel.scale == "log" else (np.asarray, np.asarray)

    def ends(parts: list[np.ndarray]) -> tuple[float, float]:
        values = np.concatenate([np.ravel(part) for part in parts])
        shown = np.isfinite(values) & ((values > 0) | (panel.scale != "log"))
        placed = there(values[shown])
        return (placed.min(), placed.max()) if len(placed) else (0.0, 0.0)

    drawn = panel.series.values()
    low, high = ends([part for band in drawn for part in (band.mean, band.samples)])
    if panel.scale == "symlog" or high <= low:
        return None
    bottom, top = ends([part for band in drawn for part in (band.low, band.high)])
    room = (high - low) / 2
    # What no curve is, negative, is not worth a frame either.
    floor = 0.0 if low >= 0 and panel.scale != "log" else -math.inf
    low, high = max(min(low, bottom), low - room, floor), min(max(high, top), high + room)
    spare = 0.05 * (high - low)
    return float(back(low - spare)), float(back(high + spare))


def _curve(axis: Axes, band: Band, name: str, look: Mapping) -> None:
    for sample in band.samples if band.n > 1 else ():
        axis.plot(band.x, sample, color=look["color"], linewidth=0.5, alpha=0.35)
    axis.fill_between(band.x, band.low, band.high, color=look["color"], alpha=0.18, linewidth=0)
    few = len(band.x) <= 12
    axis.plot(
        band.x,
        band.mean,
        label=name,
        color=look["color"],
        linestyle=look["linestyle"],
        marker=look["marker"] if few else None,
    )


def pairs(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    intervals: Mapping[str, Mapping[str, IntervalLike]],
    *,
    label: str,
    caption: str,
    alt: str,
    units: Mapping[str, str] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw one point a seed in each arm, seeds joined, with mean and 95% interval beside them.

    Args:
        panels: Quantity -> arm -> values, in the same order of seeds in all arms.
        intervals: Quantity -> arm -> interval over seeds.
        label: Such as ``fig-curvature``.
        caption: What to see.
        alt: What the picture shows.
        units: Quantity -> unit of its axis.
        columns: Panels side by side.
    """
    with matplotlib.style.context(frames.STYLES):
        canvas, axes = frames.axes_grid(len(panels), columns, height=2.3)
        for axis, (quantity, arms) in zip(axes, panels.items(), strict=True):
            for seeds in zip(*arms.values(), strict=True):
                axis.plot(range(len(arms)), seeds, color="#24292f", alpha=0.25, linewidth=0.6)
            for place, (arm, values) in enumerate(arms.items()):
                _dots(axis, place, values, intervals[quantity][arm], frames.series_style(place))
            axis.set_xticks(range(len(arms)), list(arms))
            axis.set_xlim(-0.5, len(arms) - 0.5 + 0.25)
            frames.title(axis, quantity)
            axis.set_ylabel((units or {}).get(quantity, ""))
            axis.grid(visible=False, axis="x")
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _dots(axis: Axes, place: int, values: Sequence[float], interval: IntervalLike, look) -> None:
    axis.plot(
        [place] * len(values), values, look["marker"], color=look["color"], alpha=0.6, linestyle=""
    )
    if np.isfinite(interval.estimate):
        error = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        axis.errorbar(
            place + 0.22,
            interval.estimate,
            yerr=error,
            fmt=look["marker"],
            color=look["color"],
            markerfacecolor="none",
            capsize=3,
        )


def spectra(panels: Sequence[Panel], *, label: str, caption: str, alt: str) -> Figure:
    """Draw spectral densities below each other on one symmetric logarithmic axis.

    The curve is the mean over seeds, each seed a thin line; computed eigenvalues are ticks under
    it, a row for each seed.

    Args:
        panels: What ``panels.spectra`` returns.
        label: Such as ``fig-density``.
        caption: What to see.
        alt: What the picture shows.
    """
    with matplotlib.style.context(frames.STYLES):
        canvas, axes = frames.axes_grid(len(panels), 1, height=1.75, width=frames.WIDTH)
        bands = [of for panel in panels for of in panel.series.values()]
        top = max(float(np.max(of.mean)) for of in bands)
        shown = np.concatenate([np.asarray(of.x)[of.mean > _FLOOR * top] for of in bands])
        for place, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _density(axis, panel, frames.series_style(place), top)
            frames.symmetric_ticks(axis, panel.unit, (shown.min(), shown.max()))
        axes[-1].set_xlabel(panels[-1].x)
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _density(axis: Axes, panel: Panel, look: Mapping, top: float) -> None:
    ((name, band),) = panel.series.items()
    floor, color = _FLOOR * top, look["color"]
    rows = [floor * 10 ** (-0.45 * (row + 1)) for row in range(len(panel.marks) + 1)]
    for sample in band.samples if band.n > 1 else ():
        axis.plot(band.x, sample, color=color, linewidth=0.5, alpha=0.45)
    axis.plot(band.x, np.maximum(band.mean, floor), color=color, label=name)
    axis.axhline(floor, color="#24292f", linewidth=0.5)
    for height, marks in zip(rows, panel.marks, strict=False):
        at = np.arcsinh(np.asarray(marks) / panel.unit)
        axis.plot(at, np.full(len(marks), height), "|", color=color, markersize=4, alpha=0.8)
    axis.set_ylim(rows[-1], 3 * top)
    axis.set(title=maths(panel.title), ylabel=panel.y, yscale="log")
    powers = range(math.ceil(math.log10(floor)), math.ceil(math.log10(3 * top)), 2)
    axis.set_yticks([10.0**power for power in powers])
