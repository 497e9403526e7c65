"""Drawings over a plane: paths, solutions by name, and the prediction of a model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from landscape.plots.style import LOOKS

if TYPE_CHECKING:
    import torch

LIGHT, DARK = "#ffffff", "#101418"  # Inks on a plane, whose colours no theme changes.
PREDICTED = "#d1601f"
_SMALL = 0.02  # Of a plane's longer side: the radius of a circle of about two pixels.

# The looks whose colours differ most from a plane's stand first.
_PATHS = (*LOOKS[3:5], *LOOKS[1:3])
# Sides of a mark for its name, the best first.
_SIDES = ((1, 0.5), (-1, 0.5), (0, 1), (0, -1), (1, -1), (-1, -1))


class Prediction(Protocol):
    """Another loss on a plane's grid, such as the quadratic model's."""

    @property
    def alphas(self) -> torch.Tensor:
        """Positions (a,)."""

    @property
    def betas(self) -> torch.Tensor:
        """Positions (b,)."""

    @property
    def loss(self) -> torch.Tensor:
        """Predicted loss (a, b)."""

    @property
    def radius(self) -> float:
        """Radius around the centre up to which the prediction holds, in the plane's coordinates.

        Infinite if it fails nowhere, 0 if it holds nowhere.
        """


def draw_prediction(axis: Axes, prediction: Prediction | None, levels: Sequence[float]) -> None:
    """Draw a prediction, dashed on every second level of the plane, and its radius as a circle.

    Args:
        axis: Axes of the plane.
        prediction: The prediction; None draws nothing.
        levels: Levels of the plane.
    """
    if prediction is None:
        return
    grid = (prediction.alphas.numpy(), prediction.betas.numpy())
    shown = np.ma.masked_invalid(prediction.loss.numpy().T)
    low, high = shown.min(), shown.max()
    # Other levels have no line; with none at all, matplotlib would warn.
    crossed = [level for level in levels[::2] if low < level < high]
    effects = [withStroke(linewidth=1.9, foreground=LIGHT)]
    if crossed:
        lines: dict[str, Any] = {"colors": PREDICTED, "linestyles": [(0, (3.5, 1.8))]}
        axis.contour(*grid, shown, levels=crossed, linewidths=1.1, **lines).set(
            path_effects=effects
        )
    # Contours have no entry in a legend: an empty line stands for them.
    proxy: dict[str, Any] = {"color": PREDICTED, "linewidth": 1.1}
    axis.add_line(Line2D([], [], linestyle=(0, (3.5, 1.8)), label="quadratic model", **proxy))
    if 0 < prediction.radius < math.inf and not circle_is_small(prediction):
        look: dict[str, Any] = {"linestyle": "-", "linewidth": 1.4}
        circle = Circle((0, 0), prediction.radius, fill=False, edgecolor=PREDICTED, **look)
        circle.set_path_effects([withStroke(linewidth=2.8, foreground=LIGHT)])
        # No add_patch: it would widen the picture, and the circle may be larger than the plane.
        axis.add_artist(circle)
        label = "radius up to which it holds"
        axis.add_line(Line2D([], [], label=label, **{**proxy, **look}))


def circle_is_small(prediction: Prediction) -> bool:
    """Return whether the circle of a prediction would be too small to be seen on its plane.

    Args:
        prediction: The prediction.
    """
    sides = [float(grid[-1] - grid[0]) for grid in (prediction.alphas, prediction.betas)]
    return 0 < prediction.radius < _SMALL * max(sides)


def draw_paths(axis: Axes, paths: Mapping[str, Sequence], names: Sequence[str]) -> None:
    """Draw paths through a plane, each in the look of its name, its start open and its end filled.

    Args:
        axis: Axes of the plane.
        paths: Name -> points (k, 2), k >= 2.
        names: Names of all paths of the figure, which decide the looks.

    Raises:
        ValueError: If a path has another shape.
    """
    for name, path in paths.items():
        points = np.asarray(path, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise ValueError(
                f"path {name!r} has the shape {points.shape}. Pass at least two points (α, β), as "
                "an array (k, 2)."
            )
        look = _PATHS[names.index(name) % len(_PATHS)]
        axis.plot(*points.T, color=LIGHT, linewidth=3.2, solid_capstyle="round")
        axis.plot(
            *points.T,
            color=look["color"],
            linestyle=look["linestyle"],
            marker=look["marker"],
            markevery=[-1],
            markersize=6,
            markeredgecolor=LIGHT,
            label=f"{name} (from ○)",
        )
        start: dict[str, Any] = {
            "markerfacecolor": LIGHT,
            "markeredgecolor": look["color"],
            "markersize": 5.5,
        }
        axis.plot(*points[0], "o", markeredgewidth=1.4, **start)


def draw_marks(axis: Axes, marks: Mapping[str, Sequence[float]]) -> list[Annotation]:
    """Mark solutions by a cross with the name beside it, or the centre by a cross alone.

    Args:
        axis: Axes of the plane.
        marks: Name -> (α, β); empty marks the centre.

    Returns:
        The names' texts, which ``place_labels`` moves to free places.
    """
    names = []
    for name, position in (marks or {"": (0, 0)}).items():
        x, y = map(float, position)
        point = (x, y)
        # Light on dark: the cross is seen on every colour.
        axis.plot(*point, "+", color=DARK, markersize=10, markeredgewidth=3)
        axis.plot(*point, "+", color=LIGHT, markersize=9, markeredgewidth=1.4)
        text = axis.annotate(
            name,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            va="bottom",
            color=LIGHT,
            fontsize=7.5,
            fontweight="bold",
            path_effects=[outline(LIGHT)],
        )
        text.set_in_layout(False)  # Else the layout would make room for a name that moves later.
        names.append(text)
    return names


def place_labels(axis: Axes, names: Sequence[Annotation]) -> list[Bbox]:
    """Move each name to the first free side of its mark.

    Args:
        axis: Axes of the plane, laid out for good.
        names: Texts that ``draw_marks`` returned.

    Returns:
        Boxes in pixels of all drawings in the axes: marks, paths and names.
    """
    points = axis.figure.dpi / 72
    centres = [axis.transData.transform(name.xy) for name in names]
    taken = [Bbox.from_extents(*(xy - 6 * points), *(xy + 6 * points)) for xy in centres]
    taken += _boxes_along_lines(axis)
    inside = axis.get_window_extent()
    for name, centre in zip(names, centres, strict=True):
        size = np.array(name.get_window_extent().size)
        boxes = []
        for reach, side in itertools.product((7, 16), _SIDES):
            corner = centre + np.array(side) * (reach * points + size / 2) - size / 2
            boxes.append(Bbox.from_bounds(*corner, *size))
        free = [
            box
            for box in boxes
            if not any(box.overlaps(taken_box) for taken_box in taken)
            and inside.contains(*box.min)
            and inside.contains(*box.max)
        ]
        chosen = (free or boxes)[0]
        x, y = (chosen.min - centre) / points
        name.set_position((x, y))
        taken.append(chosen)
    return taken


def outline(ink: str) -> withStroke:
    """Return the outline that keeps letters of this ink legible on every colour and line."""
    return withStroke(linewidth=1.2, foreground=DARK if ink == LIGHT else LIGHT)


def _boxes_along_lines(axis: Axes) -> list[Bbox]:
    """Return small boxes along all marks and paths of a plane, in pixels."""
    boxes = []
    for line in axis.get_lines():
        path = line.get_path()
        path = path.interpolated(8) if np.size(line.get_xdata()) > 1 else path
        boxes += [
            Bbox.from_extents(*(point - 3), *(point + 3))
            for point in axis.transData.transform(path.vertices)
        ]
    return boxes
