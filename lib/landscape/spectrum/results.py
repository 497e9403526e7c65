"""Eigenpairs: the result of a search for extreme eigenvalues."""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Which = Literal["largest", "smallest", "both ends"]

# Float64 recurrences cannot resolve differences below this times √n times the largest |value|.
ROUNDING = 10 * float(np.finfo(np.float64).eps)


@dataclasses.dataclass(frozen=True)
class Eigenpairs:
    """Extreme algebraic eigenvalues of a symmetric operator of shape (n, n).

    Attributes:
        values: Eigenvalue estimates (m,), descending. m = k, or 2k for ``both ends`` (k largest,
            then k smallest), or n if 2k exceeds n. For a Hessian, in loss per parameter².
        residuals: Bounds (m,) of ‖A x - λ x‖₂: an eigenvalue lies within this distance of each
            value. A bound is the residual by the recurrence plus the distance between recurrence
            and operator, which one product measures for all pairs together. If ``interrupted``,
            the residual by the recurrence alone.
        converged: Whether each residual is at most ``tol`` times the spectral range (m,).
        products: Products with A used, including the product for the residuals.
        which: The end of the spectrum that was requested.
        k: Number of eigenvalues requested at each end.
        tol: Requested residual relative to the spectral range.
        spectral_range: Largest minus smallest Ritz value.
        vectors: Eigenvectors (n, m) of norm 1, or None if they were not requested.
        dtype: Floating-point type of the recurrence.
        interrupted: Whether Ctrl-C ended the search; then no product has checked ``residuals`` and
            ``converged``.
        n: Number of rows of the operator.
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
        """Return the number m of eigenvalues."""
        return len(self.values)

    @property
    def largest(self) -> float:
        """lambda_max: the largest algebraic eigenvalue.

        Raises:
            ValueError: If only the smallest eigenvalues were requested.
        """
        return self._end("largest", 0)

    @property
    def smallest(self) -> float:
        """lambda_min: the smallest algebraic eigenvalue.

        Raises:
            ValueError: If only the largest eigenvalues were requested.
        """
        return self._end("smallest", -1)

    @property
    def negative(self) -> torch.Tensor:
        """Whether each eigenvalue is negative beyond its residual, (m,)."""
        return self.values + self.residuals < 0

    @property
    def cluster(self) -> torch.Tensor:
        """Labels 0, 1, ... (m,) of groups of values that their residuals cannot separate.

        Neighbours belong to one cluster if their intervals, value ± residual, overlap or if they
        agree to rounding. A cluster may hold one repeated eigenvalue or several distinct ones.
        """
        rounding = ROUNDING * max(self.n, 1) ** 0.5 * self.values.abs().amax()
        upper, lower = self.values + self.residuals, self.values - self.residuals
        separated = lower[:-1] > upper[1:] + rounding
        return torch.cat([separated.new_zeros(1), separated]).cumsum(0)

    def _end(self, end: str, index: int) -> float:
        if self.which not in (end, "both ends"):
            raise ValueError(
                f"these are the {self.which} eigenvalues, not the {end}. "
                f"Compute them with which={end!r} or which='both ends'."
            )
        return float(self.values[index])

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        unit: str = "loss per parameter²",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw the eigenvalues in their order, with their residuals as error bars.

        Eigenvalues that did not converge are open. On a new figure the vertical axis is logarithmic
        where all values are positive and span a factor of 10.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            unit: Unit of the eigenvalues, for the label of the axis.
            label: Name in the legend.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``pairs.plot().figure.savefig("eigenvalues.png")``.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.eigenvalues import draw_eigenpairs

        return draw_eigenpairs(self, ax, unit=unit, label=label, **style)
