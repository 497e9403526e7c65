"""Krylov decompositions of a symmetric operator, kept orthonormal to rounding."""

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch

from landscape.operators import SymmetricOperator
from landscape.spectrum.basis import Rows

# Largest |⟨qᵢ, A qⱼ⟩ − ⟨qⱼ, A qᵢ⟩| over the largest |Ritz value| that counts as rounding: float32
# networks reach 1e-6, dropout and shuffled examples 1e-2 and more.
ASYMMETRY = 1e-3

_EPS = float(np.finfo(np.float64).eps)
_FIRST_SIZE = 16


class OperatorError(RuntimeError):
    """Products are not finite or contradict symmetry: there is no spectrum to be had of them."""


class _State(NamedTuple):
    """What an interrupt must find whole, so it is replaced in one assignment."""

    steps: int
    pending: tuple[torch.Tensor, ...]  # W: the next basis vectors, orthonormal.
    coupling: np.ndarray  # B (pending, steps).


class Krylov:
    """A Krylov decomposition A Qᵀ = Qᵀ H + Wᵀ B with orthonormal rows of Q (m, n) and W (p, n).

    Lanczos is p = 1 and H tridiagonal. A restart keeps some Ritz vectors as rows of Q: H becomes an
    arrowhead. A second random vector beside the first (``renew``) makes p = 2.

    Each new vector is made orthogonal by the three-term recurrence, then by one pass over the whole
    basis, and a second one only where the first took more than 30% of its norm (Daniel, Gragg,
    Kaufman and Stewart 1976). The pass also gives ⟨qᵢ, A qⱼ⟩ for all older i, which symmetry fixes:
    ``check`` compares them, for free.

    Memory: ``most`` vectors (n,) for the basis, in float32 where products are of no more, and about
    five in float64 for the recurrence.

    Args:
        op: Symmetric operator A of shape (n, n).
        start: First vector (n,); None draws one.
        generator: CPU generator of random vectors.
        most: Basis vectors ever held.

    Attributes:
        taken: Products taken since the newest random vector was drawn.
        torn: Whether an interrupt left the basis half rotated, and useless.

    Reference: Wu and Simon (2000), Thick-Restart Lanczos Method for Large Symmetric Eigenvalue
        Problems, SIAM J. Matrix Anal. Appl. 22(2), 602-616.
    """

    def __init__(
        self,
        op: SymmetricOperator,
        start: torch.Tensor | None,
        generator: torch.Generator,
        *,
        most: int,
    ) -> None:
        self._op, self._generator, self._begun = op, generator, op.products
        self.most = min(most, op.n)
        dtype = torch.float64 if op.dtype == torch.float64 else torch.float32
        self._rows = Rows(op.n, self.most, device=op.device, dtype=dtype)
        self._h = np.zeros((_FIRST_SIZE, _FIRST_SIZE))
        self._state = _State(0, (), np.zeros((0, 0)))
        self._scale = self._deviation = 0.0  # Largest ‖A q‖, largest breach of symmetry.
        self._last: tuple[torch.Tensor, torch.Tensor] | None = None
        self.taken, self.torn = 0, False
        self._apart = start is None  # Whether the rows since ``taken`` was 0 are a space apart.
        if start is None:
            self.renew()
        else:
            start = start.double().to(op.device)
            self._state = _State(0, (start / start.norm(),), np.zeros((1, 0)))

    @property
    def steps(self) -> int:
        """m: vectors in the basis."""
        return self._state.steps

    @property
    def exhausted(self) -> bool:
        """Whether the basis spans an invariant subspace, so that only a random vector leads on."""
        return not self._state.pending

    @property
    def closed(self) -> np.ndarray | None:
        """H of the newest vectors (t, t), where a random vector has led to an invariant space.

        It has a part along each eigenvalue that older vectors left, so that what lies outside
        both holds further copies of these eigenvalues and no others. None where that is not known.
        """
        if not (self.exhausted and self._apart):
            return None
        return self.h[-self.taken :, -self.taken :]

    @property
    def h(self) -> np.ndarray:
        """H = Q A Qᵀ (m, m)."""
        return self._h[: self.steps, : self.steps]

    @property
    def coupling(self) -> np.ndarray:
        """B (p, m): how the vectors that wait for their product couple to the basis."""
        return self._state.coupling

    def prefer(self, index: int) -> None:
        """Let waiting vector ``index`` be the next; otherwise it is the newest."""
        steps, pending, coupling = self._state
        order = [*(i for i in range(len(pending)) if i != index), index]
        self._state = _State(steps, tuple(pending[i] for i in order), coupling[order])

    def renew(self) -> None:
        """Let a random vector orthogonal to the whole space be the next."""
        steps, pending, coupling = self._state
        if steps + len(pending) == self._op.n:
            return
        v = torch.randn(self._op.n, dtype=torch.float64, generator=self._generator)
        v = v.to(self._op.device)
        for _ in range(2):  # Twice is enough (Parlett 1998, section 6.9).
            v = v / v.norm()
            self._project(v, steps, pending)
        self.taken, self._apart = 0, not pending
        coupling = np.concatenate([coupling, np.zeros((1, steps))])
        self._state = _State(steps, (*pending, v / v.norm()), coupling)

    def extend(self) -> None:
        """Add one basis vector, at the cost of one product.

        Raises:
            OperatorError: If the product is not finite.
        """
        if self.exhausted:
            self.renew()
        steps, (*others, q), coupling = self._state
        self._grow(steps + 1)
        self._rows.put(steps, q)
        image = self._op @ q
        size = float(image.norm())
        if not math.isfinite(size):
            raise OperatorError(
                f"product {self._op.products - self._begun} with the operator is not finite. The "
                "parameters or the loss hold NaN or infinity: check them before asking for "
                "curvature."
            )
        rest, alpha = self._recurrence(image, q, coupling[-1])
        new = np.zeros((len(others), 1))
        for i, w in enumerate(others):
            new[i] = float(w @ rest)
            rest.add_(w, alpha=-float(new[i, 0]))
        alpha += self._orthogonalise(rest, steps + 1, others)
        self._scale = max(self._scale, size)
        self._last = (q, image)
        self._h[steps, :steps] = self._h[:steps, steps] = coupling[-1]
        self._h[steps, steps] = alpha
        coupling = np.concatenate([coupling[:-1], new], axis=1)
        beta = float(rest.norm())
        threshold = 10 * _EPS * self._op.n**0.5 * self._scale
        if beta > threshold and steps + 1 + len(others) < self._op.n:
            row = np.zeros((1, steps + 1))
            row[0, -1] = beta
            others, coupling = [*others, rest.div_(beta)], np.concatenate([coupling, row])
        self._state = _State(steps + 1, tuple(others), coupling)
        self.taken += 1

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Ritz values, ascending, their coefficients (m, m), and their residuals' norms."""
        values, vectors = scipy.linalg.eigh(self.h)
        return values, vectors, np.linalg.norm(self.coupling @ vectors, axis=0)

    def combine(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return the vectors (j, n) with coefficients (j, m) in the basis."""
        return self._rows.combine(coefficients)

    def remainder(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return Wᵀ B c (n,): what A Qᵀ c has outside the space, for coefficients c (m,)."""
        total = torch.zeros(self._op.n, dtype=torch.float64, device=self._op.device)
        for w, part in zip(self._state.pending, self.coupling @ coefficients, strict=True):
            total.add_(w, alpha=float(part))
        return total

    def project(self, v: torch.Tensor) -> None:
        """Make v orthogonal to the basis, in place."""
        self._project(v, self.steps, [])

    def restart(self, values: np.ndarray, vectors: np.ndarray) -> None:
        """Keep only the Ritz pairs with these values and coefficients (m, j)."""
        _, pending, coupling = self._state
        keep = len(values)
        self.torn = True
        self._rows.rotate(vectors.T)
        self._h[:] = 0.0
        self._h[range(keep), range(keep)] = values
        self._state = _State(keep, pending, coupling @ vectors)
        self.torn = self._apart = False

    def check(self, largest: float, misfit: float = 0.0) -> None:
        """Raise OperatorError if products contradict symmetry by over ``ASYMMETRY`` of the largest.

        Args:
            largest: The largest |Ritz value|.
            misfit: Largest excess of a measured residual over what the recurrence says.
        """
        deviation = max(self._deviation, misfit)
        if not deviation > ASYMMETRY * largest or self._last is None:
            return
        q, image = self._last
        change = float((self._op @ q - image).norm())
        repeated = change > 0.1 * deviation
        cause = (
            f"one product computed twice differs by {change:.3g}, so products are not "
            "deterministic: dropout or batch normalization in train mode, or a shuffled or "
            "augmented loader. Put the model in eval mode and fix the examples"
            if repeated
            else "one product computed twice is the same, so products are deterministic and the "
            "operator is not symmetric, or computed too coarsely (TF32, half precision). Pass "
            "(A + Aᵀ) / 2, the Hessian or GGN of one scalar loss, or products in float32 or better"
        )
        raise OperatorError(
            f"the operator is not symmetric to {ASYMMETRY:g} of its largest |eigenvalue| "
            f"{largest:.3g}: products that must agree differ by {deviation:.3g}; {cause}."
        )

    def _recurrence(
        self, image: torch.Tensor, q: torch.Tensor, known: np.ndarray
    ) -> tuple[torch.Tensor, float]:
        rest = image.clone()  # A product may be the operator's own tensor, or q itself.
        nonzero = np.flatnonzero(known)
        if len(nonzero) == 1:
            rest.add_(self._rows.row(int(nonzero[0])), alpha=-float(known[nonzero[0]]))
        elif len(nonzero):
            self._rows.subtract(rest, torch.tensor(known, device=rest.device))
        alpha = float(q @ rest)
        return rest.add_(q, alpha=-alpha), alpha

    def _orthogonalise(self, v: torch.Tensor, count: int, others: list[torch.Tensor]) -> float:
        """Make v orthogonal to the basis in place; return its component along the newest row."""
        before = float(v.norm())
        components = self._project(v, count, others)
        older = components[:-1]
        if len(older):
            self._deviation = max(self._deviation, float(older.abs().max()))
        if float(v.norm()) < 0.7 * before:
            self._project(v, count, others)
        return float(components[-1])

    def _project(self, v: torch.Tensor, count: int, others) -> torch.Tensor:
        components = v.new_zeros(0)
        if count:
            components = self._rows.dot(v, count)
            self._rows.subtract(v, components)
        for w in others:
            v.add_(w, alpha=-float(w @ v))
        return components

    def _grow(self, size: int) -> None:
        if size > len(self._h):
            larger = np.zeros((2 * len(self._h),) * 2)
            larger[: len(self._h), : len(self._h)] = self._h
            self._h = larger
