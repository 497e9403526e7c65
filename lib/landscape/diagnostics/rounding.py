"""Rounding: how far a network's own precision is from exact arithmetic."""

import dataclasses
import math

import torch

from landscape.measurement import Measurement, labels
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoundingError(Measurement):
    """What the dtype of an objective makes of its gradient.

    Attributes:
        value: ‖g − g₆₄‖₂ / ‖g₆₄‖₂, with g₆₄ the gradient in float64: 0 where they are equal,
            infinite where g alone is not finite or g₆₄ alone is 0, NaN where g₆₄ is not finite.
        passes: Forward and backward passes over the examples.
        converged: Whether the value is finite.
    """

    value: float
    passes: int
    converged: bool


def rounding_error(objective: Objective, theta: torch.Tensor) -> RoundingError:
    """Measure how much of the gradient is rounding.

    Residuals say how far an iteration got with the products that it was given, and nothing of how
    far those are from exact ones: deep plain networks multiply what is rounded from layer to layer,
    and float32 may leave little of their gradient.

    Args:
        objective: Its loss, examples, policy and dtype.
        theta: The point (n,).
    """
    exact = objective.replace(dtype=torch.float64).gradient(theta)
    size, off = float(exact.norm()), float((objective.gradient(theta) - exact).norm())
    if not math.isfinite(size):
        value = math.nan
    elif off == 0:
        value = 0.0
    else:
        value = off / size if size and math.isfinite(off) else math.inf
    known = math.isfinite(value)
    return RoundingError(value=value, passes=4, converged=known, **labels(objective))
