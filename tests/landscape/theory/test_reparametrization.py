"""The reparametrised twin: the same function elsewhere, with predicted curvatures."""

import numpy as np
import pytest
import torch
from landscape import theory
from landscape.objective import Objective
from landscape.spectrum import eigenpairs
from torch import nn

from tests.sample_networks import (
    digits,
    filled,
    relu_net,
    relu_objective,
    small_cnn,
    state_of,
)


def outputs(model, inputs):
    with torch.no_grad():
        return model(inputs)


@pytest.mark.parametrize("factor", [0.01, 0.5, 3.0, 1000.0])
@pytest.mark.parametrize(
    ("norm", "layer"),
    [("batch", "0"), ("batch", "4"), ("batch", "9"), ("none", "0"), ("none", "3")],
)
def test_twin_computes_the_same_function(norm, layer, factor):
    model = small_cnn(norm).eval()
    twin = theory.reparametrized_twin(model, layer=layer, factor=factor)
    inputs = digits().x_test.double()
    torch.testing.assert_close(outputs(twin, inputs), outputs(model, inputs), rtol=1e-9, atol=1e-11)
    scaled = twin.get_submodule(layer).weight
    torch.testing.assert_close(scaled, factor * model.get_submodule(layer).weight)


def test_twin_of_a_relu_net_divides_the_next_layer_and_keeps_its_bias():
    model = relu_net()
    twin = theory.reparametrized_twin(model, layer="0", factor=4.0)
    assert torch.equal(twin[0].weight, 4 * model[0].weight)
    assert torch.equal(twin[0].bias, 4 * model[0].bias)
    assert torch.equal(twin[2].weight, model[2].weight / 4)
    assert torch.equal(twin[2].bias, model[2].bias)


def test_twin_behind_bn_changes_running_statistics_and_nothing_that_follows():
    model = small_cnn()
    twin = theory.reparametrized_twin(model, layer="4", factor=4.0)
    changed = {
        name
        for name, tensor in model.state_dict().items()
        if not torch.equal(tensor, twin.state_dict()[name])
    }
    assert changed == {"4.weight", "4.bias", "5.running_mean", "5.running_var"}


def test_twin_leaves_the_model_alone():
    model = small_cnn().train()
    before = state_of(model)
    theory.reparametrized_twin(model, layer="0", factor=4.0)
    assert state_of(model) == before


def hessians(factor):
    """Dense Hessians of a ReLU net and its twin, and the predicted scale of each parameter."""
    model = relu_net()
    pair = [
        relu_objective(m)
        for m in (model, theory.reparametrized_twin(model, layer="0", factor=factor))
    ]
    dense = [objective.hessian(objective.theta).to_dense() for objective in pair]
    sizes = [block.size for block in pair[0].layout.blocks]
    scale = torch.cat(
        [
            torch.full((size,), value, dtype=torch.float64)
            for size, value in zip(sizes, (1 / factor, 1 / factor, factor, 1.0), strict=True)
        ]
    )
    return pair, dense, scale


def test_second_derivatives_of_the_twin_change_by_the_predicted_factors():
    _, (own, its), scale = hessians(3.0)
    torch.testing.assert_close(its, scale[:, None] * own * scale, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_top_eigenvalue_of_the_scaled_layer_changes_by_the_square_of_the_factor():
    model = small_cnn()
    tops = []
    for network in (model, theory.reparametrized_twin(model, layer="0", factor=0.01)):
        objective = Objective(network, digits().first(13))
        block = objective.layout.blocks[0].entries
        tops.append(
            np.linalg.eigvalsh(objective.hessian(objective.theta).to_dense()[block, block])[-1]
        )
    assert tops[1] / tops[0] == pytest.approx(1e4, rel=1e-9)


@pytest.mark.parametrize("layer", ["0", "4"])
def test_filter_scaled_top_eigenvalue_is_that_of_the_twin_and_the_raw_one_is_not(layer):
    model = small_cnn()
    relative, raw = [], []
    for network in (model, theory.reparametrized_twin(model, layer=layer, factor=0.05)):
        objective = Objective(network, digits().first(13))
        op = objective.hessian(objective.theta)
        norms = objective.layout.filter_norms(objective.theta)
        relative.append(eigenpairs(op.scaled(norms), tol=1e-9).largest)
        raw.append(eigenpairs(op, tol=1e-9).largest)
    assert relative[0] == pytest.approx(relative[1], rel=1e-8)
    assert raw[1] > 5 * raw[0]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_twin_refuses_a_factor_that_is_not_positive_and_finite(factor):
    with pytest.raises(ValueError, match=rf"factor={factor} must be finite and > 0"):
        theory.reparametrized_twin(relu_net(), layer="0", factor=factor)


@pytest.mark.parametrize("layer", ["1", "7", ""])
def test_twin_refuses_a_layer_that_is_none(layer):
    with pytest.raises(
        ValueError, match=r"no convolution or linear layer. Pass one of \['0', '2'\]"
    ):
        theory.reparametrized_twin(relu_net(), layer=layer, factor=2.0)


@pytest.mark.parametrize("between", [nn.Tanh(), nn.LayerNorm(5), nn.Sigmoid()])
def test_twin_refuses_layers_that_cannot_pass_the_factor_on(between):
    model = nn.Sequential(nn.Linear(4, 5), between, nn.Linear(5, 3))
    with pytest.raises(ValueError, match=r"nothing behind layer '0' can absorb the factor"):
        theory.reparametrized_twin(model, layer="0", factor=2.0)


def test_twin_refuses_the_last_layer():
    with pytest.raises(ValueError, match=r"nothing behind layer '2' can absorb"):
        theory.reparametrized_twin(relu_net(), layer="2", factor=2.0)


def test_twin_refuses_a_model_that_does_not_say_its_order():
    with pytest.raises(ValueError, match=r"Linear does not say which layer follows which"):
        theory.reparametrized_twin(nn.Linear(2, 2), layer="0", factor=2.0)


def test_twin_refuses_a_factor_below_the_eps_of_normalisation():
    with pytest.raises(ValueError, match=r"variance in '1' smaller than its eps. Pass a larger"):
        theory.reparametrized_twin(small_cnn(), layer="0", factor=1e-5)


def test_twin_of_a_net_with_leaky_relu_and_average_pooling_is_the_same_function():
    layers = [
        nn.Conv2d(1, 2, 3),
        nn.LeakyReLU(0.2),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(18, 3),
    ]
    model = filled(nn.Sequential(*layers))
    twin = theory.reparametrized_twin(model, layer="0", factor=5.0)
    inputs = digits().x_test.double()
    torch.testing.assert_close(
        outputs(twin, inputs), outputs(model, inputs), rtol=1e-12, atol=1e-12
    )


# The bound of S2


HOW = {"learning_rate": 0.1, "steps": 200, "noise": 3.0, "batch_size": 60}


def test_bound_of_the_trace_is_the_sum_of_descent_and_noise():
    assert theory.trace_bound(2.5, **HOW) == pytest.approx(2 * 2.5 / 20 + 0.05)
    assert theory.trace_bound(0.0, **HOW) == pytest.approx(0.05)


def test_bound_of_the_trace_grows_as_the_batch_shrinks_though_said_to_show_the_opposite():
    small = theory.trace_bound(2.5, **{**HOW, "batch_size": 6})
    assert small - theory.trace_bound(2.5, **HOW) == pytest.approx(3 / 6 - 3 / 60)


@pytest.mark.parametrize("name", ["learning_rate", "steps", "batch_size"])
def test_bound_of_the_trace_refuses_what_gives_none(name):
    with pytest.raises(ValueError, match=f"{name}=0 gives no bound"):
        theory.trace_bound(2.5, **{**HOW, name: 0})


def test_bound_of_the_trace_refuses_negative_variance_and_endless_descent():
    with pytest.raises(ValueError, match="both >= 0"):
        theory.trace_bound(2.5, **{**HOW, "noise": -1.0})
    with pytest.raises(ValueError, match="finite descent"):
        theory.trace_bound(float("inf"), **HOW)
