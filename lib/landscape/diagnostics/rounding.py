"""Rounding: the error of a gradient in the network's own precision."""

import dataclasses
import math

import torch

from landscape import arguments
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoundingError(Measurement):
    """The relative rounding error of a gradient.

    Attributes:
        value: ‖g − g₆₄‖₂ / ‖g₆₄‖₂, with g₆₄ the gradient in float64: 0 if they are equal, infinite
            if g alone is not finite or g₆₄ alone is 0, NaN if g₆₄ is not finite.
        passes: Forward and backward passes over the examples.
        converged: Whether the value is finite.
    """

    value: float
    passes: int
    converged: bool


def rounding_error(objective: Objective, theta: torch.Tensor | None = None) -> RoundingError:
    """Measure the relative rounding error of the gradient.

    Residuals of eigenvalues tell how far an iteration got with the products it used, but not how
    far these products are from exact ones. Deep plain networks multiply rounding errors from layer
    to layer, and float32 may leave few correct digits of their gradient.

    Args:
        objective: The loss to measure; the error is the error of its dtype.
        theta: The point (n,); None takes the objective's own theta.

    Returns:
        The error, without unit.

    Raises:
        ValueError: If theta has another length.

    Example:
        >>> from landscape import Objective, data, diagnostics, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> 0 < diagnostics.rounding_error(L).value < 1e-5
        True
    """
    arguments.check(rounding_error, locals())
    theta = objective.theta if theta is None else theta
    exact = objective.replace(dtype=torch.float64).gradient(theta)
    norm, distance = float(exact.norm()), float((objective.gradient(theta) - exact).norm())
    if not math.isfinite(norm):
        value = math.nan
    elif distance == 0:
        value = 0.0
    else:
        value = distance / norm if norm and math.isfinite(distance) else math.inf
    converged = math.isfinite(value)
    return RoundingError(value=value, passes=4, converged=converged, **conditions(objective))
