"""Panels of gradient norms a layer, and of recorded values against depth."""

import math

import numpy as np
import pytest
import torch
from studies.figures import captioned
from studies.figures.depth import gradient_panels, gradients, remarks
from studies.figures.scaling import scaling_panels
from studies.intervals import mean_interval

NAN, INF = math.nan, math.inf
WORDS = {"label": "fig-test", "caption": "See.", "alt": "Curves."}


def norms(**arms):
    """Arm -> rows of norms, one a seed, as (arm, seed) -> norms."""
    return {(arm, seed): row for arm, rows in arms.items() for seed, row in enumerate(rows)}


def depth_panels(numbers, quantities, arms, depths):
    """Panels of quantities against depth, recorded under arms such as ``skip, depth 20``."""
    families = {arm: {depth: f"{arm}, depth {depth}" for depth in depths} for arm in arms}
    return scaling_panels(numbers, quantities, families, x="depth (layers)", span=10.0)


# Gradients


def test_gradients_are_a_panel_for_each_title_on_a_logarithmic_axis():
    found = {"before": norms(a=[[1.0, 2.0, 4.0]]), "after": norms(a=[[3.0, 3.0, 3.0]])}
    before, after = gradient_panels(found)
    assert (before.title, after.title) == ("before", "after")
    assert (before.x, before.y, before.scale) == ("layer, from the input", "‖∂L/∂W‖₂", "log")
    assert before.integers and before.series["a"].x.tolist() == [1, 2, 3]


def test_one_seed_is_a_single_curve():
    (panel,) = gradient_panels({"t": norms(a=[torch.tensor([1.0, 2.0, 4.0])])})
    assert panel.series["a"].n == 1
    np.testing.assert_allclose(panel.series["a"].mean, [1, 2, 4], rtol=1e-14)


def test_several_seeds_are_a_band_of_their_logarithms():
    rows = [[1.0, 8.0], [4.0, 2.0], [2.0, 4.0]]
    (panel,) = gradient_panels({"t": norms(a=rows)})
    of = panel.series["a"]
    want = [mean_interval(np.log(column)) for column in zip(*rows, strict=True)]
    for name, field in (("mean", "estimate"), ("low", "low"), ("high", "high")):
        ends = [math.exp(getattr(interval, field)) for interval in want]
        np.testing.assert_allclose(getattr(of, name), ends, rtol=1e-13)
    np.testing.assert_allclose(of.mean, [2, 4], rtol=1e-14)  # The geometric means.
    assert of.n == 3 and of.samples.tolist() == rows and (of.low > 0).all()


def test_arms_may_have_different_numbers_of_layers():
    (panel,) = gradient_panels({"t": norms(a=[[1.0, 1.0]], b=[[1.0, 1.0, 1.0]])})
    assert [len(of.x) for of in panel.series.values()] == [2, 3]


@pytest.mark.parametrize("lost", [[NAN, NAN], [INF, INF], [1.0, NAN]])
def test_an_arm_that_diverged_keeps_its_place_and_the_remarks_name_it(lost):
    before = norms(a=[[1.0, 1.0]] * 2, b=[[2.0, 2.0]] * 2)
    after = norms(a=[[1.0, 1.0]] * 2, b=[lost] * 2)
    one, two = gradient_panels({"before": before, "after": after})
    assert list(one.series) == list(two.series) == ["a", "b"]
    assert one.series["b"].mean.tolist() == pytest.approx([2.0, 2.0])
    assert math.isnan(two.series["b"].mean[-1])
    said = remarks({"before": before, "after": after})
    assert said == "Means are missing where runs diverged: b (2 of 2 runs)."


def test_seeds_that_did_not_diverge_are_still_drawn_but_have_no_mean():
    (panel,) = gradient_panels({"t": norms(a=[[1.0, 1.0], [NAN, NAN], [2.0, 2.0]])})
    of = panel.series["a"]
    assert np.isnan(of.mean).all() and np.isnan(of.low).all() and np.isnan(of.high).all()
    np.testing.assert_array_equal(of.samples, [[1, 1], [NAN, NAN], [2, 2]])
    (axis,) = captioned.curves([panel], **WORDS).figure.axes
    assert sum(np.isfinite(line.get_ydata()).all() for line in axis.get_lines()) == 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [[[0.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])
def test_a_norm_of_zero_is_a_gap_that_the_remarks_tell_of(rows):
    (panel,) = gradient_panels({"t": norms(a=rows)})
    of = panel.series["a"]
    assert math.isnan(of.mean[0]) and of.mean[1] == pytest.approx(1.0)
    assert of.samples.tolist() == rows
    assert remarks({"t": norms(a=rows)}) == "Gradients that are exactly 0 are not drawn: a."


def test_the_caption_has_the_remarks_on_both():
    lost = {"t": norms(a=[[0.0, 1.0], [NAN, 1.0]])}
    shown = gradients(lost, label="fig-g", caption="See.")
    assert shown.caption == (
        "See. Means are missing where runs diverged: a (1 of 2 runs). "
        "Gradients that are exactly 0 are not drawn: a."
    )
    assert remarks({"t": norms(a=[[1.0, 1.0]])}) == ""


def test_the_reference_shrinks_from_the_output_by_its_factor_a_layer():
    found = {"t": norms(first=[[1.0, 1.0, 2.0], [1.0, 1.0, 8.0]], second=[[1.0, 1.0, 1.0]])}
    (panel,) = gradient_panels(found, reference=0.5)
    assert list(panel.series) == ["first", "second", "factor 0.5 a layer"]
    # The geometric mean of 2 and 8 at the last layer, half of it at the one before.
    np.testing.assert_allclose(panel.series["factor 0.5 a layer"].mean, [1, 2, 4])
    assert panel.series["factor 0.5 a layer"].n == 1


def test_the_reference_of_an_arm_that_diverged_is_absent():
    (panel,) = gradient_panels({"t": norms(a=[[NAN, NAN]])}, reference=0.9)
    assert np.isnan(panel.series["factor 0.9 a layer"].mean).all()


@pytest.mark.parametrize("reference", [0.0, -0.9, INF, NAN])
def test_gradients_refuse_a_reference_that_is_no_factor(reference):
    with pytest.raises(ValueError, match=r"reference=.* is no factor.*such as 0.9, or None"):
        gradient_panels({"t": norms(a=[[1.0]])}, reference=reference)


def test_gradients_refuse_a_title_without_norms():
    with pytest.raises(ValueError, match=r"no norms under 'after'"):
        gradient_panels({"before": norms(a=[[1.0]]), "after": {}})


def test_gradients_refuse_seeds_of_different_numbers_of_layers():
    with pytest.raises(ValueError, match=r"do not fit a grid"):
        gradient_panels({"t": norms(a=[[1.0, 1.0], [1.0]])})


# Depths


def record(numbers, quantity, family, by_depth, **labels):
    for depth, values in by_depth.items():
        for seed, value in enumerate(values):
            numbers.add(quantity, value, arm=f"{family}, depth {depth}", seed=seed, **labels)


@pytest.fixture
def deep(numbers):
    record(numbers, "q", "skip", {8: [1.0, 4.0], 20: [2.0, 8.0], 56: [4.0, 16.0]}, unit="nats")
    record(numbers, "q", "plain", {8: [1.0, 4.0], 20: [2.0, NAN], 56: [400.0, 1600.0]})
    record(numbers, "flat", "skip", {8: [1.0, 3.0], 20: [2.0, 2.0], 56: [0.5, 1.5]})
    return numbers


def test_depths_are_a_panel_for_each_quantity_on_a_logarithmic_depth(deep):
    first, second = depth_panels(deep, {"q": "name", "flat": "other"}, ["skip"], [8, 20, 56])
    assert (first.title, first.x, first.y) == ("name", "depth (layers)", "nats")
    assert (first.x_scale, first.scale, second.scale) == ("log", "log", "linear")
    assert second.y == "other"  # Recorded without a unit.
    assert first.series["skip"].x.tolist() == [8, 20, 56]
    np.testing.assert_allclose(first.series["skip"].mean, [2, 4, 8], rtol=1e-14)
    np.testing.assert_allclose(second.series["skip"].mean, [2, 2, 1], rtol=1e-14)
    low = mean_interval([1.0, 3.0]).low
    assert second.series["skip"].low[0] == pytest.approx(low) and low < 0


def test_a_depth_that_is_not_finite_is_a_gap_and_the_others_stay(deep):
    (panel,) = depth_panels(deep, {"q": "name"}, ["skip", "plain"], [8, 20, 56])
    assert list(panel.series) == ["skip", "plain"]
    found = panel.series["plain"].mean
    assert found[0] == pytest.approx(2) and math.isnan(found[1]) and found[2] == pytest.approx(800)
    np.testing.assert_array_equal(panel.series["plain"].samples[1], [4, NAN, 1600])
    assert np.isfinite(panel.series["skip"].mean).all()


def test_values_of_both_signs_have_a_linear_axis(numbers):
    record(numbers, "q", "skip", {8: [-1.0, -2.0], 20: [100.0, 200.0]})
    (panel,) = depth_panels(numbers, {"q": "name"}, ["skip"], [8, 20])
    assert panel.scale == "linear" and panel.series["skip"].mean.tolist() == [-1.5, 150.0]


def test_a_single_seed_is_a_curve_against_depth(numbers):
    record(numbers, "q", "skip", {8: [1.0], 20: [3.0]})
    (panel,) = depth_panels(numbers, {"q": "name"}, ["skip"], [8, 20])
    assert panel.series["skip"].n == 1 and panel.series["skip"].mean.tolist() == [1.0, 3.0]


def test_depths_refuse_different_numbers_of_seeds(numbers):
    record(numbers, "q", "skip", {8: [1.0, 2.0], 20: [3.0]})
    with pytest.raises(
        ValueError, match=r"'q' of 'skip' has \[2, 1\] values at the sizes \[8, 20\]"
    ):
        depth_panels(numbers, {"q": "name"}, ["skip"], [8, 20])


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_panels_with_gaps_and_diverged_arms_are_drawn(deep):
    lost = norms(a=[[1.0, 0.0, 2.0]] * 2, b=[[NAN] * 3] * 2, c=[[1e-9, 1.0, INF], [1.0] * 3])
    made = gradient_panels({"t": lost}, reference=0.9)
    made += depth_panels(deep, {"q": "name"}, ["skip", "plain"], [8, 20, 56])
    assert "<svg" in captioned.curves(made, **WORDS).svg()


def test_the_axis_of_depths_is_labelled_with_the_depths(numbers):
    for depth in (8, 20):
        for seed in (0, 1):
            numbers.add("q", depth + seed, arm=f"skip, depth {depth}", seed=seed)
    panels = depth_panels(numbers, {"q": "q"}, ["skip"], [8, 20])
    figure = captioned.curves(panels, label="fig-d", caption="c", alt="a").figure
    (axis,) = figure.axes
    figure.canvas.draw()
    assert [label.get_text() for label in axis.get_xticklabels()] == ["8", "20"]
