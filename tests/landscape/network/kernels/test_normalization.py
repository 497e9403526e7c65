"""Second derivatives of normalisation by the statistics of the batch, against PyTorch's own."""

import pytest
import torch
from landscape.network.kernels.double_backward import FastConvolutions, convolved
from landscape.network.kernels.normalization import ExactStatistics
from landscape.objective import Objective
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tests.landscape.network.kernels.test_convolution import normal, same
from tests.sample_networks import filled

SHAPES = {
    "features": (7, 3),
    "signals": (4, 3, 5),
    "images": (4, 3, 5, 2),
    "one image": (1, 3, 5, 2),
    "volumes": (2, 3, 3, 2, 2),
}
# Which of scale and shift are there, and whether the inputs depend on theta.
OPERANDS = {
    "all": (True, True, True),
    "no bias": (True, False, True),
    "plain": (False, False, True),
    "given inputs": (True, True, False),
}


def normalised(theta, inputs, *, scaled=True, shifted=True, moving=True, far=0.0):
    weight, bias, factor = theta.split(3)
    shape = [-1, *[1] * (inputs.dim() - 2)]
    inputs = (inputs * factor.view(shape)).exp() if moving else inputs
    pair = (weight if scaled else None, bias if shifted else None)
    outputs = functional.batch_norm(inputs + far, None, None, *pair, training=True, eps=1e-2)
    return outputs.sin() * outputs  # So that the gradient varies from place to place.


@pytest.mark.parametrize("operands", OPERANDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_are_those_that_pytorch_gives(shape, operands):
    inputs, how = (
        normal(*SHAPES[shape]),
        dict(zip(("scaled", "shifted", "moving"), OPERANDS[operands], strict=True)),
    )
    same(lambda theta: normalised(theta, inputs, **how), 9, 1e-11)


def test_channels_last_gives_the_same_in_the_same_format():
    inputs = normal(4, 3, 5, 2).contiguous(memory_format=torch.channels_last)
    same(lambda theta: normalised(theta, inputs), 9, 1e-11)
    leaf = inputs.clone(memory_format=torch.preserve_format).requires_grad_()
    with FastConvolutions():
        outputs = convolved(functional.batch_norm(leaf, None, None, training=True))
    (found,) = torch.autograd.grad((outputs**3).sum(), leaf)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_layers_behind_one_another_have_them_too():
    inputs = normal(6, 3, 4, 4)

    def network(theta):
        hidden = functional.conv2d(inputs, theta[:81].view(3, 3, 3, 3), padding=1)
        for scale, shift in (theta[81:87].split(3), theta[87:].split(3)):
            hidden = functional.relu(
                functional.batch_norm(hidden, None, None, scale, shift, training=True)
            )
        return hidden

    same(network, 93, 1e-11)


def test_float32_is_accurate_also_far_from_zero():
    inputs = normal(8, 3, 6, 6)

    def product(dtype, fast):
        theta = (0.4 * normal(9, name="theta")).to(dtype).requires_grad_()
        how = {"far": 30.0}
        if fast:
            with FastConvolutions():
                outputs = convolved(normalised(theta, inputs.to(dtype), **how))
        else:
            outputs = normalised(theta, inputs.to(dtype), **how)
        (gradient,) = torch.autograd.grad(outputs.sum(), theta, create_graph=True)
        return torch.autograd.grad(gradient, theta, torch.ones_like(theta))[0].double()

    exact = product(torch.float64, fast=False)
    own, fast = (float((product(torch.float32, f) - exact).norm()) for f in (False, True))
    assert fast <= 10 * own
    assert fast <= 1e-4 * float(exact.norm())


def test_statistics_are_exact_where_channels_are_last():
    inputs = (normal(64, 8, 24, 24) + 3).contiguous(memory_format=torch.channels_last)
    want = functional.batch_norm(inputs, None, None, training=True)
    leaf = inputs.float().requires_grad_()
    with ExactStatistics():
        found = functional.batch_norm(leaf, None, None, training=True)
    assert found.is_contiguous(memory_format=torch.channels_last)
    own = functional.batch_norm(leaf, None, None, training=True)
    errors = [float((of.detach().double() - want).abs().max()) for of in (found, own)]
    assert errors[0] < 2e-6 < errors[1]  # If PyTorch's own gets as good, ours has no purpose.


def test_gradients_of_objectives_take_exact_statistics():
    layers = (nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    model = filled(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 4)), scale=0.5)
    examples = normal(64, 2, 48, 48).float() + 2, torch.arange(64) % 4
    L = Objective(model.float(), examples, bn="batch", bn_block=64)
    assert L.channels_last
    want = L.replace(dtype=torch.float64).gradient(L.theta)
    assert float((L.gradient(L.theta) - want).norm() / want.norm()) < 2e-5  # PyTorch's own: 3e-4.


def test_a_normalisation_has_no_third_derivatives():
    leaf = normal(4, 3).requires_grad_()
    with FastConvolutions():
        outputs = functional.batch_norm(leaf, None, None, training=True)
    (gradient,) = torch.autograd.grad((outputs**3).sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="a normalisation by the statistics of the batch was "):
        torch.autograd.grad(gradient.sum(), leaf, create_graph=True)


def test_what_pytorch_refuses_is_refused_as_ever():
    with FastConvolutions(), pytest.raises(ValueError, match="more than 1 value per channel"):
        functional.batch_norm(normal(1, 3).requires_grad_(), None, None, training=True)


class Inner(nn.Module):
    """A layer of normalisation called in some way of PyTorch's."""

    def __init__(self, way):
        super().__init__()
        self.layer, self.norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
        self.way = way

    def forward(self, inputs):
        """Return three logits an example."""
        hidden = self.layer(inputs)
        if self.way == "checkpoint":
            hidden = checkpoint(self.norm, hidden, use_reentrant=False)
        elif self.way == "vmap":
            hidden = torch.vmap(self.norm)(hidden[None])[0]
        else:
            hidden = self.norm(hidden)
        return hidden.tanh().mean((2, 3))


@pytest.mark.parametrize("way", ["checkpoint", "vmap"])
def test_gradients_and_products_where_the_context_has_to_stay_out(way):
    examples = normal(12, 2, 6, 6), torch.arange(12) % 3
    ways = {
        name: Objective(filled(Inner(name), scale=0.5), examples, bn="batch")
        for name in ("plain", way)
    }
    want, found = (L.gradient(L.theta) for L in ways.values())
    torch.testing.assert_close(found, want, rtol=1e-9, atol=1e-12)
    v = normal(len(found))
    want, found = (L.hessian(L.theta) @ v for L in ways.values())
    torch.testing.assert_close(found, want, rtol=1e-9, atol=1e-12)


def test_a_loss_without_gradient_has_the_same_statistics_as_one_with():
    """PyTorch's kernel sums value by value where channels are last: off by 1e-5 and more."""
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.Flatten(),
        nn.Linear(16 * 24 * 24, 4),
    )
    filled(network, "statistics", scale=0.3)
    inputs = normal(32, 3, 24, 24, name="statistics") + 5
    examples = (inputs, torch.arange(32) % 4)
    exact = Objective(network, examples, bn="batch", dtype=torch.float64)
    at = exact.replace(dtype=torch.float32)
    assert at.loss(at.theta) == pytest.approx(exact.loss(at.theta), rel=3e-7)
