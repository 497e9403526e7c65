"""Symmetric operators: matrices given by their products with vectors."""

import functools
from collections.abc import Callable

import numpy as np
import scipy.sparse.linalg
import torch

from landscape.store import fingerprint as fingerprints


class SymmetricOperator:
    """A symmetric matrix A of shape (n, n), given by the function v -> A v.

    Args:
        n: Number of rows.
        product: Maps a float64 vector (n,) to A v (n,), or a block (n, k) to A v (n, k) where
            ``single`` is False.
        single: Whether ``product`` takes one vector at a time.
        fingerprint: Text that identifies A in the store, or a function that returns it when the
            store asks; None for an operator whose results must not be stored.
        device: Device that the product computes on; recurrences keep their vectors there.
        dtype: Type that the product computes in. It limits the digits that a result can have,
            although vectors go in and out in float64.

    Attributes:
        n: Number of rows.
        device: Device that the product computes on.
        dtype: Type that the product computes in.
        products: Number of products with a vector so far; a block counts each column.
    """

    def __init__(
        self,
        n: int,
        product: Callable[[torch.Tensor], torch.Tensor],
        *,
        single: bool = True,
        fingerprint: str | Callable[[], str] | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.n = n
        self._identity = fingerprint
        self.device, self.dtype = torch.device(device), dtype
        self.products = 0
        self._product, self._single = product, single
        self._eigenvalues: set[float] = set()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Text that identifies A in the store.

        Raises:
            TypeError: If A was made without a fingerprint, or from objects whose content cannot be
                read.
        """
        if self._identity is None:
            raise TypeError(
                f"the operator of shape {self.shape} was made without a fingerprint, so the store "
                "cannot tell it from other operators. Pass fingerprint= when you make it, or "
                "compute without the store."
            )
        return self._identity() if callable(self._identity) else self._identity

    def record_eigenvalues(self, values: torch.Tensor) -> None:
        """Note eigenvalues (m,) that a search of this operator has given."""
        self._eigenvalues |= set(values.tolist())

    def gave(self, values: torch.Tensor) -> bool:
        """Return whether all values (m,) come from searches of this operator, to the last bit."""
        return set(values.tolist()) <= self._eigenvalues

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (n, n) of the matrix."""
        return (self.n, self.n)

    def __matmul__(self, v: torch.Tensor) -> torch.Tensor:
        """Return A v.

        Args:
            v: A vector (n,) or a block (n, k), of any floating-point type.

        Returns:
            The product, in float64 and of v's shape.

        Raises:
            TypeError: If v is no tensor of real numbers.
            ValueError: If v is neither.
        """
        _check_real(v, "v")
        if v.dim() not in (1, 2) or v.shape[0] != self.n:
            raise ValueError(
                f"cannot multiply an operator of shape {self.shape} with a tensor of shape "
                f"{tuple(v.shape)}. Pass one vector ({self.n},) or a block ({self.n}, k)."
            )
        block = v.double().reshape(self.n, -1)
        self.products += block.shape[1]
        if self._single:
            columns = [self._product(column) for column in block.unbind(1)]
            image = torch.stack(columns, dim=1) if columns else block
        else:
            image = self._product(block)
        return image.double().reshape(v.shape)

    def scaled(self, d: torch.Tensor) -> "SymmetricOperator":
        """Return D A D with D = diag(d): A in coordinates where entry i has the unit d_i.

        If d holds the filter norms of theta, the eigenvalues of the result are curvatures along
        relative displacements of filters. Rescaling of layers does not change them.

        Args:
            d: Scales (n,); they are copied.

        Raises:
            ValueError: If d does not have the shape (n,).
        """
        if tuple(d.shape) != (self.n,):
            raise ValueError(
                f"scales have the shape {tuple(d.shape)}. Pass one for each row: ({self.n},)."
            )
        scales = d.detach().clone()
        d = d.double().to(self.device)[:, None]
        return SymmetricOperator(
            self.n,
            lambda v: d * (self @ (d * v)),
            single=False,
            fingerprint=lambda: fingerprints.fingerprint(("scaled", self, scales)),
            device=self.device,
            dtype=self.dtype,
        )

    def to_scipy(self) -> scipy.sparse.linalg.LinearOperator:
        """Return the operator as a float64 ``scipy.sparse.linalg.LinearOperator``.

        Its products count in ``products`` as well.
        """
        return scipy.sparse.linalg.LinearOperator(
            self.shape,
            matvec=lambda v: self._on_arrays(v.reshape(-1)),
            matmat=self._on_arrays,
            rmatvec=lambda v: self._on_arrays(v.reshape(-1)),
            rmatmat=self._on_arrays,
            dtype="float64",
        )

    def _on_arrays(self, v: np.ndarray) -> np.ndarray:
        # A copy: `from_numpy` would share SciPy's memory, and warn where that is read-only.
        v = torch.from_numpy(np.array(v, dtype=np.float64)).to(self.device)  # type: ignore[assignment]  # the same vector
        return (self @ v).cpu().numpy()

    def to_dense(self) -> torch.Tensor:
        """Return A as a matrix (n, n) in float64; it costs n products, so n must be small."""
        return self @ torch.eye(self.n, dtype=torch.float64, device=self.device)


def from_matrix(matrix: torch.Tensor, *, rtol: float = 1e-10) -> SymmetricOperator:
    """Return a dense symmetric matrix as an operator.

    Args:
        matrix: Matrix (n, n), of any floating-point type; products are in float64.
        rtol: Largest |A - Aᵀ| that counts as symmetric, relative to the largest entry.

    Raises:
        TypeError: If it is no tensor of real numbers.
        ValueError: If the matrix is not square or not symmetric.

    Example:
        >>> import torch
        >>> from landscape import operators
        >>> A = operators.from_matrix(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
        >>> A @ torch.tensor([1.0, 1.0])
        tensor([3., 3.], dtype=torch.float64)
        >>> A.shape, A.products
        ((2, 2), 1)
    """
    _check_real(matrix, "the matrix")
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a matrix of shape {tuple(matrix.shape)} is not square. Pass (n, n).")
    matrix = matrix.double()
    asymmetry = float((matrix - matrix.T).abs().max())
    if asymmetry > rtol * float(matrix.abs().max()):
        raise ValueError(
            f"the matrix is not symmetric: max |A - Aᵀ| = {asymmetry:.3g}. "
            "Pass a symmetric matrix, such as (A + A.T) / 2."
        )
    return SymmetricOperator(
        matrix.shape[0],
        lambda v: matrix @ v,
        single=False,
        fingerprint=lambda: fingerprints.fingerprint(("matrix", matrix)),
        device=matrix.device,
    )


def _check_real(value: torch.Tensor, name: str) -> None:
    if not isinstance(value, torch.Tensor) or value.is_complex():
        shown = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
        raise TypeError(
            f"{name} is a {shown}. Pass a tensor of real numbers; torch.from_numpy makes one of an "
            "array. A complex Hermitian A + iB acts on real vectors as [[A, -B], [B, A]]."
        )
