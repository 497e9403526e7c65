"""Find the hidden units that may be permuted without changing a network, and permute them."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from landscape import rng
from landscape.connectivity.axes import Axis, Units, permute_tensors
from landscape.connectivity.ties import FIXED, WEIGHTS, Attention, Ties
from landscape.connectivity.tracing import trace_units
from landscape.network.outputs import picked

Permutations = Mapping[str, torch.Tensor]
Indices = dict[int, dict[tuple[str, int], list[int]]]


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

    In attention the units of a head's queries change places with those of its keys, its values for
    themselves, and whole heads (``Units.inner``), also where keys serve several heads. Layer norm
    and RMS norm allow every permutation of a residual stream; the rotations of the stream that RMS
    norm without scales would allow besides are not sought. Where positions turn pairs of units
    (rotary embeddings), only heads are permuted. In a convolution in groups the units of each group
    of inputs or outputs change places, and whole groups do, as heads.

    Args:
        model: A feed-forward network of linear layers, convolutions (ordinary, depthwise or in
            groups), embeddings, attention, batch, group, layer, RMS and instance normalisation,
            elementwise operations of any kind, gates, pooling, rearrangements, zero padding, sums,
            products and means, as modules or functions. It is not changed.
        inputs: Example inputs (N, ...), of which the first is used: numbers, token ids, or rows of
            several inputs.

    Returns:
        The groups of at least two units, in the order of the layers; groups of heads come last.

    Raises:
        ValueError: If a layer does something else; the text names the layer.
    """
    ties = trace_units(model, as_inputs(model, inputs[:1]))
    # Unit -> (tensor, axis) -> the unit's indices along this axis.
    indices: Indices = {}
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
    several = [(_units(ties, roots, indices), roots) for roots in groups.values() if len(roots) > 1]
    return (*(units for units, _ in several), *_heads(ties, several, indices, marks))


def as_inputs(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return inputs on a network's device, in its dtype unless they are whole numbers."""
    floats = (x for x in model.parameters() if x.is_floating_point())
    first = next(floats, inputs)
    return inputs.to(first.device, first.dtype if inputs.is_floating_point() else inputs.dtype)


def _heads(
    ties: Ties,
    groups: Sequence[tuple[Units, Sequence[int]]],
    indices: Indices,
    marks: Mapping[int, set[str]],
) -> list[Units]:
    """Return the groups of whole heads."""
    found: dict[frozenset, Units] = {}
    every = [_shared(ties, attention) for attention in ties.attentions]
    for number, (attention, heads) in enumerate(zip(ties.attentions, every, strict=True)):
        own, roots = set(map(frozenset, heads)), set().union(*heads)
        foreign = (set(map(frozenset, x)) for x in every if roots & set().union(*x))
        if not attention.exchangeable or any(own != x for x in foreign) or own == {frozenset()}:
            continue
        prefix = f"head {number} "
        kinds = [[_kind(root, indices, marks, prefix) for root in head] for head in heads]
        if not _alike(ties, attention, marks, indices):
            continue
        if len(heads) < 2 or None in kinds[0] or any(kind != kinds[0] for kind in kinds):
            continue
        inner = tuple(
            tuple(units.name for units, members in groups if set(members) <= set(head))
            for head in heads
        )
        name = f"{attention.name} {attention.word}"
        found.setdefault(frozenset(own), Units(name, len(heads), _blocks(heads, indices), inner))
    return list(found.values())


def _shared(ties: Ties, attention: Attention) -> list[list[int]]:
    """Return the units of each head; heads that share keys or values are one."""
    merged: list[list[int]] = []
    for queries, values in attention.heads:
        head = list(dict.fromkeys(map(ties.root, (*queries, *values))))
        alike = next((x for x in merged if set(x) & set(head)), None)
        if alike is None:
            merged.append(head)
        else:
            alike += [root for root in head if root not in alike]
    return merged


def _kind(root: int, indices: Indices, marks: Mapping[int, set[str]], prefix: str) -> tuple | None:
    """Return what a unit shares with its counterparts in other heads; None if it is fixed."""
    if root <= FIXED or root not in indices:
        return None
    counts = tuple((*axis, len(filled)) for axis, filled in indices[root].items())
    return counts, frozenset(mark for mark in marks.get(root, ()) if not mark.startswith(prefix))


def _alike(
    ties: Ties, attention: Attention, marks: Mapping[int, set[str]], indices: Indices
) -> bool:
    """Return whether nothing acts on the attention weights of one head that spares another's."""
    roots = [ties.root(label) for label in attention.weights]
    told = {frozenset(x for x in marks.get(r, ()) if not x.startswith(WEIGHTS)) for r in roots}
    return len(told) == 1 and not any(root in indices for root in roots)


def _blocks(heads: Sequence[Sequence[int]], indices: Indices) -> tuple[Axis, ...]:
    """Return the axes along which heads stand, each unit of a head in its order."""
    # Moved along the outputs, a group takes all of its weights with it, those of its inputs too.
    axes = dict.fromkeys(axis for root in heads[0] for axis in indices[root] if axis[1] >= 0)
    return tuple(
        Axis(
            *axis,
            torch.tensor([[i for root in h for i in indices[root].get(axis, ())] for h in heads]),
        )
        for axis in axes
    )


def _units(ties: Ties, roots: Sequence[int], indices: Indices) -> Units:
    axes = tuple(
        Axis(*tensor_axis, torch.tensor([indices[root][tensor_axis] for root in roots]))
        for tensor_axis in indices[roots[0]]
    )
    # The layer with the largest first label up to this unit's is the one that makes it.
    start, (name, count) = max(item for item in ties.layers.items() if item[0] <= roots[0])
    part = "" if len(roots) == count else f"[{roots[0] - start}:{roots[-1] - start + 1}]"
    return Units(name + part, len(roots), axes)


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
    for name, units in groups.items():  # Heads last: the units within them are known by head.
        if name in permutations:
            tensors = permute_tensors(tensors, units, permutations[name])
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
    original, permuted_outputs = (_outputs(network, inputs) for network in (model, twin))
    error = float((original - permuted_outputs).abs().max())
    scale = float(original.abs().max())
    if not error <= 1e-9 * scale:
        raise RuntimeError(
            f"the permuted network is another function: outputs of size {scale:.3g} differ by "
            f"{error:.3g}. Either its outputs are not finite, or its operations do not show all of "
            "its computation, for example because forward() addresses units by number. Pass a "
            "network that treats all units of a layer alike."
        )


def _outputs(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    twin = copy.deepcopy(model).double().eval()
    return picked(twin(as_inputs(twin, inputs)))
