"""Which networks are affine, piece by piece, in each single parameter: read off their graphs."""

import pytest
import torch
from landscape import rng
from landscape.spectrum.exact_trace.piecewise_linear import graph_of
from torch import nn

from tests.sample_networks import filled


def graph(module, inputs):
    return graph_of(module(inputs), dict(module.named_parameters()))


def images():
    return torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=rng.stream(4, "images"))


class Net(nn.Module):
    """Two linear layers and a function that puts them together."""

    def __init__(self, forward):
        super().__init__()
        self.first, self.second, self._forward = nn.Linear(4, 4), nn.Linear(4, 4), forward

    def forward(self, inputs):
        return self._forward(self, inputs)


def net(forward):
    x = torch.randn(3, 4, dtype=torch.float64, generator=rng.stream(4, "vectors"))
    return graph(filled(Net(forward), "net"), x)


def after_convolution(*layers):
    return graph(filled(nn.Sequential(nn.Conv2d(3, 4, 3), *layers), "layers"), images())


PIECEWISE = {
    "relu": nn.ReLU(),
    "relu in place": nn.ReLU(inplace=True),
    "relu6": nn.ReLU6(),
    "leaky relu": nn.LeakyReLU(),
    "hardtanh": nn.Hardtanh(),
    "hardsigmoid": nn.Hardsigmoid(),
    "threshold": nn.Threshold(0.1, 0.0),
    "softshrink": nn.Softshrink(),
    "max pooling": nn.MaxPool2d(2),
    "average pooling": nn.AvgPool2d(2),
    "adaptive average pooling": nn.AdaptiveAvgPool2d(2),
    "global average pooling": nn.AdaptiveAvgPool2d(1),
    "adaptive max pooling": nn.AdaptiveMaxPool2d(2),
    "batch norm": nn.BatchNorm2d(4),
    "dropout": nn.Dropout(0.5),
    "zero padding": nn.ZeroPad2d(1),
    "reflection": nn.ReflectionPad2d(1),
    "replication": nn.ReplicationPad2d(1),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "pixel shuffle": nn.PixelShuffle(2),
    "channel shuffle": nn.ChannelShuffle(2),
    "identity": nn.Identity(),
}


@pytest.mark.parametrize("name", PIECEWISE)
def test_piecewise_linear_layers_are_accepted(name):
    uses = after_convolution(PIECEWISE[name]).uses
    assert uses[0].kind == "Convolution" and uses[0].names == {1: "0.weight", 2: "0.bias"}


SMOOTH = {
    "GeluBackward0": nn.GELU(),
    "TanhBackward0": nn.Tanh(),
    "SigmoidBackward0": nn.Sigmoid(),
    "SiluBackward0": nn.SiLU(),
    "SoftplusBackward0": nn.Softplus(),
    "EluBackward0": nn.ELU(),
    "HardswishBackward0": nn.Hardswish(),
    "SoftmaxBackward0": nn.Softmax(1),
    "GluBackward0": nn.GLU(1),
    "NativeLayerNormBackward0": nn.LayerNorm(6),
    "NativeGroupNormBackward0": nn.GroupNorm(2, 4),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_layers_that_are_not_piecewise_linear_are_refused_by_name(name):
    with pytest.raises(ValueError, match=rf"{name}.* not known to be piecewise linear.*L\.hessian"):
        after_convolution(SMOOTH[name])


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(4), nn.InstanceNorm2d(4)])
def test_statistics_of_what_is_given_are_refused(layer):
    module = filled(nn.Sequential(nn.Conv2d(3, 4, 3), layer), "statistics").train()
    with pytest.raises(ValueError, match=r"normalises by statistics.*bn='frozen'"):
        graph(module, images())


def test_attention_is_refused():
    layer = filled(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), "attention").train()
    with pytest.raises(ValueError, match="not known to be piecewise linear"):
        graph(layer, torch.randn(2, 3, 4, dtype=torch.float64))


def test_functions_of_the_readers_own_are_refused():
    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.relu()

        @staticmethod
        def backward(context, gradient):
            return gradient

    with pytest.raises(ValueError, match="ReluBackward, which is not known"):
        net(lambda m, x: m.second(Relu.apply(m.first(x))))


ACCEPTED = {
    "skip": lambda m, x: x + m.second(m.first(x).relu()),
    "skip around a layer": lambda m, x: m.second(y := m.first(x).relu()) + y,
    "shortcut of stride 2 with zeros": lambda m, x: (
        m.second(m.first(x)) + nn.functional.pad(m.first.bias.new_zeros(3, 2) + x[:, ::2], (1, 1))
    ),
    "gate of another layer": lambda m, x: m.first(x).relu() * m.second(x),
    "constant factors": lambda m, x: 2 * m.second(x.sigmoid() * m.first(x) / x.exp()) / 3 - 1,
    "largest of two": lambda m, x: torch.maximum(m.first(x), m.second(x)),
    "choice by the input": lambda m, x: torch.where(x > 0, m.first(x), m.second(x)),
    "stacked": lambda m, x: torch.cat([m.first(x), m.second(x)], 1),
    "mean and parts": lambda m, x: m.first(x).mean(1, keepdim=True) + m.second(x)[:, [0, 2]].abs(),
    "product of matrices": lambda m, x: m.first(x) @ m.second(x).T,
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_sums_and_products_of_different_layers_are_accepted(name):
    used = [name for use in net(ACCEPTED[name]).uses for name in use.names.values()]
    assert sorted(used) == ["first.bias", "first.weight", "second.bias", "second.weight"]


REFUSED = {
    "square": (lambda m, x: (y := m.first(x)) * y, r"factors of a product.*'first\.bias'.*quadra"),
    "power": (lambda m, x: m.first(x) ** 2, "PowBackward0"),
    "gate of itself": (lambda m, x: (y := m.first(x)) * m.second(y), "factors of a product"),
    "gram": (lambda m, x: (y := m.first(x)) @ y.T, r"product \(MmBackward0\)"),
    "quotient": (lambda m, x: m.first(x) / m.second(x), r"divides by .*'second\.bias'"),
    "shared layer": (lambda m, x: m.first(m.first(x)), r"'first\.\w+' is used more than once"),
    "shared side by side": (lambda m, x: m.first(x) + m.first(x.abs()), "used more than once"),
    "weight and its transpose": (
        lambda m, x: m.second(x @ m.first.weight) @ m.first.weight.t(),
        r"'first\.weight' is used more than once",
    ),
    "weight of a function": (
        lambda m, x: x @ (m.first.weight - m.first.weight.mean()).T,
        r"'first\.weight' enters .*MeanBackward0, .*no rule",
    ),
    "weight by itself": (lambda m, x: m.first.weight.abs(), r"AbsBackward0, .*has no rule"),
    "expanded": (lambda m, x: m.first.bias.expand(3, 4), r"'first\.bias' .*ExpandBackward0"),
    "weight from the left": (lambda m, x: (m.first.weight @ x.T).T, "MmBackward0, .*no rule"),
    "row of a weight": (lambda m, x: x + m.first.weight[0], "SelectBackward0, .*no rule"),
    "weight transposed twice": (lambda m, x: x @ m.first.weight.t().t(), "TBackward0, .*no rule"),
    "scaled product": (
        lambda m, x: torch.addmm(m.first.bias, x, m.first.weight.t(), alpha=2),
        "AddmmBackward0, .*no rule",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_networks_outside_the_conditions_are_refused(name):
    forward, text = REFUSED[name]
    with pytest.raises(ValueError, match=text):
        net(forward)


def test_transposed_convolutions_are_refused():
    module = filled(nn.ConvTranspose2d(3, 4, 3), "transposed")
    with pytest.raises(ValueError, match=r"'\w+' enters .*ConvolutionBackward0, .*not transposed"):
        graph(module, images())


def test_in_place_changes_of_views_are_refused():
    def forward(m, x):
        y = m.first(x)
        y[:, 0].relu_()
        return y

    with pytest.raises(ValueError, match=r"in place \(CopySlices\).*inplace=False"):
        net(forward)


def test_tied_weights_are_refused():
    module = Net(lambda m, x: m.second(m.first(x)))
    module.second.weight = module.first.weight
    with pytest.raises(ValueError, match=r"'first\.weight' is used more than once"):
        graph(module, torch.randn(3, 4))


def test_outputs_without_parameters_have_an_empty_graph():
    found = graph_of(torch.ones(2, 3), {"weight": torch.ones(3, requires_grad=True)})
    assert found.nodes == () and found.uses == () and found.sizes == [1]


def test_uses_tell_shape_and_transposition():
    uses = net(lambda m, x: m.second(x @ m.first.weight) - m.first.bias).uses
    kinds = [(use.kind, use.names, use.transposed, use.shape) for use in uses]
    assert kinds == [
        ("Mm", {1: "first.weight"}, False, (3, 4)),
        ("Addmm", {0: "second.bias", 2: "second.weight"}, True, (3, 4)),
        ("Sub", {1: "first.bias"}, False, (3, 4)),
    ]
