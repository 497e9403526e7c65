"""Surfaces: the picture, and the data of the picture that turns."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from landscape import plots
from matplotlib.collections import PolyCollection

from tests.sample_surfaces import plane, spoiled


def surface(named=None, **options):
    return plots.surface(named or {"one": plane()}, **options)


def data_of(named=None, **options):
    return plots.surface_data(named or {"one": plane()}, **options)


def cells(figure, place=0):
    (found,) = [of for of in figure.axes[place].collections if isinstance(of, PolyCollection)]
    return found


# Data


def test_data_hold_the_planes_values_by_position():
    of = plane()
    (panel,) = data_of({"one": of})["panels"]
    assert panel["title"] == "one" and len(panel["values"]) == 9 and len(panel["values"][0]) == 7
    np.testing.assert_allclose(panel["alphas"], of.alphas, rtol=1e-5)
    np.testing.assert_allclose(panel["betas"], of.betas, rtol=1e-5)
    np.testing.assert_allclose(panel["values"], of.loss, rtol=1e-3)


def test_data_are_plain_values_with_words_for_what_is_not_finite():
    data = data_of({"one": spoiled()})
    text = json.dumps(data, allow_nan=False)
    values = json.loads(text)["panels"][0]["values"]
    assert (values[0][0], values[4][3], values[8][6]) == ("nan", "inf", "-inf")
    assert max(len(str(v)) for row in values for v in row) <= 6


def test_surfaces_share_one_scale_which_is_logarithmic_where_the_losses_ask_for_it():
    low, high = plane(), plane(scale=100)
    scale = data_of({"low": low, "high": high})["scale"]
    assert scale["log"] and scale["low"] == low.loss.min() and scale["high"] == high.loss.max()
    assert not data_of({"flat": plane(offset=5)})["scale"]["log"]
    below = data_of({"below": plane(offset=-1)})["scale"]
    assert not below["log"] and below["low"] < 0


def test_ticks_stand_at_their_values():
    data = data_of({"one": plane(scale=100)})
    low, high = math.log(data["scale"]["low"]), math.log(data["scale"]["high"])
    assert len(data["scale"]["ticks"]) >= 3
    for share, text in data["scale"]["ticks"]:
        assert low + share * (high - low) == pytest.approx(math.log(float(text)), abs=1e-3)
    for share, text in data["panels"][0]["ticks"][1]:
        assert -0.75 + 1.5 * share == pytest.approx(float(text.replace("−", "-")), abs=1e-3)


def test_a_long_plane_keeps_its_proportions_and_is_no_blade():
    of = dataclasses.replace(plane(), alphas=plane().alphas * 1.5)
    assert data_of({"one": of})["panels"][0]["halves"] == [1.0, 0.5]
    of = dataclasses.replace(plane(), alphas=plane().alphas * 100)
    assert data_of({"one": of})["panels"][0]["halves"] == [1.0, 0.25]


# The picture


def test_the_picture_rises_where_the_loss_does():
    alphas, betas = plane().alphas, plane().betas
    rising = {"α": 1 + alphas[:, None] + 0 * betas, "β": 1 + betas + 0 * alphas[:, None]}
    for name, side in (("α", 1), ("β", -1)):  # α grows to the right, β to the left.
        figure = surface({"one": dataclasses.replace(plane(), loss=rising[name])})
        found = cells(figure)
        brightness = found.get_facecolor()[:, :3].sum(axis=1)
        middles = np.array([path.vertices[:4].mean(axis=0) for path in found.get_paths()])
        high = brightness > np.median(brightness)
        assert side * (middles[high, 0].mean() - middles[~high, 0].mean()) > 0.3


def test_nearer_cells_are_drawn_over_farther_ones():
    flat = torch.ones(9, 7, dtype=torch.float64)
    flat[0, 0] = 2.0
    paths = cells(surface({"one": dataclasses.replace(plane(), loss=flat)})).get_paths()
    heights = np.array([path.vertices[:4, 1].mean() for path in paths]).reshape(8, 6)
    heights[-1, -1] = -10  # The nearest one, which is raised.
    assert (np.diff(heights, axis=0) < 0).all() and (np.diff(heights, axis=1) < 0).all()


def test_cells_at_a_point_that_is_not_finite_stay_open_and_the_point_is_a_cross():
    figure = surface({"one": spoiled()})
    assert len(cells(figure).get_paths()) == 8 * 6 - 1 - 4 - 1
    crosses = [line for line in figure.axes[0].get_lines() if line.get_marker() == "x"]
    assert sum(len(line.get_xdata()) for line in crosses) == 3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_texts_of_the_picture_do_not_overlap(count):
    names = [f"without skips, seed {k}" for k in range(count)]
    figure = surface({name: plane(scale=k + 1.0) for k, name in enumerate(names)})
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for axis in figure.axes
        for text in [*axis.texts, axis._left_title]
        if text.get_text()
    ]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_surfaces_of_accuracies_show_accuracies():
    data = data_of(quantity="accuracy")
    assert data["labels"][2] == "accuracy (share correct)" and not data["scale"]["log"]
    np.testing.assert_allclose(data["panels"][0]["values"], plane().accuracy, rtol=1e-3)


def test_what_makes_no_surface_is_an_error():
    flat = dataclasses.replace(plane(), loss=torch.ones(9, 7, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"63 finite values of the loss make no surface"):
        surface({"flat": flat})
    with pytest.raises(ValueError, match=r"no plane was given"):
        plots.surface({})
    with pytest.raises(ValueError, match=r"quantity='error' is unknown"):
        surface(quantity="error")
