"""Drawings of lines and paths: numbers on the axes, gaps, chord and barrier."""

import math

import numpy as np
import pytest
import torch
from landscape.plots import cuts
from matplotlib.figure import Figure

from tests import sample_results as sample


def crosses(axes):
    """Positions that are marked as not finite."""
    marks = [line for line in axes.get_lines() if line.get_marker() == "x"]
    return [x for line in marks for x in line.get_xdata().tolist()]


def named(axes):
    return {line.get_label(): line for line in axes.get_lines()}


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
def test_a_line_is_its_numbers(quantity):
    line = sample.line()
    axes = line.plot(quantity=quantity)
    (drawn,) = axes.get_lines()
    np.testing.assert_array_equal(drawn.get_xdata(), line.alphas)
    np.testing.assert_array_equal(drawn.get_ydata(), getattr(line, quantity))
    assert axes.get_xlabel() == "α (in units of the direction)"
    want = {"loss": "mean loss", "accuracy": "accuracy (share correct)"}
    assert axes.get_ylabel() == want[quantity]


def test_losses_that_span_a_factor_of_ten_have_a_logarithmic_axis_on_a_new_figure_alone():
    assert sample.line(scale=1.0).plot().get_yscale() == "log"
    assert sample.line(scale=0.1).plot().get_yscale() == "linear"
    assert sample.line(scale=1.0).plot(quantity="accuracy").get_yscale() == "linear"
    assert sample.line(scale=1.0).plot(Figure().subplots()).get_yscale() == "linear"


def test_values_that_are_not_finite_are_gaps_and_crosses_and_no_point_is_lost():
    line = sample.line(lost=True)
    axes = line.plot()
    drawn, *_ = axes.get_lines()
    assert np.isnan(drawn.get_ydata()[1]) and np.isinf(drawn.get_ydata()[4])
    assert crosses(axes) == [float(line.alphas[k]) for k in sample.LOST]
    # The first point stands alone before the gap, where a line shows nothing.
    (dot,) = [line for line in axes.get_lines() if line.get_marker() == "."]
    assert dot.get_xdata().tolist() == [-1.0] and dot.get_ydata().tolist() == [float(line.loss[0])]


def test_crosses_stand_at_the_upper_edge_in_every_view():
    axes = sample.line(lost=True).plot()
    (cross,) = [line for line in axes.get_lines() if line.get_marker() == "x"]
    axes.set_ylim(0.5, 0.6)
    heights = cross.get_transform().transform(np.column_stack(cross.get_data()))[:, 1]
    np.testing.assert_allclose(heights, axes.get_window_extent().y1)


def test_lines_are_each_direction_thin_and_their_mean():
    lines = sample.lines(count=3)
    mean, *each = lines.plot().get_lines()
    np.testing.assert_allclose(mean.get_ydata(), lines.loss.mean(0))
    assert mean.get_label() == "mean of 3 directions"
    np.testing.assert_array_equal([line.get_ydata() for line in each], lines.loss)
    assert all(line.get_linewidth() < mean.get_linewidth() for line in each)
    assert {line.get_color() for line in each} == {mean.get_color()}


def test_one_direction_is_one_line():
    axes = sample.lines(count=1).plot()
    assert len(axes.get_lines()) == 1 and axes.get_legend() is None


def test_a_path_has_its_chord_and_its_barrier():
    path = sample.path(height=1.0)
    axes = path.plot()
    lines = named(axes)
    np.testing.assert_array_equal(lines["straight"].get_ydata(), path.loss)
    chord = lines["chord"]
    np.testing.assert_allclose(chord.get_ydata(), 0.5 - 0.4 * path.ts)
    barrier = lines["barrier 1"]
    assert list(barrier.get_xdata()) == [0.5, 0.5]
    low, high = barrier.get_ydata()
    assert high - low == pytest.approx(path.barrier) and high == pytest.approx(path.loss[4])
    assert axes.get_yscale() == "linear"  # Where the chord of the losses is straight.
    assert axes.get_xlabel() == "position t on the path"
    (legend,) = axes.figure.legends  # Above the axes, where it covers nothing.
    assert [text.get_text() for text in legend.get_texts()] == ["straight", "chord", "barrier 1"]


def test_the_barrier_of_accuracies_is_the_errors():
    path = sample.path()
    lines = named(path.plot(quantity="accuracy"))
    low, high = sorted(lines["error barrier 0.3"].get_ydata())
    assert high - low == pytest.approx(path.error_barrier)


def test_a_path_that_is_lost_somewhere_or_has_no_hump_has_no_barrier():
    lost = sample.path(lost=True).plot()
    assert not [name for name in named(lost) if "barrier" in name]
    assert crosses(lost) == [0.125, 0.5]
    assert not [name for name in named(sample.path(height=-0.2).plot()) if "barrier" in name]


def test_a_reader_who_gives_axes_gets_no_names_that_were_not_asked_for():
    axes = Figure().subplots()
    sample.path().plot(axes)
    assert axes.get_legend_handles_labels()[1] == []
    sample.path().plot(axes, label="mine")
    assert axes.get_legend_handles_labels()[1] == ["mine"]


@pytest.mark.parametrize("make", [sample.line, sample.lines, sample.path])
def test_an_unknown_quantity_is_an_error(make):
    with pytest.raises(ValueError, match=r"quantity='error' is unknown. Choose 'loss' or"):
        make().plot(quantity="error")


def test_a_line_without_a_finite_value_is_all_crosses():
    line = sample.line()
    lost = torch.full_like(line.loss, math.nan)
    axes = cuts.draw_line(type(line)(**{**vars(line), "loss": lost}))
    assert crosses(axes) == line.alphas.tolist()
