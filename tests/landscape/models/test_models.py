"""Network families built from frozen configs."""

import dataclasses
import math

import pytest
import torch
from landscape import models
from landscape.store.fingerprint import digest
from torch import nn

from tests.sample_networks import SMALL

SHAPE = (1, 8, 8)


def build(seed=0, shape=SHAPE, **settings):
    return models.CNN(**{**SMALL, **settings}).build(shape, 10, seed=seed)


def weights(model):
    """Parameters of convolutions and linear layers, in order."""
    kinds = (nn.Conv2d, nn.Linear)
    return [p for m in model if isinstance(m, kinds) for p in m.parameters(recurse=False)]


def test_cnn_of_one_seed_has_the_same_bits_and_of_another_seed_none_of_them():
    one, two, other = build(), build(), build(seed=1)
    assert digest(one.state_dict()) == digest(two.state_dict())
    for a, b in zip(weights(one), weights(other), strict=True):
        assert not bool((a == b).any())


def test_cnn_with_and_without_normalisation_start_from_the_same_weights():
    with_bn, without = build(norm="batch"), build(norm="none")
    pairs = list(zip(weights(with_bn), weights(without), strict=True))
    assert len(pairs) == 8 and all(torch.equal(a, b) for a, b in pairs)
    own = [type(module).__name__ for module in with_bn]
    assert [name for name in own if name != "BatchNorm2d"] == [type(m).__name__ for m in without]
    assert own.count("BatchNorm2d") == 2


def test_cnn_normalises_after_each_convolution_and_before_relu():
    names = [type(module).__name__ for module in build()]
    block = ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    assert names == [*block, *block, "Flatten", "Linear", "ReLU", "Linear"]


def test_cnn_starts_with_normalisation_as_the_identity():
    for module in build().modules():
        if isinstance(module, nn.BatchNorm2d):
            assert bool((module.weight == 1).all()) and bool((module.bias == 0).all())
            assert bool((module.running_mean == 0).all()) and bool((module.running_var == 1).all())
            assert int(module.num_batches_tracked) == 0


def test_cnn_draws_weights_and_biases_uniformly_within_one_over_root_of_fan_in():
    model = build(channels=(16, 32), hidden=64)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for tensor in module.parameters():
                assert float(tensor.detach().abs().max()) < bound
    for index in (3 + 1, 9):  # the second convolution, 4608 weights, and the first linear layer
        scaled = model[index].weight.detach().double() * math.sqrt(model[index].weight[0].numel())
        # A uniform variable on [-1, 1] has the variance 1/3, its square the variance 4/45.
        error = math.sqrt(4 / 45 / scaled.numel())
        assert abs(float(scaled.square().mean()) - 1 / 3) < 4 * error
        assert abs(float(scaled.mean())) < 4 * math.sqrt(1 / 3 / scaled.numel())


@pytest.mark.parametrize(
    ("shape", "channels", "n"), [((1, 8, 8), (2, 3), 235), ((3, 9, 7), (4,), 112 + 8 + 294 + 70)]
)
def test_cnn_fits_images_of_any_size(shape, channels, n):
    model = build(shape=shape, channels=channels)
    assert sum(tensor.numel() for tensor in model.parameters()) == n
    assert model(torch.zeros(2, *shape)).shape == (2, 10)


def test_build_leaves_global_random_numbers_alone():
    before = torch.get_rng_state()
    build()
    assert torch.equal(torch.get_rng_state(), before)


def test_fingerprint_follows_the_settings_only():
    known = {
        models.CNN(**{**SMALL, **change}).fingerprint
        for change in ({}, {"norm": "none"}, {"hidden": 7}, {"channels": (3, 2)})
    }
    assert len(known) == 4
    assert (
        models.CNN(**SMALL).fingerprint == models.CNN(**{**SMALL, "channels": [2, 3]}).fingerprint
    )


@pytest.mark.parametrize("settings", [{"channels": ()}, {"channels": (2, 0)}, {"hidden": 0}])
def test_cnn_refuses_an_empty_layer(settings):
    with pytest.raises(ValueError, match=r"has an empty layer. Give at least one channel count"):
        models.CNN(**settings)


def test_cnn_refuses_an_unknown_normalisation():
    with pytest.raises(
        ValueError, match=r"norm='layer' is not known to CNN. Pass 'batch' or 'none'"
    ):
        models.CNN(norm="layer")


def test_cnn_refuses_images_that_vanish_under_pooling():
    with pytest.raises(ValueError, match=r"8 x 8 pixels vanish under 4 poolings. Use at most 3"):
        build(channels=(2, 2, 2, 2))


# A family of the reader's own


class Table(nn.Module):
    """A layer with a buffer and no parameters, such as a positional encoding."""

    def __init__(self):
        super().__init__()
        self.register_buffer("numbers", torch.arange(4.0))

    def forward(self, inputs):
        return inputs + self.numbers


@dataclasses.dataclass(frozen=True)
class Own(models.ModelConfig):
    kind: str = "linear"

    def _module(self, shape, classes):
        layers = {
            "linear": nn.Identity,
            "prelu": nn.PReLU,
            "table": Table,
            "norm": lambda: nn.LayerNorm(4),
        }
        return nn.Sequential(nn.Flatten(), layers[self.kind](), nn.Linear(4, classes))


def test_a_new_family_needs_only_its_own_class():
    model = Own("norm").build((1, 2, 2), 3, seed=0)
    assert model(torch.zeros(5, 1, 2, 2)).shape == (5, 3)
    assert Own().fingerprint != Own("norm").fingerprint


def test_a_layer_with_parameters_and_no_rule_is_refused():
    with pytest.raises(
        ValueError, match=r"layer '1' \(PReLU\) has parameters or buffers and no rule"
    ):
        Own("prelu").build((1, 2, 2), 3, seed=0)


def test_a_layer_with_a_buffer_and_no_rule_is_refused():
    # Built on the meta device, its buffer would hold whatever lay in memory.
    with pytest.raises(ValueError, match=r"layer '1' \(Table\) has .* no rule"):
        Own("table").build((1, 2, 2), 3, seed=0)


def test_the_base_family_builds_nothing():
    with pytest.raises(NotImplementedError):
        models.ModelConfig().build(SHAPE, 10, seed=0)
