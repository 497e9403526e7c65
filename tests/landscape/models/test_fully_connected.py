"""Deep fully connected networks, residual and plain."""

import pytest
import torch
from landscape import models
from landscape.network import parameters
from torch import nn

SHAPE = (2, 3, 4)


def build(seed=0, **settings):
    settings = {"depth": 6, "width": 5, **settings}
    return models.FullyConnected(**settings).build(SHAPE, 3, seed=seed).double()


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(
    ("activation", "function"), [("relu", torch.relu), ("identity", lambda x: x)]
)
def test_network_is_what_its_definition_says(skip, activation, function, generator):
    model = build(skip=skip, activation=activation)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.add_(0.1)  # Biases away from 0.
    inputs = torch.randn(7, *SHAPE, dtype=torch.float64, generator=generator)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    first, *inner, last = layers
    x = function(inputs.reshape(7, 24) @ first.weight.T + first.bias)
    for one, two in zip(inner[::2], inner[1::2], strict=True):
        y = function(x @ one.weight.T + one.bias) @ two.weight.T + two.bias
        x = function(x + y if skip else y)
    want = x @ last.weight.T + last.bias
    torch.testing.assert_close(model(inputs), want, rtol=1e-12, atol=1e-14)
    assert len(layers) == 6


def test_a_norm_follows_each_layer_but_the_last_and_replaces_its_bias():
    model = build(norm="batch")
    kinds = [type(module).__name__ for module in model.modules()]
    assert kinds.count("BatchNorm1d") == 5 and kinds.count("Linear") == 6
    biases = [m.bias is not None for m in model.modules() if isinstance(m, nn.Linear)]
    assert biases == [False] * 5 + [True]


def test_networks_of_one_seed_share_all_weights_that_they_have_in_common():
    plain, residual, deeper = build(norm="none"), build(norm="batch", skip=True), build(depth=8)
    named = dict(residual.named_parameters())
    for name, tensor in plain.named_parameters():
        if name.endswith("weight"):
            assert torch.equal(tensor, named[name]), name
            assert torch.equal(tensor, dict(deeper.named_parameters())[name]), name
    other = dict(build(seed=1).named_parameters())
    assert not torch.equal(other["linear.weight"], named["linear.weight"])


def test_a_gain_multiplies_all_weights_of_layers():
    one, four = build(bias=False), build(bias=False, gain=4.0)
    for a, b in zip(one.parameters(), four.parameters(), strict=True):
        assert torch.equal(4 * a, b)
    assert {block.kind for block in parameters.layout(one).blocks} == {"weight"}


def test_weights_have_the_variance_of_he():
    model = models.FullyConnected(depth=4, width=200).build(SHAPE, 3, seed=0)
    weight = model.blocks[0].branch.linear1.weight
    assert float(weight.detach().var()) == pytest.approx(2 / 200, rel=0.03)  # 40,000 values: 0.7%


@pytest.mark.parametrize("depth", [2, 5])
def test_a_depth_that_fills_no_blocks_is_refused(depth):
    with pytest.raises(ValueError, match=rf"depth={depth} is not 2n \+ 2"):
        models.FullyConnected(depth=depth)


@pytest.mark.parametrize("settings", [{"width": 0}, {"gain": 0.0}, {"gain": float("inf")}])
def test_an_empty_layer_or_no_gain_is_refused(settings):
    with pytest.raises(ValueError, match=r"pass a width >= 1 and a finite gain > 0"):
        models.FullyConnected(**settings)


@pytest.mark.parametrize("settings", [{"norm": "layer"}, {"activation": "tanh"}])
def test_an_unknown_norm_or_activation_is_refused(settings):
    with pytest.raises(ValueError, match=r"is not known to FullyConnected"):
        models.FullyConnected(**settings)
