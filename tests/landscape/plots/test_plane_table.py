"""Planes as a table of small pictures."""

import pytest
from landscape import plots
from landscape.plots.plane_table import plane_table

from tests.sample_surfaces import plane

LEVELS = [0.1, 0.3, 1.0, 3.0]


def test_rows_and_columns_are_named_and_only_outer_pictures_have_tick_labels():
    rows = {name: {"first": plane(), "last": plane(scale=2)} for name in ("BN", "no BN")}
    figure = plane_table(rows, levels=LEVELS, xlabel="α (relative)", value_label="loss (nats)")
    axes, bar = figure.axes[:4], figure.axes[4]
    assert [axis.get_title() for axis in axes] == ["first", "last", "", ""]
    assert [axis.get_ylabel() for axis in axes] == ["BN\nβ", "", "no BN\nβ", ""]
    assert [axis.get_xlabel() for axis in axes] == ["", "", "", "α (relative)"]
    shown = [bool(axis.xaxis.get_tick_params()["labelbottom"]) for axis in axes]
    assert shown == [False, False, True, True]
    assert bar.get_ylabel() == "loss (nats)"


def test_all_pictures_share_the_levels():
    figure = plane_table({"one": {"a": plane(), "b": plane(scale=5)}}, levels=LEVELS)
    for axis in figure.axes[:2]:
        assert list(axis.collections[0].levels) == LEVELS


def test_tables_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"'a' has first; 'b' has last. Give every row a plane"):
        plane_table({"a": {"first": plane()}, "b": {"last": plane()}}, levels=LEVELS)
    with pytest.raises(ValueError, match="none is given"):
        plane_table({}, levels=LEVELS)
    with pytest.raises(ValueError, match="do not increase"):
        plane_table({"a": {"first": plane()}}, levels=[1.0, 1.0])
    with pytest.raises(ValueError, match="quantity='shape' is unknown"):
        plane_table({"a": {"first": plane()}}, levels=plots.levels([plane()]), quantity="shape")
