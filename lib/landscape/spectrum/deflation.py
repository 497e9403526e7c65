"""Deflation: an operator without its known eigenpairs, and random vectors in their complement."""

import torch

from landscape.operators import SymmetricOperator
from landscape.spectrum.results import Eigenpairs


class Deflation:
    """The complement of known eigenvectors V, to which P A P with P = I − V Vᵀ restricts A.

    Args:
        op: Symmetric operator A of shape (n, n).
        known: Converged eigenpairs of A with vectors; None leaves A as it is.

    Raises:
        ValueError: If the pairs belong to an operator of another size, lack vectors or did not
            converge.

    Attributes:
        values: Known eigenvalues (d,) in float64.
        residuals: Residuals of the known eigenvalues (d,).
        size: Dimension n − d of the complement.
    """

    def __init__(self, op: SymmetricOperator, known: Eigenpairs | None) -> None:
        self._op, self._vectors = op, None
        self.values = self.residuals = torch.zeros(0, dtype=torch.float64)
        if known is not None:
            _check(op, known)
            self._vectors = known.vectors.to(op.device)  # type: ignore[union-attr]  # _check wants them
            self.values, self.residuals = known.values.cpu(), known.residuals.cpu()
        self.size = op.n - len(self.values)

    def project(self, v: torch.Tensor) -> torch.Tensor:
        """Return P v for a vector (n,) or a block (n, k)."""
        if self._vectors is None:
            return v
        return v - self._vectors @ (self._vectors.T @ v)

    def subtract(self, v: torch.Tensor) -> torch.Tensor:
        """Return V Λ Vᵀ v, the part of A v that the known pairs explain, for a vector (n,)."""
        if self._vectors is None:
            return torch.zeros_like(v)
        scale = self.values.to(v.device)
        return self._vectors @ (scale * (self._vectors.T @ v))

    def diagonal(self) -> torch.Tensor:
        """Return the diagonal (n,) of V Λ Vᵀ."""
        if self._vectors is None:
            return torch.zeros(self._op.n, dtype=torch.float64, device=self._op.device)
        return self._vectors.square() @ self.values.to(self._vectors.device)

    @property
    def operator(self) -> SymmetricOperator:
        """P A P as an operator of shape (n, n); its products count as products of A."""
        return SymmetricOperator(
            self._op.n,
            lambda v: self.project(self._op @ self.project(v)),
            single=False,
            device=self._op.device,
            dtype=self._op.dtype,
        )

    def draw(self, generator: torch.Generator) -> torch.Tensor:
        """Return a vector (n,) uniform on the unit sphere of the complement."""
        v = torch.randn(self._op.n, dtype=torch.float64, generator=generator).to(self._op.device)
        for _ in range(2):  # The second pass removes the rounding of the first, for small spaces.
            v = self.project(v)
            v = v / v.norm()
        return v


def _check(op: SymmetricOperator, known: Eigenpairs) -> None:
    if known.vectors is None:
        raise ValueError(
            "the known eigenpairs have no vectors, so the operator cannot be deflated. "
            "Compute them with eigenpairs(..., vectors=True)."
        )
    if known.vectors.shape[0] != op.n:
        raise ValueError(
            f"the known eigenvectors have {known.vectors.shape[0]} entries, the operator has the "
            f"shape {op.shape}. Pass eigenpairs of this operator."
        )
    if not bool(known.converged.all()):
        raise ValueError(
            f"only {int(known.converged.sum())} of {len(known)} known eigenpairs converged, and "
            "deflation needs eigenvalues. Compute them with more max_products or a larger tol, or "
            "pass the converged pairs alone."
        )
