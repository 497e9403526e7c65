"""The picture of a figure, and positions in it."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from landscape.plots import Panel, curves, levels, planes
from landscape.plots.bands import band_over_seeds
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from studies import pictures

from tests import sample_results

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
X = np.arange(5.0)


def panel(title="loss", **rows):
    rows = rows or {"BN": [X + 1, X + 2], "no BN": [3 * X + 1]}
    return Panel(title, "epoch", "nats", {n: band_over_seeds(X, r) for n, r in rows.items()})


def drawn(panels):
    return pictures.draw(curves(panels), salt="fig-a", panels=panels)


def test_panels_of_a_row_are_equally_high_and_those_of_a_column_equally_wide():
    svg, carried = drawn([panel(), panel("a title"), panel("third")])
    boxes = carried["panels"]["boxes"]
    width, height = (float(x) for x in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    assert boxes[0][1::2] == boxes[1][1::2] and boxes[0][::2] == boxes[2][::2]
    assert boxes[0][0] + boxes[0][2] <= boxes[1][0] + 4 and boxes[1][0] + boxes[1][2] <= width
    assert boxes[2][1] + boxes[2][3] <= height


def test_the_parts_of_the_picture_have_names_and_the_legend_lies_above_the_panels():
    svg, carried = drawn([panel(), panel()])
    names = {group.get("id") for group in ET.fromstring(svg).iter(f"{SVG}g")}
    assert {"panel-0", "panel-1", "entry-0-handle", "entry-1-name"} <= names
    first, second = carried["panels"]["legend"]
    assert (
        first[0] + first[2] <= second[0] + 6
        and first[1] + first[3] <= carried["panels"]["boxes"][0][1] + 6
    )


def test_each_name_of_the_legend_lies_in_its_box_also_where_a_text_widens_the_picture():
    figure = curves([panel(), panel()])
    figure.text(1.2, 0.5, "beyond the right edge")
    svg, carried = pictures.draw(figure, salt="fig-a")
    for index, box in enumerate(carried["panels"]["legend"]):
        entry = re.search(rf'id="entry-{index}-name">.*?x="([\d.]+)".*?>([^<]+)<', svg, re.DOTALL)
        size = float(re.search(r"font-size: ([\d.]+)px", entry[0])[1])
        letters = FontProperties(family="DejaVu Sans")
        extents = TextPath((0, 0), entry[2], size=size, prop=letters).get_extents()
        assert box[0] < float(entry[1]) + extents.x0
        assert float(entry[1]) + extents.x1 == pytest.approx(box[0] + box[2] - 3, abs=1)


def test_a_single_panel_is_one_picture():
    assert "panels" not in drawn([panel()])[1]


def test_curves_have_their_values_and_the_places_of_their_axes():
    _, carried = drawn([panel(), panel()])
    (shown, _) = carried["curves"]["panels"]
    left, top, right, bottom = shown["box"]
    box = carried["panels"]["boxes"][0]
    assert box[0] < left < right < box[0] + box[2] and box[1] < top < bottom < box[1] + box[3]
    assert (shown["x"], shown["y"], shown["scale"]) == ("epoch", "nats", "linear")
    assert shown["x_range"][0] <= 0 and shown["x_range"][1] >= 4
    bn, alone = shown["series"]
    assert (bn["name"], bn["y"], alone["y"]) == ("BN", (X + 1.5).tolist(), (3 * X + 1).tolist())
    assert bn["low"][0] < 1 < 2 < bn["high"][0] and "low" not in alone
    assert bn["color"] != alone["color"] and bn["color"].startswith("#")


def test_values_that_do_not_exist_are_none_and_long_curves_are_thinned():
    x = np.linspace(0, 1, 1000)
    y = np.where(x > 0.5, np.nan, x)
    panels = [Panel("t", "x", "y", {"a": band_over_seeds(x, [y])})]
    (series,) = drawn(panels)[1]["curves"]["panels"][0]["series"]
    assert len(series["x"]) == len(series["y"]) == 64
    assert series["x"][0] == 0 and series["x"][-1] == 1 and series["y"][-1] is None


def test_a_colour_bar_has_a_box_of_its_own():
    two = {"a": sample_results.plane(), "b": sample_results.plane()}
    _, carried = pictures.draw(planes(two, levels=levels([sample_results.plane()])), salt="fig-a")
    assert len(carried["panels"]["boxes"]) == 2 and len(carried["panels"]["bar"]) == 1


def test_drawing_again_gives_the_same_bytes():
    figure = curves([panel(), panel()])
    assert pictures.draw(figure, salt="a") == pictures.draw(figure, salt="a")
