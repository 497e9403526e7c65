"""Labels of ticks: one notation for all ticks of an axis."""

import pytest
from landscape.plots.ticks import log_ticks, tick_texts
from matplotlib.figure import Figure


@pytest.mark.parametrize(
    "values, texts",
    [
        ([0.001, 0.1, 10.0], ["0.001", "0.1", "10"]),
        ([1e-6, 1e-3, 1.0, 10.0], ["10⁻⁶", "10⁻³", "1", "10¹"]),
        ([2e-5, 5e-5, 1e-4], ["2·10⁻⁵", "5·10⁻⁵", "10⁻⁴"]),
        ([10_000.0, 1_000_000.0], ["10⁴", "10⁶"]),
        ([-1e5, 0.0, 1e5], ["−10⁵", "0", "10⁵"]),
    ],
)
def test_ticks_of_an_axis_have_one_notation(values, texts):
    assert tick_texts(values) == texts


def test_ticks_out_of_sight_do_not_decide_the_notation():
    axis = Figure().subplots()
    axis.set(yscale="log", ylim=(0.002, 3000))
    log_ticks(axis.yaxis)
    axis.figure.draw_without_rendering()
    shown = [text.get_text() for text in axis.get_yticklabels() if text.get_text()]
    assert shown == ["0.01", "0.1", "1", "10", "100", "1000"]
