"""The symmetrised rise: what a step along the gradient costs beyond the gradient's own part."""

import dataclasses
import math

import torch

from landscape.measurement import Measurement, conditions
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True)
class SymmetricRise(Measurement):
    """The mean rise of the loss one step up and one step down the gradient.

    Attributes:
        value: (L(θ + ε) + L(θ − ε))/2 − L(θ), in units of the loss; negative where the loss curves
            down.
        loss: L(θ).
        gradient_norm: ‖∇L(θ)‖₂, in loss per parameter.
        rho: Length of the step ε, in parameter units.
        passes: Forward and backward passes over the examples.
        converged: Whether rise, loss and gradient are finite.
    """

    value: float
    loss: float
    gradient_norm: float
    rho: float
    passes: int
    converged: bool


def symmetric_rise(
    objective: Objective, theta: torch.Tensor | None = None, *, rho: float = 0.05
) -> SymmetricRise:
    """Measure the rise of the loss along the gradient without the part that the slope explains.

    With ε = ρ g/‖g‖₂ and g = ∇L(θ), the rise of one step is ρ‖g‖₂ + εᵀHε/2 + ..., and near the end
    of training at a constant rate its first part is mostly where the last step landed. The mean of
    both signs is (L(θ + ε) + L(θ − ε))/2 − L(θ) = εᵀHε/2, up to the fourth order in ρ: a curvature
    along the gradient. At a point without gradient it is zero, whatever the curvature.

    Args:
        objective: The loss to measure. The number of its examples matters, as for ``sam``.
        theta: The point (n,); None takes the objective's own theta.
        rho: Length ρ > 0 of the step, in parameter units.

    Returns:
        The rise, in units of the loss.

    Raises:
        ValueError: If ``rho`` is not positive and finite, or theta has another length.

    Reference: Foret et al. (2021), Sharpness-Aware Minimization, eq. 2, for the step.

    Example:
        >>> import torch
        >>> from landscape import Objective, sharpness
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> theta = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> round(sharpness.symmetric_rise(L, theta, rho=0.5).value, 6)
        0.5
    """
    if not 0 < rho < math.inf:
        raise ValueError(f"rho={rho} is no length. Pass a finite number > 0; 0.05 is customary.")
    theta = objective.theta if theta is None else theta
    gradient = objective.gradient(theta)
    slope = float(gradient.norm())
    # Without a slope there is no direction of ascent, and 0/0 would make the rise NaN.
    step = rho * gradient / slope if slope != 0 else torch.zeros_like(gradient)
    loss = objective.loss(theta)
    rise = (objective.loss(theta + step) + objective.loss(theta - step)) / 2 - loss
    return SymmetricRise(
        value=rise,
        loss=loss,
        gradient_norm=slope,
        rho=rho,
        passes=5,
        converged=all(map(math.isfinite, (rise, loss, slope))),
        **conditions(objective),
    )
