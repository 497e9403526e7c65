"""The multilayer perceptron."""

import pytest
import torch
from landscape import models
from landscape.network import parameters
from landscape.store.fingerprint import digest

SHAPE = (2, 3, 4)


def build(seed=0, **settings):
    return models.MLP(**{"hidden": (5, 4), **settings}).build(SHAPE, 3, seed=seed).double()


@pytest.mark.parametrize(
    ("name", "function"),
    [("relu", torch.relu), ("tanh", torch.tanh), ("gelu", torch.nn.functional.gelu)],
)
def test_mlp_is_what_its_formula_says(name, function, generator):
    model = build(activation=name)
    inputs = torch.randn(7, *SHAPE, dtype=torch.float64, generator=generator)
    layers = [module for module in model if isinstance(module, torch.nn.Linear)]
    x = inputs.reshape(7, 24)
    for layer in layers[:-1]:
        x = function(x @ layer.weight.T + layer.bias)
    want = x @ layers[-1].weight.T + layers[-1].bias
    torch.testing.assert_close(model(inputs), want, rtol=1e-12, atol=1e-14)


def test_mlp_has_relu_and_128_units_by_default():
    model = models.MLP().build((1, 28, 28), 10, seed=0)
    assert parameters.layout(model).n == 785 * 128 + 129 * 10
    assert [type(module).__name__ for module in model] == ["Flatten", "Linear", "ReLU", "Linear"]


def test_mlp_without_hidden_layers_is_a_softmax_regression():
    model = build(hidden=())
    assert [type(module).__name__ for module in model] == ["Flatten", "Linear"]


def test_blocks_of_an_mlp_are_weights_with_a_filter_a_unit_and_biases():
    kinds = [(block.kind, block.shape) for block in parameters.layout(build()).blocks]
    assert kinds == [
        ("weight", (5, 24)),
        ("bias", (5,)),
        ("weight", (4, 5)),
        ("bias", (4,)),
        ("weight", (3, 4)),
        ("bias", (3,)),
    ]


def test_mlp_of_one_seed_has_the_same_bits_and_of_another_seed_none_of_them():
    one, two, other = build(), build(), build(seed=1)
    assert digest(one.state_dict()) == digest(two.state_dict())
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert not bool((a == b).any())


def test_activations_start_from_the_same_weights():
    assert digest(build(activation="tanh").state_dict()) == digest(build().state_dict())


def test_fingerprint_of_an_mlp_follows_its_settings():
    configs = [{}, {"hidden": (5,)}, {"activation": "tanh"}]
    assert len({models.MLP(**settings).fingerprint for settings in configs}) == 3
    assert models.MLP(hidden=[5]).fingerprint == models.MLP(hidden=(5,)).fingerprint


def test_mlp_refuses_an_empty_layer():
    with pytest.raises(ValueError, match=r"MLP\(hidden=\(5, 0\)\) has an empty layer"):
        models.MLP(hidden=(5, 0))


def test_mlp_refuses_an_unknown_activation():
    with pytest.raises(ValueError, match=r"activation='elu' is not known to MLP. Pass one of 'rel"):
        models.MLP(activation="elu")
