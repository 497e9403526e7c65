"""Tables and sentences on measurements, and what stands where the record lacks them."""

import pytest
from studies.formatting import interval_text
from studies.records.published import Comparison
from studies.tables.measurements import estimators, lowest, ratio_words, resolution, resolved


def test_ratios_stand_in_words_with_heading_and_interval(numbers):
    for seed, (first, second) in enumerate([(2.0, 1.0), (4.4, 2.2), (4.0, 2.0)]):
        for arm, value in (("a", first), ("b", second)):
            numbers.add("sam", value, arm=arm, seed=seed)
            numbers.add("lambda_min", -value, arm=arm, seed=seed)
    ratio = interval_text(numbers.ratio("sam", ["a", "b"]))
    # Of negative values it is the ratio of magnitudes; what is not recorded is left out.
    words = ratio_words(numbers, ["sam", "lambda_max", "lambda_min"], ["a", "b"])
    assert words == f"SAM rise {ratio}; λ_min {ratio}"
    assert ratio.startswith("2")
    assert ratio_words(numbers, ["lambda_max"], ["a", "b"]) == "not in the record"


def test_a_ratio_of_an_unknown_quantity_is_refused(numbers):
    numbers.add("sharpness", 1.0, arm="a")
    with pytest.raises(KeyError, match="no quantity 'sharpness' is known"):
        ratio_words(numbers, ["sharpness"], ["a", "b"])


def test_estimates_stand_beside_converged_values_or_a_sentence_says_that_none_are_there():
    row = Comparison("a", "λ_max", 6.96, [3.0, 3.1], [4.0, 4.1])
    table = estimators([row], label="tab-estimators", caption="Estimates.")
    assert table.rows[0][:3] == ["a", "λ_max", "6.96"]
    missing = estimators([], label="tab-estimators", caption="Estimates.")
    assert missing.label == "tab-estimators" and "A table is missing here" in missing.text


def test_the_lowest_accuracy_of_no_path_is_a_sentence():
    assert lowest({}, chance=0.1).text == "The record does not hold the accuracy on the paths."


@pytest.mark.parametrize("undecided", [2, 3])
def test_a_grid_resolves_anisotropy_if_it_does_in_half_of_the_planes(numbers, undecided):
    for seed in range(4):
        error = 0.5 if seed < undecided else 0.1
        numbers.add("anisotropy", 1.2, arm="a", seed=seed, error=error)
    assert f"from a circle in {undecided} of 4 planes" in resolution(numbers).text
    assert resolved(numbers) == (undecided == 2)
