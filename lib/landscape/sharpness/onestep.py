"""SAM's one-step sharpness: the rise of the loss after one normalised ascent step."""

import dataclasses

import torch

from landscape import arguments
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True)
class Sharpness(Measurement):
    """The rise of the loss after one ascent step ε, L(θ + ε) - L(θ).

    Attributes:
        value: The rise, in units of the loss: a lower bound of the largest rise within the radius.
        loss: L(θ).
        gradient_norm: ‖∇L(θ)‖₂, in loss per parameter.
        rho: Radius ρ, in parameter units, or relative if ``adaptive``.
        adaptive: Whether the radius is measured relative to each parameter's size.
        passes: Forward and backward passes over the examples.
        converged: Whether rise, loss and gradient are finite.
    """

    value: float
    loss: float
    gradient_norm: float
    rho: float
    adaptive: bool
    passes: int
    converged: bool


def sam(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    rho: float = 0.05,
    adaptive: bool = False,
) -> Sharpness:
    """Measure SAM's one-step sharpness: the rise of the loss after one normalised ascent step.

    The step is ε = ρ g/‖g‖₂ with g = ∇L(θ). Adaptive: ε = ρ T²g/‖T g‖₂ with T = diag|θ|, which
    maximises the linear model within ‖T⁻¹ε‖₂ ≤ ρ and is invariant to rescaling of layers. At a
    point with zero gradient the rise is zero, whatever the curvature.

    Args:
        objective: The loss to measure. The number of its examples matters: few examples have a
            larger gradient.
        theta: The point (n,); None takes the objective's own theta.
        rho: Radius ρ > 0, in parameter units, or relative if adaptive.
        adaptive: Whether to scale the step by |θ|.

    Returns:
        The rise, in units of the loss.

    Raises:
        ValueError: If ``rho`` is not positive and finite, or theta has another length.

    References: Foret et al. (2021), Sharpness-Aware Minimization, eq. 2;
        Kwon et al. (2021), ASAM, eq. 9.

    Example:
        >>> import torch
        >>> from landscape import Objective, sharpness
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> theta = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> sharp = sharpness.sam(L, theta, rho=0.5)
        >>> round(sharp.value, 6), round(sharp.gradient_norm, 6)
        (2.5, 4.0)
    """
    arguments.check(sam, locals())
    if not 0 < rho < float("inf"):
        raise ValueError(f"rho={rho} is no radius. Pass a finite number > 0; 0.05 is customary.")
    theta = objective.theta if theta is None else theta
    gradient = objective.gradient(theta)
    scale = theta.double().abs() if adaptive else torch.ones(objective.n, dtype=torch.float64)
    slope = float((scale * gradient).norm())
    # Without a slope there is no direction of ascent, and 0/0 would make the rise NaN.
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
        **conditions(objective),
    )
