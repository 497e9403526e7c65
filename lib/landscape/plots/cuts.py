"""Drawings of lines and of paths between solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from landscape.plots import axes as frames
from landscape.plots.bands import THIN
from landscape.plots.result_axes import result_axes
from landscape.plots.series import (
    choose_scale,
    draw_series,
    line_series,
    lines_series,
    path_series,
)

if TYPE_CHECKING:
    from landscape.connectivity.path import Path
    from landscape.slices.grid import Line, Lines


def draw_line(
    line: Line,
    ax: Axes | None = None,
    *,
    quantity: str = "loss",
    label: str | None = None,
    **style: Any,
) -> Axes:
    """Draw loss or accuracy along a line: see ``Line.plot``.

    Args:
        line: The line.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: ``loss`` or ``accuracy``.
        label: Name in a legend.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The axes.

    Raises:
        ValueError: If the quantity is unknown.
    """
    series = line_series(line, quantity)
    with result_axes(ax) as axes:
        draw_series(axes, series, label=label, style=style)
        if ax is None:
            choose_scale(axes, [series])
    return axes


def draw_lines(
    lines: Lines,
    ax: Axes | None = None,
    *,
    quantity: str = "loss",
    label: str | None = None,
    **style: Any,
) -> Axes:
    """Draw each of several lines thin, and their mean: see ``Lines.plot``.

    Args:
        lines: The lines.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: ``loss`` or ``accuracy``.
        label: Name of the mean in a legend; on a new figure None gives the number of directions.
        style: Further arguments of matplotlib's ``plot`` for the mean.

    Returns:
        The axes.

    Raises:
        ValueError: If the quantity is unknown.
    """
    series = lines_series(lines, quantity)
    rows = getattr(lines, quantity).numpy()
    with result_axes(ax) as axes:
        if ax is None and label is None and len(rows) > 1:
            label = f"mean of {len(rows)} directions"
        mean = draw_series(axes, series, label=label, style=style)
        for row in rows if len(rows) > 1 else ():
            axes.plot(series.x, row, color=mean.get_color(), **THIN)
        if ax is None:
            choose_scale(axes, [series])
    return axes


def draw_path(
    path: Path,
    ax: Axes | None = None,
    *,
    quantity: str = "loss",
    label: str | None = None,
    **style: Any,
) -> Axes:
    """Draw a path, the chord between its ends, and its barrier: see ``Path.plot``.

    Args:
        path: The path.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: ``loss`` or ``accuracy``.
        label: Name in a legend; on a new figure None takes the kind of path.
        style: Further arguments of matplotlib's ``plot`` for the path.

    Returns:
        The axes.

    Raises:
        ValueError: If the quantity is unknown.
    """
    series = path_series(path, quantity)
    barrier, name = (
        (path.barrier, "barrier") if quantity == "loss" else (path.error_barrier, "error barrier")
    )
    chord = (1 - series.x) * series.y[0] + series.x * series.y[-1]
    heights = series.y - chord if quantity == "loss" else chord - series.y
    with result_axes(ax) as axes:
        new_figure = ax is None
        label = label or (path.kind if new_figure else None)
        line = draw_series(axes, series, label=label, style=style)
        thin: dict[str, Any] = {"color": line.get_color(), "linewidth": 0.9}
        axes.plot(series.x, chord, linestyle=":", label="chord" if new_figure else None, **thin)
        # A path with a value that is not finite has no highest point, and its barrier is not drawn.
        if np.isfinite(heights).all() and heights.max() > 0:
            top = heights.argmax()
            ends = [chord[top], series.y[top]]
            text = f"{name} {barrier:.3g}" if new_figure else None
            axes.plot([series.x[top]] * 2, ends, marker="_", markersize=6, label=text, **thin)
        if new_figure:  # Above the axes: within them it would cover the curve.
            frames.legend(frames.figure_of(axes), [axes], least=1)
    return axes
