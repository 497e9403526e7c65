"""Planes as surfaces: a picture, and the data for a surface that the reader can turn."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, MaxNLocator
from numpy.typing import ArrayLike

from landscape.plots import axes as frames
from landscape.plots.axes import suggests_log_scale
from landscape.plots.planes import COLOURS, VALUE_LABELS, Quantity, check_grids, values_of
from landscape.plots.style import INK, STYLES
from landscape.plots.ticks import log_locator, tick_texts

if TYPE_CHECKING:
    from landscape.slices.grid import Plane

AZIMUTH, ELEVATION = 35.0, 28.0  # Degrees, of the picture and of the first view when turning.
HEIGHT = 1.15  # Of the box, whose longer side goes from -1 to 1.

_LIGHT = np.array([-0.45, -0.35, 0.82])  # Towards the light: a unit vector, to a per cent.
_MOST_CELLS = 650  # More cells become pixels, 300 an inch: as lines they would take megabytes.


def surface(
    named: Mapping[str, Plane],
    *,
    xlabel: str = "α",
    ylabel: str = "β",
    value_label: str | None = None,
    quantity: Quantity = "loss",
) -> Figure:
    """Draw planes as surfaces with one vertical scale.

    The scale is logarithmic where the losses span a factor of 10 or more. A cell with a corner that
    is not finite stays open, and that corner is a cross at the top of the box.

    Args:
        named: Title -> plane.
        xlabel: Name of α.
        ylabel: Name of β.
        value_label: Name of the quantity with unit; None takes ``planes.VALUE_LABELS``.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no plane, a grid does not increase, no two finite values differ, or
            the quantity is unknown.
    """
    scale, boxes = _boxes(named, quantity)
    labels = (xlabel, ylabel, value_label or VALUE_LABELS[quantity])
    with matplotlib.style.context(STYLES):
        figure, axes, side = frames.plane_axes(len(named), ratio=0.76)
        figure.set_dpi(300)
        for axis, title, box in zip(axes, named, boxes, strict=True):
            _draw_box(axis, box, scale, labels)
            frames.title(axis, title, side + 0.3)
        frames.fix_layout(figure)
        return figure


def surface_data(
    named: Mapping[str, Plane],
    *,
    xlabel: str = "α",
    ylabel: str = "β",
    value_label: str | None = None,
    quantity: Quantity = "loss",
) -> dict[str, Any]:
    """Return the content of ``surface`` as plain values for JSON, for a page that turns it.

    Args:
        named: Title -> plane.
        xlabel: Name of α.
        ylabel: Name of β.
        value_label: Name of the quantity with unit; None takes ``planes.VALUE_LABELS``.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        ``quantity``, ``labels``, ``view`` (degrees), ``height``, ``light``, ``colours`` (dark to
        light), ``scale``, and ``panels``: the planes' grids, values and ticks.

    Raises:
        ValueError: For the reasons of ``surface``.
    """
    scale, boxes = _boxes(named, quantity)
    return {
        "quantity": quantity,
        "labels": [xlabel, ylabel, value_label or VALUE_LABELS[quantity]],
        "view": [AZIMUTH, ELEVATION],
        "height": HEIGHT,
        "light": _LIGHT.tolist(),
        "colours": [to_hex(COLOURS(share)) for share in np.linspace(0, 1, 16)],
        "scale": dataclasses.asdict(scale),
        "panels": [
            _packed(title, plane, quantity, box)
            for (title, plane), box in zip(named.items(), boxes, strict=True)
        ],
    }


def draw_surface(
    axis: Axes, plane: Plane, quantity: Quantity, labels: tuple[str, str, str]
) -> None:
    """Draw one plane as a surface on axes, which lose their frame.

    Args:
        axis: The axes, without projection.
        plane: The plane.
        quantity: ``loss`` or ``accuracy``.
        labels: Names of α, of β and of the quantity.

    Raises:
        ValueError: For the reasons of ``surface``.
    """
    scale, (box,) = _boxes({"": plane}, quantity)
    _draw_box(axis, box, scale, labels)


def _boxes(named: Mapping[str, Plane], quantity: Quantity) -> tuple[_Scale, list[_Box]]:
    check_grids(named)
    scale = _Scale.from_values([values_of(plane, quantity) for plane in named.values()], quantity)
    return scale, [
        _Box.from_plane(plane, values_of(plane, quantity), scale) for plane in named.values()
    ]


@dataclasses.dataclass(frozen=True)
class _Scale:
    """The vertical axis that all surfaces of a figure share; ticks as (share of height, text)."""

    low: float
    high: float
    log: bool
    ticks: list[tuple[float, str]]

    @classmethod
    def from_values(cls, values: Sequence[np.ndarray], quantity: Quantity) -> _Scale:
        finite = np.concatenate([grid[np.isfinite(grid)] for grid in values])
        if len(finite) == 0 or not finite.min() < finite.max():
            raise ValueError(
                f"{len(finite)} finite values of the {quantity} make no surface. Pass planes whose "
                "values differ."
            )
        ends = float(finite.min()), float(finite.max())
        log = quantity == "loss" and suggests_log_scale(finite)
        locator = log_locator(*ends) if log else MaxNLocator(5, steps=[1, 2, 5, 10])
        return cls(*ends, log, _ticks(locator, *ends, log=log))

    def shares(self, values: np.ndarray) -> np.ndarray:
        """Return heights from 0 to 1; NaN where a value is not finite."""
        return _share(np.where(np.isfinite(values), values, np.nan), self.low, self.high, self.log)


@dataclasses.dataclass(frozen=True)
class _Box:
    """A plane in its box: positions (a,) and (b,), heights (a, b), half sides, ticks of x and y."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    halves: tuple[float, float]
    ticks: tuple[list, list]

    @classmethod
    def from_plane(cls, plane: Plane, values: np.ndarray, scale: _Scale) -> _Box:
        grids = [plane.alphas.numpy(), plane.betas.numpy()]
        ends = [(float(grid[0]), float(grid[-1])) for grid in grids]
        sides = [high - low for low, high in ends]
        # A side shorter than a quarter of the other would make a blade.
        across, along = (max(side / max(sides), 0.25) for side in sides)
        x, y = (
            (2 * _share(grid, *end) - 1) * half
            for grid, end, half in zip(grids, ends, (across, along), strict=True)
        )
        below, beside = (_ticks(MaxNLocator(4, steps=[1, 2, 5, 10]), *end) for end in ends)
        return cls(x, y, HEIGHT * scale.shares(values), (across, along), (below, beside))


def _share(values: np.ndarray, low: float, high: float, log: bool = False) -> np.ndarray:
    value, least, most = (np.log10(x) if log else np.asarray(x) for x in (values, low, high))
    return (value - least) / (most - least)


def _ticks(locator: Locator, low: float, high: float, log: bool = False) -> list:
    """Return the ticks between two ends, as (share of the length, text)."""
    values = locator.tick_values(low, high)
    values = [value for value in values if low <= value <= high or math.isclose(value, low)]
    shares = _share(np.array(values), low, high, log)
    texts = tick_texts(values)
    return [(round(float(share), 4), text) for share, text in zip(shares, texts, strict=True)]


def _packed(title: str, plane: Plane, quantity: Quantity, box: _Box) -> dict[str, Any]:
    return {
        "title": title,
        "alphas": _short(plane.alphas.numpy(), 6),
        "betas": _short(plane.betas.numpy(), 6),
        "values": [_short(row, 4) for row in values_of(plane, quantity)],
        "halves": _short(box.halves, 4),
        "ticks": box.ticks,
    }


def _short(values: Sequence[float] | np.ndarray, digits: int) -> list[float | str]:
    """Return numbers with few digits; NaN and infinity, for which JSON has no number, as words."""
    return [
        float(f"{value:.{digits}g}") if math.isfinite(value) else str(float(value))
        for value in values
    ]


def _draw_box(axis: Axes, box: _Box, scale: _Scale, labels: Sequence[str]) -> None:
    """Draw from back to front: floor and walls, surface, points that are not finite, axes."""
    hx, hy = box.halves
    across, along = (
        [(2 * share - 1) * half for share, _ in ticks]
        for ticks, half in zip(box.ticks, box.halves, strict=True)
    )
    levels = [share * HEIGHT for share, _ in scale.ticks]
    lines: list[list[tuple[float, float, float]]]
    lines = [[(x, -hy, 0), (x, hy, 0)] for x in [-hx, *across, hx]]
    lines += [[(-hx, y, 0), (hx, y, 0)] for y in [-hy, *along, hy]]
    lines += [[(-hx, hy, z), (hx, hy, z), (hx, -hy, z)] for z in levels]
    lines += [[(x, y, 0), (x, y, HEIGHT)] for x, y in ((-hx, hy), (hx, hy), (hx, -hy))]
    frame = [_project(*np.transpose(line)) for line in lines]
    axis.add_collection(LineCollection(frame, colors=INK, linewidths=0.5, alpha=0.25, zorder=1))
    axis.add_collection(_cells(box))
    rows, columns = np.argwhere(np.isnan(box.z)).T
    crosses = _project(box.x[rows], box.y[columns], HEIGHT)
    axis.plot(*crosses.T, "x", color=INK, markersize=2.5, markeredgewidth=0.6, zorder=3)
    for edge in (([hx, -hx, -hx], [-hy, -hy, hy], 0), ([-hx] * 2, [hy] * 2, [0, HEIGHT])):
        axis.plot(*_project(*edge).T, color=INK, linewidth=0.8, zorder=4)
    texts = [
        ((x, -hy - 0.17, -0.09), text) for x, (_, text) in zip(across, box.ticks[0], strict=True)
    ]
    texts += [
        ((-hx - 0.17, y, -0.09), text) for y, (_, text) in zip(along, box.ticks[1], strict=True)
    ]
    for point, text in texts:
        _write(axis, point, text, fontsize=7, ha="center")
    for z, (_, text) in zip(levels, scale.ticks, strict=True):
        _write(axis, (-hx - 0.07, hy, z), text, fontsize=7, ha="right")
    label_points = ((0, -hy - 0.46, -0.09), (-hx - 0.5, 0, -0.09), (-hx, hy, HEIGHT + 0.14))
    for point, label in zip(label_points, labels, strict=True):
        _write(axis, point, label, ha="center")
    axis.set(aspect="equal")
    axis.set_axis_off()


def _write(axis: Axes, point: tuple[float, float, float], text: str, **style: Any) -> None:
    x, y = _project(*point)
    axis.text(x, y, text, va="center", **style)


def _project(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> np.ndarray:
    """Return positions of points on the page, (..., 2)."""
    turn, lift = math.radians(AZIMUTH), math.radians(ELEVATION)
    parts = (np.asarray(part, dtype=np.float64) for part in (x, y, z))
    east, north, up = np.broadcast_arrays(*parts)
    depth = east * math.sin(turn) + north * math.cos(turn)
    right = east * math.cos(turn) - north * math.sin(turn)
    return np.stack([right, up * math.cos(lift) + depth * math.sin(lift)], axis=-1)


def _cells(box: _Box) -> PolyCollection:
    """Return the cells whose corners are finite, the farthest first, lit by their slope."""
    x, y = np.meshgrid(box.x, box.y, indexing="ij")
    points = np.stack([x, y, box.z], axis=-1)
    corners = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    # The view is from x < 0, y < 0: later rows and columns are farther, and must be drawn first.
    corners = corners[::-1, ::-1].reshape(-1, 4, 3)
    corners = corners[np.isfinite(corners).all(axis=(1, 2))]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    light = 0.62 + 0.38 * np.maximum(normal @ _LIGHT, 0)
    faces = COLOURS(corners[:, :, 2].mean(axis=1) / HEIGHT)[:, :3] * light[:, None]
    return PolyCollection(
        list(_project(*np.moveaxis(corners, -1, 0))),
        facecolors=faces,
        edgecolors=0.78 * faces,
        linewidths=0.35,
        zorder=2,
        rasterized=len(corners) > _MOST_CELLS,
    )
