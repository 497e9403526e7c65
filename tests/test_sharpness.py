"""SAM's one-step sharpness."""

import math

import pytest
import torch
from landscape import sharpness, theory
from landscape.objective import Objective

from tests.sample_networks import (
    Point,
    digits,
    log_point,
    quadratic,
    relu_net,
    relu_objective,
    rescaled,
    small_cnn,
    small_objective,
    state_of,
)


def at(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_sam_of_a_quadratic_is_the_closed_form():
    # g = (1·3, 10·0.4) = (3, 4), so ε = ρ (0.6, 0.8).
    found = sharpness.sam(quadratic(1.0, 10.0), at(3.0, 0.4), rho=0.5)
    want = 0.5 * (3.3**2 - 3.0**2) + 5 * (0.8**2 - 0.4**2)
    assert found.value == pytest.approx(want, rel=1e-13)
    assert found.loss == pytest.approx(4.5 + 0.8, rel=1e-14)
    assert found.gradient_norm == pytest.approx(5.0, rel=1e-14)
    assert (found.rho, found.adaptive, found.converged, found.passes) == (0.5, False, True, 4)


def test_adaptive_sam_of_a_quadratic_is_the_closed_form():
    # T = diag(3, 0.4), T g = (9, 1.6), ε = ρ T²g/‖T g‖ = ρ (27, 0.64)/‖(9, 1.6)‖.
    found = sharpness.sam(quadratic(1.0, 10.0), at(-3.0, 0.4), rho=0.5, adaptive=True)
    norm = math.hypot(9.0, 1.6)
    x, y = -3.0 - 0.5 * 27 / norm, 0.4 + 0.5 * 0.64 / norm
    assert found.value == pytest.approx(0.5 * (x**2 - 9) + 5 * (y**2 - 0.16), rel=1e-13)


def test_adaptive_step_has_the_radius_rho_relative_to_the_parameters():
    seen = []

    class Spy(Objective):
        def loss(self, theta, **options):
            seen.append(theta)
            return super().loss(theta, **options)

    objective = small_objective()
    spy = Spy(small_cnn(), digits().first(13), dtype=torch.float64)
    sharpness.sam(spy, objective.theta, rho=0.2, adaptive=True)
    step = (seen[1] - seen[0]) / seen[0].abs()
    step = step[seen[0] != 0]
    assert float(step.norm()) == pytest.approx(0.2, rel=1e-12)


def test_sam_at_a_point_without_gradient_is_zero():
    found = sharpness.sam(quadratic(1.0, -10.0), at(0.0, 0.0), rho=0.1)
    assert (found.value, found.gradient_norm, found.converged) == (0.0, 0.0, True)


def test_sam_goes_up_also_where_the_curvature_is_negative():
    found = sharpness.sam(quadratic(-1.0, -10.0), at(1.0, 1.0), rho=0.1)
    assert found.value > 0


def test_adaptive_sam_is_unchanged_by_rescaling_layers_and_raw_sam_is_not():
    values = {}
    for name, model in (("one", relu_net()), ("two", rescaled(relu_net(), 10.0))):
        objective = relu_objective(model)
        values[name] = [
            sharpness.sam(objective, objective.theta, rho=0.05, adaptive=adaptive).value
            for adaptive in (True, False)
        ]
    assert values["one"][0] == pytest.approx(values["two"][0], rel=1e-11)
    assert abs(values["one"][1] / values["two"][1] - 1) > 0.1


def test_adaptive_sam_is_unchanged_by_a_reparametrized_twin_behind_bn():
    values = []
    for model in (small_cnn(), theory.reparametrized_twin(small_cnn(), layer="0", factor=5.0)):
        objective = Objective(model, digits().first(13))
        values.append(sharpness.sam(objective, objective.theta, adaptive=True).value)
    assert values[0] == pytest.approx(values[1], rel=1e-10)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_sam_leaves_the_model_alone_and_carries_what_it_was_measured_on(bn):
    model = small_cnn().train()
    before, numbers = state_of(model), torch.get_rng_state()
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5, dtype=torch.float32)
    found = sharpness.sam(objective, objective.theta)
    assert state_of(model) == before and torch.equal(torch.get_rng_state(), numbers)
    assert (found.bn, found.examples, found.dtype) == (bn, 9, "float32")
    assert found.examples_hash == objective.examples_hash and found.value > 0


@pytest.mark.parametrize("theta", [(0.0, 1.0), (-1.0, 1.0)])
def test_sam_that_is_not_finite_says_so(theta):
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    found = sharpness.sam(Objective(Point(2), examples, loss=log_point), at(*theta))
    assert not found.converged and not math.isfinite(found.value)


@pytest.mark.parametrize("rho", [0.0, -0.1, math.inf, math.nan])
def test_sam_refuses_a_radius_that_is_none(rho):
    with pytest.raises(ValueError, match=rf"rho={rho} is no radius. Pass a finite number > 0"):
        sharpness.sam(quadratic(1.0), at(1.0), rho=rho)


def test_sam_refuses_a_theta_of_another_shape():
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\)"):
        sharpness.sam(quadratic(1.0, 2.0), at(1.0))
