"""Forest plots: estimates with their intervals, one a row, against borders and margins."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from landscape.plots import axes as frames
from landscape.plots.style import INK, STYLES, keep_style, maths, series_style
from landscape.plots.ticks import log_ticks

_ROW = 0.15  # Height of a row in inches.
_FRAME = 0.7  # Height of title, axis and labels of a panel.


@dataclasses.dataclass(frozen=True)
class ForestRow:
    """One row: an estimate, its intervals, and what they are set against.

    Attributes:
        label: Name of the row.
        group: What the row is one of; groups have looks of their own, named in the legend.
        estimate: The estimate; NaN where there is none.
        interval: Ends of the wide interval; infinite where it is open.
        inner: Ends of the narrow interval.
        border: The border that the wide interval is set against.
        margin: Ends of what counts as equal; None where nothing does.
    """

    label: str
    group: str
    estimate: float
    interval: tuple[float, float]
    inner: tuple[float, float]
    border: float
    margin: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class ForestPanel:
    """Estimates of one unit.

    Attributes:
        title: Short heading.
        x: Label of the horizontal axis, with unit.
        rows: The estimates, from the top down.
        scale: Scale of the horizontal axis.
    """

    title: str
    x: str
    rows: Sequence[ForestRow]
    scale: Literal["linear", "log"] = "linear"


def forest(panels: Sequence[ForestPanel], *, groups: Sequence[str]) -> Figure:
    """Draw estimates with a thin and a thick interval, a tick at the border, and the margin grey.

    Args:
        panels: The panels, one below the other.
        groups: All groups, in the order of the legend, so that figures share their looks.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no panel, a panel has no row, or a row is of an unknown group.
    """
    unknown = {row.group for panel in panels for row in panel.rows} - set(groups)
    if not panels or not all(panel.rows for panel in panels) or unknown:
        raise ValueError(
            f"{len(panels)} panels, groups {', '.join(sorted(unknown)) or 'known'}: pass at least "
            f"one panel, at least one row in each, and groups out of {', '.join(groups)}."
        )
    heights = [_FRAME + _ROW * len(panel.rows) for panel in panels]
    counts = [len(panel.rows) for panel in panels]  # All rows of a figure are equally high.
    looks = {group: series_style(place) for place, group in enumerate(groups)}
    with matplotlib.style.context(STYLES):
        figure = Figure(figsize=(frames.WIDTH, sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=counts).ravel()
        drawn = {row.group for panel in panels for row in panel.rows}
        for group in filter(drawn.__contains__, groups):  # The legend has one order in all figures.
            look = {name: looks[group][name] for name in ("color", "marker")}
            axes[0].plot([], [], ls="", label=group, **look)
        for axis, panel in zip(axes, panels, strict=True):
            _draw_panel(axis, panel, looks)
        frames.legend(figure, axes.tolist(), least=1)
        keep_style(axes)
        return figure


def _draw_panel(axis: Axes, panel: ForestPanel, looks: dict[str, dict]) -> None:
    axis.set_xscale(panel.scale)
    low, high = _limits(panel)
    axis.set_xlim(low, high)
    for place, row in enumerate(panel.rows):
        look = looks[row.group]
        if row.margin is not None:
            start, end = np.clip(row.margin, low, high)
            axis.fill_betweenx([place - 0.5, place + 0.5], start, end, color=INK, alpha=0.08, lw=0)
        axis.plot([row.border] * 2, [place - 0.4, place + 0.4], color=INK, lw=1.2, ls="-")
        for (start, end), width in ((row.interval, 1.0), (row.inner, 2.8)):
            if not (math.isnan(start) or math.isnan(end)):
                ends = np.clip([start, end], low, high)
                axis.plot(ends, [place] * 2, color=look["color"], lw=width, ls="-", alpha=0.8)
        axis.plot([row.estimate], [place], color=look["color"], marker=look["marker"], ls="")
    axis.set_ylim(len(panel.rows) - 0.5, -0.5)
    axis.set_yticks(range(len(panel.rows)), [maths(row.label) for row in panel.rows])
    axis.tick_params(axis="y", length=0, labelsize=7)
    axis.grid(axis="y", visible=False)
    frames.title(axis, panel.title)
    axis.set_xlabel(maths(panel.x))
    if panel.scale == "log":
        log_ticks(axis.xaxis)
        if high < 10 * low:  # 1, no effect, is among these.
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7), numticks=9))
    else:
        axis.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _limits(panel: ForestPanel) -> tuple[float, float]:
    """Return ends of the axis that show all finite estimates, intervals and borders."""
    values = [
        value
        for row in panel.rows
        for value in (row.estimate, *row.interval, row.border, *(row.margin or ()))
        if math.isfinite(value) and (panel.scale == "linear" or value > 0)
    ]
    positions = np.log(values) if panel.scale == "log" else np.array(values)
    low, high = float(positions.min()), float(positions.max())
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    return (math.exp(low), math.exp(high)) if panel.scale == "log" else (low, high)
