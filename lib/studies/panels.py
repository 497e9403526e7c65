"""Where the panels of a figure lie in its SVG: a page puts them below each other on a phone."""

from collections.abc import Iterator

import matplotlib
import matplotlib.style
from landscape.plots.style import STYLES
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.transforms import Bbox

_POINTS = 72  # an inch
_SPARE = 2.0  # points around a panel: fonts differ by as much between renderers
_OVERLAP = 0.3  # of the smaller of two boxes: they are one panel, such as an axis and its twin

Box = list[float]  # x, y, width, height in points of the SVG, y downwards


def panel_boxes(figure: Figure) -> dict[str, list[Box]]:
    """Return where the panels of a figure and the entries of its legends lie in its SVG.

    Args:
        figure: A figure that was saved as SVG in the report's style: its layout is done.

    Returns:
        ``panels`` and ``keys``, each a list of boxes: x, y, width and height in points of the SVG.
        Empty if the figure has fewer than two panels.
    """
    if len(figure.axes) < 2:
        return {}
    with matplotlib.style.context(STYLES):
        figure.draw_without_rendering()  # legends stand where they were drawn, at another dpi
        panels = _panels(figure)
        if len(panels) < 2:
            return {}
        page = figure.get_tightbbox().padded(matplotlib.rcParams["savefig.pad_inches"])
        keys = [entry for legend in figure.legends for entry in _entries(legend)]
        keys += [text.get_window_extent() for text in figure.texts if text.get_text()]
    return {
        "panels": [_box(panel, page, figure.dpi) for panel in panels],
        "keys": [_box(key, page, figure.dpi) for key in keys],
    }


def _panels(figure: Figure) -> list[Bbox]:
    boxes: list[Bbox] = []
    for axes in figure.axes:
        box = axes.get_tightbbox() if axes.get_visible() else None
        if box is None or box.width <= 0 or box.height <= 0:
            continue
        owner = next((k for k, other in enumerate(boxes) if _is_one(box, other)), None)
        if owner is None and _is_colour_bar(axes) and len(boxes) == 1:
            owner = 0
        if owner is None:
            boxes.append(box)
        else:
            boxes[owner] = Bbox.union([boxes[owner], box])
    return boxes


def _is_one(box: Bbox, other: Bbox) -> bool:
    common = Bbox.intersection(box, other)
    if common is None:
        return False
    smaller = min(box.width * box.height, other.width * other.height)
    return common.width * common.height > _OVERLAP * smaller


def _is_colour_bar(axes: Axes) -> bool:
    return axes.get_label() == "<colorbar>"


def _entries(legend: Legend) -> Iterator[Bbox]:
    """The boxes of a legend's entries: handle and text together."""
    if legend.get_title().get_text():
        yield legend.get_title().get_window_extent()
    for text in legend.get_texts():
        box = text.get_window_extent()
        size = text.get_fontsize() * legend.figure.dpi / _POINTS
        handle = (legend.handlelength + legend.handletextpad + 0.3) * size
        yield Bbox.from_extents(box.x0 - handle, box.y0, box.x1, box.y1)


def _box(box: Bbox, page: Bbox, dpi: float) -> Box:
    left, top = box.x0 / dpi - page.x0, page.y1 - box.y1 / dpi
    sides = (left, top, box.width / dpi, box.height / dpi)
    x, y, width, height = (side * _POINTS for side in sides)
    whole = (x - _SPARE, y - _SPARE, width + 2 * _SPARE, height + 2 * _SPARE)
    return [round(side, 1) for side in whole]
