"""Eigenvalues of any symmetric operator, with residuals; nothing here knows of networks."""

import dataclasses
import math
from typing import Literal

import numpy as np
import scipy.linalg
import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress

Which = Literal["largest", "smallest", "both ends"]

_CHECK_EVERY = 5


@dataclasses.dataclass(frozen=True)
class Eigenpairs:
    """Extreme algebraic eigenvalues of a symmetric operator of shape (n, n).

    Attributes:
        values: Eigenvalue estimates (m,), descending. m = k, or 2k for ``both ends`` (k largest,
            then k smallest), or n where the operator has fewer.
        residuals: ‖A x - λ x‖₂ of each pair, from a product with A: an eigenvalue lies within this
            distance of the value.
        converged: (m,) whether each residual is at most ``tol`` times the spectral range.
        products: Products with A used, those for the residuals included.
        which: The end that was asked for.
        k: The number asked for at each end.
        tol: The tolerance.
        spectral_range: Largest minus smallest Ritz value.
        vectors: Eigenvectors (n, m) of norm 1, or None.
        dtype: Type of the recurrence.
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

    def _end(self, end: str, index: int) -> float:
        if self.which not in (end, "both ends"):
            raise ValueError(
                f"these are the {self.which} eigenvalues, not the {end}. "
                f"Compute them with which={end!r} or which='both ends'."
            )
        return float(self.values[index])


def eigenpairs(
    op: SymmetricOperator,
    k: int = 1,
    *,
    which: Which = "largest",
    tol: float = 1e-4,
    max_products: int = 400,
    generator: torch.Generator | None = None,
    start: torch.Tensor | None = None,
    vectors: bool = False,
) -> Eigenpairs:
    """Return the k largest or smallest *algebraic* eigenvalues, or both.

    Lanczos with full reorthogonalisation in float64; both ends come from one Krylov space. It stops
    when the residual bounds of all wanted pairs are at most ``tol`` times the spectral range. On an
    invariant subspace it goes on with a fresh orthogonal vector, so that small, singular and
    diagonal operators are solved whole. A start vector orthogonal to an eigenvector, and the second
    copy of a repeated eigenvalue of a large operator, are seen only through rounding, as in any
    single-vector Krylov method. Memory: one float64 vector (n,) a product.

    Args:
        op: Symmetric operator A of shape (n, n).
        k: Eigenvalues wanted at each end, at least 1; more than n are cut to n.
        which: ``largest``, ``smallest`` or ``both ends``. The largest magnitude is never meant.
        tol: Residual relative to the spectral range, > 0.
        max_products: Products to spend on the recurrence; what is reached then is returned, with
            ``converged`` false where it falls short.
        generator: CPU generator of the start vector; None takes a fixed stream.
        start: Start vector (n,) instead, such as an eigenvector nearby.
        vectors: Also return eigenvectors.

    Returns:
        The pairs, for a Hessian in loss per parameter².

    Raises:
        ValueError: If an argument is out of range.
        RuntimeError: If a product is not finite.

    Reference: Parlett (1998), The Symmetric Eigenvalue Problem, chapter 13.
    """
    _check(op, k, which, tol, max_products, start)
    k = min(k, op.n)
    generator = generator or rng.stream(0, "eigenpairs")
    before = op.products
    krylov = _Krylov(op, start, generator, size=min(op.n, max_products))
    with Progress("eigenpairs", krylov.size) as bar:
        while krylov.steps < krylov.size:
            krylov.extend()
            bar.step()
            # Right after a fresh start vector the bounds know nothing of its part of the space.
            if krylov.steps % _CHECK_EVERY == 0 and krylov.steps - krylov.fresh >= max(2 * k, 10):
                ritz, bounds = krylov.ritz()
                wanted = _wanted(len(ritz), k, which)
                if bounds[wanted].max() <= tol * (ritz[-1] - ritz[0]):
                    break
    return _finish(op, krylov, before, k=k, which=which, tol=tol, vectors=vectors)


def _finish(op, krylov, before: int, *, k: int, which: Which, tol: float, vectors: bool):
    ritz, coefficients = krylov.eigh()
    wanted = _wanted(len(ritz), k, which)
    basis = krylov.basis[: krylov.steps]
    found = torch.from_numpy(coefficients[:, wanted].T.copy()) @ basis
    values = torch.from_numpy(ritz[wanted].copy())
    residuals = torch.stack(
        [(op @ x - value * x).norm() for x, value in zip(found, values, strict=True)]
    )
    spread = float(ritz[-1] - ritz[0])
    # A multiple of the identity has no range, and no residual is below rounding.
    floor = 10 * np.finfo(np.float64).eps * op.n**0.5 * float(np.abs(ritz).max())
    return Eigenpairs(
        values=values,
        residuals=residuals,
        converged=residuals <= max(tol * spread, floor),
        products=op.products - before,
        which=which,
        k=k,
        tol=tol,
        spectral_range=spread,
        vectors=found.T.contiguous() if vectors else None,
    )


class _Krylov:
    """An orthonormal basis of a Krylov space and the tridiagonal matrix of A in it."""

    def __init__(
        self,
        op: SymmetricOperator,
        start: torch.Tensor | None,
        generator: torch.Generator,
        *,
        size: int,
    ) -> None:
        self._op, self._generator, self.size = op, generator, size
        self.steps = 0
        self.basis = torch.empty((min(size, 32), op.n), dtype=torch.float64)
        self._next = start.double() if start is not None else self._random()
        self._next = self._next / self._next.norm()
        self._alpha: list[float] = []
        self._beta: list[float] = []
        self.fresh = 0  # Steps taken when the newest start vector was drawn.

    def extend(self) -> None:
        """Add one basis vector, at the cost of one product."""
        if self.steps == len(self.basis):
            more = torch.empty(
                (min(self.size, 2 * len(self.basis)), self._op.n), dtype=torch.float64
            )
            more[: self.steps] = self.basis
            self.basis = more
        q = self._next
        self.basis[self.steps] = q
        image = self._op @ q
        size = float(image.norm())
        if not math.isfinite(size):
            raise RuntimeError(
                f"product {self.steps + 1} with the operator is not finite. The parameters or the "
                "loss hold NaN or infinity: check them before asking for curvature."
            )
        self._alpha.append(float(q @ image))
        self.steps += 1
        rest = self._orthogonal(image)
        beta = float(rest.norm())
        largest = max(abs(value) for value in (*self._alpha, *self._beta, beta, size))
        if beta <= 10 * np.finfo(np.float64).eps * self._op.n**0.5 * largest:
            beta, rest, self.fresh = 0.0, self._fresh(), self.steps
        self._beta.append(beta)
        self._next = rest / rest.norm() if self.steps < self._op.n else rest

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Return Ritz values, ascending, and the bounds of their residuals."""
        values, vectors = self.eigh()
        return values, np.abs(self._beta[-1] * vectors[-1])

    def eigh(self) -> tuple[np.ndarray, np.ndarray]:
        """Return eigenvalues, ascending, and eigenvectors of the tridiagonal matrix."""
        return scipy.linalg.eigh_tridiagonal(
            np.array(self._alpha), np.array(self._beta[: self.steps - 1])
        )

    def _orthogonal(self, v: torch.Tensor) -> torch.Tensor:
        basis = self.basis[: self.steps]
        for _ in range(2):  # Twice is enough (Parlett 1998, section 6.9).
            v = v - basis.T @ (basis @ v)
        return v

    def _fresh(self) -> torch.Tensor:
        return self._orthogonal(self._random()) if self.steps < self._op.n else self._random()

    def _random(self) -> torch.Tensor:
        return torch.randn(self._op.n, dtype=torch.float64, generator=self._generator)


def _wanted(count: int, k: int, which: Which) -> np.ndarray:
    descending = np.arange(count)[::-1]
    if which == "largest":
        return descending[:k]
    if which == "smallest":
        return descending[-k:]
    return descending if 2 * k >= count else np.concatenate([descending[:k], descending[-k:]])


def _check(op, k: int, which: str, tol: float, max_products: int, start) -> None:
    if which not in ("largest", "smallest", "both ends"):
        raise ValueError(
            f"which={which!r} is not known. Pass 'largest', 'smallest' or 'both ends' (algebraic: "
            "the largest magnitude can hide a negative eigenvalue)."
        )
    if k < 1 or not tol > 0 or max_products < 1:
        raise ValueError(
            f"k={k}, tol={tol}, max_products={max_products}: pass k >= 1, tol > 0 (1e-4 gives four "
            "digits of the spectral range) and max_products >= 1."
        )
    if max_products < min(op.n, 2 * k if which == "both ends" else k):
        raise ValueError(
            f"max_products={max_products} cannot give k={k} eigenvalues at {which}. Pass at least "
            f"{min(op.n, 2 * k if which == 'both ends' else k)}."
        )
    if start is not None and (tuple(start.shape) != (op.n,) or not float(start.norm()) > 0):
        raise ValueError(
            f"start has the shape {tuple(start.shape)} and norm {float(start.norm()):.3g}. "
            f"Pass a vector ({op.n},) that is not zero."
        )
