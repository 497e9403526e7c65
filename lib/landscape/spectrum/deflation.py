"""Deflation: an operator without its known eigenpairs, and random vectors in their complement."""

import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.spectrum.results import Eigenpairs


class Deflation:
    """The complement of known eigenvectors V, to which P A P with P = I − V Vᵀ restricts A.

    Args:
        op: Symmetric operator A of shape (n, n).
        known: Converged eigenpairs of A with vectors; None leaves A as it is.

    Raises:
        ValueError: If the pairs belong to another operator, lack vectors or did not converge. One
            product tells, unless the pairs come from a search of this very operator.

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
            if not op.gave(known.values):
                self._check_product()
        self.size = op.n - len(self.values)

    def _check_product(self) -> None:
        """Raise ValueError if A V c is not V Λ c; it costs one product."""
        signs = torch.randn(len(self.values), generator=rng.stream(0, "deflation")).double()
        vectors: torch.Tensor = self._vectors  # type: ignore[assignment]  # it is set by now
        signs = signs.to(vectors)
        expected = vectors @ (self.values.to(signs) * signs)
        error = float((self._op @ (vectors @ signs) - expected).norm())
        rounding = torch.finfo(self._op.dtype).eps ** 0.5 * float(expected.norm())
        allowed = 10 * float(self.residuals.norm()) * float(signs.norm()) + rounding
        if not error <= allowed:
            raise ValueError(
                f"the known eigenpairs do not belong to this operator: a product misses them by "
                f"{error:.3g}, and their residuals allow {allowed:.3g}. They may be of another "
                "theta, other examples or another policy. Pass eigenpairs of this operator."
            )

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
