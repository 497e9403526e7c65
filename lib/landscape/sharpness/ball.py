"""Balls around a solution in three geometries, and the loss in them."""

import dataclasses
from typing import Any, Literal, get_args

import torch

from landscape.measurement import Measurement, conditions
from landscape.objective import Objective

Ball = Literal["l2", "adaptive", "filter"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rise(Measurement):
    """The rise of the loss within a ball: the base of results.

    The ball is {θ + D u : ‖u‖₂ ≤ ρ}. For ``l2`` D = diag(1), and for ``adaptive`` D = diag|θ| (Kwon
    et al. 2021). For ``filter`` an entry of D is the l2 norm that the weight's filter has in θ;
    biases and normalisation layers do not move (Li et al. 2018). The last two balls are invariant
    to rescaling of layers that keeps the function. A step α along a filter-normalised direction of
    F filters has the radius ρ = α √F in ``filter``.

    Attributes:
        value: The rise, in units of the loss.
        loss: L(θ).
        rho: Radius ρ: in parameter units for ``l2``, relative otherwise.
        ball: Geometry of the ball.
        seed: Seed of the random draws.
        passes: Forward and backward passes over the examples.
        converged: Whether the method reached the requested accuracy, with finite losses.
    """

    value: float
    loss: float
    rho: float
    ball: Ball
    seed: int
    passes: int
    converged: bool


class Neighbourhood:
    """The loss at points θ + D u around a solution, with a count of the passes it took.

    Args:
        objective: The loss to measure.
        theta: The solution (n,).
        rho: Radius ρ > 0; see ``Rise`` for its unit.
        ball: Geometry: ``l2``, ``adaptive`` or ``filter``; see ``Rise``.

    Raises:
        ValueError: If the radius is not positive and finite, the geometry is unknown, theta has
            another length, or the ball is a point.

    Attributes:
        rho: Radius ρ.
        ball: Geometry.
        scale: The diagonal of D, (n,).
        loss: L(θ).
        passes: Forward and backward passes over the examples so far.
    """

    def __init__(
        self, objective: Objective, theta: torch.Tensor, *, rho: float, ball: Ball
    ) -> None:
        if not 0 < rho < float("inf"):
            raise ValueError(
                f"rho={rho} is no radius. Pass a finite number > 0; 0.05 is customary."
            )
        objective.layout.check(theta)
        self._objective, self._theta = objective, theta.double()
        self.rho, self.ball, self.passes = rho, ball, 0
        self.scale = _scale(objective, self._theta, ball)
        if not bool((self.scale > 0).any()):
            raise ValueError(
                f"theta has no entry that ball={ball!r} would move, so the ball is a point. "
                "Pass ball='l2'."
            )
        self.loss = 0.0
        self.loss = self.rise(torch.zeros_like(self.scale))

    def rise(self, u: torch.Tensor) -> float:
        """Return L(θ + D u) - L(θ) for a displacement u (n,)."""
        self.passes += 1
        return self._objective.loss(self._theta + self.scale * u) - self.loss

    def slope(self, u: torch.Tensor) -> torch.Tensor:
        """Return the gradient (n,) of the rise with respect to u, at u (n,)."""
        self.passes += 2
        return self.scale * self._objective.gradient(self._theta + self.scale * u)

    def one_step(self, slope: torch.Tensor) -> torch.Tensor:
        """Return SAM's step (n,): the u of highest linear model in the ball; zero if slope is zero.

        Args:
            slope: Gradient of the rise at u = 0, (n,).
        """
        norm = slope.norm()
        return self.rho * slope / norm if norm != 0 else torch.zeros_like(slope)

    def gaussian(self, generator: torch.Generator) -> torch.Tensor:
        """Return a Gaussian u (n,) with E ‖u‖² = ρ²; entries that the ball does not move are 0."""
        # On the CPU, so that a seed gives the same draw on every device.
        moves = self.scale > 0
        drawn = torch.randn(len(moves), dtype=torch.float64, generator=generator) * moves
        return self.rho * drawn / moves.sum().sqrt()

    def sphere(self, generator: torch.Generator) -> torch.Tensor:
        """Return a u (n,) uniform on the sphere ‖u‖ = ρ of the entries that the ball moves."""
        drawn = self.gaussian(generator)
        return self.rho * drawn / drawn.norm()

    def fields(self, seed: int) -> dict[str, Any]:
        """Return the fields of ``Rise`` that every method shares, for draws with this seed."""
        fields = {"loss": self.loss, "rho": self.rho, "ball": self.ball, "seed": seed}
        return {**fields, "passes": self.passes, **conditions(self._objective)}


def _scale(objective: Objective, theta: torch.Tensor, ball: Ball) -> torch.Tensor:
    if ball == "l2":
        return torch.ones_like(theta)
    if ball == "adaptive":
        return theta.abs()
    if ball == "filter":
        return objective.layout.filter_norms(theta)
    raise ValueError(f"ball={ball!r} is not known. Pass one of {', '.join(get_args(Ball))}.")
