"""Spectral densities of several kinds of Hessians, a panel each, on shared axes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from landscape.plots import axes as frames
from landscape.plots.panel import Panel
from landscape.plots.style import INK, STYLES, keep_style, maths, series_style
from landscape.plots.ticks import PowersOfTen, UniformLabels

_FLOOR = 1e-7  # Of a density's highest peak: one eigenvalue among ten million.


def spectra(panels: Sequence[Panel]) -> Figure:
    """Draw spectral densities over eigenvalues, on symmetric logarithmic axes.

    The curve is the mean over seeds, and each seed is a thin line. Computed eigenvalues are tick
    marks under the curve, one row a seed.

    Args:
        panels: The panels, with one series each over eigenvalues, a ``unit`` that all share, at
            which the axis turns from linear to logarithmic, and eigenvalues as ``marks``.

    Returns:
        The figure. All panels have the same axes.
    """
    with matplotlib.style.context(STYLES):
        columns = 3 if len(panels) in (3, 5, 6, 9) else 2
        figure, axes = frames.axes_grid(len(panels), columns, height=2.3)
        bands = [band for panel in panels for band in panel.series.values()]
        top = max(float(np.max(band.mean)) for band in bands)
        shown = np.concatenate([np.asarray(band.x)[band.mean > _FLOOR * top] for band in bands])
        rows = max(len(panel.marks) for panel in panels)
        for index, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
            _draw_density(axis, panel, series_style(index), top, rows)
            axis.set_xscale("asinh", linear_width=panel.unit)
            axis.set_xlim(shown.min(), shown.max())
            axis.xaxis.set_major_locator(PowersOfTen(panel.unit))  # type: ignore[arg-type]  # panels of this scale have one
            axis.xaxis.set_major_formatter(UniformLabels())
            axis.xaxis.set_minor_locator(NullLocator())
            frames.title(axis, panel.title)
        frames.label_outer(axes, panels[-1].x, panels[0].y)
        keep_style(axes)
        return figure


def _draw_density(axis: Axes, panel: Panel, look: Mapping[str, Any], top: float, rows: int) -> None:
    """Draw a curve down to a small share of the highest peak, and marks in rows below it."""
    ((name, band),) = panel.series.items()
    floor, color = _FLOOR * top, look["color"]
    heights = [floor * 10 ** (-0.45 * (row + 1)) for row in range(rows + 1)]
    for sample in band.samples if band.n > 1 else ():
        axis.plot(band.x, sample, color=color, linewidth=0.5, alpha=0.45)
    axis.plot(band.x, np.maximum(band.mean, floor), color=color, label=name)
    axis.axhline(floor, color=INK, linewidth=0.5)
    for height, marks in zip(heights, panel.marks, strict=False):
        mark = {"color": color, "markersize": 4, "alpha": 0.8}
        axis.plot(marks, np.full(len(marks), height), "|", **mark)
    axis.set_ylim(heights[-1], 3 * top)
    axis.set(ylabel=maths(panel.y), yscale="log")
    powers = range(math.ceil(math.log10(floor)), math.ceil(math.log10(3 * top)), 2)
    axis.yaxis.set_major_formatter(UniformLabels())
    axis.set_yticks([10.0**power for power in powers])
