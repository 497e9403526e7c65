"""How much the loss rises within a small step from a solution."""

import dataclasses

import torch

from landscape.measurement import Measurement, labels
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True)
class Sharpness(Measurement):
    """A rise of the loss, L(θ + ε) - L(θ).

    Attributes:
        value: The rise, in units of the loss. As ε is one ascent step, it is a lower bound of the
            worst rise within the same radius.
        loss: L(θ).
        gradient_norm: ‖∇L(θ)‖₂.
        rho: Radius.
        adaptive: Whether the radius is measured relative to each parameter's size.
        passes: Forward and backward passes over the examples.
        converged: Whether all of it is finite.
    """

    value: float
    loss: float
    gradient_norm: float
    rho: float
    adaptive: bool
    passes: int
    converged: bool


def sam(
    objective: Objective, theta: torch.Tensor, *, rho: float = 0.05, adaptive: bool = False
) -> Sharpness:
    """Measure SAM's one-step sharpness: the rise of the loss after one normalised ascent step.

    ε = ρ g/‖g‖₂ with g = ∇L(θ). Adaptive: ε = ρ T²g/‖T g‖₂ with T = diag|θ|, the maximiser of the
    linear model within ‖T⁻¹ε‖₂ ≤ ρ, which no rescaling of layers changes. At a point without
    gradient the rise is zero, whatever the curvature.

    Args:
        objective: Where to measure; its examples matter, since a small batch has a larger gradient.
        theta: The solution (n,).
        rho: Radius, > 0; in parameter units, or relative when adaptive.
        adaptive: Whether to scale by |θ|.

    Raises:
        ValueError: If ``rho`` is not positive and finite.

    References: Foret et al. (2021), Sharpness-Aware Minimization, eq. 2;
        Kwon et al. (2021), ASAM, eq. 9.
    """
    if not 0 < rho < float("inf"):
        raise ValueError(f"rho={rho} is no radius. Pass a finite number > 0; 0.05 is customary.")
    gradient = objective.gradient(theta)
    scale = theta.double().abs() if adaptive else torch.ones(objective.n, dtype=torch.float64)
    slope = float((scale * gradient).norm())
    # No slope, no direction of ascent: the step is zero and so is the rise.
    step = rho * scale**2 * gradient / slope if slope != 0 else torch.zeros_like(gradient)
    loss = objective.loss(theta)
    rise = objective.loss(theta + step) - loss
    return Sharpness(
        value=rise,
        loss=loss,
        gradient_norm=float(gradient.norm()),
        rho=rho,
        adaptive=adaptive,
        passes=4,
        converged=bool(torch.isfinite(torch.tensor([rise, loss, slope])).all()),
        **labels(objective),
    )
