"""The outliers of a spectrum: where the largest gap is, and what a study keeps of it."""

import dataclasses
import math
import types

import numpy as np
import pytest
import torch
from landscape import rng, spectrum
from landscape.operators import from_matrix
from landscape.training import SGD
from studies.arms import Arm
from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.records import outliers
from studies.records.outliers import largest_gap
from studies.tables import measurements

from tests.sample_networks import quadratic
from tests.sample_study import config_of, digits_task, study_in


def pairs_of(values, k, **how):
    return spectrum.eigenpairs(from_matrix(torch.diag(torch.tensor(values).double())), k, **how)


@pytest.mark.parametrize("planted", [1, 4, 7])
def test_planted_outliers_above_a_random_bulk_are_counted(planted):
    half = torch.randn(120, 200, dtype=torch.float64, generator=rng.stream(0, "bulk"))
    directions = torch.randn(120, planted, dtype=torch.float64, generator=rng.stream(0, "planted"))
    basis = torch.linalg.qr(directions).Q
    heights = torch.linspace(12.0, 30.0, planted, dtype=torch.float64)
    matrix = half @ half.T / 200 + (basis * heights) @ basis.T  # The bulk ends at about 3.
    gap = largest_gap(spectrum.eigenpairs(from_matrix(matrix, rtol=1e-9), 12))
    exact = np.linalg.eigvalsh(matrix.numpy())[::-1]
    assert (gap.outliers, gap.converged) == (planted, True)
    assert gap.factor == pytest.approx(exact[planted - 1] / exact[planted], rel=1e-4)


def test_the_gap_is_the_largest_in_ratio_not_in_difference():
    assert largest_gap(pairs_of([100.0, 60.0, 50.0, 10.0, 9.0, 8.0], 5)).outliers == 3


def test_a_gap_at_the_last_of_those_seen_has_not_converged():
    values = [9.0, 8.0, 7.0, 1.0, 0.1, 0.09, 0.08]
    seen = largest_gap(pairs_of(values, 5))
    assert (seen.outliers, seen.converged) == (4, False)
    assert largest_gap(pairs_of(values, 6)) == dataclasses.replace(seen, converged=True)


def test_a_gap_of_a_small_factor_is_none():
    gap = largest_gap(pairs_of([9.0, 8.0, 5.5, 5.0, 4.5, 1.0], 5))
    assert gap.outliers == 2 and gap.factor == pytest.approx(8 / 5.5) and not gap.converged


def test_zeros_below_the_outliers_make_one_gap_among_themselves_none():
    gap = largest_gap(pairs_of([9.0, 8.0, 7.0, *[0.0] * 9], 6))
    assert gap.outliers == 3 and gap.converged and gap.factor > 1e6
    low = largest_gap(pairs_of([9.0, 8.0, 7.0, -1.0, -2.0, -3.0, -4.0], 6))
    assert low.outliers == 3 and low.converged


def test_what_its_residual_hides_makes_no_gap():
    pairs = pairs_of([9.0, 8.0, 2.0, 1e-9, 1e-12, 1e-12], 5)
    blurred = dataclasses.replace(pairs, residuals=torch.full((5,), 1.0).double())
    assert largest_gap(pairs).outliers == 3
    assert largest_gap(blurred).outliers == 2
    assert largest_gap(blurred).factor == pytest.approx(4.0, rel=1e-12)


def test_a_spectrum_without_positive_eigenvalues_has_no_outliers():
    gap = largest_gap(pairs_of([-1.0, -2.0, -3.0, -4.0], 3))
    assert gap.outliers == 0 and math.isnan(gap.factor) and not gap.converged


def test_eigenvalues_that_did_not_converge_leave_the_gap_open():
    pairs = pairs_of([9.0, 8.0, 7.0, 1.0, 0.9, 0.8], 5)
    late = dataclasses.replace(pairs, converged=torch.tensor([True] * 4 + [False]))
    assert largest_gap(pairs).converged and not largest_gap(late).converged
    assert largest_gap(late).outliers == 3


def test_of_both_ends_the_upper_one_counts():
    values = [9.0, 8.0, 1.0, 0.9, 0.8, -1.0, -50.0, -60.0]
    both = pairs_of(values, 4, which="both ends")
    assert largest_gap(both) == largest_gap(pairs_of(values, 4))


@pytest.mark.parametrize(("k", "which"), [(2, "largest"), (4, "smallest")])
def test_too_few_of_the_largest_are_refused(k, which):
    pairs = pairs_of([4.0, 3.0, 2.0, 1.0, 0.5], k, which=which)
    with pytest.raises(ValueError, match=f"the {k} {which} eigenvalues show no gap .* at least 3"):
        largest_gap(pairs)


def test_outliers_are_recorded_with_their_gap_and_the_eigenvalues(store):
    L = quadratic(90.0, 80.0, 70.0, 2.0, 1.9, 1.8, 1.7, 1.0)
    solution = types.SimpleNamespace(missing="", objective=L)
    recorder = Recorder(store)
    outliers._Counting(solution, 6)(recorder)
    (row,) = recorder.measurements
    assert (row["quantity"], row["value"], row["converged"]) == ("outliers", 3, True)
    assert row["note"] == "a factor of 35 to the next, among the 6 largest"
    assert (row["cost_unit"], row["unit"]) == ("products", "eigenvalues")
    kept = outliers.pairs_from(recorder.part("o1"))
    want = spectrum.eigenpairs(L.hessian(L.theta), 6)
    torch.testing.assert_close(kept.values, want.values, rtol=1e-9, atol=0)
    assert largest_gap(kept) == dataclasses.replace(
        largest_gap(want), factor=largest_gap(kept).factor
    )
    assert (kept.k, kept.which, kept.n) == (want.k, want.which, want.n)
    with pytest.raises(ValueError, match="the 2 largest eigenvalues show no gap"):
        outliers._Counting(solution, 2)(recorder)


def test_a_study_keeps_the_eigenvalues_of_each_network(tmp_path):
    arms = {
        Arm("a", rate="low"): config_of(),
        Arm("b", rate="high"): config_of(optimizer=SGD(1e30)),
    }
    tops = {}
    for time in ("first", "second"):
        study = study_in(tmp_path)
        task = digits_task()
        runs = study.train(arms, task, seeds=[3])
        tops[time] = study.outliers(runs.solutions(task.first(24)), k=5)
        numbers = study.measurements.where(quantity="outliers", rate="high")
    assert list(tops["first"]) == [("a", 3)]  # Nothing of a run that diverged.
    assert math.isnan(numbers.values("outliers", "b")[0]) and not numbers.converged("outliers")
    one, other = tops["first"]["a", 3], tops["second"]["a", 3]
    assert torch.equal(one.values, other.values) and torch.equal(one.residuals, other.residuals)
    counted = study.measurements.where(quantity="outliers")
    assert measurements.gaps(counted, classes=10).text.startswith(
        "A clear gap separates outliers in 1 of 1 spectra"
    )


def test_clear_gaps_are_counted_by_their_place():
    rows = [{"quantity": "outliers", "arm": "a", "value": 2.0, "converged": True}] * 2
    rows += [{"quantity": "outliers", "arm": "b", "value": 1.0, "converged": False}]
    rows += [{"quantity": "outliers", "arm": "gone", "value": math.nan, "converged": False}]
    numbers = Measurements(rows)
    text = measurements.gaps(numbers, classes=10).text
    assert text.startswith(
        "A clear gap separates outliers in 2 of 3 spectra (after eigenvalue 2 in 2)."
    )
    assert text.endswith("10 outliers, one for each class: none of the spectra has its gap there.")
    assert "2 of the spectra have its gap there" in measurements.gaps(numbers, classes=2).text
    assert (
        "A clear gap separates outliers in 0 of 1 spectra (none)."
        in measurements.gaps(numbers.where(arm="b"), classes=2).text
    )
    assert "does not hold" in measurements.gaps(Measurements([]), classes=2).text
