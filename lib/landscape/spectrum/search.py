"""The search for extreme eigenpairs in a growing Krylov space."""

import numpy as np
import torch

from landscape import rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import ROUNDING, Eigenpairs, Which

# The recurrence stops at this share of the tolerance: the last product adds to the residuals.
_STOP = 0.9


class EigenpairSearch:
    """The search for the wanted pairs in a growing Krylov space.

    Args:
        op: Symmetric operator A of shape (n, n).
        krylov: A new Krylov space of A.
        k: Number of eigenvalues wanted at each end.
        which: The wanted end, or both.
        tol: Wanted residual relative to the spectral range.
    """

    def __init__(
        self, op: SymmetricOperator, krylov: Krylov, k: int, which: Which, tol: float
    ) -> None:
        self._op, self._krylov = op, krylov
        self._k, self._which, self._tol = k, which, tol
        # Extreme Ritz values so far: a restart drops the unwanted end, which the range needs.
        self._low, self._high = np.inf, -np.inf
        # During ``verify``: a projector (r, r) onto the part of the first r rows that belongs to
        # the second Krylov space, as all later rows do.
        self._projector: np.ndarray | None = None

    @property
    def usable(self) -> bool:
        """Whether the basis holds as many Ritz values as wanted, and no restart was cut short."""
        return self._krylov.steps >= count_wanted(self._op, self._k, self._which) and (
            not self._krylov.half_rotated
        )

    def run(self, last: int, bar: Progress, *, verify: bool) -> None:
        """Extend the space until the wanted pairs converge or products run out.

        Args:
            last: Value of ``op.products`` at which to stop.
            bar: Progress bar of the products.
            verify: Whether to look for further copies of repeated eigenvalues.

        Raises:
            OperatorError: If a product is not finite, or products contradict symmetry.
        """
        wanted = self._reach(last, bar)
        while verify and wanted is not None and self._krylov.steps < self._op.n:
            if (
                self._krylov.steps + count_wanted(self._op, self._k, self._which)
                > self._krylov.max_basis
            ):
                self._restart()
            self._projector = np.zeros((self._krylov.steps,) * 2)
            self._krylov.renew()
            before, wanted = wanted, self._reach(last, bar)
            # The second space changed no wanted value: it holds no further copy.
            if (
                wanted is not None
                and np.abs(wanted - before).max() <= self._tol * self._spectral_range
            ):
                break

    def finish(self, before: int, *, interrupted: bool, vectors: bool) -> Eigenpairs:
        """Return the wanted pairs, with residuals checked by one product unless interrupted.

        Args:
            before: Value of ``op.products`` before the search.
            interrupted: Whether Ctrl-C ended ``run``.
            vectors: Whether to return eigenvectors.

        Returns:
            The pairs; those that have not converged say so.

        Raises:
            OperatorError: If products contradict symmetry.
        """
        values, coefficients, bounds = self._ritz(check=not interrupted)
        wanted = wanted_indices(len(values), self._k, self._which)
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
            converged=torch.from_numpy(residuals <= max(self._tol * self._spectral_range, floor)),
            products=self._op.products - before,
            which=self._which,
            k=self._k,
            tol=self._tol,
            spectral_range=float(self._spectral_range),
            vectors=eigenvectors.T.contiguous() if vectors else None,
            interrupted=interrupted,
            n=self._op.n,
        )

    @property
    def _spectral_range(self) -> float:
        return self._high - self._low

    def _reach(self, last: int, bar: Progress) -> np.ndarray | None:
        """Return the wanted values once they have converged; None if products ran out."""
        due = 0  # Steps until the next look at convergence, which costs an O(m³) decomposition.
        while self._krylov.steps < self._op.n and self._op.products < last:
            if self._krylov.steps == self._krylov.max_basis:
                self._restart()
            self._krylov.extend()
            bar.step()
            due -= 1
            if (wanted := self._final_values()) is not None:
                return wanted
            # Right after a random vector, and right before one, bounds may be small although much
            # of the space is unexplored.
            seen = 0 if self._krylov.exhausted else self._krylov.steps_since_renewal
            if due <= 0 and seen >= max(2 * self._k, 10):
                due = max(3, self._krylov.steps // 24)
                if (wanted := self._converged_values()) is not None:
                    return wanted
        return None

    def _final_values(self) -> np.ndarray | None:
        """Return the wanted values if nothing outside an exhausted basis can lie beyond them."""
        newest = self._krylov.invariant_block
        if newest is None or not self.usable:
            return None
        remaining = np.linalg.eigvalsh(newest)  # All that lies outside the basis has these values.
        values, _, _ = self._ritz()
        wanted = values[wanted_indices(len(values), self._k, self._which)]
        rounding = ROUNDING * self._op.n**0.5 * np.abs(values).max()
        above = remaining[-1] > wanted[: self._k].min() + rounding and self._which != "smallest"
        below = remaining[0] < wanted[-self._k :].max() - rounding and self._which != "largest"
        return None if above or below else wanted

    def _converged_values(self) -> np.ndarray | None:
        """Return the wanted values if they have converged; else choose the next vector."""
        values, vectors, bounds = self._ritz()
        wanted = wanted_indices(len(values), self._k, self._which)
        unsettled = wanted[bounds[wanted] > _STOP * self._tol * self._spectral_range]
        if self._projector is not None and not len(unsettled):
            unsettled = self._rivals(values, vectors, bounds, wanted)
        if not len(unsettled):
            return values[wanted]
        if self._projector is not None:  # Multiply the pending vector these pairs depend on most.
            missing = np.abs(self._krylov.coupling @ vectors[:, unsettled]).max(axis=1)
            self._krylov.prefer(int(missing.argmax()))
        return None

    def _rivals(
        self, values: np.ndarray, vectors: np.ndarray, bounds: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """Return the unsettled pairs of the second Krylov space that may still become wanted."""
        top, bottom = values[wanted[: self._k]].min(), values[wanted[-self._k :]].max()
        above = (values + bounds > top) & (self._which != "smallest")
        below = (values - bounds < bottom) & (self._which != "largest")
        old, later = np.split(vectors, [len(self._projector)])  # type: ignore[arg-type]  # only after a restart
        # A pair counts as the second space's if most of its vector lies there.
        share = (old * (self._projector @ old)).sum(axis=0) + (later**2).sum(axis=0)
        rivals = (share > 0.5) & (above | below) & (bounds > self._tol * self._spectral_range)
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
        more = (len(values) - count_wanted(self._op, self._k, self._which)) // 3
        more = more // 2 if self._which == "both ends" else more
        keep = wanted_indices(len(values), self._k + more, self._which)
        if self._projector is not None:  # The projector, in the coordinates of the kept rows.
            old, later = np.split(vectors[:, keep], [len(self._projector)])
            self._projector = old.T @ self._projector @ old + later.T @ later
        self._krylov.restart(values[keep], vectors[:, keep])

    def _misfit(
        self, eigenvectors: torch.Tensor, values: np.ndarray, coefficients: np.ndarray
    ) -> float:
        """Return the distance between operator and recurrence, measured by one product.

        The recurrence states A X = X Λ + Wᵀ B Y. For random signs c the root mean square of
        ‖(A X − X Λ − Wᵀ B Y) c‖ is the Frobenius norm of the statement's error.
        """
        draw = rng.stream(0, "eigenpairs", "signs")
        signs = 2.0 * torch.randint(2, (len(values),), generator=draw).double().numpy() - 1
        weights = torch.from_numpy(np.stack([signs, signs * values])).to(eigenvectors)
        x, expected = weights @ eigenvectors
        expected += self._krylov.remainder(coefficients @ signs)
        return float((self._op @ x - expected).norm())


def count_wanted(op: SymmetricOperator, k: int, which: Which) -> int:
    """Return the number of wanted eigenvalues.

    Args:
        op: The operator of shape (n, n).
        k: Number of eigenvalues wanted at each end.
        which: The wanted end, or both.

    Returns:
        k, or 2k for both ends but at most n.
    """
    return min(op.n, 2 * k) if which == "both ends" else k


def wanted_indices(count: int, k: int, which: Which) -> np.ndarray:
    """Return the positions of the wanted values among ascending ones.

    Args:
        count: Number of values.
        k: Number of values wanted at each end.
        which: The wanted end, or both.

    Returns:
        The positions, from the largest value to the smallest.
    """
    descending = np.arange(count)[::-1]
    if which == "largest":
        return descending[:k]
    if which == "smallest":
        return descending[-k:]
    return descending if 2 * k >= count else np.concatenate([descending[:k], descending[-k:]])
