"""The optimizer's own next step, and how sharp the loss is along it."""

import dataclasses
import math

import torch

from landscape.dynamics.critical import critical_step
from landscape.measurement import Measurement, conditions
from landscape.network.parameters import Layout
from landscape.objective import Objective
from landscape.training.adaptive import Adam, AdamW
from landscape.training.optimizers import SGD
from landscape.training.run import Run


def next_update(
    run: Run,
    gradient: torch.Tensor,
    theta: torch.Tensor,
    *,
    layout: Layout,
    step: int | None = None,
) -> torch.Tensor:
    """Return the step that a run's optimizer would take next, with a gradient of one's own.

    It continues from the optimizer's state at a snapshot: the momentum of SGD, the running means of
    Adam. A schedule's factor on the learning rate is left out: it changes the length alone.

    Args:
        run: The run, by SGD, Adam or AdamW.
        gradient: The gradient g (n,) of the loss at the snapshot, in loss per parameter.
        theta: The parameters θ (n,) there, for weight decay.
        layout: The order of the parameters in theta, such as ``Objective.layout``.
        step: Step of the snapshot; None takes the end of training.

    Returns:
        The step d (n,), in parameter units, float64.

    Raises:
        ValueError: If the optimizer is another one, or the run holds no state at ``step``.
    """
    optimizer = run.config.optimizer
    if not isinstance(optimizer, SGD | Adam):
        raise ValueError(
            f"the next step of {type(optimizer).__name__} is not known: its gradient is taken at "
            "another point. Pass a run of training.SGD, Adam or AdamW."
        )
    taken = run.steps if step is None else step
    state = _State(run, layout, taken)
    g, theta = gradient.double(), theta.double()
    if optimizer.weight_decay and not isinstance(optimizer, AdamW):
        g = g + optimizer.weight_decay * theta
    if isinstance(optimizer, SGD):
        return -optimizer.learning_rate * _momentum(optimizer, g, state)
    first = optimizer.beta1 * state["exp_avg"] + (1 - optimizer.beta1) * g
    second = optimizer.beta2 * state["exp_avg_sq"] + (1 - optimizer.beta2) * g**2
    first = first / (1 - optimizer.beta1 ** (taken + 1))
    root = (second / (1 - optimizer.beta2 ** (taken + 1))).sqrt() + optimizer.eps
    decay = optimizer.weight_decay * theta if isinstance(optimizer, AdamW) else 0.0
    return -optimizer.learning_rate * (first / root + decay)


def _momentum(optimizer: SGD, gradient: torch.Tensor, state: "_State") -> torch.Tensor:
    if not optimizer.momentum:
        return gradient
    # PyTorch's first step takes the gradient itself, which a buffer of 0 gives too.
    buffer = optimizer.momentum * state["momentum_buffer"] + gradient
    return gradient + optimizer.momentum * buffer if optimizer.nesterov else buffer


class _State:
    """The slots of an optimizer at a snapshot, as vectors; zero before the first step."""

    def __init__(self, run: Run, layout: Layout, step: int) -> None:
        self._run, self._layout, self._step = run, layout, step

    def __getitem__(self, slot: str) -> torch.Tensor:
        if self._step == 0:
            return torch.zeros(self._layout.n, dtype=torch.float64)
        slots = self._run.optimizer_states.get(self._step, {})
        if slot not in slots:
            known = sorted(step for step, held in self._run.optimizer_states.items() if held)
            raise ValueError(
                f"the run holds no {slot} at step {self._step}, only at {known or 'none'}. Name "
                "the step in TrainConfig.snapshots."
            )
        return self._layout.flatten(slots[slot])


@dataclasses.dataclass(frozen=True)
class CriticalSharpness(Measurement):
    """The curvature along a direction, from how far the loss falls along it.

    Attributes:
        value: −2 g·d / (c ‖d‖²), in loss per parameter², with the gradient g and the critical step
            c. NaN where the direction leads uphill, 0 where the loss rises nowhere along it.
        error: How far it may lie off, by the interval that holds c.
        step: c, relative to the direction; see ``CriticalStep``.
        passes: Forward and backward passes over the examples.
        converged: Whether c is known and the direction leads downhill.
    """

    value: float
    error: float
    step: float
    passes: int
    converged: bool


def critical_sharpness(
    objective: Objective,
    direction: torch.Tensor,
    theta: torch.Tensor | None = None,
    *,
    gradient: torch.Tensor | None = None,
    rtol: float = 0.05,
) -> CriticalSharpness:
    """Measure the curvature along a direction, such as an optimizer's own next step.

    Along d a quadratic loss changes by c g·d + c² dᵀH d/2, so it is back at its start at the c with
    −2 g·d/(c ‖d‖²) = dᵀH d/‖d‖²: the curvature along d, at most λ_max. Of steepest descent with the
    learning rate η this is 2/(c η). Neither the length of d nor the optimizer changes the unit.

    Args:
        objective: The loss.
        direction: The direction d (n,).
        theta: The point (n,); None takes the objective's own.
        gradient: Its gradient (n,); None computes it.
        rtol: Half of the interval of c relative to c, > 0.

    Returns:
        The sharpness with its error.

    Raises:
        ValueError: If the direction has another shape or is 0, or ``rtol`` is not positive.

    References: Kalra and Barkeshli (2024), Why Warmup the Learning Rate?, NeurIPS, for the critical
        learning rate along the optimizer's own update.

    Example:
        >>> import torch
        >>> from landscape import Objective, dynamics
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> theta = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> step = -0.1 * L.gradient(theta)
        >>> round(dynamics.critical_sharpness(L, step, theta, rtol=1e-3).value, 2)
        4.0
    """
    theta = objective.theta if theta is None else theta
    passes = 0 if gradient is not None else 2
    gradient = objective.gradient(theta) if gradient is None else gradient
    step = critical_step(objective, direction, theta, rtol=rtol)
    d = direction.double()
    slope = -2 * float(gradient.double() @ d) / float(d @ d)
    value = math.nan if not slope > 0 else (math.inf if step.value == 0 else slope / step.value)
    return CriticalSharpness(
        value=value,
        error=value * step.error / (step.value - step.error) if step.converged else math.nan,
        step=step.value,
        passes=passes + step.passes,
        converged=step.converged and slope > 0,
        **conditions(objective),
    )
