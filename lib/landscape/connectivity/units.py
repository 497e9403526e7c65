"""Hidden units that may change places without changing the function, and the moved network."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from landscape.connectivity.ties import FIXED, Ties
from landscape.connectivity.tracing import trace_units

Permutations = Mapping[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Axis:
    """Where the units of a group stand along one axis of a tensor.

    Attributes:
        tensor: Name of a parameter or buffer.
        axis: The axis.
        entries: Row i holds the indices of unit i along it, (m, k); k > 1 where a unit fills
            several places, such as the pixels of a channel in a flattened image.
    """

    tensor: str
    axis: int
    entries: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Units:
    """Hidden units that may be permuted among themselves.

    Attributes:
        name: The layer that makes them, the first one where several are tied; with the first and
            last index where they are only a part of its units.
        size: Their number m.
        axes: All places where they stand.
    """

    name: str
    size: int
    axes: tuple[Axis, ...]


def permutation_groups(model: nn.Module, inputs: torch.Tensor) -> tuple[Units, ...]:
    """Return the groups of hidden units that may be permuted, with all axes that move together.

    The network runs once on the first input while labels of units follow its operations. Sums tie
    units: those of a residual stream are the same from block to block. Units form a group if they
    stand in the same axes. So the padded shortcut of a ResNet (option A), which hands on C channels
    and adds empty ones, splits the wider stream: its first C channels move with those of the stage
    before, the new ones among themselves. Group normalisation normalises some units together; those
    of each of its groups are permuted among themselves, and no unit leaves its group.
    Depthwise convolutions act on each unit by itself, like a normalisation. Inputs and outputs of
    the network keep their order, and with them all that is added to them.

    Args:
        model: A feed-forward network of linear layers, convolutions (ordinary or depthwise), batch,
            group, layer and instance normalisation, activations of one entry each, pooling,
            flattening, zero padding and sums, as modules or functions. It is not changed.
        inputs: Example inputs (N, ...).

    Returns:
        The groups of at least two units, in the order of the layers.

    Raises:
        ValueError: If a layer does something else, with its name.
    """
    first = next(model.parameters(), inputs)
    found = trace_units(model, inputs[:1].to(first.device, first.dtype))
    stands: dict[int, dict[tuple[str, int], list[int]]] = {}
    for place, labels in found.ties.items():
        for index, label in enumerate(labels.long().tolist()):
            if (root := found.root(label)) > FIXED:
                stands.setdefault(root, {}).setdefault(place, []).append(index)
    marks: dict[int, set[str]] = {}
    for label, mark in found.apart:
        marks.setdefault(found.root(label), set()).add(mark)
    alike: dict[tuple, list[int]] = {}
    for root in sorted(stands):
        counts = tuple((*place, len(indices)) for place, indices in stands[root].items())
        alike.setdefault((counts, frozenset(marks.get(root, ()))), []).append(root)
    return tuple(_units(found, roots, stands) for roots in alike.values() if len(roots) > 1)


def _units(found: Ties, roots: Sequence[int], stands: dict) -> Units:
    axes = tuple(
        Axis(*place, torch.tensor([stands[root][place] for root in roots]))
        for place in stands[roots[0]]
    )
    start, (name, count) = max(item for item in found.made.items() if item[0] <= roots[0])
    part = "" if len(roots) == count else f"[{roots[0] - start}:{roots[-1] - start + 1}]"
    return Units(name + part, len(roots), axes)


def permute_tensors(
    tensors: Mapping[str, torch.Tensor], units: Units, permutation: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return named tensors in which unit i of a group is what unit ``permutation[i]`` was."""
    result = dict(tensors)
    for axis in (axis for axis in units.axes if axis.tensor in tensors):
        old = result[axis.tensor]
        rows = old.index_select(axis.axis, axis.entries[permutation].flatten().to(old.device))
        places = axis.entries.flatten().to(old.device)
        result[axis.tensor] = old.index_copy(axis.axis, places, rows)
    return result


@torch.no_grad()
def permuted(model: nn.Module, permutations: Permutations, inputs: torch.Tensor) -> nn.Module:
    """Return a copy of a network with hidden units permuted, parameters and buffers: one function.

    Args:
        model: The network; it is not changed.
        permutations: Name of a group -> permutation (m,), such as ``Matching.permutations``: unit i
            of the copy is unit ``permutation[i]`` of the model. Groups not named stay.
        inputs: Example inputs (N, ...), on which both networks are compared in float64.

    Raises:
        ValueError: If a name is unknown or what belongs to it is no permutation of the group, or
            for the reasons of ``permutation_groups``.
        RuntimeError: If the copy's outputs differ by more than rounding.
    """
    groups = {units.name: units for units in permutation_groups(model, inputs)}
    tensors = _named(model)
    for name, permutation in permutations.items():
        if name not in groups or sorted(permutation.tolist()) != list(range(groups[name].size)):
            sizes = {name: units.size for name, units in groups.items()}
            raise ValueError(
                f"{name!r}: a permutation of {len(permutation)} entries fits no group of this "
                f"network. It has the groups and sizes {sizes}; pass each number below the size "
                "once, as connectivity.match does."
            )
        tensors = permute_tensors(tensors, groups[name], permutation)
    twin = copy.deepcopy(model)
    for name, tensor in _named(twin).items():
        tensor.copy_(tensors[name])
    _check_same_function(model, twin, inputs)
    return twin


def _named(model: nn.Module) -> dict[str, torch.Tensor]:
    # Not the state dict: it names what is shared twice, and leaves out some buffers.
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _check_same_function(model: nn.Module, twin: nn.Module, inputs: torch.Tensor) -> None:
    one, other = (
        copy.deepcopy(network)
        .double()
        .eval()(inputs.to(next(network.parameters()).device).double())
        for network in (model, twin)
    )
    error, scale = float((one - other).abs().max()), float(one.abs().max())
    if not error <= 1e-9 * scale:
        raise RuntimeError(
            f"the permuted network is another function: outputs of size {scale:.3g} differ by "
            f"{error:.3g}. Its layers are not what their operations say, for example because "
            "forward() addresses units by number, or its outputs are not finite."
        )
