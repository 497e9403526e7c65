"""Balls around a solution in three geometries, and the loss inside them."""

import dataclasses
from typing import Any, Literal, get_args

import torch

from landscape.measurement import Measurement, labels
from landscape.objective import Objective

Ball = Literal["l2", "adaptive", "filter"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rise(Measurement):
    """How much the loss rises within a ball: the base of results.

    The ball is {θ + D u : ‖u‖₂ ≤ ρ}, with D = diag(1) for ``l2``, D = diag|θ| for ``adaptive``
    (Kwon 2021), and for ``filter`` D = diag of the l2 norm that each weight's filter has in θ;
    biases and normalisation layers then stay (Li 2018). The last two are unchanged by rescaling of
    layers that keeps the function. Along a filter-normalised direction of F filters, α is
    ρ = α √F of ``filter``.

    Attributes:
        value: The rise, in units of the loss.
        loss: L(θ).
        rho: Radius: in parameter units for ``l2``, relative otherwise.
        ball: Geometry of the ball.
        seed: Seed of what was drawn.
        passes: Forward and backward passes over the examples.
        converged: Whether the method reached what was asked of it, with finite losses.
    """

    value: float
    loss: float
    rho: float
    ball: Ball
    seed: int
    passes: int
    converged: bool


class Neighbourhood:
    """The loss on θ + D u around a solution, and a count of what it cost.

    Args:
        objective: Where to measure.
        theta: The solution (n,).
        rho: Radius, > 0.
        ball: Geometry.

    Raises:
        ValueError: If the radius or the geometry is none, or the ball has no extent.

    Attributes:
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
        """Return L(θ + D u) - L(θ)."""
        self.passes += 1
        return self._objective.loss(self._theta + self.scale * u) - self.loss

    def slope(self, u: torch.Tensor) -> torch.Tensor:
        """Return the gradient (n,) of the rise by u."""
        self.passes += 2
        return self.scale * self._objective.gradient(self._theta + self.scale * u)

    def one_step(self, slope: torch.Tensor) -> torch.Tensor:
        """Return SAM's step: the highest point of the linear model; zero without a slope."""
        norm = slope.norm()
        return self.rho * slope / norm if norm != 0 else torch.zeros_like(slope)

    def gaussian(self, generator: torch.Generator) -> torch.Tensor:
        """Return a Gaussian u (n,) with E ‖u‖² = ρ², on the m entries that the ball moves."""
        moves = self.scale > 0
        drawn = torch.randn(len(moves), dtype=torch.float64, generator=generator) * moves
        return self.rho * drawn / moves.sum().sqrt()

    def sphere(self, generator: torch.Generator) -> torch.Tensor:
        """Return a u (n,) uniform on the sphere ‖u‖ = ρ of the same entries."""
        drawn = self.gaussian(generator)
        return self.rho * drawn / drawn.norm()

    def fields(self, seed: int) -> dict[str, Any]:
        """Return the fields of ``Rise`` that do not depend on the method."""
        found = {"loss": self.loss, "rho": self.rho, "ball": self.ball, "seed": seed}
        return {**found, "passes": self.passes, **labels(self._objective)}


def _scale(objective: Objective, theta: torch.Tensor, ball: Ball) -> torch.Tensor:
    if ball == "l2":
        return torch.ones_like(theta)
    if ball == "adaptive":
        return theta.abs()
    if ball == "filter":
        return objective.layout.filter_norms(theta)
    raise ValueError(f"ball={ball!r} is not known. Pass one of {', '.join(get_args(Ball))}.")
