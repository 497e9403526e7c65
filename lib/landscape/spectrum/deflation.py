"""Deflation: known eigenpairs taken out of an operator, and random vectors in what is left."""

import torch

from landscape.operators import SymmetricOperator
from landscape.spectrum.results import Eigenpairs


class Deflation:
    """The complement of known eigenvectors V, where P A P with P = I − V Vᵀ is left of A.

    Args:
        op: Symmetric operator A of shape (n, n).
        known: Converged eigenpairs of A with vectors, or None.

    Raises:
        ValueError: If the pairs are of another operator's size, lack vectors or did not converge.

    Attributes:
        values: Known eigenvalues (d,), float64.
        residuals: Their residuals (d,).
        size: Dimension n − d of the complement.
    """

    def __init__(self, op: SymmetricOperator, known: Eigenpairs | None) -> None:
        self._op, self._vectors = op, None
        self.values = self.residuals = torch.zeros(0, dtype=torch.float64)
        if known is not None:
            _check(op, known)
            self._vectors = known.vectors.to(op.device)
            self.values, self.residuals = known.values.cpu(), known.residuals.cpu()
        self.size = op.n - len(self.values)

    def project(self, v: torch.Tensor) -> torch.Tensor:
        """Return P v of a vector (n,) or a block (n, k)."""
        if self._vectors is None:
            return v
        return v - self._vectors @ (self._vectors.T @ v)

    def subtract(self, v: torch.Tensor) -> torch.Tensor:
        """Return V Λ Vᵀ v, what the known pairs make of v."""
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
        """P A P."""
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
        for _ in range(2):  # The second time for rounding, where little is left.
            v = self.project(v)
            v = v / v.norm()
        return v


def _check(op: SymmetricOperator, known: Eigenpairs) -> None:
    if known.vectors is None:
        raise ValueError(
            "the known eigenpairs have no vectors, so they cannot be taken out. "
            "Compute them with eigenpairs(..., vectors=True)."
        )
    if known.vectors.shape[0] != op.n:
        raise ValueError(
            f"the known eigenvectors have {known.vectors.shape[0]} entries, the operator has the "
            f"shape {op.shape}. Pass eigenpairs of this operator."
        )
    if not bool(known.converged.all()):
        raise ValueError(
            f"only {int(known.converged.sum())} of {len(known)} known eigenpairs converged: values "
            "that are not eigenvalues cannot be taken out. Compute them with more max_products or "
            "a larger tol, or pass those that converged."
        )
