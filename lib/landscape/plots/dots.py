"""Dot plots: estimates with their intervals, one row a thing, one colour a group."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from landscape.plots import axes as frames
from landscape.plots.style import INK, STYLES, keep_style, maths, series_style
from landscape.plots.ticks import log_ticks

_LINE = 0.11  # Height of one estimate in inches.
_GAP = 0.07  # Between two rows.
_FRAME = 0.75  # Height of title, axis and label of a panel.
_ROOM = 1.0  # How far intervals may enlarge the axis on either side, as a share of the estimates'.

# Estimate, and the lower and upper end of its interval; NaN where there is none.
Dot = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class DotPanel:
    """Estimates of one quantity.

    Attributes:
        title: Short heading.
        x: Label of the horizontal axis, with unit.
        dots: Group -> row -> estimate and interval. A group need not have all rows.
        scale: Scale of the horizontal axis.
        reference: Where a line marks what the estimates are compared with, such as 1 for ratios;
            None draws none.
    """

    title: str
    x: str
    dots: Mapping[str, Mapping[str, Dot]]
    scale: Literal["linear", "log"] = "linear"
    reference: float | None = None


def dots(panels: Sequence[DotPanel], *, columns: int = 3) -> Figure:
    """Draw estimates as points with their intervals, one row a thing and one colour a group.

    All panels have the same rows. Intervals may enlarge the axis by the estimates' span on either
    side; a longer one is cut off there, and an arrow shows that it goes on.

    Args:
        panels: The panels, in reading order.
        columns: Panels side by side.

    Returns:
        The figure. A group without an estimate in a row has no point there.

    Raises:
        ValueError: If no panel has an estimate that its axis can show.
    """
    rows = list(
        dict.fromkeys(row for panel in panels for column in panel.dots.values() for row in column)
    )
    groups = list(dict.fromkeys(group for panel in panels for group in panel.dots))
    panels = [panel for panel in panels if len(_shown(panel))]
    if not panels:
        raise ValueError(
            f"{len(rows)} rows in {len(groups)} groups have no estimate to draw. Pass at least one "
            "that is finite, and positive on a logarithmic axis."
        )
    heights = _heights(panels, rows, groups)
    looks = {group: series_style(place) for place, group in enumerate(groups)}
    height = _FRAME + len(rows) * _row_height(panels, rows, groups)
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(len(panels), columns, height=height)
        for axis, panel in zip(axes, panels, strict=True):
            _draw_panel(axis, panel, rows, looks, heights)
        frames.legend(figure, axes)
        keep_style(axes)
        return figure


def cuts_interval(panel: DotPanel) -> bool:
    """Return whether an interval of the panel goes beyond its axis, where an arrow marks it."""
    values = _shown(panel)
    if not len(values):
        return False
    limits = _limits(panel)
    low, high = map(math.log, limits) if panel.scale == "log" else limits
    ends = values[~np.isnan(values).any(axis=1)]
    return bool((ends[:, 1] < low).any() or (ends[:, 2] > high).any())


def _draw_panel(
    axis: Axes,
    panel: DotPanel,
    rows: Sequence[str],
    looks: Mapping[str, Mapping],
    heights: Mapping[tuple[str, str], float],
) -> None:
    axis.set_xscale(panel.scale)
    low, high = _limits(panel)
    axis.set_xlim(low, high)
    if panel.reference is not None:
        axis.axvline(panel.reference, color=INK, linewidth=0.9, zorder=1)
    for group, look in looks.items():
        _draw_group(axis, group, panel, heights, look)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_yticks(range(len(rows)), [maths(row) for row in rows])
    axis.yaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=len(looks) == 1)
    for border in range(1, len(rows)) if len(looks) > 1 else ():
        axis.axhline(border - 0.5, color=INK, linewidth=0.5, alpha=0.13, zorder=0)
    frames.title(axis, panel.title)
    axis.set_xlabel(maths(panel.x))
    if panel.scale == "log":
        log_ticks(axis.xaxis)
        # A third of a page has room for five labels; 1, no difference, is among these.
        choices = ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3))
        subs = next(
            (choice for choice, end in zip(choices, (4, 30, 100), strict=True) if high < end * low),
            (1,),
        )
        axis.xaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
    else:
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _draw_group(
    axis: Axes,
    group: str,
    panel: DotPanel,
    heights: Mapping[tuple[str, str], float],
    look: Mapping,
) -> None:
    """Draw the estimates of a group, with their intervals as far as the axis goes."""
    positive = panel.scale == "log"
    dots = {
        row: dot
        for row, dot in panel.dots.get(group, {}).items()
        if math.isfinite(dot[0]) and (dot[0] > 0 or not positive)
    }
    if not dots:
        return
    low, high = axis.get_xlim()
    points = {"color": look["color"], "linestyle": ""}
    for row, (_, start, end) in dots.items():
        if math.isnan(start) or math.isnan(end):
            continue
        ends = np.clip([start, end], low, high)
        axis.plot(ends, [heights[row, group]] * 2, color=look["color"], linewidth=1.1)
        for beyond, place, marker in ((start < low, low, "<"), (end > high, high, ">")):
            if beyond:
                axis.plot([place], [heights[row, group]], marker=marker, markersize=3.5, **points)
    estimates = [dot[0] for dot in dots.values()]
    places = [heights[row, group] for row in dots]
    axis.plot(estimates, places, marker=look["marker"], label=group, zorder=3, **points)


def _in_row(panels: Sequence[DotPanel], row: str, groups: Sequence[str]) -> list[str]:
    """Return the groups that a row has in any panel."""
    return [group for group in groups if any(row in panel.dots.get(group, {}) for panel in panels)]


def _row_height(panels: Sequence[DotPanel], rows: Sequence[str], groups: Sequence[str]) -> float:
    """Return the height of a row in inches: all rows are as high as the fullest."""
    return _LINE * max(len(_in_row(panels, row, groups)) for row in rows) + _GAP


def _heights(
    panels: Sequence[DotPanel], rows: Sequence[str], groups: Sequence[str]
) -> dict[tuple[str, str], float]:
    """Return the vertical position of each row's groups, centred on the row, in rows."""
    step = _LINE / _row_height(panels, rows, groups)
    positions = {}
    for index, row in enumerate(rows):
        names = _in_row(panels, row, groups)
        for place, group in enumerate(names):
            positions[row, group] = index + step * (place - (len(names) - 1) / 2)
    return positions


def _shown(panel: DotPanel) -> np.ndarray:
    """Return all dots whose estimate the axis can show, (n, 3), on the axis' own scale."""
    dots = [dot for rows in panel.dots.values() for dot in rows.values()]
    values = np.array(dots, dtype=np.float64).reshape(-1, 3)
    if panel.scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(values)
    return values[np.isfinite(values[:, 0])]


def _limits(panel: DotPanel) -> tuple[float, float]:
    """Return the ends of the axis: all estimates and the reference, intervals as far as allowed."""
    values = _shown(panel)
    log = panel.scale == "log"
    reference = [] if panel.reference is None else [panel.reference]
    kept = np.concatenate([values[:, 0], np.log(reference) if log else reference])
    ends = values[np.isfinite(values)]
    low, high = float(kept.min()), float(kept.max())
    # Of estimates that agree, the intervals alone give the span.
    room = _ROOM * (high - low) or float(np.ptp(ends)) or abs(low) or 1.0
    low, high = max(low - room, min(low, ends.min())), min(high + room, max(high, ends.max()))
    pad = 0.05 * (high - low) or 0.1
    low, high = low - pad, high + pad
    return (math.exp(low), math.exp(high)) if log else (low, high)
