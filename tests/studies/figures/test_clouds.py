"""Scatter plots of the report, and the sentence where the record holds no points."""

import pytest
from landscape.plots import Cloud
from studies.display import Figure, Missing
from studies.figures import clouds

WORDS = {"label": "fig-scatter", "caption": "See.", "alt": "Points."}


def cloud(**points):
    return Cloud("title", "x", "y", points)


def test_clouds_without_points_are_left_out():
    full = cloud(a=([1.0, 2.0], [3.0, 1.0]), b=([2.0], [2.0]))
    shown = clouds.scatter([cloud(), full], **WORDS)
    assert isinstance(shown, Figure) and shown.svg() == clouds.scatter([full], **WORDS).svg()
    assert len(shown.figure.axes) == 1


def test_no_points_at_all_are_a_sentence():
    shown = clouds.scatter([cloud(), cloud()], **WORDS)
    assert isinstance(shown, Missing) and shown.label == "fig-scatter"


@pytest.mark.slow
def test_a_target_over_each_quantity_is_the_figure_of_its_clouds(numbers):
    for arm, seed, value in (("a", 0, 1.0), ("a", 1, 2.0), ("b", 0, 3.0)):
        numbers.add("anisotropy", value, arm=arm, seed=seed, unit="long over short axis")
        numbers.add("basin_width", 2 * value, arm=arm, seed=seed, unit="filter norms")
        numbers.add("epochs_to_target", 1 / value, arm=arm, seed=seed)
    names = ["anisotropy", "basin_width"]
    shown = clouds.against_target(numbers, names, "epochs_to_target", y="epochs", **WORDS)
    axes = shown.figure.axes[:2]
    assert [ax.get_xlabel() for ax in axes] == ["long over short axis", "filter norms"]
    assert {ax.get_yscale() for ax in axes} == {"log"}
    alone = clouds.against_target(numbers, names, "epochs_to_target", ["a"], y="epochs", **WORDS)
    assert alone.svg() != shown.svg()
