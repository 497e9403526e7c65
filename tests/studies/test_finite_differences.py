"""Errors of finite-difference products: where the answer is known, and by a second way."""

import math

import pytest
import torch
from landscape import directions, models, rng
from landscape.objective import Objective
from studies.finite_differences import product_errors
from studies.smooth_twin import SmoothTwin
from torch import nn

from tests.sample_networks import digits, filled, quadratic, regression_data, state_of


def direction(objective, seed=0, index=0):
    v = directions.random(objective.layout, generator=rng.stream(seed, "product_errors", index))
    return v / v.norm()


# At a kink the gradient is the derivative of the loss to one side at most: there is none to check.
AT_A_KINK = {"dtype": torch.float64, "check": False}


def first_output(outputs, targets):
    return outputs[:, 0]


def sum_of_outputs(outputs, targets):
    return outputs.sum(1)


def single_unit(bias=0.0):
    """One ReLU of one weight w: f = max(w x + b, 0), with a constant slope 1 of the loss."""
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(0.0)
        model[0].bias.fill_(bias)
    inputs = torch.ones(1, 1, dtype=torch.float64)
    return Objective(model, (inputs, torch.zeros(1)), loss=first_output, **AT_A_KINK)


def digit_objective(config, count=12, **options):
    model = config.build((1, 8, 8), 10, seed=0)
    return Objective(model, digits().first(count), **{"dtype": torch.float64, **options})


def errors(objective, steps=(1e-3,), count=1, seed=0):
    return product_errors(objective, objective.theta, step_sizes=steps, directions=count, seed=seed)


def test_differences_of_a_quadratic_are_exact():
    inputs, targets, _ = regression_data()
    layer = filled(nn.Linear(4, 3, bias=False), "regression")
    objective = Objective(layer, (inputs, targets), loss="mse", microbatch=4)
    hessian = torch.kron(torch.eye(3, dtype=torch.float64), inputs.T @ inputs) * 2 / (11 * 3)
    measured = errors(objective, (1e-2, 1.0), count=3)
    norms = [(hessian @ direction(objective, 0, i)).norm().item() for i in range(3)]
    assert measured.norms.tolist() == pytest.approx(norms, rel=1e-12)
    # Rounding of gradients near 1, divided by the smaller step.
    assert (measured.errors < 1e-13).all() and measured.errors.shape == (2, 3)
    assert not measured.switched.any() and not measured.moved.any()
    assert (measured.gradients, measured.products, measured.converged) == (12, 3, True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_unit_that_switches_makes_the_jump_over_twice_the_step(dtype):
    objective = single_unit().replace(dtype=dtype)
    v = direction(objective)
    for step in (1e-3, 1e-1):
        measured = errors(objective, (step,))
        # The pre-activation ± ε (v₁ + v₂) has both signs: the gradient (1, 1) jumps to (0, 0).
        assert abs(v.sum()) > 0.1 and measured.switched.tolist() == [[1.0]]
        assert measured.errors.item() == pytest.approx(math.sqrt(2) / (2 * step), rel=1e-6)
        assert measured.norms.item() == 0


def test_a_step_that_ends_before_the_kink_has_no_error():
    measured = errors(single_unit(bias=1.0), (1e-3, 1e-1))
    assert not measured.switched.any() and (measured.errors < 1e-12).all()


def test_a_unit_that_switches_for_one_of_several_examples_jumps_by_its_share():
    inputs = torch.tensor([[1.0], [0.0], [0.0], [0.0]], dtype=torch.float64)
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    nn.init.zeros_(network[0].weight)
    objective = Objective(network, (inputs, torch.zeros(4)), loss=first_output, **AT_A_KINK)
    # Three examples have the pre-activation 0 at both ends; the fourth changes sign.
    measured = errors(objective, (0.5,))
    assert measured.switched.item() == 1 and measured.errors.item() == pytest.approx(0.25)


def test_a_maximum_that_moves_is_counted_and_equal_pixels_are_not():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Flatten())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.zero_()
    inputs = torch.zeros(2, 1, 2, 4, dtype=torch.float64)
    inputs[0, 0, 0, 0], inputs[0, 0, 1, 1] = 1.0, -1.0  # The first window alone has a contrast.
    objective = Objective(model, (inputs, torch.zeros(2)), loss=sum_of_outputs, **AT_A_KINK)
    measured = errors(objective, (1e-3,))
    assert measured.moved.item() == 1 and measured.switched.item() == 0
    # Its slope by the weight is the largest pixel, or the smallest with the other sign: ± 1 of 2.
    assert measured.errors.item() == pytest.approx(2 / 2 / (2 * 1e-3), rel=1e-9)


NETWORKS = {
    "MLP": models.MLP(hidden=(16, 8)),
    "CNN": models.CNN(channels=(3,), hidden=6, norm="none"),
    "smooth CNN": SmoothTwin(models.CNN(channels=(3,), hidden=6, norm="none")),
}


def by_hand(name, step, dtype):
    """Error and norm by plain torch, with a dense Hessian in float64."""
    inputs, targets = digits().first(12)
    model = NETWORKS[name].build((1, 8, 8), 10, seed=0)
    parameters = dict(model.named_parameters())
    sizes = [parameter.numel() for parameter in parameters.values()]

    def loss(theta):
        parts = zip(parameters.items(), theta.split(sizes), strict=True)
        named = {key: part.view(old.shape) for (key, old), part in parts}
        outputs = torch.func.functional_call(model, named, (inputs.to(theta.dtype),))
        return nn.functional.cross_entropy(outputs, targets)

    theta = torch.cat([old.detach().flatten() for old in parameters.values()]).double()
    v = direction(digit_objective(NETWORKS[name]))
    exact = torch.autograd.functional.hessian(loss, theta) @ v
    ends = []
    for sign in (1, -1):
        leaf = (theta + sign * step * v).to(dtype).requires_grad_()
        ends.append(torch.autograd.grad(loss(leaf), leaf)[0].double())
    return float(((ends[0] - ends[1]) / (2 * step) - exact).norm()), float(exact.norm())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_dense_hessian_and_a_difference_by_hand_agree(name, dtype):
    objective = digit_objective(NETWORKS[name], dtype=dtype)
    measured = errors(objective, (1e-2,))
    error, norm = by_hand(name, 1e-2, dtype)
    assert measured.norms.item() == pytest.approx(norm, rel=1e-9)
    # In float32 gradients round by 1e-7, divided by 1e-2.
    tolerance = {"rel": 1e-7, "abs": 1e-12} if dtype == torch.float64 else {"abs": 1e-4}
    assert measured.errors.item() == pytest.approx(error, **tolerance)


def test_without_kinks_the_error_falls_with_the_square_of_the_step():
    measured = errors(digit_objective(NETWORKS["smooth CNN"]), (1e-2, 1e-1), count=2)
    assert (measured.errors[1] / measured.errors[0]).tolist() == pytest.approx([100] * 2, rel=0.05)
    assert not measured.switched.any() and not measured.moved.any()


def test_microbatches_of_any_size_give_the_same():
    config = NETWORKS["CNN"]
    whole = errors(digit_objective(config, 7), (1e-2,), count=2)
    ragged = errors(digit_objective(config, 7, microbatch=3), (1e-2,), count=2)
    torch.testing.assert_close(ragged.errors, whole.errors, rtol=1e-9, atol=0)
    assert torch.equal(ragged.switched, whole.switched) and whole.switched.any()
    assert torch.equal(ragged.moved, whole.moved) and whole.moved.any()


def test_one_seed_gives_the_same_bytes_and_another_does_not():
    objective = digit_objective(NETWORKS["MLP"])
    first, again, other = (errors(objective, (1e-2,), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.errors, again.errors) and torch.equal(first.norms, again.norms)
    assert first.seed == 3 and not torch.equal(first.errors, other.errors)


def test_rms_is_over_directions_and_the_objective_stays_as_it_was():
    objective = digit_objective(NETWORKS["MLP"])
    before, module = objective.theta.clone(), objective.parts().module
    state = state_of(module)
    measured = errors(objective, (1e-2, 1e-1), count=4)
    want = [math.sqrt(sum(x * x for x in row) / 4) for row in measured.errors.tolist()]
    assert measured.rms.tolist() == pytest.approx(want)
    norms = measured.norms.tolist()
    assert measured.rms_norm == pytest.approx(math.sqrt(sum(x * x for x in norms) / 4))
    assert torch.equal(before, objective.theta) and state_of(module) == state
    assert not any(part._forward_pre_hooks for part in module.modules())


def test_gradients_that_are_not_finite_leave_errors_that_say_so():
    objective, theta = quadratic(1.0, 2.0), torch.zeros(2, dtype=torch.float64)
    huge = product_errors(objective, theta, step_sizes=(1e308,), directions=1, seed=0)
    assert not huge.converged and not huge.errors.isfinite().any()


@pytest.mark.parametrize(
    ("steps", "count"),
    [((), 1), ((0.0,), 1), ((math.inf,), 1), ((1e-3, math.nan), 1), ((1e-3,), 0)],
)
def test_arguments_out_of_range_are_refused(steps, count):
    with pytest.raises(ValueError, match="give no differences"):
        errors(digit_objective(NETWORKS["MLP"]), steps, count)
