"""The critical step: closed forms on quadratics, and where there is none."""

import math

import pytest
import torch
from landscape.dynamics.critical import critical_step
from landscape.objective import Objective
from torch import nn

CURVATURES = torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64)


def quadratic(bn="frozen"):
    """The loss Σ λᵢ θᵢ² / 2 of three parameters."""
    inputs = torch.diag((3 * CURVATURES / 2).sqrt())
    model = nn.Linear(3, 1, bias=False).double()
    return Objective(model, (inputs, torch.zeros(3, 1, dtype=torch.float64)), loss="mse", bn=bn)


def point(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_quadratic_is_the_one_that_is_meant():
    assert torch.allclose(quadratic().hessian().to_dense(), torch.diag(CURVATURES))


@pytest.mark.parametrize("rate", [1e-4, 0.1, 0.49, 0.51, 3.0, 1e3])
@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_along_an_eigenvector_critical_sharpness_is_its_eigenvalue(rate, bn):
    L = quadratic(bn)
    for axis, curvature in enumerate(CURVATURES.tolist()):
        theta = torch.zeros(3, dtype=torch.float64)
        theta[axis] = 2.0
        step = critical_step(L, -rate * L.gradient(theta), theta, rtol=1e-3)
        assert step.converged
        assert step.sharpness(rate) == pytest.approx(curvature, rel=2e-3)
        assert abs(step.value - 2 / (curvature * rate)) <= step.error * (1 + 1e-9)


def test_along_a_mixed_gradient_it_is_the_curvature_along_the_gradient():
    L, theta = quadratic(), point(1.0, -2.0, 3.0)
    g = L.gradient(theta)
    step = critical_step(L, -0.1 * g, theta, rtol=1e-3)
    expected = float(g @ (CURVATURES * g) / (g @ g))
    assert step.sharpness(0.1) == pytest.approx(expected, rel=2e-3)
    assert step.sharpness(0.1) < 4.0


def test_uphill_it_is_zero_and_without_a_rise_infinite():
    L, theta = quadratic(), point(1.0, 1.0, 1.0)
    uphill = critical_step(L, L.gradient(theta), theta)
    assert uphill.value == 0 and not uphill.converged and uphill.sharpness(0.1) == math.inf
    flat = Objective(
        nn.Linear(1, 1, bias=False), (torch.zeros(2, 1), torch.zeros(2, 1)), loss="mse"
    )
    level = critical_step(flat, torch.ones(1))
    assert level.value == math.inf and not level.converged and level.sharpness(0.1) == 0


def test_few_evaluations_suffice_and_are_counted():
    L, theta = quadratic(), point(1.0, 1.0, 1.0)
    assert critical_step(L, -0.3 * L.gradient(theta), theta).passes <= 10


def test_wrong_directions_are_refused():
    L = quadratic()
    with pytest.raises(ValueError, match=r"Pass a direction \(3,\) that is not 0"):
        critical_step(L, torch.zeros(3))
    with pytest.raises(ValueError, match=r"has the shape \(2,\)"):
        critical_step(L, torch.ones(2))
    with pytest.raises(ValueError, match="rtol > 0"):
        critical_step(L, torch.ones(3), rtol=0.0)
