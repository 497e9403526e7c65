"""Many long vectors, held in blocks that grow without copying."""

import numpy as np
import torch

_FIRST_ROWS = 16
_SLAB_BYTES = 2**26


class Rows:
    """Vectors (m, n) in blocks that double: growing copies nothing.

    They are held in ``dtype``, which halves memory and time where products are of float32. What
    goes in and comes out is float64.

    Args:
        n: Length of a vector.
        most: Rows ever held.
        device: Where they are held.
        dtype: Type in which they are held.
    """

    def __init__(self, n: int, most: int, *, device: torch.device, dtype: torch.dtype) -> None:
        self._n, self._most = n, most
        self._like = {"device": device, "dtype": dtype}
        self._blocks: list[torch.Tensor] = []
        self._room = 0

    def put(self, index: int, row: torch.Tensor) -> None:
        """Write row ``index``, at most one beyond those written before."""
        if index == self._room:
            more = min(max(self._room, _FIRST_ROWS), max(self._most - self._room, 1))
            block = torch.empty((more, self._n), **self._like)
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
        v = v.to(**self._like)
        return torch.cat([block @ v for block in self.first(count)]).double()

    def subtract(self, v: torch.Tensor, coefficients: torch.Tensor) -> None:
        """Take Σ cᵢ rowᵢ from v, in place."""
        v.sub_(self._sum(coefficients[None])[0])

    def combine(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return C Q (j, n) of the first m rows, C being (j, m)."""
        return self._sum(torch.from_numpy(coefficients)).double()

    def rotate(self, coefficients: np.ndarray) -> None:
        """Replace the first j rows by C Q, C being (j, m), without a second copy."""
        weights = torch.tensor(coefficients, **self._like)
        parts = self.first(weights.shape[1])
        width = max(1, _SLAB_BYTES // (8 * weights.shape[1]))
        for begin in range(0, self._n, width):
            slab = slice(begin, begin + width)
            turned = weights @ torch.cat([block[:, slab] for block in parts])
            for index, row in enumerate(turned):
                self.row(index)[slab] = row

    def _sum(self, coefficients: torch.Tensor) -> torch.Tensor:
        weights = coefficients.to(**self._like)
        parts = self.first(weights.shape[1])
        total = torch.zeros((len(weights), self._n), **self._like)
        for block, part in zip(parts, weights.split([len(b) for b in parts], dim=1), strict=True):
            total.addmm_(part, block)
        return total
