"""Named groups of parameters."""

import pytest
import torch
from landscape.network import parameters
from landscape.network.groups import group
from torch import nn


def layout():
    inner = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    return parameters.layout(nn.ModuleDict({"0": inner, "10": nn.Linear(2, 1)}))


@pytest.mark.parametrize(
    ("names", "want"),
    [
        (None, [*range(17)]),
        ("0", [*range(14)]),
        ("10", [14, 15, 16]),
        ("0.1", [*range(8, 14)]),
        ("0.1.bias", [12, 13]),
        (["10.bias", "0.0.bias"], [6, 7, 16]),
        (("0.0", "0.0.bias", "0.0.bias"), [*range(8)]),
        (["0", "10"], [*range(17)]),
    ],
)
def test_group_has_the_entries_of_its_tensors_in_theta_s_order(names, want):
    found = group(layout(), names)
    assert found.entries.tolist() == want and found.entries.dtype == torch.int64
    assert found.m == len(want)


def test_layout_of_a_group_cuts_its_own_vector():
    found = group(layout(), ["0.1", "10.bias"])
    parts = found.layout.unflatten(torch.arange(7.0))
    assert {name: part.shape for name, part in parts.items()} == {
        "0.1.weight": (2, 2),
        "0.1.bias": (2,),
        "10.bias": (1,),
    }
    assert parts["0.1.bias"].tolist() == [4, 5] and parts["10.bias"].tolist() == [6]
    assert [block.kind for block in found.layout.blocks] == ["weight", "bias", "bias"]


def test_embedding_is_zero_outside_the_group():
    found = group(layout(), ["0.0.bias", "10.bias"])
    v = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    whole = found.embed(v, 17)
    assert whole[found.entries].tolist() == [1, 2, 3] and float(whole.abs().sum()) == 6
    assert whole.dtype == torch.float64
    block = found.embed(torch.stack([v, -v], dim=1), 17)
    assert torch.equal(block, torch.stack([whole, -whole], dim=1))


@pytest.mark.parametrize(
    "names", ["1", "0.2", "weight", "0.0.weigth", ["0", "0.0."], "0.0.weight.0"]
)
def test_unknown_name_is_refused_with_names_that_there_are(names):
    with pytest.raises(
        ValueError,
        match=r"no parameter is named '.*' and none lies .* such as '\d+\..*or of a module",
    ):
        group(layout(), names)


def test_the_nearest_name_is_suggested():
    with pytest.raises(ValueError, match=r"'0.0.weigth' .* such as '0.0.weight'"):
        group(layout(), "0.0.weigth")


def test_empty_group_is_refused():
    with pytest.raises(ValueError, match=r"an empty group has no curvature. Name at least one"):
        group(layout(), [])
