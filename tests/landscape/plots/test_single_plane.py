"""Drawings of one plane: levels, hatching, colour bar, surface, and planes that are flat."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import plots
from landscape.plots.single_plane import plane_levels
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from tests import sample_results as sample


def filled(axes):
    return axes.collections[0]


def bars(figure):
    return [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]


def inner(levels):
    return [level for level in levels if abs(level) < 1e200]


def test_a_plane_is_filled_contours_on_increasing_levels_with_a_colour_bar():
    plane = sample.plane()
    axes = plane.plot()
    want = plots.levels([plane])
    assert inner(filled(axes).levels) == pytest.approx(want)
    assert (np.diff(want) > 0).all()
    (bar,) = bars(axes.figure)
    assert bar.get_xlabel() == "mean loss, logarithmic levels"
    assert axes.get_xlabel() == "α (in units of direction 1)"
    assert axes.get_ylabel() == "β (in units of direction 2)"
    assert axes.get_xlim() == (-1, 1) and axes.get_ylim() == (-0.75, 0.75)


def test_contours_run_where_the_loss_has_their_level_and_are_not_transposed():
    plane = sample.plane()
    lines = plane.plot().collections[1]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        points = path.vertices
        if len(points):
            a, b = points[np.isfinite(points).all(axis=1)].T
            np.testing.assert_allclose(0.15 + a**2 + 3 * b**2 + 0.5 * a, level, atol=0.07)


def test_axes_that_are_given_get_no_colour_bar_and_the_levels_that_are_asked_for():
    figure = Figure()
    axes = figure.subplots()
    sample.plane().plot(axes, levels=[0.2, 1.0, 3.0], cmap="magma")
    assert inner(filled(axes).levels) == [0.2, 1.0, 3.0] and bars(figure) == []
    assert filled(axes).get_cmap().name == "magma"
    figure.colorbar(filled(axes), ax=axes)  # The reader's own.
    assert len(bars(figure)) == 1


def test_a_colour_map_of_the_reader_is_the_bars_as_well():
    figure = sample.plane().plot(cmap="magma").figure
    assert {c.get_cmap().name for axis in figure.axes for c in axis.collections[:1]} >= {"magma"}


@pytest.mark.parametrize("given", [None, "axes"])
def test_values_that_are_not_finite_are_hatched_and_not_covered(given):
    plane = sample.plane()
    loss = plane.loss.clone()
    loss[:3, :3], loss[-1, -1] = math.inf, math.nan
    axes = dataclasses.replace(plane, loss=loss).plot(given and Figure().subplots())
    (hatched,) = [patch for patch in axes.patches if patch.get_hatch()]
    assert hatched.get_bbox().extents.tolist() == [-1, -0.75, 1, 0.75]
    paths = filled(axes).get_paths()
    assert not any(path.contains_point((-0.9, -0.7)) for path in paths)
    assert any(path.contains_point((0.4, 0.3)) for path in paths)


@pytest.mark.slow
def test_flat_planes_and_planes_without_a_number_are_drawn():
    plane = sample.plane()
    for value in (2.3, 0.0, -1.0, math.nan):
        flat = dataclasses.replace(plane, loss=torch.full_like(plane.loss, value))
        axes = flat.plot()
        levels = inner(filled(axes).levels)
        assert levels[0] < levels[1]
        assert math.isnan(value) or levels[0] < value < levels[1]


def test_levels_of_planes_with_slopes_are_the_shared_ones():
    planes = [sample.plane(), sample.plane(10.0)]
    assert plane_levels(planes, "loss") == plots.levels(planes)


def test_a_surface_has_a_face_for_each_cell_and_the_names_of_its_axes():
    axes = sample.plane().plot(kind="surface", label="one")
    (cells,) = [c for c in axes.collections if isinstance(c, PolyCollection)]
    assert len(cells.get_paths()) == 8 * 6
    assert {"α", "β", "mean loss"} <= {text.get_text() for text in axes.texts}
    assert axes.get_title(loc="left") == "one"


def test_several_planes_are_their_median():
    planes = sample.planes(3)
    axes = planes.plot()
    want = dataclasses.replace(sample.plane(), loss=planes.quantiles([0.5])[0])
    assert inner(filled(axes).levels) == pytest.approx(plots.levels([want]))
    assert axes.get_title(loc="left") == "median of 3 planes"
    # A single plane does not know its directions; several are along filter-normalised pairs.
    assert axes.get_xlabel() == "α (relative to filter norms)"
    assert axes.get_ylabel() == "β (relative to filter norms)"


def test_what_cannot_be_drawn_is_an_error():
    plane = sample.plane()
    with pytest.raises(ValueError, match=r"kind='relief' is unknown. Choose 'contours' or"):
        plane.plot(kind="relief")
    for kind in ("contours", "surface"):
        with pytest.raises(ValueError, match=r"quantity='error' is unknown"):
            plane.plot(kind=kind, quantity="error")
    with pytest.raises(ValueError, match=r"do not increase"):
        plane.plot(levels=[2.0, 1.0])
    with pytest.raises(ValueError, match=r"do not increase"):
        plane.plot(Figure().subplots(), levels=[2.0, 1.0])
    with pytest.raises(ValueError, match=r"no surface"):
        dataclasses.replace(plane, loss=torch.ones_like(plane.loss)).plot(kind="surface")
