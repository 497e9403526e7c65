"""Eigenpairs: what a search for extreme eigenvalues found."""

import dataclasses
from typing import Literal

import numpy as np
import torch

Which = Literal["largest", "smallest", "both ends"]

# Times √n and the largest |value|: a difference that float64 recurrences cannot resolve.
ROUNDING = 10 * float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Eigenpairs:
    """Extreme algebraic eigenvalues of a symmetric operator of shape (n, n).

    Attributes:
        values: Eigenvalue estimates (m,), descending. m = k, or 2k for ``both ends`` (k largest,
            then k smallest), or n where 2k is more.
        residuals: ‖A x - λ x‖₂ of each pair: an eigenvalue lies within this distance of the value.
            It is what the recurrence says and, on top, its distance from products with A, measured
            by one product for all pairs together. Where ``interrupted``, the former alone.
        converged: (m,) whether each residual is at most ``tol`` times the spectral range.
        products: Products with A used, the one for the residuals included.
        which: The end that was asked for.
        k: The number asked for at each end.
        tol: The tolerance.
        spectral_range: Largest minus smallest Ritz value.
        vectors: Eigenvectors (n, m) of norm 1, or None.
        dtype: Type of the recurrence.
        interrupted: Whether Ctrl-C ended it; then residuals and ``converged`` come from the
            recurrence alone, without a product to check them.
        n: Rows of the operator.
    """

    values: torch.Tensor
    residuals: torch.Tensor
    converged: torch.Tensor
    products: int
    which: Which
    k: int
    tol: float
    spectral_range: float
    vectors: torch.Tensor | None = None
    dtype: str = "float64"
    interrupted: bool = False
    n: int = 0

    def __len__(self) -> int:
        return len(self.values)

    @property
    def largest(self) -> float:
        """lambda_max: the largest algebraic eigenvalue.

        Raises:
            ValueError: If only the other end was asked for.
        """
        return self._end("largest", 0)

    @property
    def smallest(self) -> float:
        """lambda_min: the smallest algebraic eigenvalue, likewise."""
        return self._end("smallest", -1)

    @property
    def negative(self) -> torch.Tensor:
        """(m,) whether the eigenvalue near each value is negative beyond its residual."""
        return self.values + self.residuals < 0

    @property
    def cluster(self) -> torch.Tensor:
        """(m,) labels 0, 1, ... of groups of values that their residuals cannot tell apart.

        Neighbours are of one cluster if their intervals, value ± residual, overlap, or if they are
        the same to rounding. Members of a cluster may be one repeated eigenvalue or several.
        """
        rounding = ROUNDING * max(self.n, 1) ** 0.5 * self.values.abs().amax()
        upper, lower = self.values + self.residuals, self.values - self.residuals
        apart = lower[:-1] > upper[1:] + rounding
        return torch.cat([apart.new_zeros(1), apart]).cumsum(0)

    def _end(self, end: str, index: int) -> float:
        if self.which not in (end, "both ends"):
            raise ValueError(
                f"these are the {self.which} eigenvalues, not the {end}. "
                f"Compute them with which={end!r} or which='both ends'."
            )
        return float(self.values[index])
