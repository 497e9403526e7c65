"""A matplotlib figure as SVG, and where in it the panels, the legend and the curves stand.

The report splits the SVG into one picture a panel, so that panels stack on a narrow screen, and
looks up values under the reader's pointer. Both need positions in the units of the SVG's view box.
"""

import io
import math
from collections.abc import Sequence
from typing import Any, cast

import matplotlib
import matplotlib.style
import numpy as np
from landscape.plots.axes import fix_layout
from landscape.plots.panel import Band, Panel
from landscape.plots.style import STYLES
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_POINTS = 72  # An inch: the unit of the SVG's view box.
_MARGIN = 0.03  # Around the picture, in inches.
_CURVE = 64  # Positions of a curve for a reader's pointer: a panel is some 200 pixels wide.

Box = list[float]  # Left, top, width and height in points.


def draw(figure: Figure, *, salt: str, panels: Sequence[Panel] = ()) -> tuple[str, dict[str, Any]]:
    """Return a figure as SVG, the same bytes each time, and the positions in it.

    The SVG has a group ``panel-0`` for the first axes, and so on, ``bar`` for a colour bar, and
    ``entry-0-...`` for the parts of the legend's first entry.

    Args:
        figure: The figure; its layout is fixed from here on.
        salt: What no other figure of a page has: names of clip paths come from it.
        panels: The content of the axes in their order, where it is curves.

    Returns:
        The SVG; and ``panels``: the boxes of panels, of the legend's entries and of the colour bar,
        not of a figure of one panel; and ``curves``, where panels are given: for each panel
        title, labels, scales, the frame's box and the ranges of its axes, and the series. Boxes are
        [left, top, width, height] in points, frames and ranges [from, to].
    """
    # The whole style, so that the reader's own settings leave no trace in the bytes.
    with matplotlib.style.context(STYLES):
        matplotlib.rcParams["svg.hashsalt"] = salt
        if figure.get_layout_engine() is not None:
            fix_layout(figure)
        for legend in figure.legends:
            # Its own place follows the picture's edges, and would move when these are cut.
            legend.set_bbox_to_anchor((0, 0, 1, 1), transform=figure.transFigure)
        figure.draw_without_rendering()  # A legend places its entries when it is drawn.
        drawn: Any = figure.get_tightbbox()  # The stubs say that its ends are tuples.
        outside = Bbox.from_extents(*(drawn.min - _MARGIN), *(drawn.max + _MARGIN))
        places = _Places(figure, outside)
        boxes = places.panels()
        carried: dict[str, Any] = {"panels": boxes} if boxes else {}
        if panels:
            shown = zip(places.axes, panels, strict=False)
            carried["curves"] = {"panels": [_curves(places, axis, panel) for axis, panel in shown]}
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches=outside)
    return buffer.getvalue(), carried


class _Places:
    """Positions of a figure's parts in points of its picture, the origin at the top left.

    Args:
        figure: The figure, laid out for good.
        outside: The part of it that is drawn, in inches.
    """

    def __init__(self, figure: Figure, outside: Bbox) -> None:
        self._figure, self._outside = figure, outside
        shown = [axis for axis in figure.axes if axis.get_visible()]
        self.bars = [axis for axis in shown if axis.get_label() == "<colorbar>"]
        self.axes = [axis for axis in shown if axis not in self.bars and axis.axison]
        for index, axis in enumerate(self.axes):
            axis.set_gid(f"panel-{index}")
        for axis in self.bars:
            axis.set_gid("bar")

    def box(self, extent: Bbox, margin: float = 0.0) -> Box:
        """Return the box of an extent in pixels, with a margin in points."""
        inches = extent.transformed(self._figure.dpi_scale_trans.inverted())
        left, top = inches.x0 - self._outside.x0, self._outside.y1 - inches.y1
        sides = (left, top, left + inches.width, top + inches.height)
        ends = np.array(sides) * _POINTS + np.array([-margin, -margin, margin, margin])
        limits = np.tile([self._outside.width * _POINTS, self._outside.height * _POINTS], 2)
        x0, y0, x1, y1 = np.clip(ends, 0, limits).tolist()
        return [round(part, 1) for part in (x0, y0, x1 - x0, y1 - y0)]

    def panels(self) -> dict[str, list[Box]]:
        """Return the boxes of panels, legend entries and colour bar; none of a single panel."""
        # Browsers set letters a little wider than they are measured here.
        legend = [self.box(Bbox.union(extents), 3.0) for extents in self._entries()]
        specs = [spec for axis in self.axes if (spec := axis.get_subplotspec()) is not None]
        if len(self.axes) < 2 or len(specs) < len(self.axes):
            return {}
        extents = list(map(_extent, self.axes))
        rows = [spec.rowspan.start for spec in specs]
        columns = [spec.colspan.start for spec in specs]
        boxes = []
        for row, column in zip(rows, columns, strict=True):
            # Panels of a row are equally high and those of a column equally wide: frames align.
            across = Bbox.union([e for e, c in zip(extents, columns, strict=True) if c == column])
            along = Bbox.union([e for e, r in zip(extents, rows, strict=True) if r == row])
            boxes.append(self.box(Bbox.from_extents(across.x0, along.y0, across.x1, along.y1), 1.5))
        bars = [self.box(_extent(bar), 1.5) for bar in self.bars]
        return {"boxes": boxes, "legend": legend, "bar": bars}

    def _entries(self) -> list[list[Bbox]]:
        """Return the extents of each legend entry's parts, and name these parts in the SVG."""
        entries: list[list[Bbox]] = []
        for legend in self._figure.legends:
            handles = cast(list[Artist], legend.legend_handles)  # Every curve has one.
            for handle, text in zip(handles, legend.get_texts(), strict=True):
                handle.set_gid(f"entry-{len(entries)}-handle")
                text.set_gid(f"entry-{len(entries)}-name")
                line = handle.get_window_extent()
                line = Bbox.from_extents(line.x0, line.y0 - 6, line.x1, line.y1 + 6)
                entries.append([line, text.get_window_extent()])
        return entries


def _extent(axis: Axes) -> Bbox:
    """Return the box of axes with all that belongs to them, in pixels."""
    return cast(Bbox, axis.get_tightbbox())  # Visible axes have one.


def _curves(places: _Places, axis: Axes, panel: Panel) -> dict[str, Any]:
    """Return the content of one panel, as plain values of few digits."""
    left, top, width, height = places.box(axis.get_window_extent())
    colours = {line.get_label(): line.get_color() for line in axis.get_lines()}
    return {
        "title": panel.title,
        "x": panel.x,
        "y": panel.y,
        "scale": axis.get_yscale(),
        "x_scale": axis.get_xscale(),
        "unit": panel.unit,  # Where an asinh axis turns from linear to logarithmic.
        "box": [left, top, round(left + width, 1), round(top + height, 1)],
        "x_range": _short(axis.get_xlim(), 6),
        "y_range": _short(axis.get_ylim(), 6),
        "series": [
            {"name": name, "color": colours.get(name, ""), **_arrays(band)}
            for name, band in panel.series.items()
        ],
    }


def _arrays(band: Band) -> dict[str, list[float | None]]:
    """Return positions, mean and interval of a band; of one seed the mean alone."""
    kept = np.unique(np.linspace(0, len(band.x) - 1, _CURVE).round().astype(int))
    arrays = {"x": _short(np.asarray(band.x)[kept], 4), "y": _short(band.mean[kept], 3)}
    if band.n > 1:
        arrays |= {"low": _short(band.low[kept], 3), "high": _short(band.high[kept], 3)}
    return arrays


def _short(values: Sequence[float], digits: int) -> list[float | None]:
    """Return numbers with few digits; None where a value is not finite, as JSON has it."""
    return [
        float(f"{value:.{digits}g}") if math.isfinite(value) else None
        for value in map(float, values)
    ]
