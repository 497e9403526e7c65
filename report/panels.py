"""One picture a panel out of a figure's SVG, so that panels stack on a narrow screen.

The pictures keep the coordinates of the whole: each is a view box of it. ``studies.pictures`` names
the groups and gives the boxes.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence

_SVG = "http://www.w3.org/2000/svg"
_URL = re.compile(r"url\(#([^)]+)\)")
_PIXELS = 4 / 3  # a point
_HALF = 180  # pixels; of panels no wider than this, two stand side by side on a phone

Box = Sequence[float]


def panel_pictures(
    root: ET.Element, boxes: Mapping[str, Sequence[Box]], *, prefix: str, alt: str
) -> ET.Element:
    """The parts of a figure as SVGs in the order of reading: legend, panels, colour bar.

    Args:
        root: The figure's SVG, its ids with the prefix.
        boxes: ``boxes`` of panels, ``legend`` of its entries and ``bar``, as ``studies.pictures``
            gives them: [left, top, width, height] in points.
        prefix: What the ids of the figure begin with.
        alt: Alternative text of the figure.

    Returns:
        ``<div class="panels" role="img" ...>`` with an SVG for each part.
    """
    groups = {
        element.attrib["id"].removeprefix(prefix): element
        for element in root.iter()
        if element.get("id", "").startswith(prefix)
    }
    clips = {
        definition.attrib["id"]: definition
        for name in ("clipPath", "pattern")
        for definition in root.iter(f"{{{_SVG}}}{name}")
    }
    style = root.get("style", "")
    around = ET.Element("div", {"class": "panels", "role": "img", "aria-label": alt})
    if boxes["legend"]:
        legend = ET.SubElement(around, "div", {"class": "legend"})
        for index, box in enumerate(boxes["legend"]):
            parts = [g for name, g in groups.items() if name.startswith(f"entry-{index}-")]
            legend.append(_picture(parts, box, clips, style, "entry"))
    for index, box in enumerate(boxes["boxes"]):
        around.append(_picture([groups[f"panel-{index}"]], box, clips, style, "panel"))
    for box in boxes["bar"]:
        around.append(_picture([groups["bar"]], box, clips, style, "scale"))
    return around


def _picture(
    parts: Iterable[ET.Element],
    box: Box,
    clips: Mapping[str, ET.Element],
    style: str,
    kind: str,
) -> ET.Element:
    """One SVG that shows a box of the figure, with the clip paths that its parts use."""
    parts = list(parts)
    names = {
        name
        for part in parts
        for element in part.iter()
        for value in element.attrib.values()
        for name in _URL.findall(value)
    }
    width = _PIXELS * box[2]
    narrow = "50%" if width <= _HALF else f"min(100%, {1.5 * width:.0f}px)"
    sizes = f"--natural: {width:.0f}px; " + f"--narrow: {narrow}; " * (kind == "panel")
    picture = ET.Element(
        f"{{{_SVG}}}svg",
        {
            "class": kind,
            "viewBox": " ".join(f"{number:g}" for number in box),
            "style": f"{sizes}{style}".strip("; "),
        },
    )
    if used := [copy.deepcopy(clips[name]) for name in sorted(names & clips.keys())]:
        ET.SubElement(picture, f"{{{_SVG}}}defs").extend(used)
    picture.extend(parts)
    return picture
