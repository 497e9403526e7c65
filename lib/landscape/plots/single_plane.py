"""Drawing of one plane, as contours or as a surface."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes

from landscape.plots import axes as frames
from landscape.plots import overlays
from landscape.plots.planes import (
    VALUE_LABELS,
    Quantity,
    check_grids,
    check_levels,
    draw_field,
    draw_planes,
    values_of,
)
from landscape.plots.planes import levels as shared_levels
from landscape.plots.result_axes import figure_maker, name_axes, result_axes
from landscape.plots.surfaces import draw_surface

if TYPE_CHECKING:
    from landscape.slices.grid import Plane, Planes

# A plane does not know its directions, which need not be filter-normalized.
XLABEL = "α (in units of direction 1)"
YLABEL = "β (in units of direction 2)"
# Several planes are always along filter-normalized random pairs.
FILTER_LABELS = ("α (relative to filter norms)", "β (relative to filter norms)")


def draw_plane(
    plane: Plane,
    ax: Axes | None = None,
    *,
    quantity: Quantity = "loss",
    levels: Sequence[float] | None = None,
    kind: Literal["contours", "surface"] = "contours",
    label: str | None = None,
    names: tuple[str, str] = (XLABEL, YLABEL),
    **style: Any,
) -> Axes:
    """Draw a plane as contours or as a surface: see ``Plane.plot``.

    Args:
        plane: The plane.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: ``loss`` or ``accuracy``.
        levels: Increasing levels of the contours; None takes ``plane_levels``.
        kind: ``contours`` or ``surface``.
        label: Title of the axes; None gives none.
        names: Labels of α and β under contours.
        style: Further arguments of matplotlib's ``contourf``.

    Returns:
        The axes.

    Raises:
        ValueError: If the quantity or kind is unknown, a grid or the levels do not increase, or a
            surface has no two finite values that differ.
    """
    if kind not in ("contours", "surface"):
        raise ValueError(f"kind={kind!r} is unknown. Choose 'contours' or 'surface'.")
    if kind == "surface":
        return _draw_as_surface(plane, ax, quantity, label)
    levels = plane_levels([plane], quantity) if levels is None else levels
    if ax is None:
        return draw_panels({label or "": plane}, levels, quantity, style, names)[0]
    check_grids({label or "": plane})
    check_levels(levels)
    draw_field(ax, plane, values_of(plane, quantity), levels, style)
    overlays.draw_marks(ax, {})
    frames.include_points(ax, plane.alphas.numpy(), plane.betas.numpy())
    name_axes(ax, *names)
    if label is not None:
        ax.set_title(label)
    return ax


def draw_median_plane(
    planes: Planes,
    ax: Axes | None = None,
    *,
    quantity: Quantity = "loss",
    levels: Sequence[float] | None = None,
    label: str | None = None,
    **style: Any,
) -> Axes:
    """Draw the median of several planes at each point as contours: see ``Planes.plot``.

    Args:
        planes: The planes, on one grid.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: ``loss`` or ``accuracy``.
        levels: Increasing levels; None takes ``plane_levels`` of the median.
        label: Title of the axes; None gives the number of planes.
        style: Further arguments of matplotlib's ``contourf``.

    Returns:
        The axes.

    Raises:
        ValueError: If the quantity is unknown, or a grid or the levels do not increase.
    """
    values = values_of(planes, quantity)
    median = {quantity: getattr(planes, quantity).new_tensor(np.median(values, axis=0))}
    plane: Any = types.SimpleNamespace(alphas=planes.alphas, betas=planes.betas, **median)
    label = f"median of {len(values)} planes" if label is None else label
    options: dict[str, Any] = {"label": label, "names": FILTER_LABELS, **style}
    return draw_plane(plane, ax, quantity=quantity, levels=levels, **options)


def draw_panels(
    named: dict[str, Plane],
    levels: Sequence[float],
    quantity: Quantity,
    style: dict[str, Any],
    names: tuple[str, str] = (XLABEL, YLABEL),
) -> list[Axes]:
    """Draw planes side by side on a new figure with one colour bar.

    Args:
        named: Title -> plane.
        levels: Increasing levels for all planes.
        quantity: ``loss`` or ``accuracy``.
        style: Further arguments of matplotlib's ``contourf``.
        names: Labels of α and β.

    Returns:
        The planes' axes, in their order.

    Raises:
        ValueError: If there is no plane, or a grid or the levels do not increase.
    """
    labels = (*names, VALUE_LABELS[quantity])
    figure = draw_planes(
        named, levels, quantity, labels, {}, new_figure=figure_maker(), style=style
    )
    return figure.axes[: len(named)]


def plane_levels(planes: Sequence[Plane], quantity: Quantity) -> list[float]:
    """Return ``plots.levels`` of planes, or two levels around the value of planes without slope.

    A flat plane, or one without a finite value, is a result too and must be drawn.

    Args:
        planes: The planes of one picture.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        Increasing levels, in units of the quantity.

    Raises:
        ValueError: If the quantity is unknown.
    """
    values = np.concatenate([values_of(plane, quantity).ravel() for plane in planes])
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() < finite.max():
        return shared_levels(planes, quantity=quantity)
    value = float(finite[0]) if len(finite) else 0.0
    half = 1e-3 * (abs(value) or 1.0)
    return [value - half, value + half]


def _draw_as_surface(plane: Plane, ax: Axes | None, quantity: Quantity, label: str | None) -> Axes:
    with result_axes(ax, height=3.3) as axes:
        draw_surface(axes, plane, quantity, ("α", "β", VALUE_LABELS.get(quantity, "")))
        if label is not None:
            axes.set_title(label)
    return axes
