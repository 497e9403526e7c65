"""Many long vectors, held in blocks that grow without copying."""

import numpy as np
import torch

_FIRST_ROWS = 16
_SLAB_BYTES = 2**26


class Rows:
    """Vectors (m, n) in float64, in blocks that double: growing copies nothing.

    Args:
        n: Length of a vector.
        device: Where they are held.
        most: Rows ever held.
    """

    def __init__(self, n: int, device: torch.device, most: int) -> None:
        self._n, self._device, self._most = n, device, most
        self._blocks: list[torch.Tensor] = []
        self._room = 0

    def put(self, index: int, row: torch.Tensor) -> None:
        """Write row ``index``, at most one beyond those written before."""
        if index == self._room:
            more = min(max(self._room, _FIRST_ROWS), max(self._most - self._room, 1))
            block = torch.empty((more, self._n), dtype=torch.float64, device=self._device)
            self._blocks.append(block)
            self._room += more
        self.row(index).copy_(row)

    def row(self, index: int) -> torch.Tensor:
        """Return row ``index``, as a view."""
        for block in self._blocks:
            if index < len(block):
                return block[index]
            index -= len(block)
        raise IndexError(f"row {index} beyond the last")

    def first(self, count: int) -> list[torch.Tensor]:
        """Return the first ``count`` rows as blocks, views of (m_b, n)."""
        found = []
        for block in self._blocks:
            if count <= 0:
                break
            found.append(block[:count])
            count -= len(block)
        return found

    def dot(self, v: torch.Tensor, count: int) -> torch.Tensor:
        """Return the products (count,) of the first rows with v."""
        return torch.cat([block @ v for block in self.first(count)])

    def subtract(self, v: torch.Tensor, coefficients: torch.Tensor) -> None:
        """Take Σ cᵢ rowᵢ from v, in place."""
        parts = self.first(len(coefficients))
        for block, part in zip(parts, coefficients.split([len(b) for b in parts]), strict=True):
            v.addmv_(block.T, part, alpha=-1.0)

    def combine(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return C Q (j, n) of the first m rows, C being (j, m)."""
        parts = self.first(coefficients.shape[1])
        weights = torch.tensor(coefficients, dtype=torch.float64, device=self._device)
        total = torch.zeros((len(weights), self._n), dtype=torch.float64, device=self._device)
        for block, part in zip(parts, weights.split([len(b) for b in parts], dim=1), strict=True):
            total.addmm_(part, block)
        return total

    def rotate(self, coefficients: np.ndarray) -> None:
        """Replace the first j rows by C Q, C being (j, m), without a second copy."""
        weights = torch.tensor(coefficients, dtype=torch.float64, device=self._device)
        parts = self.first(weights.shape[1])
        width = max(1, _SLAB_BYTES // (8 * weights.shape[1]))
        for begin in range(0, self._n, width):
            slab = slice(begin, begin + width)
            turned = weights @ torch.cat([block[:, slab] for block in parts])
            for index, row in enumerate(turned):
                self.row(index)[slab] = row
