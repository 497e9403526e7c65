"""Matplotlib's SVG made fit to stand inside a page, or to be read by Typst."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from report.panels import panel_pictures

INK = "#24292f"
PAPER = "#ffffff"
BROAD = 640  # pixels; wider figures have several panels and scroll on a phone
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
_INK = re.compile(rf"{INK}\b", re.IGNORECASE)
_PAPER = re.compile(rf"{PAPER}\b|\bwhite\b", re.IGNORECASE)
_GLOBAL_STYLE = re.compile(r"\*\s*\{([^}]*)\}")
_REFERENCE = re.compile(r"^#(.+)|url\(#([^)]+)\)")
_LONG = re.compile(r"-?\d+\.\d{3,}(?![\deE])")
_PLAIN = re.compile(r"font-family: [^;]*;? ?|text-anchor: start;? ?|fill: currentColor;? ?")
_PARTS = re.compile(r"(?:panel|entry|bar)\b")


def inline_svg(
    source: str, *, anchor: str, alt: str, panels: Mapping[str, Sequence] | None = None
) -> str:
    """The SVG as an element of an HTML page that follows the reader's light or dark setting.

    Ids get the figure's anchor as prefix, because matplotlib repeats them from figure to figure;
    ink becomes ``currentColor`` and a legend's white ``var(--paper)``; style rules that would
    reach the whole page move to the root element; paths are rounded to hundredths of a point; ids
    that nothing refers to, the indentation, and what the page says of all letters of figures go.

    Args:
        source: Text of an SVG file.
        anchor: Unique id of the figure in the page.
        alt: Alternative text, given as ``aria-label``.
        panels: Boxes of the figure's parts, as ``studies.pictures`` gives them; None or empty
            leaves one picture.

    Returns:
        ``<svg role="img" ...>...</svg>`` without XML declaration, or ``<div role="img">`` with an
        SVG for each part, which the page arranges.
    """
    root, prefix = _parse(source), f"{anchor}--"
    _scope_style(root)
    _prefix_ids(root, prefix)
    _recolour(root, in_legend=False)
    _round_paths(root)
    _bare_texts(root)
    _drop_unused(root, prefix)
    if panels:
        parts = panel_pictures(root, panels, prefix=prefix, alt=alt)
        for element in parts.iter():
            if _PARTS.match(element.get("id", "").removeprefix(prefix)):
                del element.attrib["id"]
        return ET.tostring(parts, encoding="unicode")
    # The page decides the width from the natural one; the view box keeps the shape.
    width = _pixels(root.attrib.pop("width", ""))
    root.attrib.pop("height", None)
    root.set("role", "img")
    root.set("aria-label", alt)
    if width:
        root.set("style", f"--natural: {width:.0f}px; {root.get('style', '')}".strip())
    if width > BROAD:
        root.set("class", "broad")
    return ET.tostring(root, encoding="unicode")


def standalone_svg(source: str) -> bytes:
    """The SVG without its metadata, which holds the date and the tool's version."""
    return ET.tostring(_parse(source), encoding="utf-8", xml_declaration=True)


def _parse(source: str) -> ET.Element:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(source)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    return root


def _scope_style(root: ET.Element) -> None:
    """Move ``*{stroke-linejoin: round; ...}``, which a page applies to all its elements."""
    for parent in list(root.iter()):
        for style in parent.findall(f"{{{_SVG}}}style"):
            if match := _GLOBAL_STYLE.fullmatch((style.text or "").strip()):
                parent.remove(style)
                root.set("style", f"{match.group(1).strip()}; {root.get('style', '')}".strip())


def _prefix_ids(root: ET.Element, prefix: str) -> None:
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", prefix + element.attrib["id"])
        for name, value in element.attrib.items():
            if name in (_HREF, "href") and value.startswith("#"):
                element.set(name, f"#{prefix}{value[1:]}")
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{prefix}"))


def _recolour(element: ET.Element, *, in_legend: bool) -> None:
    in_legend = in_legend or "--legend" in element.get("id", "")
    for name in ("style", "fill", "stroke"):
        if value := element.get(name):
            value = _INK.sub("currentColor", value)
            element.set(name, _PAPER.sub("var(--paper)", value) if in_legend else value)
    for child in element:
        _recolour(child, in_legend=in_legend)


def _round_paths(root: ET.Element) -> None:
    # Matplotlib writes six digits behind the point, most of a page of figures.
    for path in root.iter(f"{{{_SVG}}}path"):
        short = _LONG.sub(lambda number: f"{float(number[0]):.2f}", path.get("d", ""))
        path.set("d", " ".join(short.split()))


def _bare_texts(root: ET.Element) -> None:
    """Leave out of texts what the page says of all of them: font and colour.

    The letters are text: a reader's search finds them, and they are half as many bytes as paths.
    """
    for element in root.iter():
        if element.tag in (f"{{{_SVG}}}text", f"{{{_SVG}}}tspan"):
            element.set("style", _PLAIN.sub("", element.get("style", "")).strip("; "))
            if element.get("transform", "").startswith("rotate(-0 "):
                del element.attrib["transform"]
        elif element.tag == f"{{{_SVG}}}g" and element.get("style") == "fill: currentColor":
            del element.attrib["style"]  # around mathematics


def _drop_unused(root: ET.Element, prefix: str) -> None:
    """Remove ids without a reference, and text that only indents."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {name for value in values for names in _REFERENCE.findall(value) for name in names}
    for element in root.iter():
        name = element.get("id", "")
        if name not in used and not _PARTS.match(name.removeprefix(prefix)):
            element.attrib.pop("id", None)
        if not element.get("style", "x"):
            del element.attrib["style"]
        if not (element.text or "").strip() and "\n" in (element.text or ""):
            element.text = None
        if not (element.tail or "").strip() and "\n" in (element.tail or ""):
            element.tail = None


def _pixels(length: str) -> float:
    """CSS pixels of a length in points (matplotlib's unit) or pixels; 0 if it is neither."""
    match = re.fullmatch(r"([\d.]+)(pt|px|)", length)
    return float(match[1]) * (4 / 3 if match[2] == "pt" else 1) if match else 0.0
