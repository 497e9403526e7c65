"""Stability: the curvature beyond which an optimizer diverges, and what Adam divides steps by."""

from typing import TypeGuard

import torch

from landscape.network.parameters import layout
from landscape.training.adaptive import Adam, AdamW
from landscape.training.ascent import SAM
from landscape.training.optimizers import SGD, OptimizerConfig
from landscape.training.run import Run


def threshold(optimizer: OptimizerConfig, *, factor: float = 1.0, step: int | None = None) -> float:
    """Return the largest curvature at which full-batch descent on a quadratic does not diverge.

    For the loss λ θ²/2 with learning rate η, momentum β and weight decay w, steps shrink for λ
    below the threshold and grow for λ above it. The threshold is, for

    - ``SGD``: 2 (1 + β)/η − w; without momentum 2/η − w, since the penalty w θ²/2 adds its own
      curvature;
    - ``SGD`` with ``nesterov``: 2 (1 + β)/(η (1 + 2 β)) − w;
    - ``Adam``: 2 (1 + β₁)/((1 − β₁) η), which is 38/η at β₁ = 0.9, for the preconditioned curvature
      P⁻¹λ; see ``preconditioner``. The momentum is an average, not a sum as SGD's is, hence 1 − β₁;
    - ``AdamW``: (2/η − w) (1 + β₁)/(1 − β₁), likewise for P⁻¹λ.

    Each is exact for a constant learning rate and a constant P. The curvature of a network trained
    on mini-batches, or with clipped gradients, stays below the threshold.

    Args:
        optimizer: Config of the optimizer.
        factor: Factor by which a schedule multiplies the learning rate, > 0.
        step: Number of steps taken, at least 1. It divides Adam's learning rate by 1 − β₁^step, as
            the bias correction does, so the threshold is lower in the first few dozen steps. None
            takes the limit of many steps.

    Returns:
        The threshold: for SGD in loss per parameter²; for Adam, whose P has the unit of a gradient,
        in 1 per parameter. It is negative if weight decay alone diverges.

    Raises:
        ValueError: If the optimizer has no such threshold, the factor is not positive, or ``step``
            is below 1.

    References: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the
        Edge of Stability, appendix B; Cohen et al. (2022), Adaptive Gradient Methods at the Edge of
        Stability, section 2, where 1 − β₁^step is a part of P.

    Example:
        >>> from landscape import dynamics, training
        >>> dynamics.threshold(training.SGD(0.1))
        20.0
        >>> round(dynamics.threshold(training.SGD(0.1, momentum=0.9)), 6)
        38.0
    """
    if not factor > 0 or (step is not None and step < 1):
        raise ValueError(
            f"factor={factor}, step={step}: a learning rate must be positive, and Adam's bias "
            "correction begins with step 1. Pass factor > 0, and step >= 1 or None."
        )
    rate = factor * optimizer.learning_rate
    if isinstance(optimizer, SGD):
        return _sgd_threshold(optimizer, rate)
    if isinstance(optimizer, Adam):
        return _adam_threshold(optimizer, rate) * (
            1.0 if step is None else 1 - optimizer.beta1**step
        )
    raise ValueError(
        f"{type(optimizer).__name__} has no curvature at which it loses stability on every "
        "quadratic, since its steps are not linear in the gradient. Pass training.SGD, Adam or "
        "AdamW, or compare with the threshold of the SGD that it is built on."
    )


def _sgd_threshold(optimizer: SGD, rate: float) -> float:
    lookahead = 1 + 2 * optimizer.momentum if optimizer.nesterov else 1.0
    # The penalty's curvature w counts towards the threshold, so the loss may have that much less.
    return 2 * (1 + optimizer.momentum) / (rate * lookahead) - optimizer.weight_decay


def _adam_threshold(optimizer: Adam, rate: float) -> float:
    decoupled = isinstance(optimizer, AdamW)
    if optimizer.weight_decay and not decoupled:
        raise ValueError(
            f"Adam with weight_decay={optimizer.weight_decay} divides the penalty's gradient by P "
            "too, so no single number bounds the eigenvalues of P⁻¹H. Pass weight_decay=0, or "
            "training.AdamW."
        )
    decay = optimizer.weight_decay if decoupled else 0.0
    return (2 / rate - decay) * (1 + optimizer.beta1) / (1 - optimizer.beta1)


def is_adaptive(optimizer: OptimizerConfig) -> TypeGuard[Adam]:
    """Whether an optimizer divides the step of each parameter by its own scale, as Adam does.

    Args:
        optimizer: Config of the optimizer.

    Raises:
        ValueError: If the optimizer is none of SGD, SAM, ASAM, Adam and AdamW.
    """
    if not isinstance(optimizer, SGD | SAM | Adam):
        raise ValueError(
            f"whether {type(optimizer).__name__} divides its steps by a scale of each parameter is "
            "not known. Pass an optimizer, or a run, of training.SGD, SAM, ASAM, Adam or AdamW."
        )
    return isinstance(optimizer, Adam)


def preconditioner(run: Run, *, step: int | None = None) -> torch.Tensor:
    """Return d = P^(−1/2), so that D H D with D = diag(d) has the eigenvalues of P⁻¹H.

    Adam divides each entry's step by P = √v̂ + eps, with v̂ the running mean of squared gradients
    over 1 − β₂^t. ``L.hessian(theta).scaled(d)`` is the Hessian in the coordinates in which Adam
    descends. An entry that never had a gradient, such as the weight of a pixel that is always 0,
    has P = eps and a huge d: measure on training examples, whose Hessian is 0 in that entry. SGD,
    SAM and ASAM do not divide: d = 1.

    Args:
        run: The training run.
        step: Step of a snapshot; None takes the end of training.

    Returns:
        d (n,) in float64, in the order of theta, for the trained parameters alone.

    Raises:
        ValueError: If the optimizer is none of these, or if it is adaptive and the run holds no
            state at ``step``.

    Reference: Cohen et al. (2022), Adaptive Gradient Methods at the Edge of Stability, section 2.
    """
    optimizer, parameters = run.config.optimizer, layout(run.model())
    if not is_adaptive(optimizer):
        return torch.ones(parameters.n, dtype=torch.float64)
    states = run.optimizer_states.get(len(run.step_loss) if step is None else step, {})
    if "exp_avg_sq" not in states:
        known = sorted(s for s, slots in run.optimizer_states.items() if "exp_avg_sq" in slots)
        raise ValueError(
            f"the run holds no running squares of {type(optimizer).__name__} at step {step}, only "
            f"at {known or 'none'}. Name a step >= 1 in TrainConfig.snapshots; before the first "
            "step there is no P."
        )
    parts = {
        name: _denominator(optimizer, squares, int(states["step"][name]))
        for name, squares in states["exp_avg_sq"].items()
    }
    return parameters.flatten(parts).rsqrt()


def _denominator(optimizer: Adam, squares: torch.Tensor, steps: int) -> torch.Tensor:
    """Return Adam's P from the running mean of squared gradients, after so many steps."""
    return (squares.double() / (1 - optimizer.beta2**steps)).sqrt() + optimizer.eps
