"""Extreme algebraic eigenvalues of a symmetric operator, with residuals."""

import numpy as np
import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import ROUNDING, Eigenpairs, Which

# The recurrence stops at this share of the tolerance: the last product adds to the residuals.
_STOP = 0.9


def eigenpairs(
    op: SymmetricOperator,
    k: int = 1,
    *,
    which: Which = "largest",
    tol: float = 1e-4,
    max_products: int = 400,
    max_basis: int | None = None,
    generator: torch.Generator | None = None,
    start: torch.Tensor | None = None,
    vectors: bool = False,
    verify: bool = False,
) -> Eigenpairs:
    """Compute the k largest or smallest *algebraic* eigenvalues, or both.

    Lanczos with full reorthogonalisation; both ends come from one Krylov space. The search stops
    when the residual bound of every wanted pair is at most ``tol`` times the spectral range. If the
    basis spans an invariant subspace first, a random orthogonal vector extends it, until no
    eigenvalue outside the basis can be among the wanted. So operators that are small or zero, or
    have few distinct eigenvalues, are solved completely.

    Repeated eigenvalues: a Krylov space of one vector holds one copy of each eigenvalue of a large
    operator. Further copies enter through rounding only, after about as many more products, so by
    default a repeated eigenvalue may be counted once. ``verify`` looks for further copies: a random
    vector orthogonal to the basis starts a second Krylov space, which grows until its outermost
    value has settled. If that value is not among the wanted, the search ends; if it is, it joins
    them and a third vector follows.

    Ctrl-C ends the search early and returns the best pairs so far, with ``interrupted`` true.

    Recurrences are float64. The basis is float64 too, or float32 if products are no more precise.
    A residual is the recurrence's residual plus the distance between recurrence and operator, which
    one last product measures.

    Memory: at most max_basis · n · 8 bytes for the basis, which grows with use (4 bytes instead of
    8 for products in float32), the wanted vectors, and about five more vectors (n,).

    Args:
        op: Symmetric operator A of shape (n, n).
        k: Number of eigenvalues wanted at each end, 1 to n.
        which: ``largest``, ``smallest`` or ``both ends``, all algebraic: never by magnitude.
        tol: Wanted residual relative to the spectral range, > 0.
        max_products: Largest number of products for the recurrence, at least the number of wanted
            pairs. When it is spent, pairs above ``tol`` return with ``converged`` false.
        max_basis: Largest number of basis vectors held at once. A full basis keeps its best vectors
            and drops the others (thick restart), which costs more products. None sets no limit
            besides ``max_products``.
        generator: CPU generator of the start vector; None takes a fixed stream.
        start: Start vector (n,) instead of a random one, such as an eigenvector of a nearby
            operator. Or a block (n, j), such as the ``vectors`` of earlier pairs, whose columns are
            summed: after j products the Krylov space of the sum holds all of them.
        vectors: Whether to return eigenvectors.
        verify: Whether to look for further copies of repeated eigenvalues.

    Returns:
        The pairs; for a Hessian, values and residuals are in loss per parameter².

    Raises:
        ValueError: If an argument is out of range.
        OperatorError: If a product is not finite, or products contradict symmetry.

    Reference: Parlett (1998), The Symmetric Eigenvalue Problem, chapter 13; Wu and Simon (2000),
        SIAM J. Matrix Anal. Appl. 22(2), 602-616.
    """
    start = start if start is None or start.dim() != 2 else start.double().sum(dim=1)
    _check(op, k, which, tol, max_products, start)
    most = min(op.n, max_products) if max_basis is None else min(op.n, max_products, max_basis)
    _check_basis(op, k, which, most, max_basis, verify)
    before = op.products
    krylov = Krylov(op, start, generator or rng.stream(0, "eigenpairs"), most=most)
    search = _Search(op, krylov, k, which, tol)
    interrupted = False
    try:
        with Progress("eigenpairs", min(op.n, max_products)) as bar:
            search.run(before + max_products, bar, verify=verify)
    except KeyboardInterrupt:
        if not search.enough:
            raise
        interrupted = True
    return search.finish(before, interrupted=interrupted, vectors=vectors)


class _Search:
    """The search for the wanted pairs in a growing Krylov space."""

    def __init__(
        self, op: SymmetricOperator, krylov: Krylov, k: int, which: Which, tol: float
    ) -> None:
        self._op, self._krylov = op, krylov
        self._k, self._which, self._tol = k, which, tol
        # Extreme Ritz values so far: a restart drops the unwanted end, which the range needs.
        self._low, self._high = np.inf, -np.inf
        # During ``verify``: a projector (r, r) onto the part of the first r rows that belongs to
        # the second Krylov space, as all later rows do.
        self._new: np.ndarray | None = None

    @property
    def enough(self) -> bool:
        """Whether the basis holds as many Ritz values as wanted, and no restart was cut short."""
        return self._krylov.steps >= _count(self._op, self._k, self._which) and (
            not self._krylov.torn
        )

    def run(self, last: int, bar: Progress, *, verify: bool) -> None:
        """Extend the space until the wanted pairs converge, or ``op.products`` reaches ``last``."""
        wanted = self._reach(last, bar)
        while verify and wanted is not None and self._krylov.steps < self._op.n:
            if self._krylov.steps + _count(self._op, self._k, self._which) > self._krylov.most:
                self._restart()
            self._new = np.zeros((self._krylov.steps,) * 2)
            self._krylov.renew()
            before, wanted = wanted, self._reach(last, bar)
            # The second space changed no wanted value: it holds no further copy.
            if wanted is not None and np.abs(wanted - before).max() <= self._tol * self._range:
                break

    def finish(self, before: int, *, interrupted: bool, vectors: bool) -> Eigenpairs:
        """Return the wanted pairs, their residuals measured unless the run was interrupted."""
        values, coefficients, bounds = self._ritz(check=not interrupted)
        wanted = _wanted(len(values), self._k, self._which)
        eigenvectors = self._krylov.combine(coefficients[:, wanted].T)
        residuals = bounds[wanted]
        try:
            if not interrupted:
                misfit = self._misfit(eigenvectors, values[wanted], coefficients[:, wanted])
                residuals = residuals + misfit
                self._krylov.check(np.abs(values).max(), misfit)
        except KeyboardInterrupt:
            interrupted = True
        # A multiple of the identity has range 0, but residuals never fall below rounding.
        floor = ROUNDING * self._op.n**0.5 * float(np.abs(values).max())
        return Eigenpairs(
            values=torch.from_numpy(values[wanted].copy()),
            residuals=torch.from_numpy(residuals.copy()),
            converged=torch.from_numpy(residuals <= max(self._tol * self._range, floor)),
            products=self._op.products - before,
            which=self._which,
            k=self._k,
            tol=self._tol,
            spectral_range=float(self._range),
            vectors=eigenvectors.T.contiguous() if vectors else None,
            interrupted=interrupted,
            n=self._op.n,
        )

    @property
    def _range(self) -> float:
        return self._high - self._low

    def _reach(self, last: int, bar: Progress) -> np.ndarray | None:
        """Return the wanted values once they have converged; None if products ran out."""
        due = 0  # Steps until the next look at convergence, which costs an O(m³) decomposition.
        while self._krylov.steps < self._op.n and self._op.products < last:
            if self._krylov.steps == self._krylov.most:
                self._restart()
            self._krylov.extend()
            bar.step()
            due -= 1
            if (wanted := self._closed()) is not None:
                return wanted
            # Right after a random vector, and right before one, bounds may be small although much
            # of the space is unexplored.
            seen = 0 if self._krylov.exhausted else self._krylov.taken
            if due <= 0 and seen >= max(2 * self._k, 10):
                due = max(3, self._krylov.steps // 24)
                if (wanted := self._converged()) is not None:
                    return wanted
        return None

    def _closed(self) -> np.ndarray | None:
        """Return the wanted values if nothing outside an exhausted basis can lie beyond them."""
        newest = self._krylov.closed
        if newest is None or not self.enough:
            return None
        remaining = np.linalg.eigvalsh(newest)  # All that lies outside the basis has these values.
        values, _, _ = self._ritz()
        wanted = values[_wanted(len(values), self._k, self._which)]
        rounding = ROUNDING * self._op.n**0.5 * np.abs(values).max()
        above = remaining[-1] > wanted[: self._k].min() + rounding and self._which != "smallest"
        below = remaining[0] < wanted[-self._k :].max() - rounding and self._which != "largest"
        return None if above or below else wanted

    def _converged(self) -> np.ndarray | None:
        values, vectors, bounds = self._ritz()
        wanted = _wanted(len(values), self._k, self._which)
        unsettled = wanted[bounds[wanted] > _STOP * self._tol * self._range]
        if self._new is not None and not len(unsettled):
            unsettled = self._rivals(values, vectors, bounds, wanted)
        if not len(unsettled):
            return values[wanted]
        if self._new is not None:  # Multiply the pending vector that these pairs depend on most.
            missing = np.abs(self._krylov.coupling @ vectors[:, unsettled]).max(axis=1)
            self._krylov.prefer(int(missing.argmax()))
        return None

    def _rivals(self, values, vectors, bounds, wanted) -> np.ndarray:
        """Return the unsettled pairs of the second Krylov space that may still become wanted."""
        top, bottom = values[wanted[: self._k]].min(), values[wanted[-self._k :]].max()
        above = (values + bounds > top) & (self._which != "smallest")
        below = (values - bounds < bottom) & (self._which != "largest")
        old, later = np.split(vectors, [len(self._new)])
        # A pair counts as the second space's if most of its vector lies there.
        share = (old * (self._new @ old)).sum(axis=0) + (later**2).sum(axis=0)
        rivals = (share > 0.5) & (above | below) & (bounds > self._tol * self._range)
        rivals[wanted] = False
        return np.flatnonzero(rivals)

    def _ritz(self, *, check: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values, vectors, bounds = self._krylov.ritz()
        self._low, self._high = min(self._low, values[0]), max(self._high, values[-1])
        if check:
            self._krylov.check(np.abs(values).max())
        return values, vectors, bounds

    def _restart(self) -> None:
        """Keep the wanted Ritz vectors and a third of the others, which speeds up convergence."""
        values, vectors, _ = self._ritz()
        more = (len(values) - _count(self._op, self._k, self._which)) // 3
        more = more // 2 if self._which == "both ends" else more
        keep = _wanted(len(values), self._k + more, self._which)
        if self._new is not None:  # The projector, in the coordinates of the kept rows.
            old, later = np.split(vectors[:, keep], [len(self._new)])
            self._new = old.T @ self._new @ old + later.T @ later
        self._krylov.restart(values[keep], vectors[:, keep])

    def _misfit(self, found: torch.Tensor, values: np.ndarray, coefficients: np.ndarray) -> float:
        """Return the distance between operator and recurrence, measured by one product.

        The recurrence states A X = X Λ + Wᵀ B Y. For random signs c the root mean square of
        ‖(A X − X Λ − Wᵀ B Y) c‖ is the Frobenius norm of the statement's error.
        """
        draw = rng.stream(0, "eigenpairs", "signs")
        signs = 2.0 * torch.randint(2, (len(values),), generator=draw).double().numpy() - 1
        weights = torch.from_numpy(np.stack([signs, signs * values])).to(found)
        x, expected = weights @ found
        expected += self._krylov.remainder(coefficients @ signs)
        return float((self._op @ x - expected).norm())


def _count(op: SymmetricOperator, k: int, which: Which) -> int:
    return min(op.n, 2 * k) if which == "both ends" else k


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
    if k > op.n:
        raise ValueError(
            f"k={k} eigenvalues are more than an operator of shape {op.shape} has. "
            f"Pass k <= {op.n}."
        )
    if max_products < _count(op, k, which):
        raise ValueError(
            f"max_products={max_products} cannot give k={k} eigenvalues at {which}. Pass at least "
            f"{_count(op, k, which)}."
        )
    if start is not None and (tuple(start.shape) != (op.n,) or not float(start.norm()) > 0):
        raise ValueError(
            f"start has the shape {tuple(start.shape)} and norm {float(start.norm()):.3g}. "
            f"Pass a vector ({op.n},), or a block ({op.n}, j), whose sum is not zero."
        )


def _check_basis(op, k: int, which: Which, most: int, max_basis: int | None, verify: bool) -> None:
    wanted = _count(op, k, which)
    need = min(op.n, (wanted + 3) * (2 if verify else 1))
    if max_basis is not None and max_basis < need:
        raise ValueError(
            f"max_basis={max_basis} leaves no room to search for {wanted} eigenvalues. Pass at "
            f"least {need}; about {4 * wanted + 20} costs few more products than no bound."
        )
