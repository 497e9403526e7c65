"""Condition numbers in the record: exact ones, lower bounds, and the layers' product."""

import types

import pytest
import torch
from landscape import models
from landscape.objective import Objective
from landscape.spectrum.gauss_newton import ggn_spectrum
from landscape.theory.conditioning import layers_condition
from studies.recorder import Recorder
from studies.records import conditioning
from torch import nn

from tests.sample_networks import digits

EPS = torch.finfo(torch.float64).eps


def recorded(store, L):
    recorder = Recorder(store)
    conditioning.on_range(recorder, L)
    return {row["quantity"]: row for row in recorder.measurements}


def test_both_condition_numbers_are_recorded_with_their_rounding(store):
    config = models.FullyConnected(depth=4, width=8, norm="batch", skip=True)
    model = config.build((1, 8, 8), 10, seed=0)
    L = Objective(model, digits().first(5), bn="batch", dtype=torch.float64)
    spectrum = ggn_spectrum(L)
    rows = recorded(store, L)
    for name, want in (("kappa_ggn", spectrum), ("kappa_jacobian", spectrum.jacobian)):
        row = rows[name]
        assert row["value"] == pytest.approx(want.condition, rel=1e-6) and row["converged"]
        assert row["error"] == pytest.approx(want.error, rel=1e-4)
        assert (row["error_kind"], row["cost"], row["cost_unit"]) == ("rounding", 50, "passes")
        assert (row["bn"], row["examples"], row["dtype"]) == ("batch", 5, "float64")


def linear(diagonal):
    inputs = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    targets = torch.zeros(len(diagonal), 1, dtype=torch.float64)
    model = nn.Linear(len(diagonal), 1, bias=False)
    return Objective(model, (inputs, targets), loss="mse", dtype=torch.float64)


@pytest.mark.parametrize(
    ("smallest", "least", "note"),
    [
        (0.0, 1 / (4 * EPS), "a lower bound: rounding hides 1 of 2 eigenvalues"),
        # κ = 1e15, whose error 2 eps 1e15 = 0.44 of it is too large.
        (10**-7.5, 1 / (1e-15 + 2 * EPS), "a lower bound: rounding hides the smallest eigenvalue"),
    ],
)
def test_what_rounding_hides_leaves_a_lower_bound(store, smallest, least, note):
    row = recorded(store, linear([1.0, smallest]))["kappa_ggn"]
    assert row["value"] == pytest.approx(least, rel=1e-6)
    assert not row["converged"] and row["note"] == note and "error" not in row


def test_the_product_over_the_layers_is_recorded(store):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    recorder = Recorder(store)
    conditioning.of_layers(recorder, types.SimpleNamespace(model=lambda: model))
    (row,) = recorder.measurements
    assert row["quantity"] == "layers_condition"
    assert row["value"] == pytest.approx(layers_condition(model), rel=1e-9)
