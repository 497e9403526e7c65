"""Records of single eigenvalues: residual, cost, and whether the sign is known."""

import dataclasses

import pytest
import torch
from landscape import spectrum
from studies.recorder import Recorder
from studies.records import eigenvalues

from tests.sample_networks import small_objective


def test_eigenvalue_is_recorded_with_residual_cost_and_convergence():
    at, recorder = small_objective(13), Recorder(None)
    pairs = spectrum.eigenpairs(at.hessian(at.theta), which="both ends", max_products=6, tol=1e-6)
    eigenvalues.record_eigenvalue(recorder, "lambda_min", pairs, -1, at)
    (row,) = recorder.measurements
    assert float(row["value"]) == pytest.approx(pairs.smallest, rel=1e-9)
    assert float(row["error"]) == pytest.approx(float(pairs.residuals[-1]), rel=1e-9)
    assert (row["error_kind"], row["converged"], row["cost"]) == ("residual", False, 7)
    assert (row["cost_unit"], row["examples"]) == ("products", 13)


@pytest.mark.parametrize(
    ("value", "residual", "known"), [(2.0, 1.0, True), (-1.0, 2.0, False), (0.0, 0.0, True)]
)
def test_an_eigenvalue_below_its_residual_is_not_told_from_zero(value, residual, known):
    at, recorder = small_objective(13), Recorder(None)
    pairs = spectrum.eigenpairs(at.hessian(at.theta))
    pairs = dataclasses.replace(
        pairs,
        values=torch.tensor([value], dtype=torch.float64),
        residuals=torch.tensor([residual], dtype=torch.float64),
        converged=torch.tensor([True]),
    )
    eigenvalues.record_eigenvalue(recorder, "lambda_max", pairs, 0, at, note="first")
    (row,) = recorder.measurements
    assert row["converged"] == known and row["value"] == value
    assert row["note"] == ("first" if known else "first; not told from 0")
