"""Krylov decompositions of a symmetric operator, kept orthonormal to rounding."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch

from landscape.operators import SymmetricOperator
from landscape.spectrum.basis import Rows

# An asymmetry |⟨qᵢ, A qⱼ⟩ − ⟨qⱼ, A qᵢ⟩| up to this share of the largest |Ritz value| counts as
# rounding: float32 networks reach 1e-6, dropout and shuffled examples 1e-2 and more.
ASYMMETRY = 1e-3

_EPS = float(np.finfo(np.float64).eps)
_FIRST_SIZE = 16


class OperatorError(RuntimeError):
    """The operator has no spectrum: its products are not finite, or they contradict symmetry."""


class _State(NamedTuple):
    """The parts that must agree. One assignment replaces all three, so Ctrl-C cannot split them."""

    steps: int  # m: vectors in the basis.
    pending: tuple[torch.Tensor, ...]  # W: the next basis vectors, orthonormal.
    coupling: np.ndarray  # B (pending, steps).


class Krylov:
    """A Krylov decomposition A Qᵀ = Qᵀ H + Wᵀ B with orthonormal rows of Q (m, n) and W (p, n).

    Plain Lanczos has p = 1 and a tridiagonal H. A restart keeps some Ritz vectors as rows of Q and
    makes H an arrowhead. A second random vector beside the first (``renew``) makes p = 2.

    Each new vector is made orthogonal first by the three-term recurrence and then by one pass over
    the whole basis. A second pass follows only if the first removed more than 30% of the norm
    (Daniel, Gragg, Kaufman and Stewart 1976). The pass also gives ⟨qᵢ, A qⱼ⟩ for all older i, whose
    values symmetry prescribes: ``check`` compares them at no cost.

    Memory: ``max_basis`` vectors (n,) for the basis, in float32 if products are no more precise,
    and about five vectors (n,) in float64 for the recurrence.

    Args:
        op: Symmetric operator A of shape (n, n).
        start: First vector (n,); None draws a random one.
        generator: CPU generator of random vectors.
        max_basis: Largest number of basis vectors held at once.

    Attributes:
        max_basis: Largest number of basis vectors held at once, at most n.
        steps_since_renewal: Products since the newest random vector was drawn.
        half_rotated: Whether an interrupt left the basis half rotated, and so useless.

    Reference: Wu and Simon (2000), Thick-Restart Lanczos Method for Large Symmetric Eigenvalue
        Problems, SIAM J. Matrix Anal. Appl. 22(2), 602-616.
    """

    def __init__(
        self,
        op: SymmetricOperator,
        start: torch.Tensor | None,
        generator: torch.Generator,
        *,
        max_basis: int,
    ) -> None:
        self._op, self._generator, self._products_before = op, generator, op.products
        self.max_basis = min(max_basis, op.n)
        # A float64 basis would hold no more digits of float32 products, in twice the memory.
        dtype = torch.float64 if op.dtype == torch.float64 else torch.float32
        self._rows = Rows(op.n, self.max_basis, device=op.device, dtype=dtype)
        self._h = np.zeros((_FIRST_SIZE, _FIRST_SIZE))
        self._state = _State(0, (), np.zeros((0, 0)))
        self._scale = self._deviation = 0.0  # Largest ‖A q‖, largest breach of symmetry.
        # The newest vector and its product: ``check`` repeats it to tell noise from asymmetry.
        self._last_product: tuple[torch.Tensor, torch.Tensor] | None = None
        self.steps_since_renewal, self.half_rotated = 0, False
        # Whether the newest rows are a Krylov space of their own random vector.
        self._newest_are_krylov = start is None
        if start is None:
            self.renew()
        else:
            start = start.double().to(op.device)
            self._state = _State(0, (start / start.norm(),), np.zeros((1, 0)))

    @property
    def steps(self) -> int:
        """m: number of vectors in the basis."""
        return self._state.steps

    @property
    def exhausted(self) -> bool:
        """Whether the basis spans an invariant subspace: only a random vector can extend it."""
        return not self._state.pending

    @property
    def invariant_block(self) -> np.ndarray | None:
        """H (t, t) of the newest vectors if they complete an invariant subspace; else None.

        The random vector that started them has a component along every eigenvalue outside the
        older rows. So everything still outside the basis has only eigenvalues of this H, as
        further copies. None also if the newest rows did not start from a random vector.
        """
        if not (self.exhausted and self._newest_are_krylov):
            return None
        return self.h[-self.steps_since_renewal :, -self.steps_since_renewal :]

    @property
    def h(self) -> np.ndarray:
        """H = Q A Qᵀ (m, m)."""
        return self._h[: self.steps, : self.steps]

    @property
    def coupling(self) -> np.ndarray:
        """B (p, m): the coupling of the pending vectors to the basis."""
        return self._state.coupling

    def prefer(self, index: int) -> None:
        """Choose the pending vector that ``extend`` multiplies next; the default is the newest.

        Args:
            index: Its position among the pending vectors, 0 to p − 1.
        """
        steps, pending, coupling = self._state
        # ``extend`` takes the last one.
        order = [*(i for i in range(len(pending)) if i != index), index]
        self._state = _State(steps, tuple(pending[i] for i in order), coupling[order])

    def renew(self) -> None:
        """Draw a random vector orthogonal to basis and pending vectors, to be multiplied next.

        Nothing happens if these already span the whole space.
        """
        steps, pending, coupling = self._state
        if steps + len(pending) == self._op.n:
            return
        v = torch.randn(self._op.n, dtype=torch.float64, generator=self._generator)
        v = v.to(self._op.device)
        for _ in range(2):  # Two passes suffice for orthogonality (Parlett 1998, section 6.9).
            v = v / v.norm()
            self._project(v, steps, pending)
        self.steps_since_renewal, self._newest_are_krylov = 0, not pending
        coupling = np.concatenate([coupling, np.zeros((1, steps))])
        self._state = _State(steps, (*pending, v / v.norm()), coupling)

    def extend(self) -> None:
        """Move the next pending vector into the basis, at the cost of one product.

        Raises:
            OperatorError: If the product is not finite.
        """
        if self.exhausted:
            self.renew()
        steps, (*others, q), coupling = self._state
        self._grow(steps + 1)
        self._rows.put(steps, q)
        image = self._op @ q
        image_norm = float(image.norm())
        if not math.isfinite(image_norm):
            raise OperatorError(
                f"product {self._op.products - self._products_before} with the operator is not "
                "finite. The parameters or the loss hold NaN or infinity: check them before asking "
                "for curvature."
            )
        remainder, alpha = self._recurrence(image, q, coupling[-1])
        column = np.zeros((len(others), 1))  # How A q couples to the other pending vectors.
        for i, w in enumerate(others):
            column[i] = float(w @ remainder)
            remainder.add_(w, alpha=-float(column[i, 0]))
        # The pass over the basis corrects alpha by what rounding left along q.
        alpha += self._orthogonalise(remainder, steps + 1, others)
        self._scale = max(self._scale, image_norm)
        self._last_product = (q, image)
        self._h[steps, :steps] = self._h[:steps, steps] = coupling[-1]
        self._h[steps, steps] = alpha
        coupling = np.concatenate([coupling[:-1], column], axis=1)
        beta = float(remainder.norm())
        # A remainder below rounding is noise: normalising it would add an arbitrary direction.
        threshold = 10 * _EPS * self._op.n**0.5 * self._scale
        if beta > threshold and steps + 1 + len(others) < self._op.n:
            row = np.zeros((1, steps + 1))
            row[0, -1] = beta
            others, coupling = [*others, remainder.div_(beta)], np.concatenate([coupling, row])
        self._state = _State(steps + 1, tuple(others), coupling)
        self.steps_since_renewal += 1

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Ritz values (m,), ascending, their coefficients (m, m) and residual norms (m,).

        Column j of the coefficients is the Ritz vector of value j. The residual norms come from the
        recurrence: no product checks them.
        """
        values, vectors = scipy.linalg.eigh(self.h)
        return values, vectors, np.linalg.norm(self.coupling @ vectors, axis=0)

    def combine(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return the vectors (j, n) that have the coefficients (j, m) in the basis, in float64."""
        return self._rows.combine(coefficients)

    def remainder(self, coefficients: np.ndarray) -> torch.Tensor:
        """Return Wᵀ B c (n,), the part of A Qᵀ c outside the basis, for coefficients c (m,)."""
        total = torch.zeros(self._op.n, dtype=torch.float64, device=self._op.device)
        for w, part in zip(self._state.pending, self.coupling @ coefficients, strict=True):
            total.add_(w, alpha=float(part))
        return total

    def project(self, v: torch.Tensor) -> None:
        """Make v (n,) orthogonal to the basis, in place."""
        self._project(v, self.steps, [])

    def restart(self, values: np.ndarray, vectors: np.ndarray) -> None:
        """Replace the basis by j Ritz vectors (thick restart).

        Args:
            values: Ritz values (j,) to keep.
            vectors: Their coefficients (m, j) in the basis.
        """
        _, pending, coupling = self._state
        keep = len(values)
        self.half_rotated = True  # An interrupt before the end of this method leaves rows unlike H.
        self._rows.rotate(vectors.T)
        self._h[:] = 0.0
        self._h[range(keep), range(keep)] = values
        self._state = _State(keep, pending, coupling @ vectors)
        self.half_rotated = self._newest_are_krylov = False

    def check(self, largest: float, misfit: float = 0.0) -> None:
        """Check that products agree with symmetry to ``ASYMMETRY`` of the largest |Ritz value|.

        Args:
            largest: The largest |Ritz value|.
            misfit: Largest excess of a measured residual over the recurrence's residual.

        Raises:
            OperatorError: If they do not. The text says whether the operator is random (one
                product, repeated, differs) or not symmetric.
        """
        deviation = max(self._deviation, misfit)
        if not deviation > ASYMMETRY * largest or self._last_product is None:
            return
        q, image = self._last_product
        difference = float((self._op @ q - image).norm())
        random = difference > 0.1 * deviation
        cause = (
            f"one product computed twice differs by {difference:.3g}, so products are not "
            "deterministic: dropout or batch normalization in train mode, or a shuffled or "
            "augmented loader. Put the model in eval mode and fix the examples"
            if random
            else "one product computed twice is the same, so products are deterministic and the "
            "operator is not symmetric, or computed too coarsely (TF32, half precision). Pass "
            "(A + Aᵀ) / 2, the Hessian or GGN of one scalar loss, or products in float32 or better"
        )
        raise OperatorError(
            f"the operator is not symmetric to {ASYMMETRY:g} of its largest |eigenvalue| "
            f"{largest:.3g}: products that must agree differ by {deviation:.3g}; {cause}."
        )

    def _recurrence(
        self, image: torch.Tensor, q: torch.Tensor, couplings: np.ndarray
    ) -> tuple[torch.Tensor, float]:
        # A copy, since a product may be a tensor of the operator, or q itself.
        remainder = image.clone()
        nonzero = np.flatnonzero(couplings)
        # Plain Lanczos couples to one row only; after a restart the first vector couples to many.
        if len(nonzero) == 1:
            remainder.add_(self._rows.row(int(nonzero[0])), alpha=-float(couplings[nonzero[0]]))
        elif len(nonzero):
            self._rows.subtract(remainder, torch.tensor(couplings, device=remainder.device))
        alpha = float(q @ remainder)
        return remainder.add_(q, alpha=-alpha), alpha

    def _orthogonalise(self, v: torch.Tensor, count: int, others: list[torch.Tensor]) -> float:
        """Make v orthogonal to the basis in place; return its component along the newest row."""
        before = float(v.norm())
        components = self._project(v, count, others)
        # The recurrence removed all that symmetry allows: the rest is asymmetry or rounding.
        older = components[:-1]
        if len(older):
            self._deviation = max(self._deviation, float(older.abs().max()))
        # Where much was removed, its rounding is large against the rest and needs a second pass.
        if float(v.norm()) < 0.7 * before:
            self._project(v, count, others)
        return float(components[-1])

    def _project(self, v: torch.Tensor, count: int, others: Sequence[torch.Tensor]) -> torch.Tensor:
        """Make v orthogonal to the first rows and to others, in place; return its components."""
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
