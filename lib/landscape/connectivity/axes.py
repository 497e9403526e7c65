"""Groups of hidden units, the axes of tensors along which they stand, and their permutation."""

import dataclasses
from collections.abc import Mapping

import torch


@dataclasses.dataclass(frozen=True)
class Axis:
    """The indices of a group's units along an axis of a tensor.

    Attributes:
        tensor: Name of a parameter or buffer.
        axis: Number of the axis. Of a convolution in g groups −g stands for the inputs of all
            groups one after the other: its weight holds them in axis 1 for each group alone.
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
        inner: Where the units are heads of attention or groups of a convolution, for each the names
            of its own groups of units. Those are permuted first, each within its head or group as
            the network was given.
    """

    name: str
    size: int
    axes: tuple[Axis, ...]
    inner: tuple[tuple[str, ...], ...] = ()


def along(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Return a tensor with an axis of ``Axis`` first.

    Args:
        tensor: Parameter or buffer.
        axis: Number of the axis; −g for the inputs of a convolution in g groups.
    """
    if axis >= 0:
        return tensor.movedim(axis, 0)
    outputs, inputs, *places = tensor.shape
    blocks = tensor.reshape(-axis, outputs // -axis, inputs, *places).transpose(1, 2)
    return blocks.reshape(-axis * inputs, outputs // -axis, *places)


def _back(rows: torch.Tensor, axis: int, shape: torch.Size) -> torch.Tensor:
    """Return a tensor of a shape from what ``along`` made of it."""
    if axis >= 0:
        return rows.movedim(0, axis)
    outputs, inputs, *places = shape
    blocks = rows.reshape(-axis, inputs, outputs // -axis, *places).transpose(1, 2)
    return blocks.reshape(shape)


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
        lines = along(old, axis.axis)
        rows = lines.index_select(0, axis.entries[permutation].flatten().to(old.device))
        indices = axis.entries.flatten().to(old.device)
        # A copy into the same axis: entries of other groups along it stay.
        moved = lines.index_copy(0, indices, rows)
        result[axis.tensor] = _back(moved, axis.axis, old.shape).contiguous()
    return result
