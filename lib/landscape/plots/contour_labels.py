"""Labels of contours, each on its line at a free spot."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.path import Path
from matplotlib.transforms import Bbox

from landscape.plots.overlays import DARK, LIGHT, outline

_LABEL = 11.0  # Half the side of the square that a contour's label keeps free, in points.


def inks(levels: Sequence[float]) -> list[str]:
    """Return the colour of each level's line and label: light on the darker half of the levels."""
    return [LIGHT if index < len(levels) / 2 else DARK for index in range(len(levels))]


def level_text(level: float) -> str:
    """Return a level with two digits, such as ``0.34`` or ``520``."""
    return f"{float(f'{level:.2g}'):g}".replace("-", "−")


def label_levels(
    axis: Axes, lines: QuadContourSet, levels: Sequence[float], taken: list[Bbox]
) -> None:
    """Write every second level on its line, at a free spot where the line runs horizontally.

    Args:
        axis: Axes of the plane, laid out for good.
        lines: The levels' lines.
        levels: The levels.
        taken: Boxes in pixels that hold other drawings; the boxes of the labels are added.
    """
    points = axis.figure.dpi / 72
    ink = inks(levels)
    for index in range(0, len(levels), 2):
        spot = _free_spot(axis, lines.get_paths()[index], taken, _LABEL * points)
        if spot is not None:
            # All levels are given, and the spot lies on the line of one: where a level is chosen by
            # name, matplotlib 3.10 looks it up in the wrong list.
            texts = axis.clabel(
                lines,
                manual=[tuple(axis.transData.inverted().transform(spot))],
                fmt=level_text,
                fontsize=6.5,
                colors=ink,
            )
            texts[-1].set(path_effects=[outline(ink[index])], zorder=5)


def _free_spot(axis: Axes, path: Path, taken: list[Bbox], half: float) -> np.ndarray | None:
    """Return the most horizontal free point of a line in pixels, and take a square around it."""
    vertices, codes = np.asarray(path.vertices), np.asarray(path.codes)
    if len(vertices) < 4:
        return None
    ends = axis.transData.transform(vertices)
    joined = codes[1:] == path.LINETO
    steps, middles = np.diff(ends, axis=0)[joined], ((ends[1:] + ends[:-1]) / 2)[joined]
    # Rounded: among nearly equal slopes, the first along the line is taken.
    slope = np.abs(np.arctan(np.abs(steps[:, 1]) / np.maximum(np.abs(steps[:, 0]), 1e-9)))
    inside = axis.get_window_extent().padded(-half)
    for spot in middles[np.argsort(slope.round(1), kind="stable")]:
        box = Bbox.from_extents(*(spot - half), *(spot + half))
        if inside.contains(*spot) and not any(box.overlaps(taken_box) for taken_box in taken):
            taken.append(box)
            return spot
    return None
