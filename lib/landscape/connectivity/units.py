"""Find the hidden units that may be permuted without changing a network, and permute them."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from landscape import rng
from landscape.connectivity.ties import FIXED, Ties
from landscape.connectivity.tracing import trace_units

Permutations = Mapping[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Axis:
    """The indices of a group's units along an axis of a tensor.

    Attributes:
        tensor: Name of a parameter or buffer.
        axis: Number of the axis.
        entries: Indices along the axis (m, k); row i belongs to unit i. k > 1 where a unit fills
            several indices, as the pixels of a channel in a flattened image.
    """

    tensor: str
    axis: int
    entries: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Units:
    """A group of hidden units that may be permuted among themselves.

    Attributes:
        name: Name of the layer that makes them; the first of several layers that are tied. Where
            the group is only a part of the layer's units, the range of their indices follows, as
            in ``conv[0:8]``.
        size: Number m of the units.
        axes: All axes of tensors along which the units stand.
    """

    name: str
    size: int
    axes: tuple[Axis, ...]


def permutation_groups(model: nn.Module, inputs: torch.Tensor) -> tuple[Units, ...]:
    """Return the groups of hidden units that may be permuted, with all axes that move together.

    The network runs once on the first input while labels of units follow its operations. A sum ties
    units: the units of a residual stream are the same from block to block. Units form a group if
    they stand along the same axes. The padded shortcut of a ResNet (option A) passes on C channels
    and adds empty ones, so it splits the wider stream into two groups: the first C channels move
    with the channels of the previous stage, the new channels among themselves. Group normalisation
    normalises the units of each of its groups together, so a unit is permuted only within its
    group. Depthwise convolutions treat each unit by itself, as normalisation does. Inputs and
    outputs of the network keep their order, and so do all units that are added to them.

    Args:
        model: A feed-forward network of linear layers, convolutions (ordinary or depthwise), batch,
            group, layer and instance normalisation, elementwise activations, pooling, flattening,
            zero padding and sums, as modules or functions. It is not changed.
        inputs: Example inputs (N, ...), of which the first is used.

    Returns:
        The groups of at least two units, in the order of the layers.

    Raises:
        ValueError: If a layer does something else; the text names the layer.
    """
    first = next(model.parameters(), inputs)
    ties = trace_units(model, inputs[:1].to(first.device, first.dtype))
    # Unit -> (tensor, axis) -> the unit's indices along this axis.
    indices: dict[int, dict[tuple[str, int], list[int]]] = {}
    for tensor_axis, labels in ties.ties.items():
        for index, label in enumerate(labels.long().tolist()):
            if (root := ties.root(label)) > FIXED:
                indices.setdefault(root, {}).setdefault(tensor_axis, []).append(index)
    # By root, and only now: a sum late in the network may have united units of early layers.
    marks: dict[int, set[str]] = {}
    for label, mark in ties.marks:
        marks.setdefault(ties.root(label), set()).add(mark)
    # Units are exchangeable if they stand along the same axes, fill as many indices there, and have
    # the same marks.
    groups: dict[tuple, list[int]] = {}
    for root in sorted(indices):
        counts = tuple((*tensor_axis, len(filled)) for tensor_axis, filled in indices[root].items())
        groups.setdefault((counts, frozenset(marks.get(root, ()))), []).append(root)
    return tuple(_units(ties, roots, indices) for roots in groups.values() if len(roots) > 1)


def _units(
    ties: Ties, roots: Sequence[int], indices: Mapping[int, Mapping[tuple[str, int], list[int]]]
) -> Units:
    axes = tuple(
        Axis(*tensor_axis, torch.tensor([indices[root][tensor_axis] for root in roots]))
        for tensor_axis in indices[roots[0]]
    )
    # The layer with the largest first label up to this unit's is the one that makes it.
    start, (name, count) = max(item for item in ties.layers.items() if item[0] <= roots[0])
    part = "" if len(roots) == count else f"[{roots[0] - start}:{roots[-1] - start + 1}]"
    return Units(name + part, len(roots), axes)


def permute_tensors(
    tensors: Mapping[str, torch.Tensor], units: Units, permutation: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return named tensors with the units of a group permuted.

    Args:
        tensors: Name -> parameter or buffer; they are not changed.
        units: The group. Its axes in other tensors are ignored.
        permutation: Permutation (m,): unit i of the result is unit ``permutation[i]``.
    """
    result = dict(tensors)
    for axis in (axis for axis in units.axes if axis.tensor in tensors):
        old = result[axis.tensor]
        rows = old.index_select(axis.axis, axis.entries[permutation].flatten().to(old.device))
        indices = axis.entries.flatten().to(old.device)
        # A copy into the same axis: entries of other groups along it stay.
        result[axis.tensor] = old.index_copy(axis.axis, indices, rows)
    return result


def random_permutations(
    model: nn.Module, inputs: torch.Tensor, *, seed: int
) -> dict[str, torch.Tensor]:
    """Return a random permutation of each group of hidden units.

    Applied with ``permuted`` they give a network of the same function at another point: whatever
    lies between the two is a matter of symmetry alone.

    Args:
        model: The network; it is not changed.
        inputs: Example inputs (N, ...), of which the first is used.
        seed: Seed of the streams ("permutation", name of the group).

    Raises:
        ValueError: If ``permutation_groups`` does not understand a layer, or no units can be
            permuted.
    """
    groups = permutation_groups(model, inputs)
    if not groups:
        raise ValueError(
            "no units of this network can be permuted, so it has no twin. Pass a network with a "
            "hidden layer of at least two units."
        )
    return {
        units.name: torch.randperm(
            units.size, generator=rng.stream(seed, "permutation", units.name)
        )
        for units in groups
    }


@torch.no_grad()
def permuted(model: nn.Module, permutations: Permutations, inputs: torch.Tensor) -> nn.Module:
    """Return a copy of a network with hidden units permuted; it computes the same function.

    Parameters and buffers are permuted.

    Args:
        model: The network; it is not changed.
        permutations: Name of a group -> permutation (m,), such as ``Matching.permutations``: unit i
            of the copy is unit ``permutation[i]`` of the model. Other groups keep their order.
        inputs: Example inputs (N, ...), on which both networks are compared in float64.

    Returns:
        The copy, of the model's dtype and mode.

    Raises:
        ValueError: If a name is unknown or its value is no permutation of the group, or for the
            reasons of ``permutation_groups``.
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
    # Not the state dict: it names shared tensors twice, and leaves out non-persistent buffers.
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _check_same_function(model: nn.Module, twin: nn.Module, inputs: torch.Tensor) -> None:
    # In float64: sums in another order differ by rounding, which must not pass for an error.
    original, permuted_outputs = (
        copy.deepcopy(network)
        .double()
        .eval()(inputs.to(next(network.parameters()).device).double())
        for network in (model, twin)
    )
    error = float((original - permuted_outputs).abs().max())
    scale = float(original.abs().max())
    if not error <= 1e-9 * scale:
        raise RuntimeError(
            f"the permuted network is another function: outputs of size {scale:.3g} differ by "
            f"{error:.3g}. Either its outputs are not finite, or its operations do not show all of "
            "its computation, for example because forward() addresses units by number. Pass a "
            "network that treats all units of a layer alike."
        )
