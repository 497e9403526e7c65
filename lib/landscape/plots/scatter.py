"""Scatter plots of two quantities of many networks; the arms differ in more than colour."""

import dataclasses
import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from landscape.plots import axes as frames
from landscape.plots.cloud_looks import MOST_ARMS, cloud_looks
from landscape.plots.panel import Panel
from landscape.plots.style import INK, STYLES, keep_style
from landscape.plots.ticks import UniformLabels, tick_texts

Scale = Literal["linear", "log", "symlog"]

_DECADES = 4  # On either side of a symmetric logarithmic axis.
_REMARK_SIZE = 7.5  # Letters of the remark that counts the points not shown, in points.


@dataclasses.dataclass(frozen=True)
class Cloud:
    """Content of one set of axes: a point for each network.

    Attributes:
        title: Short heading.
        x: Label of the horizontal axis, with unit.
        y: Label of the vertical axis, with unit.
        points: Arm -> positions along x and positions along y, both in the same order of networks;
            NaN and infinity are allowed.
        scale: Scale of the vertical axis.
        x_scale: Scale of the horizontal axis.
        border: Where a vertical line parts the networks along x; None draws none.

    Raises:
        ValueError: If an arm has different numbers of positions along x and along y.
    """

    title: str
    x: str
    y: str
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    scale: Scale = "linear"
    x_scale: Scale = "linear"
    border: float | None = None

    def __post_init__(self) -> None:
        for arm, (xs, ys) in self.points.items():
            if len(xs) != len(ys):
                raise ValueError(
                    f"arm {arm!r} of {self.title!r} has {len(xs)} positions along x and {len(ys)} "
                    "along y. Pass one of each for a network, in the same order."
                )


def scatter(clouds: Sequence[Cloud], *, columns: int = 2) -> Figure:
    """Draw a point for each network; an arm has the same look in all panels.

    Arms are drawn as families, by the words before the first comma or plus of their names: families
    differ in colour, members in shade or marker (``cloud_looks``).

    Points that the axes cannot show (not finite, or not positive on a logarithmic axis) are counted
    above the panel, beside the marker of their arm.

    Args:
        clouds: The panels, in reading order, of at most 20 arms together.
        columns: Panels side by side.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no panel, or there are more arms than looks.
    """
    arms = list(dict.fromkeys(arm for cloud in clouds for arm in cloud.points))
    if not clouds or len(arms) > MOST_ARMS:
        raise ValueError(
            f"{len(clouds)} panels of {len(arms)} arms make no figure. Pass at least one panel, of "
            f"at most {MOST_ARMS} arms in all: more cannot be told apart."
        )
    looks, entries = cloud_looks(arms)
    with matplotlib.style.context(STYLES):
        # A legend of many arms is as wide as the page.
        width = frames.WIDTH if len(entries) > 5 else None
        height = 2.75 if len(clouds) > 1 else 3.2
        figure, axes = frames.axes_grid(len(clouds), columns, height=height, width=width)
        for axis, cloud in zip(axes, clouds, strict=True):
            _draw_cloud(axis, cloud, looks)
        frames.legend(
            figure, axes, entries={n: Line2D([], [], **look) for n, look in entries.items()}
        )
        keep_style(axes)
        return figure


def _draw_cloud(axis: Axes, cloud: Cloud, looks: Mapping[str, Mapping]) -> None:
    shown = [np.empty((2, 0))]
    if cloud.border is not None:
        axis.axvline(cloud.border, color=INK, linewidth=0.9, zorder=1)
    missing: dict[str, Counter[str]] = {"not finite": Counter(), "not positive": Counter()}
    for arm, positions in cloud.points.items():
        points = np.asarray(positions, dtype=np.float64)
        finite = np.isfinite(points).all(axis=0)
        inside = finite & _positive(points[0], cloud.x_scale) & _positive(points[1], cloud.scale)
        missing["not finite"][arm] = int((~finite).sum())
        missing["not positive"][arm] = int((finite & ~inside).sum())
        shown.append(points[:, inside])
        axis.plot(*shown[-1], label=arm, **looks[arm])
    xlabel = textwrap.fill(cloud.x, int(17 * _width(axis)))
    frames.label_axes(axis, Panel(cloud.title, xlabel, cloud.y, {}, cloud.scale, cloud.x_scale))
    _thin_ticks(axis, cloud.x_scale)
    for side, scale, values in zip(
        (axis.xaxis, axis.yaxis), (cloud.x_scale, cloud.scale), np.hstack(shown), strict=True
    ):
        if scale == "symlog" and values.any():
            _set_symmetric_scale(side, values)
    _count_missing(axis, missing, looks)


def _positive(values: np.ndarray, scale: Scale) -> np.ndarray:
    return (values > 0) | (scale != "log")


def _thin_ticks(axis: Axes, scale: Scale) -> None:
    """Thin out the ticks of a logarithmic horizontal axis until their labels stay apart."""
    low, high = axis.get_xlim()
    if scale == "log" and high >= 1000 * low:
        axis.xaxis.set_major_locator(LogLocator(numticks=int(2 * _width(axis))))
    elif scale == "log" and high >= 10 * low and _width(axis) < 2.5:
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=9))


def _set_symmetric_scale(side: Axis, values: np.ndarray) -> None:
    """Make an axis linear around 0 and logarithmic beyond the smallest values, a power of ten."""
    sizes = np.abs(values[values != 0])
    last = math.floor(math.log10(sizes.max()))
    # A single value close to 0 must not squeeze all others: it lies in the linear part.
    first = max(math.floor(math.log10(sizes.min())), last - _DECADES)
    set_scale = side.axes.set_xscale if _is_horizontal(side) else side.axes.set_yscale
    set_scale("symlog", linthresh=10.0**first)
    low, high = sorted(side.get_view_interval())
    for mantissas, step in (
        ((1, 2, 5), 1),
        ((1, 3), 1),
        ((1,), 1),
        ((1,), 2),
        ((1,), _DECADES + 1),
    ):
        # With steps of several decades the lowest power would crowd 0: it is left out.
        powers = range(last, first - (step == 1), -step)
        sizes = [mantissa * 10.0**power for power in powers for mantissa in mantissas]
        ticks = _between(low, high, [0.0, *sizes, *(-size for size in sizes)])
        if _apart(side, ticks):
            break
    if len(ticks) < 2:  # All values lie within a decade.
        ticks = _between(low, high, MaxNLocator(3).tick_values(low, high))
    side.set_ticks(ticks)
    side.set_major_formatter(UniformLabels())
    side.set_minor_locator(NullLocator())


def _between(low: float, high: float, values: Sequence[float]) -> np.ndarray:
    return np.array(sorted(value for value in values if low <= value <= high))


def _is_horizontal(side: Axis) -> bool:
    return side is side.axes.xaxis


def _apart(side: Axis, ticks: np.ndarray) -> bool:
    """Return whether the labels of ticks keep apart."""
    horizontal = _is_horizontal(side)
    # Inches: a panel's height is nearly the same in all figures, its width is not.
    length = _width(side.axes) if horizontal else 1.6
    transform = side.get_transform().transform
    inches = transform(ticks) * length / np.ptp(transform(np.array(side.get_view_interval())))
    sizes = np.array(
        [0.1 + 0.071 * len(text) if horizontal else 0.18 for text in tick_texts(ticks)]
    )
    return bool((np.diff(inches) > (sizes[1:] + sizes[:-1]) / 2).all())


def _count_missing(
    axis: Axes, missing: Mapping[str, Counter], looks: Mapping[str, Mapping]
) -> None:
    """Say above the axes how many points they do not show, in all and for each arm's marker."""
    counts = sum(missing.values(), Counter())  # The sum of counters drops zeros.
    if not counts:
        return
    remarks = [
        f"{sum(arms.values())} {reason}" for reason, arms in missing.items() if any(arms.values())
    ]
    columns = int(_width(axis) / 0.3)
    rows = 1 - (-len(counts) // columns)
    axis.legend(
        [Line2D([], [], **looks[arm]) for arm in counts],
        [str(count) for count in counts.values()],
        title=f"{' and '.join(remarks)}:",
        ncols=min(len(counts), columns),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        alignment="left",
        title_fontsize=_REMARK_SIZE,
        fontsize=_REMARK_SIZE,
        handlelength=1,
        handletextpad=0.1,
        columnspacing=0.8,
        borderpad=0,
        borderaxespad=0.3,
    )
    axis.set_title(axis.get_title(loc="left"), pad=4 + 1.6 * _REMARK_SIZE * rows)


def _width(axis: Axes) -> float:
    """Return the approximate width of axes in inches."""
    return frames.column_width(axis) - 0.6
