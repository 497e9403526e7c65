"""Record hidden units: which tensors hold them, and which of them are the same unit."""

import dataclasses
from typing import Any, Protocol

import torch

# Each entry of an activation has a label. EMPTY: the entry is always zero, as zero padding is, and
# does not say where a unit stands. FIXED: the entry may not move, as pixels and outputs. A larger
# number is a hidden unit. The order counts: a maximum of labels drops EMPTY, and the smallest label
# of a set stands for the set, so that a unit tied to FIXED is fixed.
EMPTY, FIXED = 0, 1
WEIGHTS = "weights of a head "  # Begins the mark that attention weights carry.


@dataclasses.dataclass(frozen=True)
class Attention:
    """The heads of one attention, or the groups of one convolution, which move likewise.

    Attributes:
        name: Name of the layer.
        heads: For each head the labels of its queries, which are those of its keys, and of its
            values, in the order in which they are computed; for each group of a convolution the
            labels of its inputs and outputs.
        exchangeable: Whether the heads may change places; not where a mask or bias tells them
            apart.
        weights: Label of each head's attention weights; 0 where they were not seen.
        word: Whether they are heads or groups, for the name.
    """

    name: str
    heads: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    exchangeable: bool
    weights: tuple[int, ...]
    word: str = "heads"


class Ties:
    """A network's hidden units, as a trace of its computation shows them.

    Sets of units that are the same unit form a union-find forest.

    Attributes:
        ties: (name of a parameter or buffer, axis) -> label of each index along this axis.
        marks: Pairs (label, mark); only units with the same marks may be exchanged.
        layers: First label of each layer that makes units -> the layer's name, number of its units.
        attentions: What each attention computes with.
        scores: Label of a head's attention weights -> the labels of its queries and keys.
    """

    def __init__(self) -> None:
        self.attentions: list[Attention] = []
        self.scores: dict[int, tuple[int, ...]] = {}
        self.ties: dict[tuple[str, int], torch.Tensor] = {}
        self.marks: list[tuple[int, str]] = []
        self.layers: dict[int, tuple[str, int]] = {}
        self._parent = [EMPTY, FIXED]

    def new_units(self, count: int, name: str) -> torch.Tensor:
        """Return labels of new units (count,), float64.

        Args:
            count: Number of units.
            name: Name of the layer that makes them.
        """
        first = len(self._parent)
        self.layers[first] = (name, count)
        self._parent += range(first, first + count)
        return torch.arange(first, first + count, dtype=torch.float64)

    def root(self, label: int) -> int:
        """Return the label that stands for all labels of the same unit: the smallest of them."""
        while self._parent[label] != label:
            label = self._parent[label]
        return label

    def unite(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Make units the same where their entries are added; return the labels of the sum.

        Args:
            first: Labels of the first summand.
            second: Labels of the second summand, of a shape that broadcasts with the first.
        """
        first, second = torch.broadcast_tensors(first, second)
        # An empty entry adds nothing, so it ties nothing: option A of a ResNet depends on this.
        tied = (first != second) & (first != EMPTY) & (second != EMPTY)
        pairs = torch.stack([first[tied], second[tied]], dim=1).unique(dim=0)
        for label, other_label in pairs.long().tolist():
            low, high = sorted((self.root(label), self.root(other_label)))
            self._parent[high] = low
        return torch.maximum(first, second)

    def tie(self, name: str, axis: int, labels: torch.Tensor) -> None:
        """Record the unit of each index along a tensor's axis.

        A tensor that is used twice has the same units both times, so earlier labels are united with
        these.

        Args:
            name: Name of a parameter or buffer.
            axis: Axis of the tensor.
            labels: Label of each index along the axis (length,).
        """
        earlier = self.ties.get((name, axis), labels)
        self.ties[name, axis] = self.unite(earlier, labels)

    def collapse(self, labels: torch.Tensor, axis: int) -> torch.Tensor:
        """Make the units along an axis the same; return their labels without it.

        Args:
            labels: Labels of an activation.
            axis: The axis, such as that of tokens, which one weight treats alike.
        """
        units = labels.movedim(axis, 0)
        first = units.amax(0)
        if bool(((units != first) & (units != EMPTY)).any()):
            self.unite(units, first)
        return first

    def roots(self, labels: torch.Tensor) -> list[int]:
        """Return the labels that stand for labels (length,)."""
        return [self.root(label) for label in labels.long().tolist()]

    def fix(self, labels: torch.Tensor) -> None:
        """Make the units of these labels fixed: they may not be permuted."""
        self.unite(labels, torch.full_like(labels, FIXED))


class Tracer(Protocol):
    """What rules of layers ask of the trace of a network; see ``tracing.UnitTracer``."""

    ties: Ties
    called: str

    @property
    def layer(self) -> str:
        """Name of the layer that is running."""

    def labels_of(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return a tensor's labels, or None where it does not depend on the network's input."""

    def units_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the labels of any tensor."""

    def units_along(self, tensor: torch.Tensor, axis: int) -> torch.Tensor:
        """Return the unit of each index along an axis."""

    def source_of(self, tensor: torch.Tensor) -> Any:
        """Return where a view of a parameter stands in it; None for other tensors."""

    def is_derived(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor was computed from parameters, and is no view of one."""

    def name_of(self, tensor: torch.Tensor) -> str:
        """Return the name of the layer whose weight a tensor is."""

    def tie(self, tensor: torch.Tensor | None, axis: int, labels: torch.Tensor) -> None:
        """Record the unit of each index along an axis of a parameter."""

    def refusal(self, why: str) -> ValueError:
        """Return the error that names the running layer."""
