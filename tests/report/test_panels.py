"""Figures whose panels are pictures of their own, and their letters."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from landscape.plots import Panel, curves
from landscape.plots.bands import band_over_seeds
from studies import pictures

from report.figure_sheet import FigureSheet
from report.figures import inline_svg
from report.lettering import font_faces, picture_on_white

SVG = "{http://www.w3.org/2000/svg}"


def parts():
    x = np.arange(4.0)
    series = {name: band_over_seeds(x, [x + k, x + 2 * k]) for k, name in enumerate("αβ")}
    panels = [Panel(title, "epoch", "loss", series) for title in ("training", "test")]
    svg, carried = pictures.draw(curves(panels), salt="fig-a", panels=panels)
    return ET.fromstring(inline_svg(svg, anchor="a", alt="A line.", panels=carried["panels"]))


def test_each_panel_and_legend_entry_is_a_picture_and_the_whole_has_the_alternative_text():
    root = parts()
    assert (
        root.tag.endswith("div")
        and root.get("role") == "img"
        and root.get("aria-label") == "A line."
    )
    kinds = [picture.get("class") for picture in root.iter(f"{SVG}svg")]
    assert kinds == ["entry", "entry", "panel", "panel"]
    titles = ["".join(picture.itertext()) for picture in root.iter(f"{SVG}svg")]
    assert "α" in titles[0] and "training" in titles[2] and "training" not in titles[3]
    for picture in root.iter(f"{SVG}svg"):
        width = float(picture.get("viewBox").split()[2])
        assert f"--natural: {width * 4 / 3:.0f}px" in picture.get("style")


@pytest.mark.slow
def test_a_panel_holds_the_clip_paths_that_it_uses_and_no_name_of_a_part_remains():
    for picture in parts().iter(f"{SVG}svg"):
        text = ET.tostring(picture, encoding="unicode")
        used = set(re.findall(r"url\(#([^)]+)\)", text))
        held = {clip.get("id") for clip in picture.iter(f"{SVG}clipPath")}
        assert used == held
    assert not re.search(r'id="a--(panel|entry)', ET.tostring(parts(), encoding="unicode"))


def test_letters_are_text_without_what_the_page_says_of_all():
    text = ET.tostring(parts(), encoding="unicode")
    assert "epoch" in text and "font-family" not in text and "rotate(-0" not in text


@pytest.mark.slow
def test_fonts_hold_the_letters_of_the_figures_and_are_the_same_bytes_each_time():
    assert font_faces("ab") == font_faces("ba") != font_faces("abcdef")
    assert font_faces("ab").count("@font-face") == 4
    assert len(font_faces("ab")) < len(font_faces("abcdef")) < 20_000
    assert font_faces("") == ""


@pytest.mark.slow
def test_a_picture_for_an_image_has_its_background_and_its_fonts():
    picture = picture_on_white("<svg viewBox='0 0 1 1'><text>ab</text></svg>")
    assert picture.count("@font-face") == 4 and '<rect width="100%"' in picture
    assert picture.index("@font-face") < picture.index("<text>ab")
    assert picture_on_white("<svg><path/></svg>").startswith("<svg><rect")


@pytest.mark.slow
def test_the_sheet_of_a_page_has_the_fonts_of_all_its_figures():
    sheet = FigureSheet()
    assert "@font-face" not in sheet.style
    shortened = sheet.shorten(ET.tostring(parts(), encoding="unicode"))
    assert "@font-face" in sheet.style
    assert shortened.count("<svg") == 4 and "training" in shortened
