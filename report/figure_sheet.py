"""What the figures of one page share, said once: glyphs, styles, short names."""

from __future__ import annotations

import hashlib
import re
import string
import xml.etree.ElementTree as ET
from collections import Counter

from report.lettering import font_faces
from report.paths import short_number, short_path

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_GLYPH = re.compile(r"--DejaVu\w*-[0-9a-f]+$")
_LONG = re.compile(r"-?\d+\.\d{3,}(?![\deE])")
_MOVE = re.compile(r"translate\((-?[\d.]+) (-?[\d.]+)\)")
_TARGET = re.compile(r"url\(#([^)]+)\)")
_ROUNDED = ("x", "y", "width", "height", "viewBox")
_LETTERS = string.ascii_lowercase


class FigureSheet:
    """Shortens the figures of a page one after the other and keeps what they share.

    A browser reads 50 figures of matplotlib faster when their glyphs stand once, their styles are
    classes and their names are short: the same pictures in half of the bytes.
    """

    def __init__(self) -> None:
        self._glyphs: dict[str, str] = {}  # path -> id
        self._styles: dict[str, str] = {}  # style -> class
        self._letters: set[str] = set()
        self._figures = 0

    def shorten(self, svg: str) -> str:
        """Return the figure with references to glyphs and styles of the sheet.

        Args:
            svg: What ``report.figures.inline_svg`` returns: an ``<svg>`` element, or several.
        """
        root = ET.fromstring(svg)
        for text in root.iter(f"{{{_SVG}}}text"):
            self._letters.update(*text.itertext())
        self._figures += 1
        _drop_repeated(root)
        self._share_glyphs(root)
        _name_briefly(root, f"f{self._figures}")
        self._share_styles(root)
        for element in root.iter():
            _shorten_numbers(element)
        _unwrap(root)
        ET.register_namespace("", _SVG)
        return ET.tostring(root, encoding="unicode").replace(" />", "/>")

    @property
    def glyphs(self) -> str:
        """An ``<svg>`` that shows nothing and holds the glyphs; empty where no figure has any."""
        paths = "".join(f'<path id="{id}" d="{path}"/>' for path, id in self._glyphs.items())
        if not paths:
            return ""
        hidden = 'class="glyphs" aria-hidden="true" width="0" height="0"'
        return f"<svg {hidden}><defs>{paths}</defs></svg>"

    @property
    def style(self) -> str:
        """The rules of the classes that the figures use, and the fonts of their letters."""
        rules = (f".{name}{{{style}}}" for style, name in self._styles.items())
        return "\n".join([*rules, font_faces(self._letters)])

    def _share_glyphs(self, root: ET.Element) -> None:
        renamed = {}
        for parent in list(root.iter(f"{{{_SVG}}}defs")):
            for path in list(parent):
                if not _GLYPH.search(path.get("id", "")):
                    continue
                scale = path.get("transform")  # exact: a glyph has thousands of units
                shape = short_path(path.get("d", "")) + (f'" transform="{scale}' if scale else "")
                glyph = self._glyphs.setdefault(shape, f"g{len(self._glyphs)}")
                renamed[path.get("id")] = glyph
                parent.remove(path)
        for element in root.iter(f"{{{_SVG}}}use"):
            target = element.attrib.pop(f"{{{_XLINK}}}href", "") or element.get("href", "")
            element.set("href", f"#{renamed.get(target[1:], target[1:])}")

    def _share_styles(self, root: ET.Element) -> None:
        styled = [
            element for element in root.iter() if element is not root and "style" in element.attrib
        ]
        styles = [_brief_style(element.attrib.pop("style")) for element in styled]
        often = Counter(styles)
        for element, style in zip(styled, styles, strict=True):
            if often[style] > 1 or style in self._styles:
                element.set("class", f"{element.get('class', '')} {self._class(style)}".strip())
            else:  # a colour that one cell of a surface has
                element.set("style", style)

    def _class(self, style: str) -> str:
        """A name that depends on the style alone: pages are compared by it."""
        if style not in self._styles:
            digest = int(hashlib.sha256(style.encode()).hexdigest(), 16)
            name, taken = "s", set(self._styles.values())
            while len(name) < 5 or name in taken:
                digest, letter = divmod(digest, len(_LETTERS))
                name += _LETTERS[letter]
            self._styles[style] = name
        return self._styles[style]


def _drop_repeated(root: ET.Element) -> None:
    """Keep the first of what several pictures of a figure define, such as a clip path."""
    seen: set[str] = set()
    for parent in list(root.iter(f"{{{_SVG}}}defs")):
        for definition in list(parent):
            if (name := definition.get("id", "")) in seen:
                parent.remove(definition)
            elif name:
                seen.add(name)


def _brief_style(style: str) -> str:
    return ";".join(re.split(r"\s*;\s*", style.strip(" ;"))).replace(": ", ":")


def _name_briefly(root: ET.Element, prefix: str) -> None:
    """Give ids short names, which nothing outside of the figure refers to."""
    names = [element.get("id") for element in root.iter() if "id" in element.attrib]
    brief = {name: f"{prefix}{_letters(index)}" for index, name in enumerate(names)}

    def renamed(match: re.Match[str]) -> str:
        return f"url(#{brief.get(match[1], match[1])})"

    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute == "id":
                element.set(attribute, brief[value])
            elif attribute == "href" and value[1:] in brief:
                element.set(attribute, f"#{brief[value[1:]]}")
            elif "url(#" in value:
                element.set(attribute, _TARGET.sub(renamed, value))


def _letters(index: int) -> str:
    text = _LETTERS[index % 26]
    return text if index < 26 else _letters(index // 26 - 1) + text


def _shorten_numbers(element: ET.Element) -> None:
    if "d" in element.attrib:
        element.set("d", short_path(element.attrib["d"]))
    for name in _ROUNDED:
        if name in element.attrib:
            element.set(name, _LONG.sub(_rounded, element.attrib[name]))
    # A use that is moved says the same by its place.
    if element.tag == f"{{{_SVG}}}use" and (move := _MOVE.fullmatch(element.get("transform", ""))):
        del element.attrib["transform"]
        for name, value in zip("xy", move.groups(), strict=True):
            if float(value):
                element.set(name, short_number(float(value) + float(element.get(name, 0))))
    if "transform" in element.attrib:
        element.set("transform", _LONG.sub(_rounded, element.attrib["transform"]))


def _rounded(match: re.Match[str]) -> str:
    number = float(match[0])
    # Scales of glyphs are small: a hundredth of them would be seen.
    return f"{number:.4g}" if abs(number) < 1 else short_number(number)


def _unwrap(root: ET.Element) -> None:
    """Remove what draws nothing: groups without attributes, empty ones, invisible backgrounds."""
    for child in list(root):
        _unwrap(child)
    children: list[ET.Element] = []
    for child in root:
        tag = child.tag.removeprefix(f"{{{_SVG}}}")
        empty = tag in ("g", "defs") and len(child) == 0
        if empty:
            continue
        children += list(child) if tag == "g" and not child.attrib else [child]
    root[:] = children
