"""The flat parameter vector and its groups, of networks of many shapes, ties and dtypes."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from landscape.network import parameters
from landscape.network.groups import group
from torch import nn

SIZES = st.integers(1, 3)
LAYERS = st.one_of(
    st.builds(nn.Linear, SIZES, SIZES, bias=st.booleans()),
    st.builds(nn.Conv2d, SIZES, SIZES, SIZES, bias=st.booleans()),
    st.builds(nn.ConvTranspose1d, SIZES, SIZES, SIZES),
    st.builds(nn.Embedding, SIZES, SIZES),
    st.builds(nn.BatchNorm2d, SIZES, affine=st.booleans()),
    st.builds(nn.LayerNorm, st.lists(SIZES, min_size=1, max_size=2)),
    st.builds(nn.PReLU, SIZES),
    st.builds(nn.Identity),
)
DTYPES = st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16])


@st.composite
def networks(draw):
    """A network of nested layers: some shared, some tied, some not trained, in several dtypes."""
    layers = draw(st.lists(LAYERS, max_size=4))
    seeds = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    for layer in layers:
        layer.to(draw(DTYPES))
        for tensor in layer.parameters():
            with torch.no_grad():
                tensor.copy_(torch.randn(tensor.shape, generator=seeds, dtype=torch.float64))
            tensor.requires_grad_(draw(st.integers(0, 4)) > 0)
    if layers and draw(st.booleans()):  # The same layer at two places.
        layers.append(draw(st.sampled_from(layers)))
    last = nn.Linear(2, 2).double()
    tied = nn.Linear(2, 2).double()
    if draw(st.booleans()):  # One tensor under two names.
        tied.weight = last.weight
    return nn.Sequential(
        nn.Sequential(*layers), last, nn.ModuleDict({"1": nn.PReLU().double(), "10": tied})
    )


def trained(model):
    """Each trained tensor once, under its first name."""
    return {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}


@given(networks())
def test_theta_holds_each_trained_tensor_once_and_gives_it_back(model):
    layout, tensors = parameters.layout(model), trained(model)
    theta = layout.flatten(dict(model.named_parameters()))
    assert theta.dtype == torch.float64 and len({id(tensor) for tensor in tensors.values()}) == len(
        tensors
    )
    assert theta.tolist() == [x for tensor in tensors.values() for x in tensor.flatten().tolist()]
    back = layout.unflatten(theta)
    assert list(back) == list(tensors) == [block.name for block in layout.blocks]
    for name, tensor in tensors.items():  # Back in its own dtype each number is the same.
        assert torch.equal(back[name].to(tensor.dtype), tensor)
    assert torch.equal(layout.flatten(back), theta)


@given(networks())
def test_blocks_follow_each_other_and_kinds_divide_them(model):
    layout = parameters.layout(model)
    stops = [block.entries.stop for block in layout.blocks]
    assert [block.entries.start for block in layout.blocks] == [0, *stops[:-1]]
    assert layout.n == stops[-1] == sum(tensor.numel() for tensor in trained(model).values())
    masks = [layout.select(kinds=(kind,)) for kind in ("weight", "bias", "norm", "other")]
    assert torch.stack(masks).sum(0).tolist() == [1] * layout.n


@given(networks())
def test_filter_norms_are_those_of_each_filter_by_itself(model):
    layout = parameters.layout(model)
    theta = layout.flatten(dict(model.named_parameters()))
    norms = layout.unflatten(layout.filter_norms(theta))
    for block in layout.blocks:
        tensor = trained(model)[block.name].detach().double()
        if block.kind == "weight":
            others = [axis for axis in range(tensor.dim()) if axis != block.axis]
            want = torch.linalg.vector_norm(tensor, dim=others, keepdim=True)
            torch.testing.assert_close(norms[block.name], want.expand_as(tensor))
        else:
            assert not norms[block.name].any()


@given(networks(), st.data())
def test_a_group_has_the_entries_of_its_tensors_and_puts_them_back(model, data):
    layout = parameters.layout(model)
    names = [block.name for block in layout.blocks]
    modules = {name.rpartition(".")[0] for name in names} | {"1", "2"}
    chosen = data.draw(st.lists(st.sampled_from(sorted({*names, *modules})), min_size=1))
    part = group(layout, chosen)
    parts = [f"{one}." for one in chosen]
    inside = [name for name in names if any(f"{name}.".startswith(one) for one in parts)]
    assert [block.name for block in part.layout.blocks] == inside
    theta = layout.flatten(dict(model.named_parameters()))
    own, whole = part.layout.unflatten(theta[part.entries]), layout.unflatten(theta)
    assert all(torch.equal(own[name], whole[name]) for name in inside)
    back = part.embed(theta[part.entries], layout.n)
    outside = torch.ones(layout.n, dtype=torch.bool)
    outside[part.entries] = False
    assert torch.equal(back[part.entries], theta[part.entries]) and not back[outside].any()
    assert part.m == len(part.entries) == len(part.entries.unique())
