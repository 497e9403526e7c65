"""Canvas, axes, titles, ticks and legend that all figures share."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.plots.panel import Panel
from landscape.plots.style import maths

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
        bar: Whether a colour bar takes part of the width.
        new_figure: Makes the figure.

    Returns:
        The figure, its ``count`` axes, and the approximate width of each in inches.
    """
    columns = 2 if count == 4 else min(count, 3)
    width = WIDTH if columns > 1 else SINGLE_WIDTH
    # Beside the axes stand the bar, the vertical label and each one's ticks; above and below them
    # title, ticks and horizontal label.
    side = (width - 0.5 - 0.95 * bar) / columns - 0.45
    figure, axes = axes_grid(count, columns, height=side * ratio + 0.75, new_figure=new_figure)
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
        columns = axis.get_subplotspec().get_gridspec().ncols
        width = axis.figure.get_size_inches()[0] / columns - 0.5
    lines = [""]
    for word in maths(text).split():
        longer = f"{lines[-1]} {word}".strip()
        # A formula is drawn shorter than its source: it counts as three letters.
        if len(re.sub(r"\$[^$]*\$", "xxx", longer)) <= 11 * width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    axis.set_title("\n".join(lines))


def label_outer(axes: Sequence[Axes], xlabel: str, ylabel: str) -> None:
    """Label the lowest axes of each column horizontally and the first axes of each row vertically.

    Args:
        axes: All axes of a grid, in reading order.
        xlabel: Label of the horizontal axes.
        ylabel: Label of the vertical axes.
    """
    columns = axes[0].get_subplotspec().get_gridspec().ncols
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
    for (low, high), grid, set_limits in zip(
        ends, (x, y), (axis.set_xlim, axis.set_ylim), strict=True
    ):
        # Room only beside a drawing: where the grid is outermost, its edge is the frame.
        margin = 0.04 * (high - low)
        set_limits(low - margin * (low < grid[0]), high + margin * (high > grid[-1]))
    width, height = (end - start for start, end in ends)
    axis.set_aspect("equal" if max(width, height) <= 4 * min(width, height) else "auto")
    axis.grid(visible=False)


def fix_layout(figure: Figure) -> None:
    """Lay out a figure once and for all: laid out anew at each drawing, its axes would creep."""
    figure.get_layout_engine().execute(figure)
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
    for scale, ticks in ((panel.scale, axis.yaxis), (panel.x_scale, axis.xaxis)):
        if scale == "log":
            log_ticks(ticks)
    if panel.ticks is not None:
        axis.set_xticks(panel.ticks, [f"{value:g}" for value in panel.ticks])
    elif panel.integers:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif panel.x_scale == "linear":  # Few enough that labels with sign and decimals stay apart.
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def log_locator(low: float, high: float) -> MaxNLocator | LogLocator:
    """Return the locator that places the ticks of a logarithmic axis.

    Below one decade the ticks are round numbers at equal distances; below three decades they are 1,
    2 and 5 times the powers of ten; beyond, powers of ten.

    Args:
        low: Lower end of the axis.
        high: Upper end.

    Returns:
        The locator. A lower end that is not positive counts as an axis below one decade.
    """
    span = high / low if low > 0 else 1.0
    subs = (1, 2, 5) if span < 1000 else (1,)
    return MaxNLocator(5) if span < 10 else LogLocator(subs=subs, numticks=9)


def log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers.

    matplotlib's own labels of a short logarithmic axis all have the form "2.3 × 10⁰".
    """
    axis.set_major_locator(log_locator(*axis.get_view_interval()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def symmetric_ticks(axis: Axes, unit: float, positions: Sequence[float]) -> None:
    """Label a horizontal axis of positions u = asinh(x / unit) with x: 0 and powers of ten.

    Args:
        axis: The axes.
        unit: Where the axis turns from linear to logarithmic, in units of x.
        positions: First and last position u that the axis shows.
    """
    reach = unit * math.sinh(max(abs(positions[0]), abs(positions[-1])))
    first, last = math.ceil(math.log10(unit)), math.floor(math.log10(reach))
    powers = [10.0**power for power in range(first, last + 1)]
    values = [*(-power for power in reversed(powers)), 0.0, *powers]
    shown = [x for x in values if positions[0] <= math.asinh(x / unit) <= positions[-1]]
    axis.set_xticks(
        [math.asinh(x / unit) for x in shown], [f"{x:g}".replace("-", "−") for x in shown]
    )
    axis.set_xlim(positions[0], positions[-1])


def legend(figure: Figure, axes: Sequence[Axes], *, least: int = 2) -> None:
    """Put one legend of all series above the axes, and make the figure higher by its rows.

    Args:
        figure: The figure.
        axes: The axes that hold the series.
        least: Number of series from which on the figure gets a legend.
    """
    handles = {
        name: handle
        for axis in axes
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if len(handles) < least:
        return
    entry = 0.6 + 0.068 * max(map(len, handles))  # Inches: handle and spaces, then letters.
    width, height = figure.get_size_inches()
    rows = math.ceil(len(handles) / max(1, int(width / entry)))
    figure.set_size_inches(width, height + _LEGEND_ROW * rows)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=math.ceil(len(handles) / rows),
        handlelength=3.2,
    )


def suggests_log_scale(values: np.ndarray, *, span: float = 10.0) -> bool:
    """Return whether values suit a logarithmic axis: all positive, and widely spread.

    Args:
        values: Finite values (n,), possibly none.
        span: Smallest ratio of the largest to the smallest value, >= 1.

    Returns:
        Whether there are values, all are positive, and they span the ratio or more.
    """
    return bool(len(values) and values.min() > 0 and values.max() >= span * values.min())
