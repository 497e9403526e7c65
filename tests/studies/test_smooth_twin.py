"""Smooth twins: what they replace, what they keep, and where no kink is left."""

import pytest
import torch
from landscape import models
from studies.smooth_twin import SmoothTwin
from torch import nn

CNN = models.CNN(channels=(3, 4), hidden=5, norm="batch")


def built(config, seed=0):
    return config.build((1, 8, 8), 10, seed=seed)


def kinds(model):
    return [type(module) for module in model]


def test_relus_and_maxima_are_replaced_and_nothing_else_is():
    swapped = {nn.ReLU: nn.SiLU, nn.MaxPool2d: nn.AvgPool2d}
    want = [swapped.get(kind, kind) for kind in kinds(built(CNN))]
    twin = built(SmoothTwin(CNN))
    assert kinds(twin) == want and {nn.ReLU, nn.MaxPool2d} <= set(kinds(built(CNN)))
    pools = [module for module in twin if isinstance(module, nn.AvgPool2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding) for pool in pools] == [(2, 2, 0)] * 2


def test_pooling_and_activation_are_chosen():
    twin = built(SmoothTwin(CNN, activation="tanh", pooling="max"))
    assert nn.MaxPool2d in kinds(twin) and nn.Tanh in kinds(twin) and nn.ReLU not in kinds(twin)


def test_both_networks_of_a_seed_have_the_same_weights():
    first, twin, other = built(CNN, 3), built(SmoothTwin(CNN), 3), built(SmoothTwin(CNN), 4)
    for (name, tensor), (twin_name, twin_tensor) in zip(
        first.named_parameters(), twin.named_parameters(), strict=True
    ):
        assert name == twin_name and torch.equal(tensor, twin_tensor)
    assert not torch.equal(next(twin.parameters()), next(other.parameters()))


def test_the_twin_computes_with_the_smooth_activation():
    network = models.MLP(hidden=(3,))
    twin, inputs = network.build((1, 2, 2), 2, seed=0), torch.ones(5, 1, 2, 2)
    hidden = nn.functional.silu(twin[1](inputs.flatten(1)))
    outputs = SmoothTwin(network).build((1, 2, 2), 2, seed=0)(inputs)
    torch.testing.assert_close(outputs, twin[3](hidden))


@pytest.mark.parametrize("options", [{"activation": "relu"}, {"pooling": "median"}])
def test_unknown_options_are_refused(options):
    with pytest.raises(ValueError, match="make no smooth twin"):
        SmoothTwin(CNN, **options)


def test_a_network_without_a_relu_module_is_refused():
    with pytest.raises(ValueError, match=r"has no nn\.ReLU module to replace"):
        built(SmoothTwin(models.MLP(hidden=(3,), activation="tanh")))
