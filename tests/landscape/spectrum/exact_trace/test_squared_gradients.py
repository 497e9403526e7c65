"""Squared gradients of single examples, layer by layer, against one backward pass an example."""

import pytest
import torch
from landscape import rng
from landscape.spectrum.exact_trace import squared_gradients
from landscape.spectrum.exact_trace.piecewise_linear import graph_of
from torch import nn
from torch.autograd.graph import GradientEdge

from tests.sample_networks import filled

EXACT = {"rtol": 1e-12, "atol": 1e-13}


class Applied(nn.Module):
    """One parameter, applied to the inputs by a function."""

    def __init__(self, shape, apply):
        super().__init__()
        self.weight, self._apply_to = nn.Parameter(torch.zeros(shape)), apply

    def forward(self, inputs):
        return self._apply_to(inputs, self.weight)


def batch_norm(kind, channels):
    module = kind(channels)
    module.running_mean.copy_(torch.linspace(-1, 1, channels))
    module.running_var.copy_(torch.linspace(0.5, 2, channels))
    return module


LAYERS = {
    "linear": (nn.Linear(4, 3), (5, 4)),
    "linear without bias": (nn.Linear(4, 3, bias=False), (5, 4)),
    "linear on sequences": (nn.Linear(4, 3), (5, 6, 4)),
    "linear on sequences, no bias": (nn.Linear(4, 3, bias=False), (5, 6, 4)),
    "linear on images": (nn.Linear(4, 3), (5, 2, 3, 4)),
    "linear on transposed sequences": (
        nn.Sequential(nn.Unflatten(1, (4, 6)), Applied((), lambda x, w: x.mT * w), nn.Linear(4, 3)),
        (5, 24),
    ),
    "matrix from the right": (Applied((4, 3), lambda x, w: x @ w), (5, 4)),
    "convolution": (nn.Conv2d(2, 3, 3, padding=1), (5, 2, 6, 7)),
    "convolution without bias": (nn.Conv2d(2, 3, 3, bias=False), (5, 2, 6, 7)),
    "strided": (nn.Conv2d(2, 3, (3, 2), stride=(2, 3), padding=(1, 0)), (5, 2, 9, 8)),
    "dilated": (nn.Conv2d(2, 3, 3, dilation=(2, 1), padding=2), (5, 2, 7, 6)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, stride=2), (5, 4, 7, 6)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, padding=1), (5, 4, 5, 5)),
    "convolution to one place": (nn.Conv2d(4, 6, 5, groups=2), (5, 4, 5, 5)),
    "pointwise": (nn.Conv2d(3, 4, 1), (5, 3, 4, 4)),
    "same padding": (nn.Conv2d(2, 3, 3, padding="same", dilation=2), (5, 2, 6, 7)),
    "reflected padding": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (5, 2, 5, 5)),
    "1-d convolution": (nn.Conv1d(3, 4, 3, stride=2, padding=1), (5, 3, 9)),
    "3-d convolution": (nn.Conv3d(2, 3, 2, padding=(0, 1, 0)), (5, 2, 3, 4, 3)),
    "batch norm": (batch_norm(nn.BatchNorm2d, 3), (5, 3, 4, 2)),
    "batch norm of vectors": (batch_norm(nn.BatchNorm1d, 3), (5, 3)),
    "batch norm of flattened rows": (
        nn.Sequential(nn.Flatten(0, 1), batch_norm(nn.BatchNorm1d, 3), nn.Unflatten(0, (5, 4))),
        (5, 4, 3),
    ),
    "added": (Applied((1, 4, 1), lambda x, w: x + w), (5, 4, 3)),
    "added twice its size": (Applied((4, 3), lambda x, w: torch.add(x, w, alpha=2)), (5, 4, 3)),
    "subtracted": (Applied((3,), lambda x, w: x - w), (5, 4, 3)),
    "scale of all": (Applied((), lambda x, w: w * x), (5, 4, 3)),
    "scale of each channel": (Applied((3,), lambda x, w: x * w), (5, 4, 3)),
}


def found_and_wanted(module, shape, frozen=(), channels_last=False):
    generator = rng.stream(3, "squares", *shape)
    x = torch.randn(shape, dtype=torch.float64, generator=generator)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    parameters = dict(filled(module, "squares").named_parameters())
    for name, tensor in parameters.items():
        tensor.requires_grad_(name not in frozen)
    trained = {name: tensor for name, tensor in parameters.items() if name not in frozen}
    outputs = module(x)
    cotangents = torch.randn((2, *outputs.shape), dtype=torch.float64, generator=generator)
    graph = graph_of(outputs, trained)
    sums = [squared_gradients.squared_gradients(use, len(x)) for use in graph.uses]
    for cotangent in cotangents:
        edges = [GradientEdge(use.node, 0) for use in graph.uses]
        gradients = torch.autograd.grad(outputs, edges, cotangent, retain_graph=True)
        for parts, gradient in zip(sums, gradients, strict=True):
            for part in parts:
                part.add(gradient)
    found = {name: t for parts in sums for part in parts for name, t in part.totals().items()}
    wanted = {name: torch.zeros_like(tensor) for name, tensor in trained.items()}
    for cotangent in cotangents:
        for n in range(len(x)):
            only = torch.zeros_like(cotangent)
            only[n] = cotangent[n]
            each = torch.autograd.grad(outputs, list(trained.values()), only, retain_graph=True)
            for name, gradient in zip(trained, each, strict=True):
                wanted[name] += gradient.square()
    return found, wanted


@pytest.mark.parametrize("name", LAYERS)
def test_squares_of_a_layer_are_those_of_one_backward_pass_an_example(name):
    found, wanted = found_and_wanted(*LAYERS[name])
    assert found.keys() == wanted.keys()
    for part, want in wanted.items():
        assert found[part].dtype == torch.float64
        assert float(want.min()) > 0
        torch.testing.assert_close(found[part], want, **EXACT)


@pytest.mark.parametrize("name", ["convolution", "strided", "dilated", "grouped", "batch norm"])
def test_squares_do_not_depend_on_the_memory_format(name):
    found, wanted = found_and_wanted(*LAYERS[name], channels_last=True)
    torch.testing.assert_close(found, wanted, **EXACT)


@pytest.mark.parametrize("name", ["linear", "linear on sequences", "grouped", "batch norm"])
@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_parameters_are_left_out(name, frozen):
    found, wanted = found_and_wanted(*LAYERS[name], frozen=(frozen,))
    assert found.keys() == {"weight", "bias"} - {frozen}
    torch.testing.assert_close(found, wanted, **EXACT)


@pytest.mark.parametrize("name", ["linear on sequences", "convolution", "grouped"])
def test_squares_do_not_depend_on_how_many_examples_are_multiplied_at_once(name, monkeypatch):
    monkeypatch.setattr(squared_gradients, "_PRODUCT_BYTES", {True: 1, False: 1})
    found, wanted = found_and_wanted(*LAYERS[name])
    torch.testing.assert_close(found, wanted, **EXACT)


def test_examples_that_are_not_in_the_first_axis_are_refused():
    module, inputs = nn.Linear(4, 3), torch.randn(7, 4)
    graph = graph_of(module(inputs), dict(module.named_parameters()))
    with pytest.raises(ValueError, match=r"shape \(7, 3\) for 5 examples.*batch_first=True"):
        squared_gradients.squared_gradients(graph.uses[0], 5)


def test_parameters_of_single_examples_are_refused():
    module = Applied((5, 3), lambda x, w: x + w)
    graph = graph_of(module(torch.randn(5, 3)), dict(module.named_parameters()))
    with pytest.raises(ValueError, match=r"'weight' of shape \(5, 3\) has entries for each exam"):
        squared_gradients.squared_gradients(graph.uses[0], 5)
