"""The letters of figures, which are text: the few glyphs that a page needs, as fonts inside it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont

_TEXT = re.compile(r"<(?:text|tspan)\b[^>]*>([^<]*)")
_FACES = (  # file of matplotlib, weight and style in CSS
    ("DejaVuSans", 400, "normal"),
    ("DejaVuSans-Bold", 700, "normal"),
    ("DejaVuSans-Oblique", 400, "oblique"),
    ("DejaVuSans-BoldOblique", 700, "oblique"),
)


def font_faces(letters: Iterable[str]) -> str:
    """Style sheet with the faces of DejaVu Sans, cut down to the letters of a page's figures.

    Args:
        letters: The letters; an empty page has none.

    Returns:
        A rule ``@font-face`` for each face, the same bytes each time.
    """
    letters = set(letters)
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    rules = [
        "@font-face { font-family: 'DejaVu Sans'; "
        f"font-weight: {weight}; font-style: {style}; "
        f"src: url(data:font/woff;base64,{_subset(folder / f'{name}.ttf', letters)}) "
        "format('woff'); }"
        for name, weight, style in _FACES
    ]
    return "\n".join(rules) if letters else ""


def picture_on_white(svg: str) -> str:
    """A figure on white with the fonts of its letters, for a page that shows it as an image.

    An image finds no fonts but its own, and the ink of figures is dark.

    Args:
        svg: Text of an SVG file.
    """
    letters = {letter for text in _TEXT.findall(svg) for letter in unescape(text)}
    faces = font_faces(letters)
    style = f"<style>{faces}</style>" if faces else ""
    white = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return re.sub(r"<svg\b[^>]*>", lambda match: match[0] + style + white, svg, count=1)


def _subset(path: Path, letters: set[str]) -> str:
    """A font file with these letters alone, as base64 of its WOFF."""
    options = subset.Options(
        flavor="woff",
        drop_tables=["FFTM"],
        layout_features=["kern"],
        hinting=False,
        recalc_timestamp=False,
    )
    font = TTFont(path, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(sorted(letters)))
    cutter.subset(font)
    font.flavor = "woff"
    buffer = io.BytesIO()
    font.save(buffer)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
