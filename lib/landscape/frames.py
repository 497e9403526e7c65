"""Frames: the canvas, axes, looks, ticks and legend that all figures share."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.display import STYLE, maths
from landscape.panels import Panel

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
)


def grid(
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


def dress(axis: Axes, panel: Panel) -> None:
    """Give axes the title, labels, scales and ticks of a panel."""
    axis.set(title=maths(panel.title), xlabel=maths(panel.x), ylabel=maths(panel.y))
    axis.set_yscale(panel.scale)
    axis.set_xscale(panel.x_scale)
    if panel.limits is not None:
        axis.set_ylim(*panel.limits)
    for scale, ticks in ((panel.scale, axis.yaxis), (panel.x_scale, axis.xaxis)):
        if scale == "log":
            _log_ticks(ticks)
    if panel.integers:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif panel.x_scale == "linear":  # Few enough that labels with sign and decimals stay apart.
        axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _log_ticks(axis: Axis) -> None:
    # Plain numbers: matplotlib's own labels of a short logarithmic axis are all "2.3 × 10⁰".
    low, high = axis.get_view_interval()
    span = high / low if low > 0 else 1.0
    subs = (1, 2, 5) if span < 1000 else (1,)
    axis.set_major_locator(MaxNLocator(5) if span < 10 else LogLocator(subs=subs, numticks=9))
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


def legend(canvas: Canvas, axes: Sequence[Axes]) -> None:
    """Put one legend of all series above the axes."""
    handles = {
        name: handle
        for axis in axes
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    if len(handles) > 1:
        canvas.legend(
            handles.values(),
            handles.keys(),
            loc="outside upper center",
            ncols=len(handles),
            handlelength=3.2,
        )
