"""The axis of a weight that counts filters: known, or named by the layer."""

import pytest
import torch
from landscape import Objective, directions, models, rng
from landscape.network.parameters import layout
from torch import nn


def drawn(*shape, name="filters"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


class Conv1D(nn.Module):
    """As in Hugging Face's GPT-2."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf, self.weight, self.bias = nf, nn.Parameter(drawn(nx, nf)), nn.Parameter(drawn(nf))

    def forward(self, x):
        return torch.addmm(self.bias, x, self.weight)


class Own(nn.Module):
    """Outputs are columns, which its bias says, or an attribute."""

    def __init__(self, inputs, outputs, bias=True, **attributes):
        super().__init__()
        self.weight = nn.Parameter(drawn(inputs, outputs))
        self.bias = nn.Parameter(drawn(outputs)) if bias else None
        vars(self).update(attributes)

    def forward(self, x):
        return x @ self.weight + (0.0 if self.bias is None else self.bias)


LAYERS = {
    "linear": (nn.Linear(4, 5), 0),
    "square linear": (nn.Linear(5, 5), 0),
    "convolution": (nn.Conv2d(4, 6, 3), 0),
    "grouped convolution": (nn.Conv2d(4, 6, 3, groups=2), 0),
    "depthwise convolution": (nn.Conv2d(4, 4, 3, groups=4), 0),
    "transposed convolution": (nn.ConvTranspose2d(4, 6, 3), 1),
    "transposed in one dimension": (nn.ConvTranspose1d(4, 6, 3), 1),
    "embedding": (nn.Embedding(4, 5), 0),
    "GPT-2's": (Conv1D(5, 4), 1),
    "GPT-2's, square": (Conv1D(4, 4), 1),
    "columns by the bias": (Own(4, 5), 1),
    "columns by out_features": (Own(4, 5, bias=False, out_features=5), 1),
    "columns by an attribute": (Own(4, 4, bias=False, filter_axis=1), 1),
    "by name": (Own(4, 4, bias=False, filter_axis={"weight": 1}), 1),
    "rows by an attribute": (Own(4, 5, filter_axis=0), 0),
    "not known": (Own(4, 4, bias=False), 0),
}


@pytest.mark.parametrize("words", LAYERS)
def test_each_filter_gets_its_norm(words):
    model, axis = LAYERS[words]
    model = model.double()
    one = layout(model)
    block = next(b for b in one.blocks if b.name == "weight")
    theta = one.flatten(dict(model.named_parameters()))
    direction = directions.random(one, generator=rng.stream(0, "direction"))
    scaled = directions.filter_normalize(direction, theta, one)
    tensors = [one.unflatten(x)["weight"].movedim(axis, 0).flatten(1) for x in (scaled, theta)]
    assert (block.axis, block.filters) == (axis, len(tensors[0]))
    torch.testing.assert_close(tensors[0].norm(dim=1), tensors[1].norm(dim=1), rtol=1e-12, atol=0)
    norms = one.unflatten(one.filter_norms(theta))["weight"].movedim(axis, 0).flatten(1)
    torch.testing.assert_close(norms, tensors[1].norm(dim=1, keepdim=True).expand_as(norms))
    # Within a filter only the length changes.
    plain = one.unflatten(direction)["weight"].movedim(axis, 0).flatten(1)
    cosine = torch.nn.functional.cosine_similarity(plain, tensors[0], dim=1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_layers_stored_either_way_have_the_same_slices():
    rows, columns = nn.Linear(4, 5).double(), Conv1D(5, 4)
    with torch.no_grad():
        columns.weight.copy_(rows.weight.T)
        columns.bias.copy_(rows.bias)
    one, other = layout(rows), layout(columns)
    direction = directions.random(one, generator=rng.stream(0, "direction"))
    parts = one.unflatten(direction)
    turned = other.flatten({"weight": parts["weight"].T, "bias": parts["bias"]})
    thetas = [x.flatten(dict(m.named_parameters())) for x, m in ((one, rows), (other, columns))]
    first = one.unflatten(directions.filter_normalize(direction, thetas[0], one))["weight"]
    second = other.unflatten(directions.filter_normalize(turned, thetas[1], other))["weight"]
    torch.testing.assert_close(first, second.T, rtol=1e-12, atol=0)


@pytest.mark.parametrize("axis", [2, -1, "1", True, 1.0, {"weight": 3}])
def test_an_axis_that_is_none_is_refused(axis):
    with pytest.raises(ValueError, match="of Own is no axis of its 'weight'"):
        layout(Own(4, 5, filter_axis=axis))


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: models.CNN(channels=(8.5,)), r"CNN\(channels=\[8.5\]\) counts units by 8.5"),
        (lambda: models.CNN(channels=(8, "16")), "counts units by '16'"),
        (lambda: models.CNN(hidden=2.5), r"CNN\(hidden=\[2.5\]\)"),
        (lambda: models.CNN(channels=(True,)), "counts units by True"),
        (lambda: models.MLP(hidden=(8.0,)), r"MLP\(hidden=\[8.0\]\) counts units by 8.0"),
    ],
)
def test_fractional_units_are_refused(build, text):
    with pytest.raises(ValueError, match=text):
        build()


@pytest.mark.parametrize("bn", ["batch", "reestimate"])
@pytest.mark.parametrize("count", [3, 5, 11])
def test_a_block_of_one_example_is_refused(bn, count):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    examples = drawn(count, 4), torch.arange(count) % 2
    with pytest.raises(ValueError, match=rf"bn_block=2 cuts {count} examples into .* single ex"):
        Objective(model, examples, bn=bn, bn_block=2)
    assert Objective(model, examples, bn=bn, bn_block=3).loss() > 0
    assert Objective(model, examples, bn_block=2).loss() > 0
