"""Curves over seeds, pairs of arms, and spectral densities, each as one figure."""

import math
import types
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.plots import axes as frames
from landscape.plots.bands import band_over_seeds, vertical_limits
from landscape.plots.panel import Band, Panel
from landscape.plots.style import INK, STYLES, keep_style, maths, series_style

_FLOOR = 1e-7  # Of a density's highest peak: one eigenvalue among ten million.


class IntervalLike(Protocol):
    """An estimate over seeds with its confidence interval.

    Attributes:
        estimate: The estimate; NaN if there is none.
        low: Lower end of the interval.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float


def curves(panels: Sequence[Panel], *, columns: int = 2) -> Figure:
    """Draw curves: the mean over seeds as a line, its 95% interval as a band, each seed thin.

    The frame holds all lines. Bands may enlarge it by half of the lines' span, above and below. A
    wider band, such as the interval of a few seeds far apart, is cut off there.

    Args:
        panels: The panels, in reading order.
        columns: Panels side by side.

    Returns:
        The figure. A curve has a gap where its mean is NaN.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(len(panels), columns, height=2.35)
        for axis, panel in zip(axes, panels, strict=True):
            for name, band in panel.series.items():
                _draw_band(axis, band, name, series_style(names.index(name)))
            limits = vertical_limits(list(panel.series.values()), panel.scale)
            if limits is not None:
                axis.set_ylim(*limits)
            frames.label_axes(axis, panel)
        frames.legend(figure, axes)
        keep_style(axes)
        return figure


def _draw_band(axis: Axes, band: Band, name: str, look: Mapping[str, Any]) -> None:
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
    intervals: Mapping[str, Mapping[str, IntervalLike]] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw a point for each seed in each arm, with mean and interval beside the points.

    A line joins the points of a seed.

    Args:
        panels: Quantity -> arm -> values, in the same order of seeds in all arms.
        intervals: Quantity -> arm -> interval over seeds; None takes Student's 95% interval, and
            draws none for a single seed.
        units: Quantity -> unit of its vertical axis; None leaves the axes without labels.
        columns: Panels side by side.

    Returns:
        The figure. An arm whose estimate is NaN has points and no interval.
    """
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(len(panels), columns, height=2.3)
        for axis, (quantity, arms) in zip(axes, panels.items(), strict=True):
            for seed_values in zip(*arms.values(), strict=True):
                axis.plot(range(len(arms)), seed_values, color=INK, alpha=0.25, linewidth=0.6)
            for index, (arm, values) in enumerate(arms.items()):
                interval = intervals[quantity][arm] if intervals else _student_interval(values)
                _draw_arm(axis, index, values, interval, series_style(index))
            axis.set_xticks(range(len(arms)), list(arms))
            axis.set_xlim(-0.5, len(arms) - 0.5 + 0.25)
            frames.title(axis, quantity)
            axis.set_ylabel((units or {}).get(quantity, ""))
            axis.grid(visible=False, axis="x")
        keep_style(axes)
        return figure


def _student_interval(values: Sequence[float]) -> IntervalLike:
    band = band_over_seeds(np.zeros(1), [np.array([value]) for value in values])
    (low,), (high,) = band.low, band.high
    estimate = band.mean[0] if band.n > 1 else math.nan
    return types.SimpleNamespace(estimate=estimate, low=low, high=high)


def _draw_arm(
    axis: Axes,
    position: int,
    values: Sequence[float],
    interval: IntervalLike,
    look: Mapping[str, Any],
) -> None:
    axis.plot(
        [position] * len(values),
        values,
        look["marker"],
        color=look["color"],
        alpha=0.6,
        linestyle="",
    )
    if np.isfinite(interval.estimate):
        error = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        axis.errorbar(
            position + 0.22,
            interval.estimate,
            yerr=error,
            fmt=look["marker"],
            color=look["color"],
            markerfacecolor="none",
            capsize=3,
        )


def spectra(panels: Sequence[Panel]) -> Figure:
    """Draw spectral densities one below the other on one symmetric logarithmic axis.

    The curve is the mean over seeds, and each seed is a thin line. Computed eigenvalues are tick
    marks under the curve, one row a seed.

    Args:
        panels: The panels, with one series each, a ``unit`` that all share, and eigenvalues as
            ``marks``.

    Returns:
        The figure. All panels have the same axes.
    """
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(len(panels), 1, height=1.75, width=frames.WIDTH)
        bands = [band for panel in panels for band in panel.series.values()]
        top = max(float(np.max(band.mean)) for band in bands)
        shown = np.concatenate([np.asarray(band.x)[band.mean > _FLOOR * top] for band in bands])
        for index, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw_density(axis, panel, series_style(index), top)
            frames.symmetric_ticks(axis, panel.unit, (shown.min(), shown.max()))
        axes[-1].set_xlabel(panels[-1].x)
        keep_style(axes)
        return figure


def _draw_density(axis: Axes, panel: Panel, look: Mapping[str, Any], top: float) -> None:
    ((name, band),) = panel.series.items()
    floor, color = _FLOOR * top, look["color"]
    row_heights = [floor * 10 ** (-0.45 * (row + 1)) for row in range(len(panel.marks) + 1)]
    for sample in band.samples if band.n > 1 else ():
        axis.plot(band.x, sample, color=color, linewidth=0.5, alpha=0.45)
    axis.plot(band.x, np.maximum(band.mean, floor), color=color, label=name)
    axis.axhline(floor, color=INK, linewidth=0.5)
    for height, marks in zip(row_heights, panel.marks, strict=False):
        positions = np.arcsinh(np.asarray(marks) / panel.unit)
        axis.plot(positions, np.full(len(marks), height), "|", color=color, markersize=4, alpha=0.8)
    axis.set_ylim(row_heights[-1], 3 * top)
    axis.set(title=maths(panel.title), ylabel=panel.y, yscale="log")
    powers = range(math.ceil(math.log10(floor)), math.ceil(math.log10(3 * top)), 2)
    axis.set_yticks([10.0**power for power in powers])
