"""Contours of planes: levels, the field itself, and what is drawn over it."""

import dataclasses
import math
import types

import numpy as np
import pytest
import torch
from landscape import plots
from landscape.slices import Plane
from matplotlib.patches import Circle

from tests.sample_measurements import MEASURED

LEVELS = [0.75, 1.0, 1.5, 2.0, 3.0, 4.0]


def quadratic(x, y):
    """Curvatures 2 and 8 and a slope: no symmetry that a transposed picture could hide behind."""
    return 0.5 + x**2 + 4 * y**2 + 0.3 * x


def plane(alphas=None, betas=None, offset=0.0):
    alphas = torch.linspace(-1, 1, 41, dtype=torch.float64) if alphas is None else alphas
    betas = torch.linspace(-0.8, 0.7, 31, dtype=torch.float64) if betas is None else betas
    loss = offset + quadratic(alphas[:, None], betas[None, :])
    return Plane(alphas, betas, loss, 1 / (1 + loss), 0.0, **MEASURED)


def prediction(of, radius):
    loss = 0.4 + 2 * of.alphas[:, None] ** 2 + 3 * of.betas[None, :] ** 2
    return types.SimpleNamespace(alphas=of.alphas, betas=of.betas, loss=loss, radius=radius)


def drawn(named=None, levels=LEVELS, **over):
    return plots.planes(named or {"one": plane()}, levels=levels, **over)


def contours(axis, place):
    """Level -> points of its line, in the place-th set of lines of an axis."""
    found = [of for of in axis.collections if hasattr(of, "levels") and not of.filled][place]
    return {
        level: np.asarray(path.vertices)
        for level, path in zip(found.levels, found.get_paths(), strict=True)
        if len(path.vertices)
    }


def looks(axis, marker):
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axis.get_lines()
        if line.get_marker() == marker and len(line.get_xdata()) == 1
    ]


def legend(figure):
    return [text.get_text() for of in figure.legends for text in of.get_texts()]


def uneven(low, high, count):
    return torch.linspace(0, 1, count, dtype=torch.float64) ** 1.7 * (high - low) + low


@pytest.mark.parametrize("grids", [(), (uneven(-1, 1, 60), uneven(-0.5, 1, 60))])
def test_lines_run_where_the_loss_has_their_level(grids):
    axis = drawn({"one": plane(*grids)}).axes[0]
    found = contours(axis, 0)
    assert set(found) == set(LEVELS)
    for level, points in found.items():
        kept = points[np.isfinite(points).all(axis=1)]
        # Linear interpolation within a cell is off by curvature x step²/8 at most.
        np.testing.assert_allclose(quadratic(*kept.T), level, atol=0.02)


def test_labelled_levels_are_every_second_one_and_stay_within_the_plane():
    figure = drawn()
    axis = figure.axes[0]
    labels = [text for text in axis.texts if text.get_text()]
    assert {text.get_text() for text in labels} <= {"0.75", "1.5", "3"} and len(labels) >= 2
    for text in labels:
        assert axis.get_window_extent().contains(*text.get_window_extent().get_points().mean(0))


def test_lines_are_light_on_dark_levels_and_dark_on_light_ones():
    axis = drawn().axes[0]
    lines = next(of for of in axis.collections if hasattr(of, "levels") and not of.filled)
    brightness = lines.get_edgecolor()[:, :3].mean(axis=1)
    assert brightness[0] == 1 and brightness[-1] < 0.2


def test_colours_step_evenly_from_level_to_level_and_one_bar_shows_them():
    figure = drawn({"one": plane(), "two": plane(offset=1)})
    bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
    assert len(bars) == 1 and len(figure.axes) == 3
    assert bars[0].get_xlabel().startswith("mean loss,")
    assert bars[0].get_xticks().tolist() == LEVELS[::2]
    same = [of.norm.boundaries.tolist() for a in figure.axes[:2] for of in a.collections[:1]]
    assert same == [LEVELS, LEVELS]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "rows", "columns"), [(3, 1, 3), (4, 2, 2), (5, 2, 3)])
def test_more_than_three_planes_wrap_to_rows(count, rows, columns):
    figure = drawn({str(k): plane() for k in range(count)})
    spec = figure.axes[0].get_subplotspec().get_gridspec()
    assert (spec.nrows, spec.ncols) == (rows, columns)
    labelled = [bool(axis.get_ylabel()) for axis in figure.axes[:count]]
    assert labelled == [place % columns == 0 for place in range(count)]


@pytest.mark.parametrize("count", [2, 3])
def test_long_titles_do_not_run_into_each_other(count):
    names = [f"ResNet-56 without skips, batch norm, seed {k}" for k in range(count)]
    figure = drawn(dict.fromkeys(names, plane()))
    figure.draw_without_rendering()
    boxes = [axis._left_title.get_window_extent() for axis in figure.axes[:count]]
    assert all(box.width > 10 for box in boxes)
    panels = [axis.get_window_extent() for axis in figure.axes[:count]]
    for k, box in enumerate(boxes):
        others = [*boxes[:k], *boxes[k + 1 :], *panels]
        assert not any(box.overlaps(other) for other in others)


@pytest.mark.slow
def test_labels_of_the_axes_and_the_bar_stay_apart():
    for count in (1, 3, 4):
        figure = drawn({str(k): plane() for k in range(count)})
        figure.draw_without_rendering()
        boxes = []
        for axis in figure.axes:
            for label in (axis.xaxis.label, axis.yaxis.label):
                if axis.axison and label.get_text():
                    boxes.append(label.get_window_extent())
        for k, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:k])


def test_paths_run_through_their_points_with_start_and_end_marked():
    path = torch.tensor([[-0.5, 0.1], [0.0, 0.4], [0.6, -0.2]])
    axis = drawn(paths={"one": {"Bezier": path, "straight": path[[0, 2]].tolist()}}).axes[0]
    lines = {line.get_label(): line for line in axis.get_lines()}
    curve = lines["Bezier (from ○)"]
    np.testing.assert_allclose(np.column_stack(curve.get_data()), path)
    assert curve.get_markevery() == [-1] and curve.get_marker() != "o"
    assert (-0.5, pytest.approx(0.1)) in looks(axis, "o")
    other = lines["straight (from ○)"]
    assert curve.get_marker() != other.get_marker()
    assert curve.get_linestyle() != other.get_linestyle() or curve.get_color() != other.get_color()


def test_a_path_keeps_its_look_in_all_planes():
    path = [[0, 0], [0.5, 0.5]]
    named = {"one": plane(), "two": plane()}
    figure = drawn(named, paths={"one": {"a": path, "b": path}, "two": {"b": path}})
    found = [
        line.get_color()
        for axis in figure.axes[:2]
        for line in axis.get_lines()
        if line.get_label() == "b (from ○)"
    ]
    assert len(found) == 2 and len(set(found)) == 1
    assert legend(figure) == ["a (from ○)", "b (from ○)"]


def test_marks_stand_at_their_solutions_with_names_that_stay_apart_and_inside():
    spots = {"A": (-0.9, 0.1), "solution B": (0.95, -0.75), "C": (0.9, -0.7)}
    figure = drawn(marks={"one": spots})
    axis = figure.axes[0]
    assert set(looks(axis, "+")) == set(spots.values())
    figure.draw_without_rendering()
    boxes = {t.get_text(): t.get_window_extent() for t in axis.texts if t.get_text() in spots}
    assert set(boxes) == set(spots)
    inside = axis.get_window_extent()
    for name, box in boxes.items():
        assert inside.contains(*box.min) and inside.contains(*box.max)
        assert not any(box.overlaps(other) for key, other in boxes.items() if key != name)
        near = np.abs(box.get_points().mean(0) - axis.transData.transform(spots[name]))
        assert near[1] < 25 and near[0] < 25 + box.width / 2


def test_a_plane_without_marks_has_a_cross_in_the_centre():
    figure = drawn({"one": plane(), "two": plane()}, marks={"two": {"A": (0.5, 0.5)}})
    assert [set(looks(axis, "+")) for axis in figure.axes[:2]] == [{(0, 0)}, {(0.5, 0.5)}]


def test_the_picture_grows_to_show_what_lies_beyond_the_plane():
    axis = drawn(marks={"one": {"far": (1.5, 0)}}).axes[0]
    assert axis.get_xlim()[1] > 1.5 and axis.get_xlim()[0] == -1
    assert axis.get_ylim() == pytest.approx((-0.8, 0.7))


def test_a_prediction_is_dashed_on_levels_of_the_plane_with_its_radius_as_a_circle():
    of = plane()
    figure = drawn({"one": of}, predictions={"one": prediction(of, 0.25)})
    axis = figure.axes[0]
    found = contours(axis, 1)
    assert set(found) <= set(LEVELS[::2]) and len(found) == 3
    for level, points in found.items():
        x, y = points.T
        np.testing.assert_allclose(0.4 + 2 * x**2 + 3 * y**2, level, atol=0.02)
    dashes = [c for c in axis.collections if hasattr(c, "levels") and not c.filled][1]
    assert dashes.get_linestyles()[0][1] is not None
    (circle,) = [artist for artist in axis.get_children() if isinstance(artist, Circle)]
    assert circle.center == (0, 0) and circle.radius == 0.25
    assert legend(figure) == ["quadratic model", "radius up to which it holds"]


def test_a_circle_too_small_to_be_seen_is_left_out():
    figure = drawn({"one": plane()}, predictions={"one": prediction(plane(), 0.01)})
    assert not [a for a in figure.axes[0].get_children() if isinstance(a, Circle)]
    assert legend(figure) == ["quadratic model"]


def test_a_prediction_that_nowhere_fails_has_no_circle():
    of = plane()
    figure = drawn({"one": of}, predictions={"one": prediction(of, math.inf)})
    assert not [artist for artist in figure.axes[0].get_children() if isinstance(artist, Circle)]
    assert legend(figure) == ["quadratic model"]


def test_a_plane_alone_has_no_legend():
    assert legend(drawn()) == []


def test_accuracy_is_drawn_from_the_accuracies():
    of = plane()
    figure = drawn({"one": of}, [0.2, 0.3, 0.4, 0.5], quantity="accuracy")
    for level, points in contours(figure.axes[0], 0).items():
        kept = points[np.isfinite(points).all(axis=1)]
        np.testing.assert_allclose(1 / (1 + quadratic(*kept.T)), level, atol=0.01)
    assert figure.axes[1].get_xlabel().startswith("accuracy (share correct),")
    assert "linear" in figure.axes[1].get_xlabel()


def test_values_that_are_not_finite_are_hatched():
    of = plane()
    loss = of.loss.clone()
    loss[:10, :10], loss[30:, 20:] = math.nan, math.inf
    axis = drawn({"one": dataclasses.replace(of, loss=loss)}).axes[0]
    hatched = [patch for patch in axis.patches if patch.get_hatch()]
    assert [patch.get_bbox().extents.tolist() for patch in hatched] == [
        pytest.approx([-1, -0.8, 1, 0.7])
    ]
    field = axis.collections[0]
    corner = (-0.9, -0.7)  # Within the lost block no colour covers the hatching.
    assert not any(path.contains_point(corner) for path in field.get_paths())
    assert any(path.contains_point((0.5, -0.5)) for path in field.get_paths())
    assert math.isnan(loss[0, 0])


@pytest.mark.filterwarnings("error")
def test_a_plane_without_a_finite_value_is_hatched_all_over():
    of = plane()
    lost = dataclasses.replace(of, loss=torch.full_like(of.loss, math.nan))
    figure = drawn({"one": of, "lost": lost})
    assert not contours(figure.axes[1], 0)


def test_a_long_narrow_plane_is_no_strip():
    long = plane(alphas=torch.linspace(-20, 20, 21, dtype=torch.float64))
    assert drawn({"one": long}).axes[0].get_aspect() == "auto"
    assert drawn().axes[0].get_aspect() == 1


def test_levels_are_logarithmic_where_the_losses_span_a_factor_of_ten():
    steep, flat = plane(), plane(offset=5)
    logs = np.diff(np.log(plots.levels([steep, flat])))
    np.testing.assert_allclose(logs, logs[0])
    steps = np.diff(plots.levels([flat]))
    np.testing.assert_allclose(steps, steps[0])
    assert plots.levels([flat])[0] <= float(flat.loss.min())
    assert plots.levels([flat])[-1] >= float(flat.loss.max())


def test_levels_of_losses_below_zero_are_linear():
    steps = np.diff(plots.levels([plane(offset=-2)]))
    np.testing.assert_allclose(steps, steps[0])


def test_levels_of_accuracies_are_linear_round_numbers():
    found = plots.levels([plane(), plane(offset=50)], quantity="accuracy")
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0])
    assert round(steps[0], 3) in (0.02, 0.025, 0.05, 0.1)


def test_levels_leave_out_values_that_are_not_finite():
    of = plane(offset=5)
    loss = of.loss.clone()
    loss[0, 0], loss[1, 1] = math.inf, math.nan
    found = plots.levels([dataclasses.replace(of, loss=loss)])
    assert np.isfinite(found).all() and found[-1] < 20


def test_levels_say_when_there_are_none():
    flat = dataclasses.replace(plane(), loss=torch.ones(41, 31, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"1271 finite values of the loss give no 13 levels"):
        plots.levels([flat])
    with pytest.raises(ValueError, match=r"give no 2 levels.*count >= 3"):
        plots.levels([plane()], count=2)


@pytest.mark.parametrize("what", ["paths", "marks", "predictions"])
def test_what_belongs_to_no_plane_is_an_error(what):
    with pytest.raises(ValueError, match=rf"{what} are given for 'two'.*The planes are: 'one'"):
        drawn(**{what: {"two": {}}})


@pytest.mark.slow
@pytest.mark.parametrize("path", [[[0, 0]], [0, 1], torch.zeros(3, 3)])
def test_a_path_of_another_shape_is_an_error(path):
    with pytest.raises(ValueError, match=r"path 'a' has the shape .*array \(k, 2\)"):
        drawn(paths={"one": {"a": path}})


def test_an_unknown_quantity_is_an_error():
    with pytest.raises(ValueError, match=r"quantity='error' is unknown. Choose 'loss' or"):
        drawn(quantity="error")


@pytest.mark.parametrize("levels", [[1.0], [1.0, 1.0, 2.0], [2.0, 1.0]])
def test_levels_that_do_not_increase_are_an_error(levels):
    with pytest.raises(ValueError, match=r"do not increase. Use plots.levels"):
        drawn(levels=levels)


@pytest.mark.parametrize("grid", [[0.0], [0.0, 1.0, 0.5]])
def test_a_grid_that_makes_no_picture_is_an_error(grid):
    with pytest.raises(ValueError, match=r"betas of plane 'one' are .*at least 2 positions"):
        drawn({"one": plane(betas=torch.tensor(grid, dtype=torch.float64))})


def test_no_plane_is_an_error():
    with pytest.raises(ValueError, match=r"no plane was given"):
        plots.planes({}, levels=LEVELS)
