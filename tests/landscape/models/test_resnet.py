"""Residual networks: counts, shortcuts, norms, and what they share."""

import dataclasses
from typing import Literal, get_args

import pytest
import torch
from landscape import models
from landscape.models import resnet
from landscape.models.initialization import initialize
from landscape.models.resnet import ResidualBlock, Subsample
from landscape.network import parameters
from landscape.store.fingerprint import digest
from torch import nn
from torch.nn import functional as F

SHAPE = (2, 9, 7)


def build(seed=0, shape=SHAPE, **settings):
    return models.ResNet(**{"depth": 8, "width": 0.25, "groups": 2, **settings}).build(
        shape, 5, seed=seed
    )


def count(**settings):
    model = models.ResNet(**settings).build((3, 32, 32), 10, seed=0)
    return parameters.layout(model).n


def test_resnet_20_with_batch_norm_and_option_a_has_269722_parameters():
    assert count() == 269_722


@pytest.mark.parametrize(
    ("settings", "n"),
    [
        ({"depth": 32}, 464_154),  # He et al., table 6: 0.46M
        ({"depth": 56}, 853_018),  # 0.85M
        ({"depth": 110}, 1_727_962),  # 1.7M
        ({"skip": False}, 269_722),  # option A has no parameters
        ({"shortcut": "B"}, 269_722 + 16 * 32 + 64 + 32 * 64 + 128),
        # 19 convolutions: a bias each instead of scale and shift, 7·16 + 6·32 + 6·64 channels.
        ({"norm": "none"}, 269_722 - 688),
        ({"norm": "group"}, 269_722),
        ({"norm": "layer"}, 269_722),
        ({"norm": "instance"}, 269_722),
    ],
)
def test_number_of_parameters_follows_depth_norm_and_shortcut(settings, n):
    assert count(**settings) == n


def test_depth_counts_convolutions_and_the_linear_layer():
    for depth in (8, 20, 56):
        kinds = [type(m) for m in build(depth=depth).modules()]
        assert kinds.count(nn.Conv2d) + kinds.count(nn.Linear) == depth


def by_hand(p, x, skip):
    """ResNet-8 with batch norm in eval mode and option A, from its named tensors."""

    def convolution(x, conv, norm, stride=1):
        x = F.conv2d(x, p[f"{conv}.weight"], stride=stride, padding=1)
        mean, variance, scale, shift = (
            p[f"{norm}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    x = convolution(x, "conv", "norm").relu()
    for stage in (1, 2, 3):
        path = f"stage{stage}.0.residual"
        stride = 1 if stage == 1 else 2
        y = convolution(x, f"{path}.conv1", f"{path}.norm1", stride).relu()
        y = convolution(y, f"{path}.conv2", f"{path}.norm2")
        if skip:
            shortcut = torch.zeros_like(y)
            shortcut[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
            y = y + shortcut
        x = y.relu()
    return x.mean(dim=(2, 3)) @ p["linear.weight"].T + p["linear.bias"]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("size", [(8, 8), (9, 7)])
def test_resnet_is_what_its_definition_says(skip, size, generator):
    model = build(skip=skip).double()
    inputs = torch.randn(6, 2, *size, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        model.train()(inputs)  # Running statistics away from 0 and 1.
        for name, tensor in model.named_parameters():
            if "norm" in name:
                tensor.add_(0.3 * torch.randn(tensor.shape, generator=generator).double())
        found = model.eval()(inputs)
    want = by_hand(model.state_dict(), inputs, skip)
    torch.testing.assert_close(found, want, rtol=1e-10, atol=1e-12)


def test_option_a_takes_every_second_pixel_and_adds_channels_of_zeros():
    images = torch.arange(24.0).view(1, 2, 3, 4)
    found = Subsample(1)(images)
    assert found.tolist() == [[[[0, 2], [8, 10]], [[12, 14], [20, 22]], [[0, 0], [0, 0]]]]


def test_a_block_whose_residual_is_zero_passes_what_is_positive():
    images = torch.tensor([[[[1.0, -2.0]]]])
    residual = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(residual.weight), nn.init.zeros_(residual.bias)
    assert ResidualBlock(residual, nn.Identity())(images).tolist() == [[[[1.0, 0.0]]]]
    assert ResidualBlock(residual, None)(images).tolist() == [[[[0.0, 0.0]]]]


@pytest.mark.parametrize(
    ("norm", "axes"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))]
)
def test_each_norm_removes_mean_and_variance_over_its_own_axes(norm, axes, generator):
    layer = build(norm=norm).train().norm
    images = 3 + 2 * torch.randn(5, 4, 9, 7, generator=generator)
    found = layer(images).detach().double()
    assert float(found.mean(dim=axes).abs().max()) < 1e-6
    assert float((found.var(dim=axes, correction=0) - 1).abs().max()) < 1e-4


def test_group_norm_has_its_groups(generator):
    found = build(norm="group").norm(torch.randn(5, 4, 9, 7, generator=generator)).detach()
    assert float(found.double().unflatten(1, (2, 2)).mean(dim=(2, 3, 4)).abs().max()) < 1e-6


VARIANTS = [
    {"norm": "batch"},
    {"norm": "group"},
    {"norm": "layer"},
    {"norm": "instance"},
    {"norm": "none"},
    {"skip": False},
    {"skip": False, "norm": "none"},
    {"shortcut": "B"},
    {"shortcut": "B", "norm": "none"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_one_seed_start_from_the_same_weights(variant):
    reference, model = build().state_dict(), build(**variant).state_dict()
    weights = [
        name for name in reference if name.endswith(".weight") and ("conv" in name or "lin" in name)
    ]
    assert len(weights) == 8
    for name in weights:
        assert torch.equal(reference[name], model[name]), name


def test_resnet_of_one_seed_has_the_same_bits_and_of_another_seed_none_of_them():
    one, two, other = build(), build(), build(seed=1)
    assert digest(one.state_dict()) == digest(two.state_dict())
    for a, b in zip(one.modules(), other.modules(), strict=True):
        if isinstance(a, nn.Conv2d | nn.Linear):
            assert not bool((a.weight == b.weight).any())


def test_layers_of_one_shape_do_not_share_their_numbers():
    stage = build(depth=20).stage1
    assert not bool((stage[0].residual.conv1.weight == stage[1].residual.conv1.weight).any())


def test_weights_are_he_normal_and_biases_zero():
    model = models.ResNet(norm="none").build((3, 32, 32), 10, seed=0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert not bool(module.bias.any())
            scaled = module.weight.detach().double().flatten() * module.weight[0].numel() ** 0.5
            # The square of a normal variable of variance 2 has the variance 8.
            assert abs(float(scaled.square().mean()) - 2) < 4 * (8 / len(scaled)) ** 0.5
            assert abs(float(scaled.mean())) < 4 * (2 / len(scaled)) ** 0.5


def test_norms_start_as_the_identity():
    for norm in ("batch", "group", "layer", "instance"):
        for name, tensor in build(norm=norm).named_parameters():
            if "norm" in name:
                assert bool((tensor == (1 if name.endswith("weight") else 0)).all())


@pytest.mark.parametrize("variant", VARIANTS)
def test_blocks_of_theta_are_named_for_what_they_are(variant):
    model = build(**variant)
    for block in parameters.layout(model).blocks:
        if ".norm" in f".{block.name}":
            assert block.kind == "norm"
        else:
            assert block.kind == ("bias" if block.name.endswith("bias") else "weight")
        if block.kind == "weight":
            layer = model.get_submodule(block.name.rpartition(".")[0])
            assert block.filters == (
                layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features
            )


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_module_is_used_exactly_once(variant):
    model = build(**variant).eval()
    calls = {name: 0 for name, _ in model.named_modules()}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    model(torch.zeros(2, *SHAPE))
    assert set(calls.values()) == {1}
    assert sum(isinstance(module, nn.ReLU) for module in model.modules()) == 7


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "instance", "none"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 6), (2, 8, 33)])
def test_resnet_fits_images_of_any_size(norm, shape):
    model = build(shape=shape, norm=norm)
    assert model(torch.zeros(3, *shape)).shape == (3, 5)


def test_build_of_a_resnet_leaves_global_random_numbers_alone():
    before = torch.get_rng_state()
    build()
    assert torch.equal(torch.get_rng_state(), before)


def test_fingerprint_of_a_resnet_follows_its_settings():
    changes = [{}, {"depth": 14}, {"width": 2}, {"norm": "none"}, {"skip": False}, {"groups": 4}]
    assert len({models.ResNet(**change).fingerprint for change in changes}) == len(changes)
    assert models.ResNet(width=2).fingerprint == models.ResNet(width=2.0).fingerprint


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"depth": 18}, r"depth=18 is not 6n \+ 2 with n >= 1"),
        ({"depth": 2}, r"depth=2 is not 6n \+ 2 with n >= 1"),
        ({"width": 0.3}, r"width=0.3 makes 4.8 channels of 16"),
        ({"width": 0}, r"width=0.0 makes 0 channels of 16"),
        ({"norm": "spectral"}, r"norm='spectral' is not known to ResNet. Pass one of 'batch'"),
        ({"shortcut": "C"}, r"shortcut='C' is not known to ResNet. Pass 'A'"),
        ({"norm": "group", "groups": 3}, r"groups=3 do not divide 16 channels"),
    ],
)
def test_resnet_refuses_settings_that_are_none(settings, said):
    with pytest.raises(ValueError, match=said):
        models.ResNet(**settings)


NORM_LAYERS = {
    "batch": (nn.BatchNorm2d, {"affine": True, "track_running_stats": True}),
    "group": (nn.GroupNorm, {"num_groups": 4}),
    "layer": (nn.GroupNorm, {"num_groups": 1}),
    "instance": (nn.InstanceNorm2d, {"affine": True, "track_running_stats": False}),
    "none": (None, {}),
}


def test_every_norm_of_the_type_has_its_own_layer():
    assert set(get_args(resnet.Norm)) == set(resnet._NORMS) == set(NORM_LAYERS)


@pytest.mark.parametrize("norm", NORM_LAYERS)
def test_each_norm_builds_its_own_layer_behind_every_convolution(norm):
    model = build(norm=norm, groups=4)
    norms = [module for module in model.modules() if isinstance(module, parameters.NORM_LAYERS)]
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    kind, attributes = NORM_LAYERS[norm]
    assert len(norms) == (0 if kind is None else len(convolutions))
    assert all((layer.bias is None) == (kind is not None) for layer in convolutions)
    for layer in norms:
        assert type(layer) is kind
        assert {name: getattr(layer, name) for name in attributes} == attributes


def test_a_norm_without_a_layer_is_refused_with_the_config_and_not_built_as_another(monkeypatch):
    # As if it had been added to the type alone.
    monkeypatch.setattr(resnet, "Norm", Literal["batch", "rms"])
    with pytest.raises(
        ValueError, match=r"norm='rms' is not known.* 'none'; or add the norm to _NORMS in "
    ):
        models.ResNet(norm="rms")
    with pytest.raises(ValueError, match=r"norm='rms' is not known to ResNet"):
        dataclasses.replace(models.ResNet(), norm="rms")


def test_resnet_refuses_images_that_are_too_small():
    with pytest.raises(ValueError, match=r"images of 3 x 9 pixels are too small .* at least 4 x 4"):
        build(shape=(1, 3, 9))
    with pytest.raises(ValueError, match=r"norm='instance', which .* at least 5 x 5 pixels"):
        build(shape=(1, 4, 9), norm="instance")


def test_a_layer_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"layer '0' \(PReLU\) has .* no rule .* \['Linear'\]"):
        initialize(
            lambda: nn.Sequential(nn.PReLU()), {nn.Linear: lambda module, generator: None}, seed=0
        )


# Initial weights


def signals(**settings):
    """Mean variance over images of the blocks' first pre-activations, from the input on."""
    found, shape = [], (3, 32, 32)
    model = models.ResNet(norm="none", skip=False, **settings).build(shape, 10, seed=0)
    for name, module in model.named_modules():
        if name.endswith("conv1"):
            module.register_forward_hook(lambda *a: found.append(float(a[2].var(0).mean())))
    with torch.no_grad():
        model(torch.randn(16, *shape, generator=torch.Generator().manual_seed(0)))
    return found


def test_he_weights_keep_the_signal_and_torchs_default_divides_it_by_six_a_layer():
    kept, falling = signals(init="he"), signals(init="torch")
    assert 1e-3 < kept[-1] / kept[0] < 10
    assert falling[-1] / falling[0] < 1e-10  # Sixteen layers: 6^-16 = 4e-13.


def test_torch_weights_are_uniform_within_the_default_bound():
    model = build(init="torch", norm="none")
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5
            for tensor in module.parameters(recurse=False):
                assert 0.5 * bound < float(tensor.detach().abs().max()) <= bound


def test_skipinit_starts_as_its_shortcuts_and_has_a_factor_a_block():
    settings = {"norm": "none", "depth": 20}
    model = models.ResNet(skipinit=True, **settings).build((3, 32, 32), 10, seed=3).eval()
    plain = models.ResNet(**settings).build((3, 32, 32), 10, seed=3).eval()
    assert parameters.layout(model).n == parameters.layout(plain).n + 9
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    signal = model.conv(x).relu()
    for stage in (1, 2, 3):
        for block in getattr(model, f"stage{stage}"):
            signal = block.shortcut(signal).relu()
    want = model.linear(signal.mean(dim=(2, 3)))
    torch.testing.assert_close(model(x), want)
    # With factors of one it is the network without them, from the same weights.
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if "factor" in name:
                tensor.fill_(1.0)
    torch.testing.assert_close(model(x), plain(x))


def test_factors_of_skipinit_learn():
    model = build(skipinit=True, norm="none")
    x = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    F.cross_entropy(model(x), torch.arange(4)).backward()
    factors = [p for name, p in model.named_parameters() if "factor" in name]
    assert len(factors) == 3 and all(float(p.grad.abs()) > 0 for p in factors)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"init": "zero"}, "init='zero' is not known to ResNet. Pass 'he'"),
        ({"skipinit": True, "skip": False}, "skipinit=True without skip connections"),
    ],
)
def test_initialisations_that_make_no_network_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        models.ResNet(**settings)
