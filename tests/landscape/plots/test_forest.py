"""Forest plots: what is drawn where."""

import math

import numpy as np
import pytest
from landscape.plots.forest import ForestPanel, ForestRow, forest

ROW = ForestRow("λ_max", "sure", 2.0, (1.0, 4.0), (1.5, 3.0), 1.0, (0.8, 1.25))


def drawn(row, scale="log"):
    (axis,) = forest([ForestPanel("Ratios", "ratio", [row], scale)], groups=["sure", "open"]).axes
    return axis


def spans(axis):
    """The horizontal lines of a row, thin first, as (from, to)."""
    # A gap, NaN, ends the interval of each row of a group.
    lines = [line.get_xdata() for line in axis.lines if line.get_linestyle() == "-"]
    parts = [part for x in lines if len(x) % 3 == 0 for part in np.reshape(x, (-1, 3))]
    return [(float(low), float(high)) for low, high, _ in parts if np.isfinite(low)]


def test_both_intervals_the_estimate_and_the_border_are_drawn():
    axis = drawn(ROW)
    assert spans(axis) == [(1.0, 4.0), (1.5, 3.0)]
    points = [line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 1]
    assert points == [2.0]
    (border,) = [line for line in axis.lines if list(line.get_xdata()) == [1.0, 1.0]]
    assert border.get_ydata()[0] < 0 < border.get_ydata()[1]
    (margin,) = axis.collections
    reach = margin.get_paths()[0].vertices[:, 0]
    assert (reach.min(), reach.max()) == pytest.approx((0.8, 1.25))
    assert axis.get_xscale() == "log" and axis.get_xlim()[0] < 0.8


def test_an_open_end_reaches_the_border_of_the_axis():
    axis = drawn(ForestRow("t", "sure", 3.0, (2.0, math.inf), (2.5, 5.0), 1.0))
    assert spans(axis)[0] == pytest.approx((2.0, axis.get_xlim()[1]))
    assert not axis.collections


def test_a_row_without_interval_keeps_its_place():
    lone = ForestRow("t", "open", math.nan, (math.nan, math.nan), (math.nan, math.nan), 1.0)
    panel = ForestPanel("Points", "points", [ROW, lone, ROW])
    (axis,) = forest([panel], groups=["sure", "open"]).axes
    assert [label.get_text() for label in axis.get_yticklabels()][1] == "t"
    assert len(spans(axis)) == 4 and axis.get_ylim() == (2.5, -0.5)


def test_panels_are_as_high_as_their_rows_and_the_legend_names_the_groups_in_order():
    open_row = ForestRow("t", "open", 1.0, (0.5, 2.0), (0.7, 1.5), 1.0)
    panels = [ForestPanel("A", "x", [open_row]), ForestPanel("B", "x", [ROW] * 9)]
    figure = forest(panels, groups=["sure", "open", "unused"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sure", "open"]
    ratios = figure.axes[0].get_subplotspec().get_gridspec().get_height_ratios()
    assert list(ratios) == [1, 9]


def test_equal_borders_are_one_line_and_notes_stand_beside_the_rows():
    noted = ForestRow("t", "sure", 2.0, (1.0, 4.0), (1.5, 3.0), 1.0, note="2 (1 to 4)", strong=True)
    axis = drawn(noted)
    (text,) = axis.texts
    assert text.get_text() == "2 (1 to 4)" and text.get_fontweight() == "bold"
    other = ForestRow("t", "sure", 2.0, (1.0, 4.0), (1.5, 3.0), 3.0)
    panel = ForestPanel("", "x", [ROW, ROW, other], "log")
    (axis,) = forest([panel], groups=["sure"]).axes
    borders = [x for line in axis.lines if len(set(x := line.get_xdata())) == 1 and len(x) == 2]
    assert [list(x) for x in borders] == [[1.0, 1.0], [3.0, 3.0]]


def test_labels_stay_text_where_mathematics_is_not_wanted():
    panel = ForestPanel("", "x", [ROW])
    for wanted, label in ((True, r"$\lambda_{\max}$"), (False, "λ_max")):
        (axis,) = forest([panel], groups=["sure"], mathematics=wanted).axes
        assert axis.get_yticklabels()[0].get_text() == label


def test_numbers_of_all_sizes_share_an_axis_that_is_linear_around_zero():
    rows = [
        ForestRow("a", "sure", x, (x - 1, x + 1), (x - 0.5, x + 0.5), 0.0) for x in (-0.2, 72.0)
    ]
    (axis,) = forest([ForestPanel("", "points", rows, "symlog")], groups=["sure"]).axes
    assert axis.get_xscale() == "symlog" and list(axis.get_xticks()) == [-1.0, 0.0, 1.0, 10.0]
    low, high = axis.get_xlim()
    assert low < -1.2 and high > 73


def test_a_short_logarithmic_axis_labels_no_effect():
    axis = drawn(ForestRow("t", "sure", 2.0, (1.1, 3.2), (1.5, 3.0), 1.0, (0.8, 1.25)))
    assert 1.0 in axis.get_xticks() and len(axis.get_xticks()) >= 4


@pytest.mark.parametrize(
    "panels",
    [[], [ForestPanel("A", "x", [])], [ForestPanel("A", "x", [ROW, ROW])]],
)
def test_what_is_no_figure_is_refused(panels):
    with pytest.raises(ValueError, match="pass at least one panel"):
        forest(panels, groups=["open"])
