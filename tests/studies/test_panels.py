"""Where panels lie in the SVG of a figure."""

import re

import pytest
from matplotlib.figure import Figure
from studies import display
from studies.panels import panel_boxes


def drawn(columns, *, legend=False, bar=False):
    figure = Figure(figsize=(6, 2.5), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for number, axis in enumerate(axes):
        axis.plot([0, 1], [0, 1], label="first")
        axis.plot([0, 1], [1, 0], label="second")
        axis.set(title=f"panel {number}", xlabel="epoch", ylabel="loss (nats)")
    if legend:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    if bar:
        figure.colorbar(axes[0].imshow([[0, 1]]), ax=axes[0])
    shown = display.Figure(figure, label="fig-a", caption="A caption.", alt="Two lines.")
    size = [float(side) for side in re.search(r'viewBox="0 0 (\S+) (\S+)"', shown.svg()).groups()]
    return panel_boxes(figure), size


def test_panels_lie_side_by_side_within_the_drawing():
    boxes, (width, height) = drawn(3)
    panels = boxes["panels"]
    assert len(panels) == 3
    for (x, y, w, h), (after, *_) in zip(panels, [*panels[1:], [width, 0, 0, 0]], strict=True):
        assert -3 <= x < x + w <= after + 6  # spare room of both panels
        assert -3 <= y < y + h <= height + 3
        assert w > width / 4 and h > height / 2


def test_entries_of_a_legend_are_boxes_above_the_panels():
    boxes, (width, _) = drawn(2, legend=True)
    assert len(boxes["keys"]) == 2
    top = min(y for _, y, _, _ in boxes["panels"])
    for x, y, w, h in boxes["keys"]:
        assert 0 < x and x + w < width and y + h < top + 6 and w > 30


@pytest.mark.parametrize("bar", [False, True])
def test_one_panel_is_shown_whole_with_its_colour_bar(bar):
    assert drawn(1, bar=bar)[0] == {}
