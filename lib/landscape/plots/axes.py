"""Canvas, axes, titles, ticks and legend that all figures share."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landscape.plots.panel import Panel
from landscape.plots.style import bold_maths, maths
from landscape.plots.ticks import log_ticks, tick_texts

WIDTH = 7.2  # Of a full figure, in inches.
SINGLE_WIDTH = 0.6 * WIDTH  # Of a figure with one panel, which would else be a banner.

_LEGEND_ROW = 0.2  # Inches.


def axes_grid(
    count: int,
    columns: int,
    *,
    height: float,
    width: float | None = None,
    new_figure: Callable[..., Figure] = Figure,
) -> tuple[Figure, list[Axes]]:
    """Return a new figure and its axes in rows.

    Args:
        count: Number of axes.
        columns: Axes side by side, at most.
        height: Height of a row in inches.
        width: Width of the figure in inches; None takes ``WIDTH``, or ``SINGLE_WIDTH`` for one
            column.
        new_figure: Makes the figure.

    Returns:
        The figure and ``count`` axes, in reading order.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = width or (WIDTH if columns > 1 else SINGLE_WIDTH)
    figure = new_figure(figsize=(width, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def plane_axes(
    count: int,
    *,
    ratio: float,
    bar: bool = False,
    new_figure: Callable[..., Figure] = Figure,
) -> tuple[Figure, list[Axes], float]:
    """Return a new figure with axes of one shape, up to three side by side, four as two rows.

    Args:
        count: Number of axes.
        ratio: Height over width of the picture in each axes.
        bar: Whether a colour bar takes part of the height.
        new_figure: Makes the figure.

    Returns:
        The figure, its ``count`` axes, and the approximate width of each in inches.
    """
    columns = 2 if count == 4 else min(count, 3)
    # Two planes side by side are large enough in a part of the width.
    width = {1: SINGLE_WIDTH, 2: 0.85 * WIDTH}.get(columns, WIDTH)
    # Beside the axes stand the vertical label and each one's ticks; above and below them title,
    # ticks and horizontal label, and below all of them the bar.
    side = (width - 0.5) / columns - 0.45
    rows = -(-count // columns)
    height = side * ratio + 0.75 + 0.6 * bar / rows
    figure, axes = axes_grid(count, columns, height=height, width=width, new_figure=new_figure)
    return figure, axes, side


def title(axis: Axes, text: str, width: float | None = None) -> None:
    """Give axes a title, broken into lines.

    A line holds 11 bold letters an inch.

    Args:
        axis: The axes.
        text: The title.
        width: Longest line in inches; None takes the axes' share of the figure's width, less the
            gap between two axes.
    """
    if width is None:
        width = column_width(axis) - 0.5
    lines = [""]
    for word in bold_maths(text).split():
        longer = f"{lines[-1]} {word}".strip()
        # A formula is drawn shorter than its source: it counts as three letters.
        if len(re.sub(r"\$[^$]*\$", "xxx", longer)) <= 11 * width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    axis.set_title("\n".join(lines))


def figure_of(axis: Axes) -> Figure:
    """Return the figure of axes."""
    return cast(Figure, axis.figure)  # No figure of the library has subfigures.


def column_width(axis: Axes) -> float:
    """Return the axes' share of the figure's width, in inches."""
    return float(figure_of(axis).get_size_inches()[0]) / _columns(axis)


def _columns(axis: Axes) -> int:
    """Return the number of columns of the grid that axes stand in."""
    grid: Any = axis.get_subplotspec()  # Not None: all axes of the library stand in a grid.
    return grid.get_gridspec().ncols


def label_outer(axes: Sequence[Axes], xlabel: str, ylabel: str) -> None:
    """Label the lowest axes of each column horizontally and the first axes of each row vertically.

    Args:
        axes: All axes of a grid, in reading order.
        xlabel: Label of the horizontal axes.
        ylabel: Label of the vertical axes.
    """
    columns = _columns(axes[0])
    for index, axis in enumerate(axes):
        axis.set_xlabel(maths(xlabel) if index + columns >= len(axes) else "")
        axis.set_ylabel(maths(ylabel) if index % columns == 0 else "")


def include_points(axis: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Set limits that show a plane's grid and all drawings beyond it.

    Both axes have equal units, unless one side is more than four times the other.

    Args:
        axis: The axes.
        x: Horizontal positions of the grid, increasing, (a,).
        y: Vertical positions, increasing, (b,).
    """
    box = axis.dataLim
    ends = [(min(x[0], box.x0), max(x[-1], box.x1)), (min(y[0], box.y0), max(y[-1], box.y1))]
    setters: tuple[Callable[..., Any], ...] = (axis.set_xlim, axis.set_ylim)
    for (low, high), grid, set_limits in zip(ends, (x, y), setters, strict=True):
        # Room only beside a drawing: where the grid is outermost, its edge is the frame.
        margin = 0.04 * (high - low)
        set_limits(low - margin * (low < grid[0]), high + margin * (high > grid[-1]))
    width, height = (end - start for start, end in ends)
    axis.set_aspect("equal" if max(width, height) <= 4 * min(width, height) else "auto")
    axis.grid(visible=False)


def fix_layout(figure: Figure) -> None:
    """Lay out a figure once and for all: laid out anew at each drawing, its axes would creep."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.apply_aspect()


def label_axes(axis: Axes, panel: Panel) -> None:
    """Give axes the title, labels, scales and ticks of a panel.

    Args:
        axis: Axes on which the panel's series are drawn: the ticks depend on their limits.
        panel: The panel.
    """
    title(axis, panel.title)
    axis.set(xlabel=maths(panel.x), ylabel=maths(panel.y))
    axis.set_yscale(panel.scale)
    axis.set_xscale(panel.x_scale)
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)
    if panel.integers:  # Room beside the curves without the tick of a number that none reaches.
        low, high = axis.dataLim.intervalx
        axis.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    for scale, ticks in ((panel.scale, axis.yaxis), (panel.x_scale, axis.xaxis)):
        if scale == "log":
            log_ticks(ticks)
    if panel.ticks is not None:
        axis.set_xticks(panel.ticks, tick_texts(panel.ticks))
    elif panel.integers:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif panel.x_scale == "linear":  # Few enough that labels with sign and decimals stay apart.
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def legend(
    figure: Figure,
    axes: Sequence[Axes],
    *,
    least: int = 2,
    entries: Mapping[str, Artist] | None = None,
) -> None:
    """Put one legend of all series above the axes, and make the figure higher by its rows.

    What all names begin with, up to a comma, is left out: it stands in titles and captions.

    Args:
        figure: The figure.
        axes: The axes that hold the series.
        least: Number of series from which on the figure gets a legend.
        entries: Name -> what stands before it; None takes the series with a label.
    """
    handles = entries or {
        name: handle
        for axis in axes
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if len(handles) < least:
        return
    names = [maths(name) for name in short_names(list(handles))]
    entry = 0.6 + 0.068 * max(map(len, names))  # Inches: handle and spaces, then letters.
    width, height = figure.get_size_inches()
    rows = math.ceil(len(handles) / max(1, int(width / entry)))
    figure.set_size_inches(width, height + _LEGEND_ROW * rows)
    figure.legend(
        handles.values(),
        names,
        loc="outside upper center",
        ncols=math.ceil(len(handles) / rows),
        handlelength=3.2,
    )


def short_names(names: Sequence[str]) -> list[str]:
    """Return names without the words before a comma that all of them begin with.

    Args:
        names: Such as ``MLP, width 8`` and ``MLP, width 16``.

    Returns:
        Such as ``width 8`` and ``width 16``; a single name is returned as it is.
    """
    parts = [name.split(", ") for name in names]
    shortest = min(map(len, parts), default=1) - 1 if len(names) > 1 else 0
    shared = 0
    while shared < shortest and len({words[shared] for words in parts}) == 1:
        shared += 1
    return [", ".join(words[shared:]) for words in parts]


def suggests_log_scale(values: np.ndarray, *, span: float = 10.0) -> bool:
    """Return whether values suit a logarithmic axis: all positive, and widely spread.

    Args:
        values: Finite values (n,), possibly none.
        span: Smallest ratio of the largest to the smallest value, >= 1.

    Returns:
        Whether there are values, all are positive, and they span the ratio or more.
    """
    return bool(len(values) and values.min() > 0 and values.max() >= span * values.min())
