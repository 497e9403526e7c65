"""Many small planes as a table of pictures on shared levels, such as networks by training time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from landscape.plots import axes as frames
from landscape.plots.overlays import draw_marks
from landscape.plots.planes import (
    COLOURS,
    VALUE_LABELS,
    Quantity,
    check_grids,
    check_levels,
    draw_field,
    values_of,
)
from landscape.plots.style import STYLES, keep_style, maths

if TYPE_CHECKING:
    from landscape.slices.grid import Plane

_ROOM = 1.1  # Inches of the width that the colour bar and the labels on the left take.


def plane_table(
    rows: Mapping[str, Mapping[str, Plane]],
    *,
    levels: Sequence[float],
    xlabel: str = "α",
    ylabel: str = "β",
    value_label: str | None = None,
    quantity: Quantity = "loss",
) -> Figure:
    """Draw planes in rows and columns as small contour pictures on shared levels.

    Only the outermost pictures have ticks, so the planes of one table should share their grid.

    Args:
        rows: Name of a row -> name of a column -> plane. Every row has the same columns.
        levels: Increasing levels for all planes, such as ``plots.levels`` gives.
        xlabel: Meaning of α with unit.
        ylabel: Meaning of β with unit.
        value_label: Name of the quantity with unit, for the colour bar; None takes
            ``planes.VALUE_LABELS``.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The figure: the planes' axes row by row, then the colour bar.

    Raises:
        ValueError: If there is no plane, rows have different columns, a grid or the levels do not
            increase, or the quantity is unknown.
    """
    columns = _columns(rows)
    check_levels(levels)
    side = (frames.WIDTH - _ROOM) / len(columns)
    with matplotlib.style.context(STYLES):
        figure, axes = frames.axes_grid(
            len(rows) * len(columns), len(columns), height=side + 0.15, width=frames.WIDTH
        )
        places = [(row, column) for row in rows for column in columns]
        for axis, (row, column) in zip(axes, places, strict=True):
            plane = rows[row][column]
            draw_field(axis, plane, values_of(plane, quantity), levels)
            draw_marks(axis, {})
            frames.include_points(axis, plane.alphas.numpy(), plane.betas.numpy())
            axis.locator_params(nbins=3)
        _name(axes, list(rows), columns, (xlabel, ylabel))
        norm = BoundaryNorm(levels, COLOURS.N, extend="both")
        bar = figure.colorbar(ScalarMappable(norm, COLOURS), ax=axes, shrink=0.85, pad=0.02)
        bar.set_label(value_label or VALUE_LABELS[quantity])
        ticks = list(levels)[::3]
        bar.set_ticks(ticks, labels=[f"{level:.2g}".replace("-", "−") for level in ticks])
        keep_style(figure.axes)
        frames.fix_layout(figure)
        return figure


def _columns(rows: Mapping[str, Mapping[str, Plane]]) -> list[str]:
    """Return the names of the columns, once all rows are known to have them."""
    for planes in rows.values():
        check_grids(planes)
    if len({tuple(planes) for planes in rows.values()}) != 1:
        given = "; ".join(f"{row!r} has {', '.join(planes)}" for row, planes in rows.items())
        raise ValueError(
            f"the rows of a table of planes have the same columns, but {given or 'none is given'}. "
            "Give every row a plane in each column."
        )
    return list(next(iter(rows.values())))


def _name(
    axes: Sequence[Axes], rows: Sequence[str], columns: Sequence[str], labels: tuple[str, str]
) -> None:
    """Name rows, columns and directions, and take the inner axes' ticks away."""
    for index, axis in enumerate(axes):
        row, column = divmod(index, len(columns))
        if row == 0:
            axis.set_title(maths(columns[column]), fontsize=8, fontweight="normal", loc="center")
        if column == 0:
            axis.set_ylabel(f"{maths(rows[row])}\n{maths(labels[1])}")
        if row == len(rows) - 1 and column == len(columns) // 2:
            axis.set_xlabel(maths(labels[0]))
        axis.tick_params(labelbottom=row == len(rows) - 1, labelleft=column == 0, labelsize=7)
