"""Axes for the drawing of a result: the reader's axes, or new ones in the library's style."""

import contextlib
import sys
from collections.abc import Callable, Iterator
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

    Yields:
        The axes.
    """
    if ax is not None:
        yield ax
        return
    new_figure = figure_maker()
    with matplotlib.style.context(STYLES):
        figure = new_figure(figsize=(width, height), layout="constrained")
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

    Where pyplot shows figures, in a notebook or a window, pyplot makes them, so that they appear.
    Elsewhere figures are plain: pyplot would keep each until the reader closes it.
    """
    # A reader who has imported pyplot may not have chosen a backend yet: then choose one, as the
    # reader's own figure would.
    backend = matplotlib.get_backend(auto_select="matplotlib.pyplot" in sys.modules)  # type: ignore[call-overload]  # its stubs want a literal
    hidden = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    make: Callable[..., Figure] = Figure
    if backend is not None and backend.lower() not in hidden:
        from matplotlib import pyplot

        # Loads the backend, which may turn the interactive mode on, and draws nothing else. The
        # first figure would load it inside a style's context, whose end would turn the mode off:
        # a notebook would then show no figure but the first.
        pyplot.draw_if_interactive()
        make = pyplot.figure

    def new_figure(**options: Any) -> Figure:
        # Of the two backgrounds white reads on every page: the ink is dark.
        return make(**{"facecolor": "white", "dpi": _DPI, **options})

    return new_figure


def discard(figure: Figure) -> None:
    """Close a figure that could not be drawn, so that pyplot does not show it half-made."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)


def name_axes(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Label axes that have no labels yet.

    Args:
        axes: The axes; a label they have stays.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
    """
    axes.set_xlabel(axes.get_xlabel() or xlabel)
    axes.set_ylabel(axes.get_ylabel() or ylabel)


def mark_not_finite(axes: Axes, x: np.ndarray, not_finite: np.ndarray, color: Any) -> None:
    """Mark positions where a value is not finite by a cross at the upper edge of the axes.

    Args:
        axes: The axes.
        x: Positions (p,).
        not_finite: Whether the value at each position is not finite, (p,).
        color: Colour of the series.
    """
    if not_finite.any():
        edge: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        heights = np.ones(int(not_finite.sum()))
        look: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 4.5, "color": color}
        axes.plot(x[not_finite], heights, **look, **edge)
