"""Curves over seeds, and pairs of arms, each as one figure."""

import dataclasses
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
from landscape.plots.style import INK, STYLES, keep_style, series_looks, series_style

MOST = 6  # Curves of a panel that a reader can tell apart.


class IntervalLike(Protocol):
    """An estimate over seeds with its confidence interval."""

    @property
    def estimate(self) -> float:
        """The estimate; NaN if there is none."""

    @property
    def low(self) -> float:
        """Lower end of the interval."""

    @property
    def high(self) -> float:
        """Upper end."""


def faceted(panels: Sequence[Panel]) -> list[Panel]:
    """Return panels of at most six curves each: more cannot be told apart.

    A panel of more is split into several, of curves that follow each other, on one vertical axis.

    Args:
        panels: The panels, in reading order.
    """
    return [part for panel in panels for part in _parts(panel)]


def _parts(panel: Panel) -> list[Panel]:
    count = -(-len(panel.series) // MOST)
    if count < 2:
        return [panel]
    limits = panel.limits or vertical_limits(list(panel.series.values()), panel.scale)
    names, parts = list(panel.series), []
    short = dict(zip(names, frames.short_names(names), strict=True))
    for chosen in np.array_split(np.arange(len(names)), count):
        part = {names[index]: panel.series[names[index]] for index in chosen}
        first, last = (short[name].split() for name in (next(iter(part)), list(part)[-1]))
        # Of "width 8" and "width 64" the second needs its number alone.
        last = last[1:] if len(last) > 1 and first[:-1] == last[:-1] else last
        title = f"{panel.title}, {' '.join(first)} to {' '.join(last)}"
        parts.append(dataclasses.replace(panel, title=title, series=part, limits=limits))
    return parts


def curves(panels: Sequence[Panel], *, columns: int = 2) -> Figure:
    """Draw curves: the mean over seeds as a line, its 95% interval as a band, each seed thin.

    The frame holds all lines. Bands may enlarge it by half of the lines' span, above and below. A
    wider band, such as the interval of a few seeds far apart, is cut off there. A panel of more
    than six curves is split into several (``faceted``).

    Args:
        panels: The panels, in reading order.
        columns: Panels side by side; those that a panel is split into stand side by side.

    Returns:
        The figure. A curve has a gap where its mean is NaN; one without any value is left out.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    looks = series_looks(names)
    columns = max(columns, *(len(_parts(panel)) for panel in panels))
    panels = faceted(panels)
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(len(panels), columns, height=2.35)
        for axis, panel in zip(axes, panels, strict=True):
            if panel.reference is not None:
                axis.axhline(panel.reference, color=INK, linewidth=0.9, zorder=1)
            # Of a band without a mean, its seeds may still be seen.
            drawn = {name: b for name, b in panel.series.items() if np.isfinite(b.samples).any()}
            for name, band in drawn.items():
                _draw_band(axis, band, name, looks[name], panel, crowd=len(drawn))
            limits = vertical_limits(list(panel.series.values()), panel.scale)
            if limits is not None:
                axis.set_ylim(*limits)
            frames.label_axes(axis, panel)
        frames.legend(figure, axes)
        keep_style(axes)
        return figure


def _draw_band(
    axis: Axes, band: Band, name: str, look: Mapping[str, Any], panel: Panel, *, crowd: int
) -> None:
    """Draw a curve; the more curves its panel has, the fainter its interval and its seeds."""
    color = look["color"]
    if band.n > 1:
        for sample in band.samples:
            axis.plot(band.x, sample, color=color, linewidth=0.5, alpha=0.45 if crowd < 4 else 0.3)
        shade: dict[str, Any] = {"alpha": 0.16 if crowd < 4 else 0.09, "linewidth": 0}
        axis.fill_between(band.x, band.low, band.high, color=color, **shade)
    shown = np.flatnonzero(np.isfinite(band.mean))
    few = len(band.x) <= 12 or len(shown) == 1
    marker = look["marker"] if few else None
    line = {name: look[name] for name in ("color", "linestyle")}
    axis.plot(band.x, band.mean, label=name, marker=marker, **line)
    if panel.mark_ends and len(shown) and shown[-1] < len(band.x) - 1:
        end = shown[-1:]
        axis.plot(band.x[end], band.mean[end], "x", color=color, markersize=7, markeredgewidth=1.6)


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
