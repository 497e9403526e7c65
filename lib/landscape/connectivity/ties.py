"""Record hidden units: which tensors hold them, and which of them are the same unit."""

import torch

# Each entry of an activation has a label. EMPTY: the entry is always zero, as zero padding is, and
# does not say where a unit stands. FIXED: the entry may not move, as pixels and outputs. A larger
# number is a hidden unit. The order counts: a maximum of labels drops EMPTY, and the smallest label
# of a set stands for the set, so that a unit tied to FIXED is fixed.
EMPTY, FIXED = 0, 1


class Ties:
    """A network's hidden units, as a trace of its computation shows them.

    Sets of units that are the same unit form a union-find forest.

    Attributes:
        ties: (name of a parameter or buffer, axis) -> label of each index along this axis.
        marks: Pairs (label, mark); only units with the same marks may be exchanged.
        layers: First label of each layer that makes units -> the layer's name, number of its units.
    """

    def __init__(self) -> None:
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

    def fix(self, labels: torch.Tensor) -> None:
        """Make the units of these labels fixed: they may not be permuted."""
        self.unite(labels, torch.full_like(labels, FIXED))
