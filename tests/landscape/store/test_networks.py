"""What identifies a network besides its layers and numbers."""

import functools
import os

import pytest
import torch
from landscape.store.fingerprint import architecture, digest
from landscape.store.installed import patches
from torch import nn

from tests.landscape.store.test_identity import held


def first(module, *_):
    return None


def second(module, *rest):
    return rest[-1] * 2


def hooked(*options):
    network = held(None)
    for hook, option in zip((first, second), options, strict=True):
        network.register_forward_hook(hook, **option)
    return network


def test_how_a_hook_is_called_counts_with_the_hook():
    swapped = hooked({"with_kwargs": True}, {}), hooked({}, {"with_kwargs": True})
    assert digest(swapped[0]) != digest(swapped[1])


def test_hooks_count_whatever_number_of_hooks_was_made_before():
    one = digest(hooked({"always_call": True}, {}))
    nn.ReLU().register_forward_hook(first)
    assert digest(hooked({"always_call": True}, {})) == one != digest(hooked({}, {}))


def test_a_hook_for_all_networks_counts():
    before = architecture(nn.ReLU())
    handle = nn.modules.module.register_module_forward_hook(second)
    try:
        assert architecture(nn.ReLU()) != before
    finally:
        handle.remove()
    assert architecture(nn.ReLU()) == before


def test_attributes_and_hooks_of_parameters_count():
    plain, scaled, hook = held(None), held(None), held(None)
    scaled.weight.scale = 2
    hook.weight.register_hook(lambda gradient: gradient * 2)
    assert len({architecture(network) for network in (plain, scaled, hook)}) == 3


def test_a_network_that_trains_is_told_from_one_that_does_not():
    one, two = nn.Sequential(nn.Dropout()), nn.Sequential(nn.Dropout())
    two[0].eval()
    assert digest(one) != digest(two)
    assert architecture(one) == architecture(two)  # An objective sets it itself.


def test_tied_parameters_are_told_from_equal_ones():
    def network(tied):
        layers = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        for layer in layers:
            nn.init.ones_(layer.weight)
        if tied:
            layers[1].weight = layers[0].weight
        return layers

    assert digest(network(True)) == digest(network(True)) != digest(network(False))
    assert architecture(network(True)) != architecture(network(False))


def doubled(self, x):
    return 2 * x


@pytest.mark.parametrize(
    ("place", "name", "network"),
    [
        (nn.Tanhshrink, "forward", nn.Tanhshrink),
        (nn.Module, "__call__", nn.ReLU),
        (nn.functional, "relu", nn.ReLU),
    ],
)
def test_a_function_put_into_an_installed_package_counts(monkeypatch, place, name, network):
    before = architecture(network())
    monkeypatch.setattr(place, name, doubled)
    assert architecture(network()) != before
    monkeypatch.undo()
    assert architecture(network()) == before


@pytest.mark.parametrize(
    ("place", "name", "value", "network"),
    [
        (nn.Tanh, "forward", nn.Sigmoid.forward, nn.Tanh),
        (nn.Tanh, "forward", nn.functional.silu, nn.Tanh),
        (nn.functional, "gelu", nn.functional.relu, nn.GELU),
        (nn.functional, "gelu", functools.partial(nn.functional.gelu), nn.GELU),
        (torch, "tanh", torch.sin, nn.Tanh),
        (torch.Tensor, "scaled", doubled, nn.Tanh),
        (nn.Tanh, "scale", 3.0, nn.Tanh),
        (nn.Tanh, "table", (1, 2), nn.Tanh),
    ],
)
def test_what_of_torch_was_put_into_another_place_of_torch_counts(
    monkeypatch, place, name, value, network
):
    before = architecture(network())
    monkeypatch.setattr(place, name, value, raising=False)
    assert architecture(network()) != before
    monkeypatch.undo()
    assert architecture(network()) == before


def test_nothing_of_torch_stands_where_another_thing_stood():
    # Else the keys of all networks would hold more than they need.
    places = (nn.functional, torch, torch.Tensor, nn.Linear, nn.Module, nn.Sequential, nn.LSTM)
    assert [(place, name) for place in places for name, _ in patches(place)] == []


def test_what_an_environment_variable_says_counts(monkeypatch):
    def network(x):
        return x * float(os.getenv("ANYNET", "1"))

    monkeypatch.setenv("ANYNET", "2")
    before = digest(network)
    monkeypatch.setenv("ANYNET", "3")
    assert digest(network) != before


def test_scripted_and_lazy_networks_are_refused_by_name():
    for network in (torch.jit.trace(nn.ReLU(), torch.ones(1)), nn.LazyLinear(1)):
        with pytest.raises(TypeError, match="cannot fingerprint"):
            digest(network)


def test_a_traced_graph_is_known():
    networks = [torch.fx.symbolic_trace(nn.Sequential(kind())) for kind in (nn.ReLU, nn.Tanh)]
    assert architecture(networks[0]) != architecture(networks[1])


def test_recurrent_networks_are_known_and_their_numbers_no_part_of_the_architecture():
    # Their layers point to their parameters weakly.
    one, two = nn.LSTM(2, 2), nn.LSTM(2, 2)
    assert architecture(one) == architecture(two) != architecture(nn.GRU(2, 2))
    assert digest(one) != digest(two)


def test_the_device_of_a_network_counts():
    assert architecture(nn.Linear(2, 2)) != architecture(nn.Linear(2, 2, device="meta"))
