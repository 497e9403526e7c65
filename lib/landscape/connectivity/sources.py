"""Where the entries of a view of a parameter stand in the parameter, and which units they have."""

from typing import NamedTuple

import torch

from landscape.connectivity.ties import EMPTY, Ties


class Source(NamedTuple):
    """A parameter or a view of it.

    Attributes:
        name: Name of the parameter.
        shape: Shape of the parameter.
        indices: Flat index in the parameter of each entry, float64, in the shape of the view.
    """

    name: str
    shape: torch.Size
    indices: torch.Tensor

    def along(self, axis: int) -> torch.Tensor:
        """Return the coordinate along an axis of the parameter of each entry of the view."""
        below = torch.Size(self.shape[axis + 1 :]).numel()
        return self.indices.long() // below % self.shape[axis]


def whole(name: str, parameter: torch.Tensor) -> Source:
    """Return a parameter itself as a source."""
    indices = torch.arange(parameter.numel(), dtype=torch.float64)
    return Source(name, parameter.shape, indices.view(parameter.shape))


def parameter_axis(source: Source, axis: int) -> tuple[int, torch.Tensor] | None:
    """Return the axis of the parameter along which an axis of its view runs, and the coordinates.

    Args:
        source: The view.
        axis: An axis of the view.

    Returns:
        Axis of the parameter and coordinate of each index along the view's axis; None if there is
        no such axis.
    """
    for place in range(len(source.shape)):
        along = source.along(place).movedim(axis, 0)
        lines = along.reshape(len(along), -1)
        if bool((lines == lines[:, :1]).all()) and len(lines[:, 0].unique()) == len(lines):
            return place, lines[:, 0]
    return None


def tie_axis(ties: Ties, source: Source, axis: int, labels: torch.Tensor) -> bool:
    """Record the unit of each index along an axis of a view; return whether that was possible.

    Args:
        ties: The network's units.
        source: The view.
        axis: The view's axis.
        labels: Label of each index along it.
    """
    found = parameter_axis(source, axis)
    if found is None:
        return False
    place, coordinates = found
    entries = torch.full((source.shape[place],), float(EMPTY), dtype=torch.float64)
    entries[coordinates] = labels
    ties.tie(source.name, place, entries)
    return True


def tie_entries(ties: Ties, source: Source, labels: torch.Tensor) -> None:
    """Record the units of the entries of a parameter that each act on units of their own.

    So do scales, shifts and positions. The parameter has one axis along which units stand: there,
    entries of one coordinate belong to one unit. If its entries tell the units apart along another
    axis as well, the units are fixed.

    Args:
        ties: The network's units.
        source: A view of the parameter, which broadcasts with the labels.
        labels: Labels of the activation that it acts on.
    """
    indices = source.indices.broadcast_to(labels.shape)
    pairs = torch.stack([indices.flatten(), labels.flatten()], 1).unique(dim=0)
    flat = source._replace(indices=pairs[:, 0])
    axes = [axis for axis, size in enumerate(source.shape) if size > 1]
    classes = {axis: _classes(ties, flat.along(axis), pairs[:, 1]) for axis in axes}
    varying = [axis for axis in axes if len(set(map(frozenset, classes[axis].values()))) > 1]
    if not varying:
        return
    axis = max(varying, key=lambda axis: len(set(map(min, classes[axis].values()))))
    along = flat.along(axis)
    entries = torch.full((source.shape[axis],), float(EMPTY), dtype=torch.float64)
    for coordinate, label in zip(along.tolist(), pairs[:, 1].tolist(), strict=True):
        if entries[coordinate] == EMPTY:
            entries[coordinate] = label
    ties.unite(entries[along], pairs[:, 1])
    ties.tie(source.name, axis, entries)
    for other in (x for x in varying if x != axis):
        left = _classes(ties, flat.along(other), pairs[:, 1]).values()
        if len(set(map(frozenset, left))) > 1:
            ties.fix(pairs[:, 1])


def _classes(ties: Ties, coordinates: torch.Tensor, labels: torch.Tensor) -> dict[int, set[int]]:
    """Return the units of each coordinate."""
    classes: dict[int, set[int]] = {}
    for coordinate, root in zip(coordinates.tolist(), ties.roots(labels), strict=True):
        classes.setdefault(coordinate, set()).add(root)
    return classes
