"""Alternative texts of figures of curves."""

import pytest
from landscape.plots.panel import Panel
from studies.figures import captioned, panel_descriptions
from studies.intervals import single_curve

CURVE = single_curve([0.0, 1.0], [1.0, 2.0])


def panel(title, *names, x="epoch"):
    return Panel(title, x, "loss", dict.fromkeys(names, CURVE))


@pytest.mark.parametrize(
    "panels, text",
    [
        ([panel("a", "SGD")], "One panel shows a over epoch, with a curve for SGD."),
        (
            [panel("a", "SGD", "Adam"), panel("b", "Adam, paced", x="step")],
            "Two panels show a and b over epoch and step, "
            "with curves for SGD, Adam and Adam paced.",
        ),
        ([panel("a", "SGD")] * 9, "9 panels show a over epoch, with a curve for SGD."),
    ],
)
def test_panels_are_counted_and_named_with_their_curves(panels, text):
    assert panel_descriptions.panels_text(panels) == text


def test_curves_describe_themselves_unless_a_text_is_given():
    words = {"label": "fig-test", "caption": "See."}
    panels = [panel("a", "SGD")]
    assert captioned.curves(panels, **words).alt == panel_descriptions.panels_text(panels)
    assert captioned.curves(panels, alt="A line.", **words).alt == "A line."
