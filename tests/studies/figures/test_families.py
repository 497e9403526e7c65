"""Panels of groups of families: titles, axes, references, and what the record lacks."""

import pytest
from studies.display import Missing
from studies.figures.families import FamilyPanel, groups_against_size
from studies.measurements import Measurements

WORDS = {"label": "fig-groups", "caption": "What to see."}


def numbers():
    return Measurements(
        [
            {"quantity": "product_error", "value": (1 + seed) * size, "arm": f"{family} {size}"}
            for family in "ab"
            for size in (1, 10)
            for seed in (0, 1)
        ]
    )


def group(family, **options):
    return FamilyPanel(
        "step ε", {family: {size: f"{family} {size}" for size in (1, 10)}}, **options
    )


def test_each_group_has_a_panel_with_its_axis_and_reference():
    figure = groups_against_size(
        numbers(),
        "product_error",
        {"first": group("a"), "second": group("b", reference=3.0, ticks=(10.0,))},
        **WORDS,
    )
    first, second = figure.panels
    assert (first.title, first.x, first.reference) == ("first", "step ε", None)
    assert (second.title, second.reference, list(second.series)) == ("second", 3.0, ["b"])
    assert first.ticks == (1, 10) and second.ticks == (10.0,)
    assert second.series["b"].x.tolist() == [1, 10] and second.scale == second.x_scale == "log"
    assert second.series["b"].samples.tolist() == [[1, 10], [2, 20]]


def test_a_record_without_the_quantity_leaves_a_sentence():
    shown = groups_against_size(numbers(), "product_norm", {"first": group("a")}, **WORDS)
    assert isinstance(shown, Missing)


def test_an_unknown_arm_is_an_error():
    with pytest.raises(KeyError, match="no 'product_error' of arm 'c 1'"):
        groups_against_size(numbers(), "product_error", {"first": group("c")}, **WORDS)
