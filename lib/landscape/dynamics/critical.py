"""The critical step: how far along a direction the loss stays below where it began."""

import dataclasses
import math

import torch

from landscape.evaluator import Evaluator
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective

_MOST_DOUBLINGS = 24  # From a ten-millionth of the direction to ten million times of it.


@dataclasses.dataclass(frozen=True)
class CriticalStep(Measurement):
    """The smallest multiple c of a direction d with L(θ + c d) > L(θ).

    Attributes:
        value: c, relative to the direction: above 1 the whole direction still lowers the loss.
            Infinite where the loss rises at no multiple that was tried, 0 where it rises at all.
        error: Half of the interval that holds it.
        passes: Evaluations of the loss.
        converged: Whether the interval is as narrow as requested.
    """

    value: float
    error: float
    passes: int
    converged: bool

    def sharpness(self, learning_rate: float) -> float:
        """Return the critical sharpness, 2 / (c η): for a quadratic, the curvature along d.

        Args:
            learning_rate: η, by which the direction was multiplied already.
        """
        rate = self.value * learning_rate
        return math.inf if rate == 0 else 2 / rate


def critical_step(
    objective: Objective,
    direction: torch.Tensor,
    theta: torch.Tensor | None = None,
    *,
    rtol: float = 0.05,
) -> CriticalStep:
    """Find the smallest step along a direction at which the loss rises, by the loss alone.

    Along steepest descent d = −η ∇L on a quadratic, c = 2 ‖g‖² / (η gᵀH g), so 2 / (c η) is the
    curvature along the gradient: at most λ_max, and λ_max where the gradient is its eigenvector. It
    costs about ten evaluations and no derivative.

    The direction is doubled or halved until c lies between two multiples, and the interval is then
    bisected: of several crossings within a factor of two, any may be returned.

    Args:
        objective: The loss.
        direction: The direction d (n,), such as an optimizer's own update.
        theta: The point θ (n,); None takes the objective's own.
        rtol: Half of the interval relative to c, > 0.

    Returns:
        c with its error.

    Raises:
        ValueError: If the direction has another shape or is 0, or ``rtol`` is not positive.

    Reference: Kalra and Barkeshli (2024), Why Warmup the Learning Rate? Underlying Mechanisms and
        Improvements, NeurIPS, where c η is the critical learning rate.

    Example:
        >>> import torch
        >>> from landscape import Objective, dynamics
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> theta = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> step = dynamics.critical_step(L, -0.1 * L.gradient(theta), theta, rtol=1e-3)
        >>> round(step.sharpness(0.1), 2)  # The curvature along the second axis is 4.
        4.0
    """
    theta = objective.theta if theta is None else theta
    if direction.shape != theta.shape or not float(direction.norm()) > 0 or not rtol > 0:
        raise ValueError(
            f"the direction has the shape {tuple(direction.shape)} and norm "
            f"{float(direction.norm()):.3g}, and rtol={rtol}. Pass a direction "
            f"({theta.numel()},) that is not 0, and rtol > 0."
        )
    rises = _Rises(objective, theta, direction)
    low, high = rises.bracket()
    while 0 < low < high < math.inf and high - low > 2 * rtol * low:
        middle = math.sqrt(low * high) if high > 2 * low else (low + high) / 2
        low, high = (low, middle) if rises(middle) else (middle, high)
    known = 0 < low < high < math.inf
    value = (low + high) / 2 if known else (math.inf if high == math.inf else 0.0)
    return CriticalStep(
        value=value,
        error=(high - low) / 2 if known else math.nan,
        passes=rises.passes,
        converged=known,
        **conditions(objective),
    )


class _Rises:
    """Whether the loss at a multiple of the direction is above the loss at the point."""

    def __init__(self, objective: Objective, theta: torch.Tensor, direction: torch.Tensor) -> None:
        self._evaluator = Evaluator(objective, theta, direction.double())
        self.passes = 1
        self._start = self._evaluator.evaluate(0.0).loss

    def __call__(self, multiple: float) -> bool:
        self.passes += 1
        # A loss that is no number has left what can be called lower.
        return not self._evaluator.evaluate(multiple).loss <= self._start

    def bracket(self) -> tuple[float, float]:
        """Return two multiples: the loss rises at the second and not at the first."""
        multiple, rises = 1.0, self(1.0)
        for _ in range(_MOST_DOUBLINGS):
            following = multiple / 2 if rises else multiple * 2
            if self(following) != rises:
                return min(multiple, following), max(multiple, following)
            multiple = following
        return (0.0, multiple) if rises else (multiple, math.inf)
