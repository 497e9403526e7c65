"""Stability: the curvature beyond which an optimizer's full-batch steps grow on a quadratic."""

import torch

from landscape.network.parameters import layout
from landscape.training.adaptive import Adam, AdamW
from landscape.training.ascent import SAM
from landscape.training.optimizers import SGD, OptimizerConfig
from landscape.training.run import Run


def threshold(optimizer: OptimizerConfig, *, factor: float = 1.0, step: int | None = None) -> float:
    """Return the largest curvature at which full-batch descent on a quadratic does not diverge.

    For a loss λ θ²/2 with the learning rate η, momentum β and weight decay w, the steps shrink for
    λ below and grow for λ above

    - ``SGD``: 2 (1 + β)/η − w; without momentum 2/η − w, since the penalty w θ²/2 adds its own
      curvature;
    - ``SGD`` with ``nesterov``: 2 (1 + β)/(η (1 + 2 β)) − w;
    - ``Adam``: 2 (1 + β₁)/((1 − β₁) η), which is 38/η at β₁ = 0.9, for the preconditioned curvature
      P⁻¹λ; see ``preconditioner``. The momentum is an average, not a sum as SGD's is, hence 1 − β₁;
    - ``AdamW``: (2/η − w) (1 + β₁)/(1 − β₁), likewise for P⁻¹λ.

    Each is exact for a constant rate and a constant P. In a network a mini-batch run stays below,
    and so does one whose gradients are clipped.

    Args:
        optimizer: The optimizer's config.
        factor: What a schedule multiplies the learning rate by, > 0.
        step: Steps taken, at least 1: divides Adam's learning rate by 1 − β₁^step, as its bias
            correction does, so that the line of the first few dozen steps lies lower. None: many.

    Returns:
        The threshold: for SGD in loss per parameter²; for Adam, whose P has the unit of a gradient,
        in 1 per parameter. It is negative where weight decay alone diverges.

    Raises:
        ValueError: If the optimizer has no such line, the factor is not positive, or no step was
            taken.

    References: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the
        Edge of Stability, appendix B; Cohen et al. (2022), Adaptive Gradient Methods at the Edge of
        Stability, section 2, where 1 − β₁^step is a part of P.
    """
    if not factor > 0 or (step is not None and step < 1):
        raise ValueError(
            f"factor={factor}, step={step}: no step is taken with a factor that is not positive, "
            "and Adam's momentum begins with step 1. Pass factor > 0, and step >= 1 or None."
        )
    rate = factor * optimizer.learning_rate
    if isinstance(optimizer, SGD):
        return _of_sgd(optimizer, rate)
    if isinstance(optimizer, Adam):
        return _of_adam(optimizer, rate) * (1.0 if step is None else 1 - optimizer.beta1**step)
    raise ValueError(
        f"{type(optimizer).__name__} has no curvature at which it loses stability on every "
        "quadratic: its steps are not linear in the gradient there. Pass training.SGD, Adam or "
        "AdamW, or compare with the threshold of the SGD that it is built on."
    )


def _of_sgd(optimizer: SGD, rate: float) -> float:
    longer = 1 + 2 * optimizer.momentum if optimizer.nesterov else 1.0
    return 2 * (1 + optimizer.momentum) / (rate * longer) - optimizer.weight_decay


def _of_adam(optimizer: Adam, rate: float) -> float:
    decoupled = isinstance(optimizer, AdamW)
    if optimizer.weight_decay and not decoupled:
        raise ValueError(
            f"Adam with weight_decay={optimizer.weight_decay} divides the penalty's gradient by P "
            "too, so that no one number bounds the eigenvalues of P⁻¹H. Pass weight_decay=0, or "
            "training.AdamW."
        )
    decay = optimizer.weight_decay if decoupled else 0.0
    return (2 / rate - decay) * (1 + optimizer.beta1) / (1 - optimizer.beta1)


def is_adaptive(optimizer: OptimizerConfig) -> bool:
    """Whether an optimizer divides steps by a scale of each parameter's own.

    Raises:
        ValueError: If that is not known of the optimizer.
    """
    if not isinstance(optimizer, SGD | SAM | Adam):
        raise ValueError(
            f"what {type(optimizer).__name__} divides its steps by is not known here. Pass a run "
            "of training.SGD, SAM, ASAM, Adam or AdamW."
        )
    return isinstance(optimizer, Adam)


def preconditioner(run: Run, *, step: int | None = None) -> torch.Tensor:
    """Return d = P^(−1/2), so that D H D with D = diag(d) has the eigenvalues of P⁻¹H.

    Adam divides each entry's step by P = √v̂ + eps, with v̂ the running mean of squared gradients
    over 1 − β₂^t. ``L.hessian(theta).scaled(d)`` is the Hessian that it descends on. An entry that
    never had a gradient, such as the weight of a pixel that is always 0, has P = eps: measure on
    examples that were trained on, whose Hessian is 0 there. SGD, SAM and ASAM divide by nothing:
    d = 1.

    Args:
        run: The training run.
        step: A snapshot; None takes where training stopped.

    Returns:
        d (n,) in float64, in the order of theta: trained parameters alone.

    Raises:
        ValueError: If the optimizer is none of these, or an adaptive one left no state at ``step``.

    Reference: Cohen et al. (2022), Adaptive Gradient Methods at the Edge of Stability, section 2.
    """
    optimizer, at = run.config.optimizer, layout(run.model())
    if not is_adaptive(optimizer):
        return torch.ones(at.n, dtype=torch.float64)
    states = run.optimizer_states.get(len(run.step_loss) if step is None else step, {})
    if "exp_avg_sq" not in states:
        known = sorted(s for s, slots in run.optimizer_states.items() if "exp_avg_sq" in slots)
        raise ValueError(
            f"{type(optimizer).__name__} left no running squares at step {step}: this run has them "
            f"at {known or 'none'}. Name a step >= 1 in TrainConfig.snapshots; before the first "
            "step there is no P."
        )
    parts = {
        name: _denominator(optimizer, squares, int(states["step"][name]))
        for name, squares in states["exp_avg_sq"].items()
    }
    return at.flatten(parts).rsqrt()


def _denominator(optimizer: Adam, squares: torch.Tensor, steps: int) -> torch.Tensor:
    return (squares.double() / (1 - optimizer.beta2**steps)).sqrt() + optimizer.eps
