"""Tables and sentences on measurements, and what stands where the record lacks them."""

import pytest
from studies.records.published import Comparison
from studies.tables.measurements import estimators, lowest, resolution, resolved


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
