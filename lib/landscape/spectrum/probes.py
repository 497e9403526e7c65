"""Random probes for traces and norms, after Lanczos deflation, to a requested standard error."""

import dataclasses
import math
from typing import Literal

import numpy as np
import torch

from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.deflation import Deflation
from landscape.spectrum.estimate import FEWEST_PRODUCTS, ErrorTarget, Estimate, quantile
from landscape.spectrum.krylov import Krylov
from landscape.spectrum.results import Eigenpairs

ProbeKind = Literal["trace", "frobenius"]

# Lanczos steps before the first probe. For a norm these are all: its variance depends on tr B⁴, and
# the basis does not tell how much one more step takes from it.
_FIRST_STEPS = {"trace": 10, "frobenius": 20}
# Probes that plan the number of probes and do not enter the mean, and the least number that do. A
# norm takes twice as many: its standard error is the spread of few skewed values.
_PILOT = {"trace": 3, "frobenius": 6}
_LEAST = {"trace": 4, "frobenius": 8}
_SAFETY = 1.15  # Plans more probes than needed, since a later addition biases the mean a little.
_ROUNDING = 1e-13  # A relative variance that is rounding alone, as for a multiple of the identity.
_WINDOW = 5  # Lanczos steps over which the gain of a step is averaged.


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Probes of one complement, beside the exact parts of trace and squared norm.

    Attributes:
        trace: Exact part of the trace: known pairs and Lanczos basis.
        square: Exact part of the squared Frobenius norm.
        size: Dimension d of the complement, on which B is the operator.
        samples: d ⟨z, B z⟩ and d ‖B z‖² of each probe z.
    """

    trace: float
    square: float
    size: int
    samples: list[tuple[float, float]] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def squares(self) -> np.ndarray:
        """d ‖B z‖² of each probe."""
        return np.array([square for _, square in self.samples])

    def estimate(self, kind: ProbeKind) -> tuple[float, float, float, float]:
        """Return value, standard error, and lower and upper end of the 95% interval."""
        return self._trace() if kind == "trace" else self._frobenius()

    def _trace(self) -> tuple[float, float, float, float]:
        if not self.size:
            return self.trace, 0.0, self.trace, self.trace
        mean, square = np.mean(self.samples, axis=0).tolist()
        # ‖B‖_F² from ‖B z‖² gives the variance of ⟨z, B z⟩ with far less noise than the spread of
        # a few ⟨z, B z⟩ would.
        variance = 2 * self.size / (self.size + 2) * (square - mean**2 / self.size)
        small = variance <= _ROUNDING * square
        stderr = 0.0 if small else math.sqrt(variance / len(self))
        value, half = self.trace + mean, stderr and quantile(self._dof()) * stderr
        return value, stderr, value - half, value + half

    def _frobenius(self) -> tuple[float, float, float, float]:
        if not self.size:
            norm = math.sqrt(self.square)
            return norm, 0.0, norm, norm
        mean = float(np.mean(self.squares))
        spread = float(np.std(self.squares, ddof=1)) / math.sqrt(len(self))
        norm = math.sqrt(self.square + mean)
        if spread <= _ROUNDING * norm**2:
            return norm, 0.0, norm, norm
        # Squares are skewed like χ²: the interval is symmetric in the logarithm of the unknown.
        reach = math.exp(min(quantile(len(self) - 1) * spread / mean, 700.0))
        low, high = math.sqrt(self.square + mean / reach), math.sqrt(self.square + mean * reach)
        return norm, spread / (2 * norm), low, high

    def _dof(self) -> float:
        """Return the degrees of freedom of the variance: N ‖B‖_F⁴ / tr B⁴ for N probes."""
        count, mean = len(self), float(np.mean(self.squares))
        spread = float(np.var(self.squares, ddof=1))
        # The last factor allows for the error of the spread itself, which few values estimate.
        each = 2 * mean**2 / spread * (count - 1) / (count + 1) if spread > 0 else math.inf
        return count * min(10.0, max(1.0, each))


class ProbeSampling:
    """An estimate in progress: products go to a Lanczos basis first, then to probes beside it.

    Args:
        kind: ``trace`` or ``frobenius``.
        op: Symmetric operator A of shape (n, n).
        error_target: The requested accuracy and the largest cost.
        known: Converged eigenpairs of A with vectors; None if none are known.
        generator: CPU generator of the probes.

    Attributes:
        bar: Progress bar of the products, to be set before ``run``.
    """

    def __init__(
        self,
        kind: ProbeKind,
        op: SymmetricOperator,
        error_target: ErrorTarget,
        known: Eigenpairs | None,
        generator: torch.Generator,
    ) -> None:
        self._kind, self._op, self._generator = kind, op, generator
        self._error_target = error_target
        self._complement = Deflation(op, known)
        self._products_before = op.products
        # Lanczos gets at most 40% of the budget: without probes there is no standard error.
        self._max_basis = min(
            error_target.max_basis, int(0.4 * error_target.max_products), self._complement.size
        )
        if error_target.probes is not None:
            self._max_basis = min(
                -(-error_target.probes // 2), error_target.max_basis, self._complement.size
            )
        self._operator = self._complement.operator
        self._krylov = None
        if self._complement.size:
            start = self._complement.draw(generator)
            self._krylov = Krylov(self._operator, start, generator, max_basis=self._max_basis)
        self._pilot = self._main = self._new_batch()
        self.bar: Progress | None = None

    @property
    def usable(self) -> bool:
        """Whether there is an estimate with a standard error."""
        return any(batch.size == 0 or len(batch) >= 2 for batch in (self._main, self._pilot))

    def run(self) -> None:
        """Spend products until the requested accuracy is reached or the budget is spent.

        Raises:
            OperatorError: If a product is not finite, or products contradict symmetry.
            RuntimeError: If the product with a probe is not finite.
        """
        self._spend()
        if self._krylov:
            self._krylov.check(float(np.abs(np.linalg.eigvalsh(self._krylov.h)).max()))

    def estimate(self, *, interrupted: bool) -> Estimate:
        """Return the estimate from the products so far.

        Args:
            interrupted: Whether Ctrl-C ended ``run``; then nothing has converged.
        """
        enough_probes = self._main.size == 0 or len(self._main) >= 2
        batch = self._main if enough_probes else self._pilot
        value, stderr, low, high = batch.estimate(self._kind)
        allowed = math.inf if self._error_target.probes else self._error_target.target(value)
        return Estimate(
            value=value,
            stderr=stderr,
            low=low,
            high=high,
            converged=bool(stderr <= allowed) and not interrupted,
            products=self._op.products - self._products_before,
            probes=len(batch),
            method="Lanczos deflation and Hutchinson",
            rtol=None if self._error_target.probes else self._error_target.rtol,
            interrupted=interrupted,
        )

    def _spend(self) -> None:
        if self._error_target.probes is not None:
            self._deflate(self._max_basis)
            self._main = self._sample(self._new_batch(), self._error_target.probes)
            return
        # A small complement is exhausted by Lanczos: then nothing is left to estimate.
        self._deflate(
            self._complement.size
            if self._complement.size <= FEWEST_PRODUCTS
            else _FIRST_STEPS[self._kind]
        )
        self._pilot = self._sample(self._new_batch(), 2)
        if self._kind == "trace":
            self._deflate_while_worth()
        # If deflation went on, the pilot's probes saw another complement.
        if self._pilot.size != self._remaining_size:
            self._pilot = self._new_batch()
        self._sample(self._pilot, _PILOT[self._kind] - len(self._pilot))
        count = self._planned_probes()
        # Where probes would cost as much as the rest of the basis, the exact answer is cheaper.
        if self._remaining_size <= count and self._complement.size <= self._max_basis:
            self._deflate(self._complement.size)
        self._main = self._sample(self._new_batch(), count)
        while self._main.size and self._products_left and (more := self._missing_probes()):
            self._sample(self._main, more)

    @property
    def _remaining_size(self) -> int:
        """Dimension of the complement."""
        return self._complement.size - (self._krylov.steps if self._krylov else 0)

    @property
    def _products_left(self) -> int:
        spent = self._op.products - self._products_before
        return max(0, self._error_target.max_products - spent)

    def _new_batch(self) -> _Batch:
        # Only the last term of the squared norm is unknown:
        # ‖A‖_F² = ‖V Λ Vᵀ‖_F² + 2 ‖A V − V Λ‖_F² + ‖H‖_F² + 2 ‖A Q − Q H‖_F² + ‖B‖_F².
        trace = float(self._complement.values.sum())
        square = float(
            (self._complement.values.square() + 2 * self._complement.residuals.square()).sum()
        )
        if self._krylov:
            h, coupling = self._krylov.h, self._krylov.coupling
            trace += float(np.trace(h))
            square += float((h**2).sum() + 2 * (coupling**2).sum())
        return _Batch(trace, square, self._remaining_size)

    def _deflate(self, steps: int) -> None:
        krylov = self._krylov
        while krylov and krylov.steps < min(steps, self._max_basis) and not krylov.exhausted:
            krylov.extend()
            self.bar.step()  # type: ignore[union-attr]  # run opened it

    def _deflate_while_worth(self) -> None:
        """Extend the basis as long as a step saves more than one probe."""
        value, *_ = self._pilot.estimate(self._kind)
        allowed_variance = self._error_target.target(value) ** 2
        # N probes leave the variance 2 ‖B‖_F² / N, so a step that moves Δ from ‖B‖_F² to the exact
        # part saves 2 Δ / (allowed variance) probes: it is worth its product if that exceeds 1.
        squares = [self._new_batch().square]
        while self._krylov and self._krylov.steps < self._max_basis and not self._krylov.exhausted:
            self._deflate(self._krylov.steps + 1)
            squares = [*squares[-_WINDOW:], self._new_batch().square]
            if 2 * (squares[-1] - squares[0]) < allowed_variance * (len(squares) - 1):
                break

    def _sample(self, batch: _Batch, count: int) -> _Batch:
        """Add probes to the batch; only a fixed number of probes may exceed the budget."""
        for _ in range(count if batch.size else 0):
            if not self._products_left and self._error_target.probes is None:
                break
            z = self._complement.draw(self._generator)
            # Twice, since a basis that fills most of the space leaves little of z beside rounding.
            self._krylov.project(z)  # type: ignore[union-attr]  # run made it
            self._krylov.project(z.div_(z.norm()))  # type: ignore[union-attr]  # run made it
            image = self._operator @ z.div_(z.norm())
            value = batch.size * float(z @ image)
            self._krylov.project(image)  # type: ignore[union-attr]  # run made it
            if not math.isfinite(value):
                raise RuntimeError(
                    "a product with the operator is not finite. The parameters or the loss hold "
                    "NaN or infinity: check them before asking for curvature."
                )
            batch.samples.append((value, batch.size * float(image.norm()) ** 2))
            self.bar.step()  # type: ignore[union-attr]  # run opened it
        return batch

    def _planned_probes(self) -> int:
        """Return the number of probes that the pilot's variance calls for."""
        least = _LEAST[self._kind]
        if self._pilot.size == 0 or len(self._pilot) < 2:
            return least
        return max(least, self._needed_probes(self._pilot, _SAFETY))

    def _missing_probes(self) -> int:
        """Return how many more probes the mean needs."""
        return max(0, self._needed_probes(self._main, 1.0) - len(self._main))

    def _needed_probes(self, batch: _Batch, factor: float) -> int:
        """Return how many probes reach the target if they scatter as the batch does."""
        value, stderr, *_ = batch.estimate(self._kind)
        allowed = self._error_target.target(value)
        if stderr == 0:
            return 0
        if allowed == 0:
            return self._products_left + len(batch)
        return min(
            self._products_left + len(batch),
            math.ceil(factor * len(batch) * (stderr / allowed) ** 2),
        )
