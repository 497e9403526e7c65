"""Records of solutions: geometry, sharpness, losses, and rows for missing networks."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import sharpness, spectrum
from landscape.objective import Objective
from studies.records import runs, solutions
from torch import nn

from tests.sample_networks import digits, small_cnn, small_objective
from tests.sample_study import rows_of, run_of


def test_geometry_records_raw_and_scale_free_sharpness(study):
    at = small_objective(13)
    solutions.record_geometry(study, at, rho=0.05, rho_adaptive=0.5, arm="a", prefix="twin_")
    op = at.hessian(at.theta)
    exact = np.linalg.eigvalsh(op.to_dense().numpy())
    norms = at.layout.filter_norms(at.theta)
    relative = np.linalg.eigvalsh(op.scaled(norms).to_dense().numpy())
    spread = exact[-1] - exact[0]
    for name, want in (("lambda_max", exact[-1]), ("lambda_min", exact[0])):
        # An eigenvalue within the residual, at most tol = 1e-4 of the range; quadratically better.
        assert study.values(f"twin_{name}", "a") == pytest.approx([want], abs=1e-6 * spread)
    assert study.values("twin_lambda_max_relative", "a") == pytest.approx([relative[-1]], rel=1e-6)
    for name, rho, adaptive in (("sam", 0.05, False), ("sam_adaptive", 0.5, True)):
        want = sharpness.sam(at, at.theta, rho=rho, adaptive=adaptive).value
        assert study.values(f"twin_{name}", "a") == [want]
    before = op.products
    solutions.record_geometry(study, at, rho=0.05, rho_adaptive=0.5, arm="again", which="largest")
    assert study.values("lambda_max", "again") == pytest.approx([exact[-1]], abs=1e-6 * spread)
    assert op.products == before
    with pytest.raises(KeyError):
        study.values("lambda_min", "again")


def test_subsets_record_a_value_for_each_set_of_examples(study):
    model, task = small_cnn(), digits()
    sets = [task.first(8), task.first(24)]
    solutions.record_subsets(study, {"a": model}, sets, seed=3)
    for found, examples in zip(study.values("lambda_max_by_examples", "a"), sets, strict=True):
        L = Objective(model, examples)
        exact = np.linalg.eigvalsh(L.hessian(L.theta).to_dense().numpy())
        assert found == pytest.approx(exact[-1], rel=1e-4)


def test_solutions_have_their_geometry_and_conditioning(study):
    at = small_objective(13)
    solutions.record_solutions(study, {("a", 4): at}, rho=0.05, rho_adaptive=0.5)
    (top,), (low,) = study.values("lambda_max", "a"), study.values("lambda_min", "a")
    assert study.values("kappa", "a") == pytest.approx([top / abs(low)], rel=1e-12)
    assert len(study.values("sam_adaptive", "a")) == 1


def test_headings_are_those_of_what_runs_and_solutions_record(study, tmp_path):
    runs.record_runs(study, {("a", 0): run_of(study)})
    solutions.record_solutions(study, {("a", 0): small_objective(13)}, rho=0.05, rho_adaptive=0.5)
    study.write("title", [], [])
    units = {row["quantity"]: row["unit"] for row in rows_of(tmp_path)}
    assert set(solutions.HEADINGS) <= set(units)
    in_nats = {name for name, heading in solutions.HEADINGS.items() if heading.endswith("(nats)")}
    assert {units[name] for name in in_nats} == {"nats"}


def test_a_solution_that_diverged_has_rows_without_numbers(study):
    solutions.record_solutions(study, {("a", 0): None}, rho=0.05, rho_adaptive=0.5)
    solutions.record_early(study, {("a", 0): None}, rho=0.05, prefix="early_")
    names = ("lambda_max", "lambda_min", "lambda_max_relative", "sam", "sam_adaptive", "kappa")
    for name in (*names, "rounding"):
        assert math.isnan(study.values(name, "a")[0]) and not study.converged(name)
    for name in ("lambda_max", "sam", "gradient_norm"):
        assert math.isnan(study.values(f"early_{name}", "a")[0])


def test_products_that_are_no_numbers_leave_rows_that_say_so(study, tmp_path):
    """Shortly before a run diverges losses are finite and products are not."""

    class Steep(nn.Linear):
        def forward(self, x):
            return 1e20 * super().forward(x)

    model = Steep(3, 1)
    nn.init.constant_(model.weight, 1e-3)
    nn.init.zeros_(model.bias)
    examples = (torch.ones(4, 3), torch.zeros(4, 1))
    lost = Objective(model, examples, loss=lambda y, z: 0.5 * (y - z).square().sum(1))
    at = {("a", 0): lost, ("a", 1): small_objective(13)}
    assert math.isfinite(lost.loss(lost.theta))
    solutions.record_solutions(study, at, rho=0.05, rho_adaptive=0.5)
    solutions.record_early(study, at, rho=0.05, prefix="early_")
    for name in ("lambda_max", "lambda_min", "kappa", "early_lambda_max"):
        lost, known = study.values(name, "a")
        assert math.isnan(lost) and math.isfinite(known)
    study.write("title", [], [])
    notes = {row["note"] for row in rows_of(tmp_path) if row["quantity"] == "lambda_max"}
    assert "product 1 with the operator is not finite" in notes
    how = {"rho": 0.05, "rho_adaptive": 0.5, "arm": "noted", "note": "a = 2"}
    assert solutions.record_geometry(study, at["a", 0], **how) is None
    study.write("title", [], [])
    noted = [row["note"] for row in rows_of(tmp_path) if row["arm"] == "noted"]
    assert noted[0] == "a = 2; product 1 with the operator is not finite"


def test_conditioning_is_not_known_where_an_end_is_not(study, monkeypatch):
    at, real = small_objective(13), spectrum.eigenpairs

    def rough(*arguments, **options):
        found = real(*arguments, **options)
        residuals = found.residuals.clone()
        residuals[-1] = 0.06 * abs(found.values[-1])
        return dataclasses.replace(found, residuals=residuals)

    monkeypatch.setattr(solutions, "eigenpairs", rough)
    monkeypatch.setattr(study.store, "remember", lambda function, *a, **k: function(*a, **k))
    solutions.record_solutions(study, {("a", 4): at}, rho=0.05, rho_adaptive=0.5)
    assert study.converged("lambda_max") and study.converged("sam")
    assert not study.converged("lambda_min") and not study.converged("kappa")


def test_early_numbers_are_those_of_the_objective(study):
    at = small_objective(13)
    solutions.record_early(study, {("a", 2): at}, rho=0.05, prefix="early_")
    exact = np.linalg.eigvalsh(at.hessian(at.theta).to_dense().numpy())
    assert study.values("early_lambda_max", "a") == pytest.approx([exact[-1]], rel=1e-6)
    assert study.values("early_loss", "a") == [at.loss(at.theta)]
    assert study.values("early_gradient_norm", "a") == [float(at.gradient(at.theta).norm())]
    assert study.values("early_sam", "a") == [sharpness.sam(at, at.theta, rho=0.05).value]


def test_what_is_tested_is_the_network_in_eval_mode_on_other_examples(study, tmp_path):
    at = small_objective(13).replace(bn="batch")
    examples = tuple(part[20:40] for part in digits().train)
    how = {"prefix": "equal_", "missing_note": "no network"}
    solutions.record_test_loss(study, {("a", 2): at, ("a", 3): None}, examples, **how)
    want = small_objective(13).replace(examples=examples).evaluate(at.theta)
    accuracy, lost = study.values("equal_test_accuracy", "a")
    assert accuracy == want.accuracy and math.isnan(lost)
    assert study.values("equal_test_loss", "a")[0] == want.loss
    study.write("title", [], [])
    rows = rows_of(tmp_path)
    assert [row["examples"] for row in rows[:2]] == ["20", "20"]
    assert {row["note"] for row in rows[2:]} == {"no network"}
    solutions.record_test_loss(study, {("a", 2): at}, examples, split="train", **how)
    assert study.values("equal_train_loss", "a") == [want.loss]
    assert study.values("equal_train_accuracy", "a") == [want.accuracy]


def test_a_largest_eigenvalue_far_below_the_range_is_computed_to_a_smaller_tolerance(
    study, monkeypatch
):
    asked, at = [], small_objective(13)
    real = spectrum.eigenpairs

    def eigenpairs(hessian, *, tol=1e-4):
        asked.append(tol)
        found = real(hessian, tol=tol)
        off = torch.full_like(found.residuals, tol * 1e4)
        return dataclasses.replace(found, residuals=off * found.values.abs())

    monkeypatch.setattr(solutions, "eigenpairs", eigenpairs)
    monkeypatch.setattr(study.store, "remember", lambda of, *args, **how: of(*args, **how))
    solutions.record_early(study, {("a", 0): at}, rho=0.05, prefix="")
    assert asked == [1e-4, 1e-5, 1e-6]
    asked.clear()
    solutions.record_early(study, {("a", 0): at}, rho=0.05, prefix="", tol=1e-3)
    assert asked == [1e-3, 1e-4, 1e-5, 1e-6]
