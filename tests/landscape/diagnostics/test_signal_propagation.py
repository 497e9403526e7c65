"""Gradients that layers receive, and what rounding leaves of a gradient, with known answers."""

import itertools
import math

import pytest
import torch
from landscape import models
from landscape.diagnostics import decay, rounding_error, signal_propagation
from landscape.objective import Objective
from landscape.store.fingerprint import digest
from torch import nn

from tests.sample_networks import digits, filled, small_cnn, small_objective


def halves(outputs, targets):
    return 0.5 * (outputs - targets).square().sum(1)


def linear(sizes=(3, 4, 5, 2), rows=5, **options):
    """A linear network and its objective, on which gradients are products of matrices."""
    pairs = itertools.pairwise(sizes)
    network = filled(nn.Sequential(*(nn.Linear(a, b) for a, b in pairs)), "signals")
    inputs = torch.linspace(-1, 1, rows * sizes[0], dtype=torch.float64).view(rows, -1)
    targets = torch.ones(rows, sizes[-1], dtype=torch.float64)
    return network, Objective(network, (inputs, targets), loss=halves, **options)


@pytest.mark.parametrize("microbatch", [2, 5])
def test_signals_of_a_linear_network_are_products_of_its_matrices(microbatch):
    network, at = linear(microbatch=microbatch)
    found = signal_propagation(at, at.theta)
    inputs = torch.linspace(-1, 1, 15, dtype=torch.float64).view(5, 3)
    with torch.no_grad():
        last = (network(inputs) - 1) / 5
        second = last @ network[2].weight
        first = second @ network[1].weight
    want = torch.stack([first.norm(), second.norm(), last.norm()])
    torch.testing.assert_close(found.norms, want)
    assert found.decay == pytest.approx(float(want[0] / want[1])) and found.converged
    assert (found.examples, found.dtype, found.passes) == (5, "float64", 2)


def test_signals_are_the_derivatives_by_what_a_layer_puts_out():
    at = small_objective(13, norm="batch", bn="batch", microbatch=7)
    found = signal_propagation(at, at.theta)
    bias = next(block for block in at.layout.blocks if block.name == "11.bias")
    # A bias moves all outputs of its layer alike: its gradient is the sum of what they receive.
    received = at.gradient(at.theta)[bias.entries]
    assert len(found.norms) == 4 and found.bn == "batch"
    assert float(received.norm()) <= float(found.norms[-1]) * math.sqrt(13) * (1 + 1e-9)


def test_gradients_of_weights_hide_what_signals_show():
    """Of a plain ReLU network ⟨W, ∂L/∂W⟩ is the same for all layers, and signals vanish."""
    network = models.MLP(hidden=(30, 30, 30)).build((1, 8, 8), 10, seed=0).double()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            tensor.mul_(0.0 if name.endswith("bias") else 0.5)
    at = Objective(network, digits().first(20), dtype=torch.float64)
    gradient = at.gradient(at.theta)
    weights = [block.entries for block in at.layout.blocks if block.kind == "weight"]
    inner = [float(at.theta[own] @ gradient[own]) for own in weights]
    assert inner == pytest.approx([inner[0]] * 4, rel=1e-9)
    found = signal_propagation(at, at.theta)
    assert found.decay < 0.5 and (found.norms[:-1] < found.norms[1:]).all()


def test_the_network_keeps_no_hook():
    at = small_objective(13)
    before = at.gradient(at.theta)
    signal_propagation(at, at.theta)
    assert not any(layer._forward_hooks for layer in at.parts(at.theta).module.modules())
    assert torch.equal(at.gradient(at.theta), before)


@pytest.mark.parametrize(
    ("norms", "want"),
    [([1.0, 2.0, 4.0], 0.5), ([9.0, 3.0], 3.0), ([0.0, 1.0], None), ([1.0], None)],
)
def test_the_decay_is_the_factor_towards_the_input(norms, want):
    found = decay(torch.tensor(norms))
    assert math.isnan(found) if want is None else found == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("measure", [rounding_error, signal_propagation])
def test_without_theta_the_objectives_own_point_is_measured(measure):
    L = small_objective(13).replace(dtype=torch.float32)
    points = [(), (L.theta,), (None,), (0.9 * L.theta,)]
    own, given, none, other = (digest(measure(L, *point)) for point in points)
    assert own == given == none and own != other


def test_a_network_without_such_layers_is_refused():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x):
            return x * self.scale

    at = Objective(Scale(), (torch.ones(3, 4), torch.zeros(3, dtype=torch.long)))
    with pytest.raises(
        ValueError, match=r"no layer with weights returned a single tensor.*Pass a network"
    ):
        signal_propagation(at, at.theta)


# Rounding


def test_rounding_is_none_in_float64_and_small_in_float32():
    at = small_objective(13)
    assert rounding_error(at, at.theta).value == 0.0
    found = rounding_error(at.replace(dtype=torch.float32), at.theta)
    assert 1e-9 < found.value < 1e-5 and found.converged and found.dtype == "float32"


def test_rounding_is_the_distance_from_the_exact_gradient():
    """(1e8 + 1) w - 1e8 w has the slope 1, which float32 does not see."""

    class Cancelling(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)

        def forward(self, x):
            out = self.layer(x)
            return out * 3e8 + out - out * 3e8

    network = filled(Cancelling(), "rounding")
    examples = (torch.ones(4, 1).double(), torch.zeros(4, 1).double())
    # Rounding is large in float64 too, where the check compares differences.
    at = Objective(network, examples, loss=halves, dtype=torch.float32, check=False)
    assert rounding_error(at, at.theta).value > 0.01


@pytest.mark.parametrize(("size", "want"), [(1e25, math.inf), (1e200, math.nan)])
def test_rounding_of_what_overflows_has_no_number(size, want):
    network, _ = linear((1, 1, 1))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.fill_(size)
    examples = (torch.ones(2, 1).double(), torch.zeros(2, 1).double())
    at = Objective(network, examples, loss=halves, dtype=torch.float32)
    found = rounding_error(at, at.theta)
    assert found.value == want or (math.isnan(found.value) and math.isnan(want))
    assert not found.converged


def test_rounding_of_a_dead_network_is_none():
    network = small_cnn().float()
    at = Objective(network, digits().first(5), dtype=torch.float32)
    assert rounding_error(at, torch.zeros(at.n, dtype=torch.float64)).value < 1e-6
