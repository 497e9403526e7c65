"""A list of long vectors in blocks of memory, which grows without copying."""

import numpy as np
import torch

_FIRST_ROWS = 16
_SLAB_BYTES = 2**26  # Memory for the columns that ``rotate`` copies at once.


class Rows:
    """Vectors (m, n) in blocks whose sizes double, so that growing copies nothing.

    Rows are held in ``dtype``: float32 halves memory and time if products are float32 anyway.
    Arguments and results are float64.

    Args:
        n: Length of a vector.
        max_rows: Largest number of rows.
        device: Device that holds the rows.
        dtype: Floating-point type of the rows in memory.
    """

    def __init__(self, n: int, max_rows: int, *, device: torch.device, dtype: torch.dtype) -> None:
        self._n, self._max_rows = n, max_rows
        self._like = {"device": device, "dtype": dtype}
        self._blocks: list[torch.Tensor] = []
        self._capacity = 0

    def put(self, index: int, row: torch.Tensor) -> None:
        """Write a row.

        Args:
            index: Position of the row: an existing one, or the first free one.
            row: The vector (n,).
        """
        if index == self._capacity:
            more = min(max(self._capacity, _FIRST_ROWS), max(self._max_rows - self._capacity, 1))
            block = torch.empty((more, self._n), **self._like)  # type: ignore[call-overload]  # device and dtype
            self._blocks.append(block)
            self._capacity += more
        self.row(index).copy_(row)

    def row(self, index: int) -> torch.Tensor:
        """Return row ``index`` (n,) as a view.

        Raises:
            IndexError: If there is no such row.
        """
        for block in self._blocks:
            if index < len(block):
                return block[index]
            index -= len(block)
        raise IndexError(f"row {index} beyond the last")

    def first(self, count: int) -> list[torch.Tensor]:
        """Return the first ``count`` rows as a list of blocks (m_b, n), which are views."""
        blocks = []
        for block in self._blocks:
            if count <= 0:
                break
            blocks.append(block[:count])
            count -= len(block)
        return blocks

    def dot(self, v: torch.Tensor, count: int) -> torch.Tensor:
        """Return the inner products of rows with a vector.

        Args:
            v: The vector (n,).
            count: Number of rows, from the first on.

        Returns:
            The products (count,) in float64.
        """
        v = v.to(**self._like)  # type: ignore[call-overload]  # device and dtype
        return torch.cat([block @ v for block in self.first(count)]).double()

    def subtract(self, v: torch.Tensor, coefficients: torch.Tensor) -> None:
        """Subtract a combination of rows, Σ cᵢ rowᵢ, from a vector in place.

        Args:
            v: The vector (n,).
            coefficients: Coefficients c (m,) of the first m rows.
        """
        v.sub_(self._sum(coefficients[None])[0])

    def combine(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return C Q (j, n), where Q are the first m rows and C are the coefficients (j, m)."""
        return self._sum(torch.from_numpy(coefficients)).double()

    def rotate(self, coefficients: np.ndarray) -> None:
        """Replace the first j rows by C Q for coefficients C (j, m), without a second copy of Q."""
        weights = torch.tensor(coefficients, **self._like)  # type: ignore[arg-type]  # device and dtype
        parts = self.first(weights.shape[1])
        # A column of C Q needs that column of Q alone, so one slab of columns after the other can
        # be overwritten.
        width = max(1, _SLAB_BYTES // (8 * weights.shape[1]))
        for begin in range(0, self._n, width):
            slab = slice(begin, begin + width)
            rotated = weights @ torch.cat([block[:, slab] for block in parts])
            for index, row in enumerate(rotated):
                self.row(index)[slab] = row

    def _sum(self, coefficients: torch.Tensor) -> torch.Tensor:
        weights = coefficients.to(**self._like)  # type: ignore[call-overload]  # device and dtype
        parts = self.first(weights.shape[1])
        total = torch.zeros((len(weights), self._n), **self._like)  # type: ignore[call-overload]  # device and dtype
        for block, part in zip(
            parts, weights.split([len(rows) for rows in parts], dim=1), strict=True
        ):
            total.addmm_(part, block)
        return total
