"""Axes for the drawing of a result: the reader's own, or new ones in the library's style."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure

from landscape.plots import axes as frames
from landscape.plots.style import LOOKS, STYLES, keep_style

_DPI = 150  # Of a saved picture: 650 pixels wide, where matplotlib's 100 would give 430.


@contextlib.contextmanager
def result_axes(
    ax: Axes | None, *, width: float = frames.SINGLE_WIDTH, height: float = 2.7
) -> Iterator[Axes]:
    """Yield the axes to draw on.

    The reader's axes come back unchanged, and the reader's style applies. Otherwise new axes are
    made and the library's style applies inside the context, and to the figure ever after.

    Args:
        ax: The reader's axes; None makes a figure.
        width: Width of a new figure in inches.
        height: Its height in inches.
    """
    if ax is not None:
        yield ax
        return
    make = figure_maker()
    with matplotlib.style.context(STYLES):
        figure = make(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        axes.set_prop_cycle(color=[look["color"] for look in LOOKS])
        try:
            yield axes
        except BaseException:
            discard(figure)
            raise
        if axes.get_legend_handles_labels()[0] and not figure.legends:
            axes.legend()
        keep_style([axes])


def figure_maker() -> Any:
    """Return the function that makes figures, which takes matplotlib's ``Figure`` arguments.

    Where pyplot shows figures, in a notebook or a window, it is pyplot's, so that they appear. Else
    figures are plain ones: pyplot would keep each until the reader closes it.
    """
    # A reader who has imported pyplot may not have chosen a backend yet: then choose one, as the
    # reader's own figure would.
    backend = matplotlib.get_backend(auto_select="matplotlib.pyplot" in sys.modules)
    hidden = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)

    def make(**options: Any) -> Figure:
        # Of the two backgrounds white reads on every page: the ink is dark.
        options = {"facecolor": "white", "dpi": _DPI, **options}
        if backend is None or backend.lower() in hidden:
            return Figure(**options)
        from matplotlib import pyplot

        return pyplot.figure(**options)

    return make


def discard(figure: Figure) -> None:
    """Close a figure that could not be drawn, so that pyplot does not show it half-made."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)


def name_axes(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Label axes that have no labels yet."""
    axes.set_xlabel(axes.get_xlabel() or xlabel)
    axes.set_ylabel(axes.get_ylabel() or ylabel)


def mark_lost(axes: Axes, x: np.ndarray, lost: np.ndarray, color: Any) -> None:
    """Mark positions where a value is not finite by a cross at the upper edge of the axes.

    Args:
        axes: The axes.
        x: Positions (p,).
        lost: Whether the value at each is not finite, (p,).
        color: Colour of the series.
    """
    if lost.any():
        edge = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        heights = np.ones(int(lost.sum()))
        axes.plot(x[lost], heights, linestyle="", marker="x", markersize=4.5, color=color, **edge)
