"""The flat parameter vector."""

import pytest
import torch
from landscape.network import parameters
from torch import nn

from tests.sample_networks import small_cnn


def tensors(model):
    return dict(model.named_parameters())


def test_layout_knows_weights_biases_and_normalisation():
    kinds = {block.name: block.kind for block in parameters.layout(small_cnn()).blocks}
    assert [name for name, kind in kinds.items() if kind == "weight"] == [
        "0.weight",
        "4.weight",
        "9.weight",
        "11.weight",
    ]
    assert [name for name, kind in kinds.items() if kind == "norm"] == [
        "1.weight",
        "1.bias",
        "5.weight",
        "5.bias",
    ]
    assert set(kinds.values()) == {"weight", "bias", "norm"}


@pytest.mark.parametrize(
    "layer",
    [nn.BatchNorm1d(3), nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.InstanceNorm1d(3, affine=True)],
)
def test_layout_calls_every_normalisation_layer_norm(layer):
    blocks = parameters.layout(nn.Sequential(nn.Linear(3, 3), layer)).blocks
    assert [block.kind for block in blocks] == ["weight", "bias", "norm", "norm"]


def test_layout_calls_a_slope_other():
    blocks = parameters.layout(nn.Sequential(nn.Linear(2, 2), nn.PReLU())).blocks
    assert [block.kind for block in blocks] == ["weight", "bias", "other"]
    assert [block.filters for block in blocks] == [2, 1, 1]


def test_layout_refuses_a_model_without_trainable_parameters():
    with pytest.raises(ValueError, match=r"Sequential has no parameter with requires_grad=True"):
        parameters.layout(nn.Sequential(nn.Linear(2, 2).requires_grad_(False)))


def test_unflatten_is_differentiable():
    layout = parameters.layout(nn.Linear(3, 2))
    theta = torch.arange(8.0, dtype=torch.float64, requires_grad=True)
    named = layout.unflatten(theta)
    (named["weight"].square().sum() + 5 * named["bias"].sum()).backward()
    assert theta.grad.tolist() == [0, 2, 4, 6, 8, 10, 5, 5]


@pytest.mark.parametrize("shape", [(7,), (9,), (8, 1), (1,), ()])
def test_layout_refuses_a_theta_of_another_shape(shape):
    layout = parameters.layout(nn.Linear(3, 2))
    for use in (layout.check, layout.unflatten, layout.filter_norms):
        with pytest.raises(ValueError, match=r"theta has the shape .* n = 8.*objective\.theta"):
            use(torch.zeros(shape))


def test_select_marks_the_entries_of_some_kinds():
    layout = parameters.layout(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert layout.select(kinds=("bias",)).tolist() == [False] * 4 + [True] * 2 + [False] * 4
    assert int(layout.select(kinds=("weight", "norm")).sum()) == 8
