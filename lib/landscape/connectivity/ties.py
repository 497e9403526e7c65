"""Hidden units, the places where they stand, and which of them are the same."""

import torch

# A label is one number an entry of an activation. EMPTY: always zero, so it constrains nothing.
# FIXED: it has a meaning of its own, such as an input pixel or an output. Others: hidden units.
EMPTY, FIXED = 0, 1


class Ties:
    """What a network's computation says of its hidden units.

    Attributes:
        ties: (name of a parameter or buffer, axis) -> the label of each index along that axis.
        apart: (label, mark): only units of the same marks may change places.
        made: First label of each layer that makes units -> the layer's name and their number.
    """

    def __init__(self) -> None:
        self.ties: dict[tuple[str, int], torch.Tensor] = {}
        self.apart: list[tuple[int, str]] = []
        self.made: dict[int, tuple[str, int]] = {}
        self._parent = [EMPTY, FIXED]

    def fresh(self, count: int, name: str) -> torch.Tensor:
        """Return labels of new units (count,)."""
        first = len(self._parent)
        self.made[first] = (name, count)
        self._parent += range(first, first + count)
        return torch.arange(first, first + count, dtype=torch.float64)

    def root(self, label: int) -> int:
        """Return the label that stands for all that one is the same unit as."""
        while self._parent[label] != label:
            label = self._parent[label]
        return label

    def unite(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Make entries that are added the same units, and return the sum's labels."""
        one, other = torch.broadcast_tensors(one, other)
        both = (one != other) & (one != EMPTY) & (other != EMPTY)
        pairs = torch.stack([one[both], other[both]], dim=1).unique(dim=0)
        for a, b in pairs.long().tolist():
            low, high = sorted((self.root(a), self.root(b)))
            self._parent[high] = low
        return torch.maximum(one, other)

    def tie(self, tensor: str, axis: int, labels: torch.Tensor) -> None:
        """Record which unit each index along a tensor's axis belongs to; used twice, it is one."""
        earlier = self.ties.get((tensor, axis), labels)
        self.ties[tensor, axis] = self.unite(earlier, labels)

    def fix(self, labels: torch.Tensor) -> None:
        """Make entries keep their places."""
        self.unite(labels, torch.full_like(labels, FIXED))
