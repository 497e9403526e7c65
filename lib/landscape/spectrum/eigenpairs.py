"""Extreme algebraic eigenvalues of any symmetric operator, with residuals."""

import numpy as np
import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import ROUNDING, Eigenpairs, Which

# Of the tolerance, where the recurrence stops: the rest is for what the last product adds.
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
    """Return the k largest or smallest *algebraic* eigenvalues, or both.

    Lanczos with full reorthogonalisation; both ends come from one Krylov space. It stops when the
    residual bounds of all wanted pairs are at most ``tol`` times the spectral range. On an
    invariant subspace it goes on with a fresh orthogonal vector, until nothing that is left can be
    among the wanted: operators that are small, zero, or have few eigenvalues are solved whole.

    Repeated eigenvalues: a Krylov space of one vector holds one copy of each eigenvalue of a large
    operator. Further copies come in through rounding only, after about as many more products, so
    with the default a value may be counted once that is there twice. ``verify`` looks for them: a
    random vector orthogonal to the whole space starts a second one, until its outermost value is
    settled outside the wanted ones; if it is not, the value joins them and a third vector follows.

    Ctrl-C ends it early with the best so far, ``interrupted`` true.

    Recurrences are float64, and so is the basis, except that it is kept in float32 where products
    are of no more. Residuals are those of the recurrence and on top of each, from one last product,
    how far products and recurrence are apart.

    Memory: max_basis · n · 8 bytes for the basis at most (it grows as it is used), 4 in place of 8
    for products in float32, and the wanted vectors with about five more vectors (n,).

    Args:
        op: Symmetric operator A of shape (n, n).
        k: Eigenvalues wanted at each end, 1 to n.
        which: ``largest``, ``smallest`` or ``both ends``. The largest magnitude is never meant.
        tol: Residual relative to the spectral range, > 0.
        max_products: Products to spend on the recurrence; what is reached then is returned, with
            ``converged`` false where it falls short.
        max_basis: Basis vectors held at most; when full, the best are kept and the rest dropped
            (thick restart), which costs more products. None: as many as products.
        generator: CPU generator of the start vector; None takes a fixed stream.
        start: Start vector (n,) instead, such as an eigenvector nearby, or a block (n, j) such as
            the ``vectors`` of earlier pairs, whose sum is taken: the Krylov space of the sum holds
            them all after j products.
        vectors: Also return eigenvectors.
        verify: Look for further copies of repeated eigenvalues.

    Returns:
        The pairs, for a Hessian in loss per parameter².

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
    """The hunt for the wanted pairs in a growing Krylov space."""

    def __init__(
        self, op: SymmetricOperator, krylov: Krylov, k: int, which: Which, tol: float
    ) -> None:
        self._op, self._krylov = op, krylov
        self._k, self._which, self._tol = k, which, tol
        self._low, self._high = np.inf, -np.inf  # Restarts forget the end that is not wanted.
        # While copies are looked for: which part of the first rows is the second space's, as a
        # projector (r, r); all later rows are.
        self._new: np.ndarray | None = None

    @property
    def enough(self) -> bool:
        """Whether there are as many Ritz values as wanted."""
        return self._krylov.steps >= _count(self._op, self._k, self._which) and (
            not self._krylov.torn
        )

    def run(self, last: int, bar: Progress, *, verify: bool) -> None:
        """Extend the space until the wanted pairs converge, or ``op.products`` reaches ``last``."""
        found = self._reach(last, bar)
        while verify and found is not None and self._krylov.steps < self._op.n:
            if self._krylov.steps + _count(self._op, self._k, self._which) > self._krylov.most:
                self._restart()
            self._new = np.zeros((self._krylov.steps,) * 2)
            self._krylov.renew()
            before, found = found, self._reach(last, bar)
            if found is not None and np.abs(found - before).max() <= self._tol * self._range:
                break

    def finish(self, before: int, *, interrupted: bool, vectors: bool) -> Eigenpairs:
        """Return the wanted pairs, their residuals measured unless the run was interrupted."""
        values, coefficients, bounds = self._ritz(check=not interrupted)
        wanted = _wanted(len(values), self._k, self._which)
        found = self._krylov.combine(coefficients[:, wanted].T)
        residuals = bounds[wanted]
        try:
            if not interrupted:
                misfit = self._misfit(found, values[wanted], coefficients[:, wanted])
                residuals = residuals + misfit
                self._krylov.check(np.abs(values).max(), misfit)
        except KeyboardInterrupt:
            interrupted = True
        # A multiple of the identity has no range, and no residual is below rounding.
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
            vectors=found.T.contiguous() if vectors else None,
            interrupted=interrupted,
            n=self._op.n,
        )

    @property
    def _range(self) -> float:
        return self._high - self._low

    def _reach(self, last: int, bar: Progress) -> np.ndarray | None:
        """Return the wanted values once they have converged; None out of products."""
        due = 0
        while self._krylov.steps < self._op.n and self._op.products < last:
            if self._krylov.steps == self._krylov.most:
                self._restart()
            self._krylov.extend()
            bar.step()
            due -= 1
            if (found := self._closed()) is not None:
                return found
            # Right after a fresh start vector, and before the one that an invariant subspace calls
            # for, the bounds know nothing of the rest of the space.
            seen = 0 if self._krylov.exhausted else self._krylov.taken
            if due <= 0 and seen >= max(2 * self._k, 10):
                due = max(3, self._krylov.steps // 24)
                if (found := self._converged()) is not None:
                    return found
        return None

    def _closed(self) -> np.ndarray | None:
        """Return the wanted values if nothing that is left in an exhausted space is beyond them."""
        newest = self._krylov.closed
        if newest is None or not self.enough:
            return None
        left = np.linalg.eigvalsh(newest)
        values, _, _ = self._ritz()
        wanted = values[_wanted(len(values), self._k, self._which)]
        rounding = ROUNDING * self._op.n**0.5 * np.abs(values).max()
        above = left[-1] > wanted[: self._k].min() + rounding and self._which != "smallest"
        below = left[0] < wanted[-self._k :].max() - rounding and self._which != "largest"
        return None if above or below else wanted

    def _converged(self) -> np.ndarray | None:
        values, vectors, bounds = self._ritz()
        wanted = _wanted(len(values), self._k, self._which)
        unsettled = wanted[bounds[wanted] > _STOP * self._tol * self._range]
        if self._new is not None and not len(unsettled):
            unsettled = self._rivals(values, vectors, bounds, wanted)
        if not len(unsettled):
            return values[wanted]
        if self._new is not None:  # Of the waiting vectors take the one these pairs miss most.
            missing = np.abs(self._krylov.coupling @ vectors[:, unsettled]).max(axis=1)
            self._krylov.prefer(int(missing.argmax()))
        return None

    def _rivals(self, values, vectors, bounds, wanted) -> np.ndarray:
        """Return the unsettled pairs of the newest space that may yet be among the wanted."""
        top, bottom = values[wanted[: self._k]].min(), values[wanted[-self._k :]].max()
        above = (values + bounds > top) & (self._which != "smallest")
        below = (values - bounds < bottom) & (self._which != "largest")
        old, later = np.split(vectors, [len(self._new)])
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
        """Keep the wanted Ritz vectors, and a third of the others."""
        values, vectors, _ = self._ritz()
        more = (len(values) - _count(self._op, self._k, self._which)) // 3
        more = more // 2 if self._which == "both ends" else more
        keep = _wanted(len(values), self._k + more, self._which)
        if self._new is not None:
            old, later = np.split(vectors[:, keep], [len(self._new)])
            self._new = old.T @ self._new @ old + later.T @ later
        self._krylov.restart(values[keep], vectors[:, keep])

    def _misfit(self, found: torch.Tensor, values: np.ndarray, coefficients: np.ndarray) -> float:
        """Return how far products and recurrence are apart, from one product.

        The recurrence says A X = X Λ + Wᵀ B Y. For random signs c, ‖(A X − X Λ − Wᵀ B Y) c‖ has
        the Frobenius norm of that error as its root mean square.
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
            f"k={k} eigenvalues were asked of an operator of shape {op.shape}, which has {op.n}. "
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
