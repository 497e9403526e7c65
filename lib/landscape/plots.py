"""One function a kind of figure; they draw what they are given and compute nothing."""

from collections.abc import Mapping, Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.display import STYLE, Figure, maths
from landscape.panels import Panel
from landscape.slices import Plane
from landscape.statistics import Band, Interval

_STYLE = ["default", STYLE]
_WIDTH = 7.2

# Colours of Okabe and Ito (2008), darkened or lightened to read on white and on black; every series
# also has its own dashes and marker, so that no figure needs colour.
_LOOKS = (
    {"color": "#1f78b4", "linestyle": "-", "marker": "o"},
    {"color": "#d1601f", "linestyle": (0, (5, 1.6)), "marker": "s"},
    {"color": "#2a9d6f", "linestyle": (0, (1.2, 1.2)), "marker": "^"},
    {"color": "#b05fa3", "linestyle": (0, (5, 1.4, 1.2, 1.4)), "marker": "D"},
    {"color": "#a08214", "linestyle": (0, (8, 2, 1.2, 2, 1.2, 2)), "marker": "v"},
)


def curves(
    panels: Sequence[Panel], *, label: str, caption: str, alt: str, columns: int = 2
) -> Figure:
    """Draw curves: the mean over seeds as a line, its 95% interval as a band, each seed thin.

    Args:
        panels: The panels, in reading order.
        label: Such as ``fig-training``.
        caption: What to see.
        alt: What the picture shows.
        columns: Panels side by side.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    with matplotlib.style.context(_STYLE):
        canvas, axes = _axes(len(panels), columns, height=2.35)
        for axis, panel in zip(axes, panels, strict=True):
            for name, band in panel.series.items():
                _curve(axis, band, name, _LOOKS[names.index(name) % len(_LOOKS)])
            _dress(axis, panel)
        _legend(canvas, axes)
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _curve(axis: Axes, band: Band, name: str, look: Mapping) -> None:
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
    intervals: Mapping[str, Mapping[str, Interval]],
    *,
    label: str,
    caption: str,
    alt: str,
    units: Mapping[str, str] | None = None,
    columns: int = 4,
) -> Figure:
    """Draw one point a seed in each arm, seeds joined, with mean and 95% interval beside them.

    Args:
        panels: Quantity -> arm -> values, in the same order of seeds in all arms.
        intervals: Quantity -> arm -> interval over seeds.
        label: Such as ``fig-curvature``.
        caption: What to see.
        alt: What the picture shows.
        units: Quantity -> unit of its axis.
        columns: Panels side by side.
    """
    with matplotlib.style.context(_STYLE):
        canvas, axes = _axes(len(panels), columns, height=2.3)
        for axis, (quantity, arms) in zip(axes, panels.items(), strict=True):
            for seeds in zip(*arms.values(), strict=True):
                axis.plot(range(len(arms)), seeds, color="#24292f", alpha=0.25, linewidth=0.6)
            for place, (arm, values) in enumerate(arms.items()):
                _dots(axis, place, values, intervals[quantity][arm], _LOOKS[place % len(_LOOKS)])
            axis.set_xticks(range(len(arms)), list(arms))
            axis.set_xlim(-0.5, len(arms) - 0.5 + 0.25)
            axis.set_title(maths(quantity))
            axis.set_ylabel((units or {}).get(quantity, ""))
            axis.grid(visible=False, axis="x")
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _dots(axis: Axes, place: int, values: Sequence[float], interval: Interval, look) -> None:
    axis.plot(
        [place] * len(values), values, look["marker"], color=look["color"], alpha=0.6, linestyle=""
    )
    if np.isfinite(interval.estimate):
        error = [[interval.estimate - interval.low], [interval.high - interval.estimate]]
        axis.errorbar(
            place + 0.22,
            interval.estimate,
            yerr=error,
            fmt=look["marker"],
            color=look["color"],
            markerfacecolor="none",
            capsize=3,
        )


def planes(
    named: Mapping[str, Plane],
    *,
    label: str,
    caption: str,
    alt: str,
    xlabel: str = "α (relative to filter norms)",
    ylabel: str = "β (relative to filter norms)",
    levels: Sequence[float],
) -> Figure:
    """Draw planes side by side as contours on shared levels; the centre is a cross.

    Points whose loss is not finite are hatched: they are a result, not a gap.

    Args:
        named: Title -> plane.
        label: Such as ``fig-plane``.
        caption: What to see.
        alt: What the picture shows.
        xlabel: Meaning of α with unit.
        ylabel: Meaning of β with unit.
        levels: Increasing levels of the loss for all planes; lines are labelled.
    """
    with matplotlib.style.context(_STYLE):
        canvas, axes = _axes(len(named), len(named), height=_WIDTH / len(named) * 0.86)
        norm = matplotlib.colors.LogNorm(levels[0], levels[-1])
        filled = None
        for axis, (title, plane) in zip(axes, named.items(), strict=True):
            grid = (plane.alphas.numpy(), plane.betas.numpy())
            values = np.ma.masked_invalid(plane.loss.numpy().T)
            axis.patch.set(hatch="xxx", edgecolor="#24292f", alpha=0.4)
            filled = axis.contourf(
                *grid, values, levels=levels, norm=norm, cmap="cividis", extend="both"
            )
            lines = axis.contour(*grid, values, levels=levels, colors="#ffffff", linewidths=0.5)
            axis.clabel(lines, levels=levels[::2], fmt="%.3g", fontsize=6.5)
            axis.plot(0, 0, "+", color="#ffffff", markersize=9, markeredgewidth=1.4)
            axis.set(title=title, xlabel=xlabel, ylabel=ylabel, aspect="equal")
            axis.grid(visible=False)
        bar = canvas.colorbar(filled, ax=list(axes), shrink=0.85, pad=0.02)
        bar.set_label("loss (nats), logarithmic levels")
        bar.set_ticks(levels[::2], labels=[f"{level:.3g}" for level in levels[::2]])
        return Figure(canvas, label=label, caption=caption, alt=alt)


def _axes(count: int, columns: int, *, height: float) -> tuple[Canvas, list[Axes]]:
    columns = min(columns, count)
    rows = -(-count // columns)
    # One panel alone would be a banner: it gets a little more than half the width.
    width = _WIDTH if columns > 1 else 0.6 * _WIDTH
    canvas = Canvas(figsize=(width, height * rows), layout="constrained")
    axes = canvas.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return canvas, axes[:count]


def _dress(axis: Axes, panel: Panel) -> None:
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


def _legend(canvas: Canvas, axes: Sequence[Axes]) -> None:
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
