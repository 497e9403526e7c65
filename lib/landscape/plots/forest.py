"""Forest plots: estimates with their intervals, one a row, against borders and margins."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.plots import axes as frames
from landscape.plots.style import INK, STYLES, keep_style, maths, series_style
from landscape.plots.ticks import log_ticks

_ROW = 0.15  # Height of a row in inches.
_FRAME = 0.7  # Height of title, axis and labels of a panel.
Scale = Literal["linear", "log", "symlog"]


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
        note: Text to the right of the row, such as its numbers.
        strong: Whether the row is bold, as the first of several that belong together.
    """

    label: str
    group: str
    estimate: float
    interval: tuple[float, float]
    inner: tuple[float, float]
    border: float
    margin: tuple[float, float] | None = None
    note: str = ""
    strong: bool = False


@dataclasses.dataclass(frozen=True)
class ForestPanel:
    """Estimates of one unit.

    Attributes:
        title: Short heading; may be empty.
        x: Label of the horizontal axis, with unit.
        rows: The estimates, from the top down.
        scale: Scale of the horizontal axis; ``symlog`` is linear from −1 to 1 and logarithmic
            beyond.
    """

    title: str
    x: str
    rows: Sequence[ForestRow]
    scale: Scale = "linear"


def forest(
    panels: Sequence[ForestPanel], *, groups: Sequence[str], mathematics: bool = True
) -> Figure:
    """Draw estimates with a thin and a thick interval, a line at the border, and the margin grey.

    Args:
        panels: The panels, one below the other.
        groups: All groups, in the order of the legend, so that figures share their looks.
        mathematics: Whether λ_max in labels of rows is drawn as mathematics, which sets letters one
            by one; if not, the labels stay plain text.

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
    heights = [_FRAME - 0.2 * (not panel.title) + _ROW * len(panel.rows) for panel in panels]
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
        for axis, panel in zip(axes, panels, strict=True):
            _label_rows(axis, panel, maths if mathematics else str)
        frames.fix_layout(figure)
        return figure


def _draw_panel(axis: Axes, panel: ForestPanel, looks: dict[str, dict]) -> None:
    axis.set_xscale(panel.scale, **({"linthresh": 1.0} if panel.scale == "symlog" else {}))
    low, high = _limits(panel)
    axis.set_xlim(low, high)
    for first, last, margin in _runs([row.margin for row in panel.rows]):
        if margin is not None:
            start, end = np.clip(margin, low, high)
            axis.fill_betweenx([first - 0.5, last + 0.5], start, end, color=INK, alpha=0.08, lw=0)
    for first, last, border in _runs([row.border for row in panel.rows]):
        axis.plot([border] * 2, [first - 0.45, last + 0.45], color=INK, lw=1.0, ls="-")
    for group, look in looks.items():
        _draw_group(axis, panel, group, look)
    axis.set_ylim(len(panel.rows) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    if panel.title:
        frames.title(axis, panel.title)
    axis.set_xlabel(maths(panel.x))
    _place_ticks(axis, panel.scale, low, high)


def _draw_group(axis: Axes, panel: ForestPanel, group: str, look: dict[str, Any]) -> None:
    """Draw the intervals and estimates of a group as three lines, which keep a picture small."""
    places = [place for place, row in enumerate(panel.rows) if row.group == group]
    if not places:
        return
    rows = [panel.rows[place] for place in places]
    for ends, width in (([r.interval for r in rows], 1.0), ([r.inner for r in rows], 2.8)):
        x = np.clip(np.array([(*pair, math.nan) for pair in ends]), *axis.get_xlim())
        x[np.isnan(x[:, :2]).any(axis=1)] = math.nan
        axis.plot(x.ravel(), np.repeat(places, 3), color=look["color"], lw=width, ls="-", alpha=0.8)
    estimates = [row.estimate for row in rows]
    axis.plot(estimates, places, color=look["color"], marker=look["marker"], ls="")


def _label_rows(axis: Axes, panel: ForestPanel, typeset: Callable[[str], str]) -> None:
    axis.set_yticks(range(len(panel.rows)), [typeset(row.label) for row in panel.rows])
    axis.tick_params(axis="y", length=0, labelsize=7)
    for place, (label, row) in enumerate(zip(axis.get_yticklabels(), panel.rows, strict=True)):
        weight = "bold" if row.strong else "normal"
        label.set_fontweight(weight)
        if row.note:
            right = axis.get_yaxis_transform()
            text: dict[str, Any] = {"va": "center", "size": 7, "weight": weight}
            axis.text(1.02, place, typeset(row.note), transform=right, **text)


def _runs(values: Sequence[Any]) -> Iterator[tuple[int, int, Any]]:
    """Yield first and last place of equal values that follow each other, and the value."""
    place = 0
    for value, members in groupby(values):
        count = len(list(members))
        yield place, place + count - 1, value
        place += count


def _place_ticks(axis: Axes, scale: Scale, low: float, high: float) -> None:
    if scale == "log":
        log_ticks(axis.xaxis)
        if high < 2 * low:
            axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        elif high < 10 * low:  # 1, no effect, is among these.
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7), numticks=9))
        elif high > 1e4 * low:  # Long labels of rows leave the axis little room.
            axis.xaxis.set_major_locator(LogLocator(numticks=5))
    elif scale == "symlog":
        powers = (1.0, 10.0, 100.0)
        ticks = [*(-power for power in reversed(powers)), 0.0, *powers]
        axis.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "−")))
        axis.xaxis.set_minor_locator(NullLocator())
    else:
        axis.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _limits(panel: ForestPanel) -> tuple[float, float]:
    """Return ends of the axis that show all finite estimates, intervals and borders."""
    values = [
        value
        for row in panel.rows
        for value in (row.estimate, *row.interval, row.border, *(row.margin or ()))
        if math.isfinite(value) and (panel.scale != "log" or value > 0)
    ]
    if panel.scale == "symlog":  # As matplotlib draws it, but for a factor that does not matter.
        positions = np.array([math.copysign(math.log1p(abs(value)), value) for value in values])
    else:
        positions = np.log(values) if panel.scale == "log" else np.array(values)
    low, high = float(positions.min()), float(positions.max())
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    if panel.scale == "symlog":
        low, high = (math.copysign(math.expm1(abs(end)), end) for end in (low, high))
        return low, high
    return (math.exp(low), math.exp(high)) if panel.scale == "log" else (low, high)
