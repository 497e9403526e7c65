"""Figures of curves, pairs and spectra from panels, as plain matplotlib figures."""

import dataclasses
import math
import types

import numpy as np
import pytest
import scipy.stats
from landscape import plots
from landscape.plots.bands import band_over_seeds
from landscape.plots.curves import pairs
from landscape.plots.panel import Panel
from matplotlib.figure import Figure

X = np.array([1.0, 2.0, 3.0])


def panel(*rows, **options):
    return Panel("title", "x (unit)", "y (unit)", {"a": band_over_seeds(X, rows)}, **options)


def test_curves_are_a_plain_figure_with_the_panels_words():
    figure = plots.curves([panel(X, 2 * X)])
    assert type(figure) is Figure
    (axis,) = figure.axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("x (unit)", "y (unit)")
    assert axis.get_title(loc="left") == "title"
    lines = {line.get_label(): line for line in axis.get_lines()}
    np.testing.assert_allclose(lines["a"].get_ydata(), 1.5 * X)


def test_one_curve_is_drawn_without_a_band():
    (axis,) = plots.curves([panel(X)]).axes
    assert len(axis.get_lines()) == 1
    assert all(len(path.vertices) == 0 for c in axis.collections for path in c.get_paths())


def names_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def many(count, name="arm {}"):
    series = {name.format(k): band_over_seeds(X, [k + X]) for k in range(1, count + 1)}
    return Panel("loss", "x", "y", series)


def test_a_panel_of_more_than_six_curves_becomes_two_on_one_vertical_axis():
    figure = plots.curves([many(7)])
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["loss, arm 1 to 4", "loss, arm 5 to 7"]
    assert [len(axis.get_lines()) for axis in figure.axes] == [4, 3]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert len(plots.curves([many(6)]).axes) == 1


def test_names_that_differ_by_a_number_are_shades_of_one_family_and_share_no_words():
    figure = plots.curves([many(4, "MLP, width {}")])
    lines = figure.axes[0].get_lines()
    assert names_of(figure) == ["width 1", "width 2", "width 3", "width 4"]
    assert len({line.get_color() for line in lines}) == 4
    assert {line.get_linestyle() for line in lines} == {"-"}
    other = plots.curves([many(2, "MLP, width {}")]).axes[0].get_lines()
    assert len({line.get_linestyle() for line in other}) == 2


def test_a_curve_without_values_has_no_entry_in_the_legend():
    rows = {"a": [X], "b": [2 * X], "lost": [X * np.nan]}
    series = {name: band_over_seeds(X, row) for name, row in rows.items()}
    assert names_of(plots.curves([Panel("t", "x", "y", series)])) == ["a", "b"]


def test_a_cross_marks_where_a_mean_stops_if_the_panel_asks_for_it():
    stops = Panel("t", "x", "y", {"a": band_over_seeds(X, [[1.0, 2.0, np.nan]])}, mark_ends=True)
    crosses = [
        line for line in plots.curves([stops]).axes[0].get_lines() if line.get_marker() == "x"
    ]
    assert [line.get_xydata().tolist() for line in crosses] == [[[2.0, 2.0]]]
    silent = dataclasses.replace(stops, mark_ends=False)
    assert all(line.get_marker() != "x" for line in plots.curves([silent]).axes[0].get_lines())


def test_a_reference_is_a_line_across_the_panel():
    (axis,) = plots.curves([panel(X, reference=2.5)]).axes
    assert any(list(line.get_ydata()) == [2.5, 2.5] for line in axis.get_lines())


def test_pairs_without_intervals_get_students():
    values = {"q": {"a": [1.0, 2.0, 4.0], "b": [3.0, math.nan, 1.0]}}
    (axis,) = plots.pairs(values, units={"q": "unit"}).axes
    (container,) = axis.containers  # The arm with NaN has no interval.
    ((low, high),) = (segment[:, 1] for segment in container.lines[2][0].get_segments())
    want = scipy.stats.ttest_1samp(values["q"]["a"], 0.0).confidence_interval(0.95)
    assert (low, high) == pytest.approx(tuple(want)) and axis.get_ylabel() == "unit"


def test_pairs_of_one_seed_are_points_alone():
    (axis,) = pairs({"q": {"a": [1.0], "b": [2.0]}}).axes
    assert not axis.containers
    points = {(float(x), float(y)) for line in axis.get_lines() for x, y in line.get_xydata()}
    assert points == {(0.0, 1.0), (1.0, 2.0)}


def test_pairs_draw_the_intervals_that_they_are_given():
    given = types.SimpleNamespace(estimate=2.0, low=1.5, high=4.0)
    (axis,) = plots.pairs({"q": {"a": [1.0]}}, {"q": {"a": given}}).axes
    ((low, high),) = (s[:, 1] for s in axis.containers[0].lines[2][0].get_segments())
    assert (low, high) == (1.5, 4.0)


def test_spectra_stand_on_one_axis_with_eigenvalues_under_the_curve():
    u = np.linspace(-3, 3, 101)
    series = {"a": band_over_seeds(0.1 * np.sinh(u), [np.exp(-(u**2))])}
    made = [
        Panel(title, "λ", "share", series, "log", "asinh", unit=0.1, marks=((-0.5, 0.2),))
        for title in ("one", "two")
    ]
    figure = plots.spectra(made)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() == "|"]
    np.testing.assert_allclose(marks[0].get_xdata(), [-0.5, 0.2])
    assert figure.axes[0].get_xscale() == "asinh"
    assert figure.axes[0].xaxis.get_transform().linear_width == 0.1
    assert figure.axes[0].get_title(loc="left") == "one"
