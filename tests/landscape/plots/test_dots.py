"""Dot plots: what is drawn where."""

import math

import pytest
from landscape.plots import DotPanel, dots
from landscape.plots.dots import cuts_interval

NAN = math.nan
SHARED = {"SGD": (2.0, 1.0, 4.0), "Adam": (8.0, 7.0, 9.0)}


def points(axis):
    """Label -> positions of the estimates of each group."""
    drawn = zip(*axis.get_legend_handles_labels()[::-1], strict=True)
    return {name: list(zip(*line.get_data(), strict=True)) for name, line in drawn}


def bars(axis):
    lines = [line.get_xdata() for line in axis.lines if len(set(line.get_ydata())) == 1]
    return [tuple(map(float, x)) for x in lines if len(x) == 2 and x[0] != x[1] and x[1] != 1]


def test_a_row_has_its_estimates_and_intervals_and_one_colour_is_centred():
    (axis,) = dots([DotPanel("λ_max", "nats", {"": SHARED})]).axes
    assert not axis.figure.legends
    assert bars(axis) == [(1.0, 4.0), (7.0, 9.0)]
    assert not cuts_interval(DotPanel("λ_max", "nats", {"": SHARED}))
    assert [text.get_text() for text in axis.get_yticklabels()] == ["SGD", "Adam"]


def test_groups_of_a_row_stand_beside_each_other_around_it():
    own = {"SGD": (3.0, 2.0, 5.0)}
    (axis,) = dots([DotPanel("λ_max", "nats", {"shared": SHARED, "own": own})]).axes
    (_, above), (_, alone) = points(axis)["shared"]
    ((x, below),) = points(axis)["own"]
    assert x == 3.0 and above < 0 < below and above == pytest.approx(-below) and alone == 1


def test_a_single_value_has_no_interval_and_a_missing_one_no_point():
    (axis,) = dots([DotPanel("t", "x", {"a": {"r": (1.0, NAN, NAN), "s": (NAN, NAN, NAN)}})]).axes
    assert points(axis)["a"] == [(1.0, 0)] and bars(axis) == []


def test_an_interval_beyond_the_estimates_span_is_cut_off_with_an_arrow():
    wide = {"a": (10.0, 9.0, 11.0), "b": (100.0, 90.0, 1e6)}
    panel = DotPanel("t", "x", {"g": wide}, "log", reference=20.0)
    (axis,) = dots([panel]).axes
    arrows = [line for line in axis.lines if line.get_marker() == ">"]
    assert 1000 < axis.get_xlim()[1] < 1500 and len(arrows) == 1 and cuts_interval(panel)
    assert arrows[0].get_xdata()[0] == pytest.approx(axis.get_xlim()[1])


def test_the_reference_is_a_line_that_the_axis_holds():
    (axis,) = dots([DotPanel("t", "x", {"g": SHARED}, "log", reference=0.5)]).axes
    assert axis.get_xlim()[0] < 0.5
    assert any(list(line.get_xdata()) == [0.5, 0.5] for line in axis.lines)


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="2 rows in 1 groups have no estimate"):
        dots([DotPanel("t", "x", {"g": {"a": (NAN,) * 3, "b": (-1.0, -2.0, 0.0)}}, "log")])
