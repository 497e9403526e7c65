"""Frames: the canvas, axes, looks, ticks and legend that all figures share."""

import math
import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.plots.figure import STYLE, maths
from landscape.plots.panel import Panel

STYLES = ["default", STYLE]
WIDTH = 7.2

# Colours of Okabe and Ito (2008), darkened or lightened to read on white and on black; every series
# also has its own dashes and marker, so that no figure needs colour.
LOOKS = (
    {"color": "#1f78b4", "linestyle": "-", "marker": "o"},
    {"color": "#d1601f", "linestyle": (0, (5, 1.6)), "marker": "s"},
    {"color": "#2a9d6f", "linestyle": (0, (1.2, 1.2)), "marker": "^"},
    {"color": "#b05fa3", "linestyle": (0, (5, 1.4, 1.2, 1.4)), "marker": "D"},
    {"color": "#a08214", "linestyle": (0, (8, 2, 1.2, 2, 1.2, 2)), "marker": "v"},
    {"color": "#5b6570", "linestyle": (0, (2.5, 1.2)), "marker": "P"},
    {"color": "#cf3f5f", "linestyle": (0, (8, 1.6)), "marker": "X"},
    {"color": "#14808f", "linestyle": (0, (1.2, 2.4)), "marker": "<"},
)
_LEGEND_ROW = 0.2  # Inches.


def series_style(place: int) -> dict:
    """Return colour, dashes and marker of a series by its place in the legend.

    Colours come back after eight series, with other dashes and another marker each time.
    """
    laps, own = divmod(place, len(LOOKS))
    return LOOKS[(own + laps) % len(LOOKS)] | {"color": LOOKS[own]["color"]}


def axes_grid(
    count: int, columns: int, *, height: float, width: float | None = None
) -> tuple[Canvas, list[Axes]]:
    """Return a canvas and ``count`` axes on it, ``columns`` side by side."""
    columns = min(columns, count)
    rows = -(-count // columns)
    # One panel alone would be a banner: it gets a little more than half the width.
    width = width or (WIDTH if columns > 1 else 0.6 * WIDTH)
    canvas = Canvas(figsize=(width, height * rows), layout="constrained")
    made = canvas.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in made[count:]:
        spare.set_axis_off()
    return canvas, made[:count]


def plane_axes(count: int, *, ratio: float, bar: bool = False) -> tuple[Canvas, list[Axes], float]:
    """Return a canvas and ``count`` axes of one shape, up to three side by side, four as two rows.

    Args:
        count: Number of axes.
        ratio: Height of what an axis holds over its width.
        bar: Whether a colour bar takes its share of the width.

    Returns:
        Canvas, axes, and about how wide each is in inches.
    """
    columns = 2 if count == 4 else min(count, 3)
    width = WIDTH if columns > 1 else 0.6 * WIDTH
    # Beside the axes stand the bar, the vertical label and each one's ticks; above and below them
    # title, ticks and horizontal label.
    side = (width - 0.5 - 0.95 * bar) / columns - 0.45
    return *axes_grid(count, columns, height=side * ratio + 0.75), side


def title(axis: Axes, text: str, width: float | None = None) -> None:
    """Give axes a title, in lines of at most ``width`` inches, at 11 bold letters an inch.

    Args:
        axis: The axes.
        text: The title.
        width: None takes the axes' share of the canvas, less what separates two of them.
    """
    if width is None:
        columns = axis.get_subplotspec().get_gridspec().ncols
        width = axis.figure.get_size_inches()[0] / columns - 0.5
    lines = [""]
    for word in maths(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if len(re.sub(r"\$[^$]*\$", "xxx", longer)) <= 11 * width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    axis.set_title("\n".join(lines))


def label_outer(axes: Sequence[Axes], xlabel: str, ylabel: str) -> None:
    """Label the horizontal axis of the lowest axes of each column and the vertical of the first."""
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    for place, axis in enumerate(axes):
        axis.set_xlabel(maths(xlabel) if place + columns >= len(axes) else "")
        axis.set_ylabel(maths(ylabel) if place % columns == 0 else "")


def include_points(axis: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """Show a grid and whatever is drawn beyond it; with equal units unless that makes a strip."""
    box = axis.dataLim
    ends = [(min(x[0], box.x0), max(x[-1], box.x1)), (min(y[0], box.y0), max(y[-1], box.y1))]
    for (low, high), values, limit in zip(
        ends, (x, y), (axis.set_xlim, axis.set_ylim), strict=True
    ):
        spare = 0.04 * (high - low)
        limit(low - spare * (low < values[0]), high + spare * (high > values[-1]))
    wide, high = (end - start for start, end in ends)
    axis.set_aspect("equal" if max(wide, high) <= 4 * min(wide, high) else "auto")
    axis.grid(visible=False)


def fix_layout(canvas: Canvas) -> None:
    """Lay out a canvas for good: laid out anew at each drawing, its axes would creep."""
    canvas.get_layout_engine().execute(canvas)
    canvas.set_layout_engine("none")
    for axis in canvas.axes:
        axis.apply_aspect()


def label_axes(axis: Axes, panel: Panel) -> None:
    """Give axes the title, labels, scales and ticks of a panel."""
    title(axis, panel.title)
    axis.set(xlabel=maths(panel.x), ylabel=maths(panel.y))
    axis.set_yscale(panel.scale)
    axis.set_xscale(panel.x_scale)
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)
    for scale, ticks in ((panel.scale, axis.yaxis), (panel.x_scale, axis.xaxis)):
        if scale == "log":
            _log_ticks(ticks)
    if panel.ticks is not None:
        axis.set_xticks(panel.ticks, [f"{value:g}" for value in panel.ticks])
    elif panel.integers:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif panel.x_scale == "linear":  # Few enough that labels with sign and decimals stay apart.
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def log_locator(low: float, high: float) -> MaxNLocator | LogLocator:
    """Return where a logarithmic axis from low to high has its ticks."""
    span = high / low if low > 0 else 1.0
    subs = (1, 2, 5) if span < 1000 else (1,)
    return MaxNLocator(5) if span < 10 else LogLocator(subs=subs, numticks=9)


def _log_ticks(axis: Axis) -> None:
    # Plain numbers: matplotlib's own labels of a short logarithmic axis are all "2.3 × 10⁰".
    axis.set_major_locator(log_locator(*axis.get_view_interval()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def symmetric_ticks(axis: Axes, unit: float, positions: Sequence[float]) -> None:
    """Label a horizontal axis of positions u = asinh(x / unit) with x: 0 and powers of ten."""
    reach = unit * math.sinh(max(abs(positions[0]), abs(positions[-1])))
    first, last = math.ceil(math.log10(unit)), math.floor(math.log10(reach))
    powers = [10.0**power for power in range(first, last + 1)]
    values = [*(-power for power in reversed(powers)), 0.0, *powers]
    shown = [x for x in values if positions[0] <= math.asinh(x / unit) <= positions[-1]]
    axis.set_xticks(
        [math.asinh(x / unit) for x in shown], [f"{x:g}".replace("-", "−") for x in shown]
    )
    axis.set_xlim(positions[0], positions[-1])


def legend(canvas: Canvas, axes: Sequence[Axes], *, least: int = 2) -> None:
    """Put one legend of all series above the axes, and make the canvas higher by its rows.

    Args:
        canvas: The canvas.
        axes: Whose series.
        least: The number of series from which a legend is needed.
    """
    handles = {
        name: handle
        for axis in axes
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if len(handles) < least:
        return
    entry = 0.6 + 0.068 * max(map(len, handles))  # Inches: handle and spaces, then letters.
    width, height = canvas.get_size_inches()
    rows = math.ceil(len(handles) / max(1, int(width / entry)))
    canvas.set_size_inches(width, height + _LEGEND_ROW * rows)
    canvas.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=math.ceil(len(handles) / rows),
        handlelength=3.2,
    )


def suggests_log_scale(values: np.ndarray, *, span: float = 10.0) -> bool:
    """Return whether finite values are all positive and span a factor of ``span`` or more."""
    return bool(len(values) and values.min() > 0 and values.max() >= span * values.min())
