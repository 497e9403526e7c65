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
        ([panel("a", "SGD")], "One panel over epoch: a. A curve for each of: SGD."),
        (
            [panel("a", "SGD", "Adam"), panel("b", "Adam, paced", x="step")],
            "Two panels over epoch and step: a and b. A curve for each of: SGD; Adam; Adam, paced.",
        ),
        ([panel("a", "SGD")] * 9, "9 panels over epoch: a. A curve for each of: SGD."),
    ],
)
def test_panels_are_counted_and_named_with_their_curves(panels, text):
    assert panel_descriptions.panels_text(panels) == text


def test_curves_describe_themselves_unless_a_text_is_given():
    words = {"label": "fig-test", "caption": "See."}
    panels = [panel("a", "SGD")]
    assert captioned.curves(panels, **words).alt == panel_descriptions.panels_text(panels)
    assert captioned.curves(panels, alt="A line.", **words).alt == "A line."
