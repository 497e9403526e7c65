"""Records of single eigenvalues: residual, cost, and whether the sign is known."""

import dataclasses

import pytest
import torch
from landscape import spectrum
from studies.records import eigenvalues

from tests.sample_networks import small_objective
from tests.sample_study import rows_of


def test_eigenvalue_is_recorded_with_residual_cost_and_convergence(study, tmp_path):
    at = small_objective(13)
    pairs = spectrum.eigenpairs(at.hessian(at.theta), which="both ends", max_products=6, tol=1e-6)
    eigenvalues.record_eigenvalue(study, "lambda_min", pairs, -1, at, arm="a", seed=3)
    study.write("title", [], [])
    (row,) = rows_of(tmp_path)
    assert float(row["value"]) == pytest.approx(pairs.smallest, rel=1e-9)
    assert float(row["error"]) == pytest.approx(float(pairs.residuals[-1]), rel=1e-9)
    assert (row["error_kind"], row["converged"], row["cost"]) == ("residual", "false", "7")
    assert (row["cost_unit"], row["seed"], row["examples"]) == ("products", "3", "13")


@pytest.mark.parametrize(
    ("value", "residual", "known"), [(2.0, 1.0, True), (-1.0, 2.0, False), (0.0, 0.0, True)]
)
def test_an_eigenvalue_below_its_residual_is_not_told_from_zero(
    study, tmp_path, value, residual, known
):
    at = small_objective(13)
    pairs = spectrum.eigenpairs(at.hessian(at.theta))
    pairs = dataclasses.replace(
        pairs,
        values=torch.tensor([value], dtype=torch.float64),
        residuals=torch.tensor([residual], dtype=torch.float64),
        converged=torch.tensor([True]),
    )
    eigenvalues.record_eigenvalue(study, "lambda_max", pairs, 0, at, arm="a", note="first")
    study.write("title", [], [])
    (row,) = rows_of(tmp_path)
    assert row["converged"] == str(known).lower() and float(row["value"]) == value
    assert row["note"] == ("first" if known else "first; not told from 0")
