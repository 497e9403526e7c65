"""The small vision transformer."""

import pytest
import torch
from landscape import models
from landscape.models.vit import Patches
from landscape.network import parameters
from landscape.store.fingerprint import digest
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

SHAPE = (2, 4, 6)
SMALL = {"patch": 2, "dim": 6, "depth": 2, "heads": 3}


def build(seed=0, **settings):
    return models.ViT(**{**SMALL, **settings}).build(SHAPE, 5, seed=seed).double().eval()


def images(generator, number=7):
    return torch.randn(number, *SHAPE, dtype=torch.float64, generator=generator)


def layer_norm(x, layer):
    centred = x - x.mean(dim=-1, keepdim=True)
    scale = (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * layer.weight + layer.bias


def attention(x, layer, heads):
    """Head by head, from the definition softmax(QKᵀ/√d)V."""
    q, k, v = (x @ layer.qkv.weight.T + layer.qkv.bias).chunk(3, dim=2)
    gathered = []
    for one in zip(*(part.chunk(heads, dim=2) for part in (q, k, v)), strict=True):
        scores = one[0] @ one[1].transpose(1, 2) / one[0].shape[2] ** 0.5
        gathered.append(scores.softmax(dim=2) @ one[2])
    return torch.cat(gathered, dim=2) @ layer.projection.weight.T + layer.projection.bias


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_vit_is_what_its_definition_says(pool, generator):
    model, inputs = build(pool=pool), images(generator)
    x = F.unfold(inputs, 2, stride=2).transpose(1, 2)  # PyTorch's own patches, another way.
    x = x @ model[1].weight.T + model[1].bias
    tokens = model[2]
    if pool == "class":
        x = torch.cat([tokens.class_token.expand(7, 1, 6), x], dim=1)
    x = x + tokens.positions.view(-1, 6)
    for block in model[3:5]:
        x = x + attention(layer_norm(x, block.norm1), block.attention, 3)
        hidden = layer_norm(x, block.norm2) @ block.mlp[0].weight.T + block.mlp[0].bias
        x = x + F.gelu(hidden) @ block.mlp[2].weight.T + block.mlp[2].bias
    x = layer_norm(x, model[5])
    pooled = x[:, 0] if pool == "class" else x.mean(dim=1)
    want = pooled @ model[7].weight.T + model[7].bias
    torch.testing.assert_close(model(inputs), want, rtol=1e-10, atol=1e-12)


def test_patches_are_cut_row_by_row_with_channels_outermost():
    pixels = torch.arange(8.0).view(1, 1, 2, 4)
    both = torch.cat([pixels, 10 + pixels], dim=1)
    assert Patches(2)(both)[0].tolist() == [
        [0, 1, 4, 5, 10, 11, 14, 15],
        [2, 3, 6, 7, 12, 13, 16, 17],
    ]


def test_without_positions_and_with_the_mean_the_order_of_patches_does_not_matter(generator):
    model, inputs = build(pool="mean"), images(generator)
    swapped = torch.cat([inputs[:, :, :2], inputs[:, :, 2:]][::-1], dim=2)  # rows of patches
    assert not torch.allclose(model(inputs), model(swapped))
    torch.nn.init.zeros_(model[2].positions)
    torch.testing.assert_close(model(inputs), model(swapped), rtol=1e-10, atol=1e-12)


def test_the_bias_of_the_keys_has_no_effect(generator):
    model, inputs = build(), images(generator)
    before = model(inputs)
    with torch.no_grad():
        model[3].attention.qkv.bias[6:12] += 3.0
    torch.testing.assert_close(model(inputs), before, rtol=1e-10, atol=1e-12)


def test_blocks_of_a_vit_are_named_for_what_they_are():
    kinds = {block.name: block for block in parameters.layout(build()).blocks}
    assert kinds["2.positions"].kind == kinds["2.class_token"].kind == "other"
    assert kinds["2.positions"].shape == (7 * 6,) and kinds["2.positions"].filters == 1
    for name, block in kinds.items():
        if "norm" in name or name.startswith("5."):
            assert block.kind == "norm", name
        elif not name.startswith("2."):
            assert block.kind == name.rpartition(".")[2], name
    assert kinds["3.attention.qkv.weight"].filters == 18


def test_vit_has_the_number_of_parameters_of_its_layers():
    block = 4 * 6 + (7 * 18) + (7 * 6) + (7 * 12) + (13 * 6)
    ends = 9 * 6 + 12 + 7 * 5  # patches, last norm, linear layer
    assert parameters.layout(build()).n == ends + 7 * 6 + 6 + 2 * block
    assert parameters.layout(build(pool="mean")).n == ends + 6 * 6 + 2 * block


def test_every_module_of_a_vit_is_used_exactly_once(generator):
    model = build()
    calls = {name: 0 for name, _ in model.named_modules()}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    model(images(generator))
    assert set(calls.values()) == {1}


def test_vit_can_be_differentiated_twice_with_plain_attention(generator):
    model, inputs = build(), images(generator)
    weight = model[3].attention.qkv.weight
    with sdpa_kernel(SDPBackend.MATH):
        loss = model(inputs).logsumexp(1).mean()
        (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
        (product,) = torch.autograd.grad(gradient.square().sum() / 2, weight)
    step = 1e-5 * gradient.detach()
    gradients = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step
        gradients.append(torch.autograd.grad(model(inputs).logsumexp(1).mean(), weight)[0])
        with torch.no_grad():
            weight -= sign * step
    want = (gradients[0] - gradients[1]) / 2e-5
    torch.testing.assert_close(product, want, rtol=1e-5, atol=1e-9)


def test_vit_of_one_seed_has_the_same_bits_and_of_another_seed_none_of_them():
    one, two, other = build(), build(), build(seed=1)
    assert digest(one.state_dict()) == digest(two.state_dict())
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert "norm" in name or name.startswith("5.") or not bool((a == b).any())


def test_depths_of_one_seed_share_their_common_blocks():
    shallow, deep = build(depth=1).state_dict(), build(depth=2).state_dict()
    common = [name for name in shallow if name.split(".")[0] in "123"]
    assert len(common) == 16 and all(torch.equal(shallow[name], deep[name]) for name in common)


def test_positions_and_class_token_start_small():
    tokens = models.ViT(dim=512, heads=8).build((1, 28, 28), 10, seed=0)[2]
    deviation = float(tokens.positions.detach().double().std())
    assert abs(deviation - 0.02) < 4 * 0.02 / (2 * len(tokens.positions)) ** 0.5
    assert 0.01 < float(tokens.class_token.detach().std()) < 0.03


def test_fingerprint_of_a_vit_follows_its_settings():
    changes = [{}, {"patch": 7}, {"dim": 32}, {"depth": 2}, {"heads": 2}, {"mlp_ratio": 4}]
    configs = [*changes, {"pool": "mean"}]
    assert len({models.ViT(**settings).fingerprint for settings in configs}) == len(configs)
    assert models.ViT(mlp_ratio=2).fingerprint == models.ViT(mlp_ratio=2.0).fingerprint


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"heads": 4}, r"dim=6, depth=2, heads=4\) cannot be built. .* heads must divide dim"),
        ({"depth": 0}, r"depth=0, heads=3\) cannot be built. All must be >= 1"),
        ({"mlp_ratio": 0.25}, r"mlp_ratio=0.25 makes 1.5 hidden units of dim=6"),
        ({"pool": "max"}, r"pool='max' is not known to ViT. Pass 'class' or 'mean'"),
    ],
)
def test_vit_refuses_settings_that_are_none(settings, said):
    with pytest.raises(ValueError, match=said):
        models.ViT(**{**SMALL, **settings})


def test_vit_refuses_patches_that_do_not_tile_the_image():
    with pytest.raises(ValueError, match=r"patches of 4 x 4 do not tile images of 4 x 6 pixels"):
        build(patch=4)
