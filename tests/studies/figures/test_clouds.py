"""Scatter plots of the report, and the sentence where the record holds no points."""

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
