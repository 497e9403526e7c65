"""Geometry at one solution: extreme eigenvalues, one-step rises, rounding and losses."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import sharpness, spectrum
from landscape.diagnostics.rounding import rounding_error
from landscape.objective import Objective
from studies.recorder import Recorder
from studies.records import geometry
from torch import nn

from tests.sample_networks import digits, small_objective


def recorded(store, measure, *where, **options):
    """Return quantity -> row of what an instrument records."""
    recorder = Recorder(store)
    measure(recorder, *where, **options)
    return {row["quantity"]: row for row in recorder.measurements}


@pytest.mark.slow
def test_both_ends_are_the_extreme_algebraic_eigenvalues(store):
    L = small_objective(13)
    rows = recorded(store, geometry.ends, L)
    exact = np.linalg.eigvalsh(L.hessian(L.theta).to_dense().numpy())
    spread = exact[-1] - exact[0]
    assert exact[0] < 0 < exact[-1]
    for name, want in (("lambda_max", exact[-1]), ("lambda_min", exact[0])):
        # An eigenvalue within the residual, at most tol = 1e-4 of the range; quadratically better.
        assert rows[name]["value"] == pytest.approx(want, abs=1e-6 * spread)
    kappa = rows["lambda_max"]["value"] / abs(rows["lambda_min"]["value"])
    assert rows["kappa"]["value"] == pytest.approx(kappa, rel=1e-9)
    assert rows["kappa"]["error_kind"] == "half of interval"


@pytest.mark.slow
def test_the_relative_eigenvalue_is_of_the_hessian_scaled_by_filter_norms(store):
    L = small_objective(13)
    op = L.hessian(L.theta).scaled(L.layout.filter_norms(L.theta))
    want = np.linalg.eigvalsh(op.to_dense().numpy())[-1]
    row = recorded(store, geometry.relative_top, L)["lambda_max_relative"]
    assert row["value"] == pytest.approx(want, rel=1e-6)
    assert row["unit"] == "nats per filter norm²"


def test_rises_are_steps_of_their_length_and_begin_at_one_loss(store):
    L = small_objective(13)
    for measure, name, option, adaptive in (
        (geometry.rise, "sam", {"rho": 0.05}, False),
        (geometry.adaptive_rise, "sam_adaptive", {"rho_adaptive": 0.5}, True),
    ):
        (rho,) = option.values()
        want = sharpness.sam(L, L.theta, rho=rho, adaptive=adaptive).value
        row = recorded(store, measure, L, **option)[name]
        assert row["value"] == pytest.approx(want, rel=1e-9) and row["rho"] == rho
    rows = recorded(store, geometry.slope, L, rho=0.05)
    assert rows["loss"]["value"] == pytest.approx(L.loss(L.theta), rel=1e-9)
    norm = float(L.gradient(L.theta).norm())
    assert rows["gradient_norm"]["value"] == pytest.approx(norm, rel=1e-9)


def test_the_symmetrised_rise_has_the_length_of_its_step(store):
    L = small_objective(13)
    row = recorded(store, geometry.symmetric_rise, L, rho=0.2)["sam_symmetric"]
    want = sharpness.symmetric_rise(L, rho=0.2).value
    assert row["value"] == pytest.approx(want, rel=1e-9)
    assert (row["rho"], row["unit"], row["cost"]) == (0.2, "nats", 5)


def test_rounding_is_a_share_of_the_gradient(store):
    L = small_objective(13)
    row = recorded(store, geometry.rounding, L)["rounding"]
    assert row["value"] == pytest.approx(rounding_error(L, L.theta).value, rel=1e-9)
    assert row["unit"] == "share of the gradient"


def test_losses_are_those_of_the_examples(store):
    examples = tuple(part[20:40] for part in digits().train)
    L = small_objective(13).replace(examples=examples)
    rows = recorded(store, geometry.losses, L, split="test")
    want = L.evaluate(L.theta)
    assert rows["test_accuracy"]["value"] == pytest.approx(want.accuracy, rel=1e-9)
    assert rows["test_loss"]["value"] == pytest.approx(want.loss, rel=1e-9)
    assert {row["examples"] for row in rows.values()} == {20}


def test_products_that_are_no_numbers_leave_rows_that_say_so(store):
    """Shortly before a run diverges losses are finite and products are not."""

    class Steep(nn.Linear):
        def forward(self, x):
            return 1e20 * super().forward(x)

    model = Steep(3, 1)
    nn.init.constant_(model.weight, 1e-3)
    nn.init.zeros_(model.bias)
    examples = (torch.ones(4, 3), torch.zeros(4, 1))
    L = Objective(model, examples, loss=lambda y, z: 0.5 * (y - z).square().sum(1))
    assert math.isfinite(L.loss(L.theta))
    rows = {**recorded(store, geometry.ends, L), "top": recorded(store, geometry.top, L)}
    for row in (rows["lambda_max"], rows["lambda_min"], rows["kappa"], rows["top"]["lambda_max"]):
        assert math.isnan(row["value"]) and row["converged"] is False
    assert rows["lambda_max"]["note"] == "product 1 with the operator is not finite"
    assert rows["kappa"]["note"] == "λ_max and λ_min are not known"


def replaced(monkeypatch, store, change):
    """Let eigenpairs go through a function, past the store, and return the tolerances asked for."""
    tolerances, real = [], spectrum.eigenpairs

    def eigenpairs(hessian, *, tol=1e-4, **options):
        tolerances.append(tol)
        return change(real(hessian, tol=tol, **options), tol)

    monkeypatch.setattr(geometry, "eigenpairs", eigenpairs)
    monkeypatch.setattr(store, "remember", lambda function, *a, **k: function(*a, **k))
    return tolerances


def test_conditioning_is_not_known_where_an_end_is_not(store, monkeypatch):
    def rough(pairs, tol):
        residuals = pairs.residuals.clone()
        residuals[-1] = 0.06 * abs(pairs.values[-1])
        return dataclasses.replace(pairs, residuals=residuals)

    replaced(monkeypatch, store, rough)
    rows = recorded(store, geometry.ends, small_objective(13))
    known = {name: row["converged"] for name, row in rows.items()}
    assert known == {"lambda_max": True, "lambda_min": False, "kappa": False}
    assert rows["lambda_min"]["note"] == "known too roughly"


@pytest.mark.slow
def test_a_largest_eigenvalue_far_below_the_range_is_computed_to_a_smaller_tolerance(
    store, monkeypatch
):
    def off(pairs, tol):
        residuals = torch.full_like(pairs.residuals, tol * 1e4) * pairs.values.abs()
        return dataclasses.replace(pairs, residuals=residuals)

    tolerances = replaced(monkeypatch, store, off)
    row = recorded(store, geometry.top, small_objective(13))["lambda_max"]
    assert tolerances == [1e-4, 1e-5, 1e-6] and row["converged"] is True
    tolerances.clear()
    recorded(store, geometry.top, small_objective(13), tol=1e-3)
    assert tolerances == [1e-3, 1e-4, 1e-5, 1e-6]


def test_missing_numbers_have_rows_with_their_reason():
    rows = recorded(None, geometry.record_missing, ["sam", "loss"], note="why", bn="batch")
    assert list(rows) == ["sam", "loss"]
    for row in rows.values():
        assert math.isnan(row["value"]) and (row["note"], row["bn"]) == ("why", "batch")
        assert row["converged"] is False
