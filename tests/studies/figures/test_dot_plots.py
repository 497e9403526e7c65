"""Dot plots of recorded numbers: means, ratios to a reference, and what the caption adds."""

import math

import pytest
from studies import figures
from studies.arms import Arm
from studies.display import Figure, Missing

WORDS = {"label": "fig-measures", "caption": "SGD is sharpest."}
VALUES = {
    ("SGD", "shared"): [8.0, 16.0],
    ("SGD", "own"): [4.0, 9.0],
    ("momentum", "shared"): [4.0, 4.0],
    ("momentum", "own"): [2.0, 3.0],
    ("SGD", "paced"): [2.0, 4.0],
}


@pytest.fixture
def filled(numbers):
    for (optimizer, rate), values in VALUES.items():
        arm = Arm(f"{optimizer}, {rate}", optimizer=optimizer, rate=rate)
        for seed, value in enumerate(values):
            cells = {"arm": arm, "seed": seed, "unit": "nats per parameter²", **arm.factors}
            numbers.add("lambda_max", value, **cells)
    return numbers


def positions(axis):
    drawn = zip(*axis.get_legend_handles_labels()[::-1], strict=True)
    return {name: [float(x) for x in line.get_xdata()] for name, line in drawn}


def test_factors_make_rows_and_colours_and_points_are_geometric_means(filled):
    shown = figures.measures(filled, ["lambda_max"], "optimizer", "rate", **WORDS)
    (axis,) = shown.figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["SGD", "momentum"]
    assert positions(axis)["shared"] == pytest.approx([math.sqrt(128), 4.0])
    assert positions(axis)["paced"] == pytest.approx([math.sqrt(8)])
    assert shown.caption.startswith("SGD is sharpest. Points are means")
    assert "SGD and momentum" in shown.alt and "shared, own and paced" in shown.alt


def test_ratios_stand_beside_the_reference_of_their_colour_or_of_another(filled):
    options = {"reference": "momentum", "instead": {"paced": "shared"}}
    shown = figures.measures(filled, ["lambda_max"], "optimizer", "rate", **options, **WORDS)
    (axis,) = shown.figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["SGD"]
    ratios = {name: x for name, (x,) in positions(axis).items()}
    expected = {"shared": math.sqrt(8), "own": math.sqrt(6), "paced": math.sqrt(0.5)}
    assert ratios == pytest.approx(expected)
    assert axis.get_xscale() == "log" and "ratios" in shown.caption


def test_pairs_may_be_given_and_seeds_that_do_not_count_are_left_out_and_said(filled):
    rows = {"plain SGD": {"shared": ("SGD, shared", "momentum, shared")}}
    kept = {"SGD, shared": [True, False]}
    shown = figures.measures(filled, ["lambda_max"], rows, kept=kept, **WORDS)
    assert positions(shown.figure.axes[0]) == {"shared": [2.0]}
    assert shown.caption.endswith("Only seeds that learned count: plain SGD (shared), 1 of 2.")


def test_what_has_no_number_is_said(filled):
    for seed in (0, 1):
        filled.add("lambda_max", math.nan, arm="Adam", seed=seed, optimizer="Adam", rate="own")
    shown = figures.measures(filled, ["lambda_max"], "optimizer", "rate", **WORDS)
    assert shown.caption.endswith(
        "No value exists for λ_max of Adam (own).".replace("λ_max", r"$\lambda_{\max}$")
    )


def test_two_arms_in_one_place_and_an_unknown_reference_are_refused(filled):
    with pytest.raises(ValueError, match="both stand in row 'SGD', colour ''"):
        figures.measures(filled, ["lambda_max"], "optimizer", **WORDS)
    with pytest.raises(ValueError, match="reference='Adam' is no row"):
        figures.measures(filled, ["lambda_max"], "optimizer", "rate", reference="Adam", **WORDS)


def test_quantities_that_the_record_lacks_are_left_out(filled):
    both = figures.measures(filled, ["trace", "lambda_max"], **WORDS)
    assert isinstance(both, Figure) and len(both.figure.axes) == 1
    assert isinstance(figures.measures(filled, ["trace"], **WORDS), Missing)


@pytest.mark.parametrize(("second", "cut"), [([2.0, 2.1, 2.2], False), ([0.1, 2.0, 90.0], True)])
def test_the_caption_explains_the_arrows_of_intervals_that_are_cut_off(numbers, second, cut):
    for arm, values in {"a": [1.0, 1.1, 1.2], "b": second}.items():
        for seed, value in enumerate(values):
            numbers.add("lambda_max", value, arm=arm, seed=seed)
    shown = figures.measures(numbers, ["lambda_max"], **WORDS)
    assert ("An arrow marks an interval that goes beyond the axis." in shown.caption) is cut
