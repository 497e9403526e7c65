"""The library's look: style file, ink, looks of series, and names of eigenvalues as mathematics."""

import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import matplotlib.colors
import numpy as np
from matplotlib.axes import Axes

STYLE = pathlib.Path(__file__).with_name("landscape.mplstyle")
# With the defaults first, the reader's settings leave no trace.
STYLES: list[str | pathlib.Path] = ["default", STYLE]
INK = "#24292f"  # The colour of text in the style file.

# Colours of Okabe and Ito (2008), darkened or lightened to read on white and on black; every series
# also has its own dashes and marker, so that no figure needs colour.
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#1f78b4", "linestyle": "-", "marker": "o"},
    {"color": "#d1601f", "linestyle": (0, (5, 1.6)), "marker": "s"},
    {"color": "#2a9d6f", "linestyle": (0, (1.2, 1.2)), "marker": "^"},
    {"color": "#b05fa3", "linestyle": (0, (5, 1.4, 1.2, 1.4)), "marker": "D"},
    {"color": "#a08214", "linestyle": (0, (8, 2, 1.2, 2, 1.2, 2)), "marker": "v"},
    {"color": "#5b6570", "linestyle": (0, (2.5, 1.2)), "marker": "P"},
    {"color": "#cf3f5f", "linestyle": (0, (8, 1.6)), "marker": "X"},
    {"color": "#14808f", "linestyle": (0, (1.2, 2.4)), "marker": "<"},
)

# Of members of one family, in their order: as light as the others, to read on white and on black.
ORDERED = ("#5a4fcf", "#2f7fc1", "#14909a", "#3f9d58", "#8f9a1d", "#c98a00")


def series_style(index: int) -> dict[str, Any]:
    """Return colour, dashes and marker of a series by its index in the legend, from 0.

    After eight series the colours repeat, each time with other dashes and another marker.
    """
    rounds, color = divmod(index, len(LOOKS))
    return LOOKS[(color + rounds) % len(LOOKS)] | {"color": LOOKS[color]["color"]}


def series_looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour, dashes and marker of each series of a figure.

    Three or more names that differ by a number at their end alone, such as ``width 8``, are one
    family: their colours go from one end of a scale to the other, and their lines are solid.

    Args:
        names: The names, in the order of the legend.
    """
    parts = [part for n in names if (part := re.fullmatch(r"(.*?)(\d+(?:\.\d+)?)", n))]
    if len(names) < 3 or len(parts) < len(names) or len({part[1] for part in parts}) > 1:
        return {name: series_style(index) for index, name in enumerate(names)}
    shares = np.linspace(0, 1, len(names))
    colours = matplotlib.colors.LinearSegmentedColormap.from_list("ordered", ORDERED)(shares)
    return {
        name: series_style(index) | {"color": matplotlib.colors.to_hex(colour), "linestyle": "-"}
        for index, (name, colour) in enumerate(zip(names, colours, strict=True))
    }


def maths(text: str) -> str:
    """Return text with λ_max and λ_min as mathematics, for markdown and for matplotlib."""
    return re.sub(r"λ_(max|min)", r"$\\lambda_{\\\1}$", text)


def bold_maths(text: str) -> str:
    """Return text as ``maths`` does, with letters as bold as those of a title."""
    bold = r"$\\mathbfit{\\lambda}_{\\mathbf{\1}}$"
    return re.sub(r"\$\\lambda_\{\\(max|min)\}\$", bold, maths(text))


def keep_style(axes: Iterable[Axes]) -> None:
    """Write the current settings into axes, for the ticks that matplotlib makes later.

    matplotlib makes most ticks when it draws. Without this, a figure that is saved outside the
    library's style context would get ticks and grid lines in the reader's style.
    """
    settings: Any = matplotlib.rcParams  # Any: its stubs know no name that is put together.
    grid = {f"grid_{name}": settings[f"grid.{name}"] for name in ("color", "alpha", "linewidth")}
    for axis in axes:
        for name in ("x", "y"):
            color = settings[f"{name}tick.color"]
            size = settings[f"{name}tick.labelsize"]
            text = {"labelcolor": color, "labelsize": size}
            axis.tick_params(axis=name, which="both", color=color, **text, **grid)
            for which in ("major", "minor"):
                line = {
                    part: settings[f"{name}tick.{which}.{key}"]
                    for part, key in (("length", "size"), ("width", "width"), ("pad", "pad"))
                }
                axis.tick_params(axis=name, which=which, **line)
