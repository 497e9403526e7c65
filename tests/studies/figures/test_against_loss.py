"""The figure of curvature against loss: a panel a quantity, and the ratio at equal loss."""

from studies.display import Missing
from studies.figures import by_loss

from tests.studies.test_loss_pairs import ARMS, pair, snapshots


def test_a_panel_for_each_quantity_and_one_for_the_ratio():
    numbers = snapshots(lambda arm, loss, seed: (1 + 0.1 * seed) * loss)
    drawn = by_loss(
        numbers, ARMS, {"frozen": ["lambda_max"]}, [pair(0.5)], label="fig-x", caption="See."
    )
    curvature, ratio = drawn.panels
    assert curvature.title == "λ_max" and list(curvature.series) == ["fast", "slow"]
    assert (curvature.x_scale, curvature.scale) == ("log", "log")
    band = ratio.series["fast / slow"]
    assert (band.mean < 1).all() and (band.low < band.mean).all() and ratio.reference == 1.0
    assert (band.x[1:] > band.x[:-1]).all()


def test_without_numbers_the_figure_is_missing():
    numbers = snapshots(lambda *_: 1.0)
    missing = by_loss(numbers, ARMS, {"frozen": ["trace"]}, [], label="fig-x", caption="See.")
    assert isinstance(missing, Missing)
