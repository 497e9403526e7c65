"""Bounds of curvature and of the generalisation gap from the literature."""

import math

from scipy.optimize import brentq


def trace_bound(
    descent: float, *, learning_rate: float, steps: int, noise: float, batch_size: int
) -> float:
    """Return a published upper bound of the Hessian's trace after training by SGD.

    The bound is 2 (L(θ₀) − L*) / (η T) + C σ²/B with C = 1, since the source names no constant.
    Neither term has the unit of a curvature: the first is the mean squared gradient norm that the
    descent allows, the second the squared norm of the gradient noise.

    Args:
        descent: L(θ₀) − L* ≥ 0, in nats. For a loss ≥ 0, L* = 0 gives a valid, larger bound.
        learning_rate: Learning rate η > 0.
        steps: Number of steps T > 0.
        noise: σ² ≥ 0, the trace of the covariance of the examples' gradients.
        batch_size: Batch size B > 0.

    Returns:
        The bound, in (nats per parameter)².

    Raises:
        ValueError: If an argument is out of range.

    Reference: study S2, theorem 1.
    """
    positive = {"learning_rate": learning_rate, "steps": steps, "batch_size": batch_size}
    if wrong := [f"{name}={value}" for name, value in positive.items() if not value > 0]:
        raise ValueError(f"{', '.join(wrong)} gives no bound. Pass numbers > 0.")
    if descent < 0 or noise < 0 or math.isinf(descent):
        raise ValueError(
            f"descent={descent}, noise={noise}: pass a finite descent and a variance, both >= 0."
        )
    return 2 * descent / (learning_rate * steps) + noise / batch_size


def pac_bayes_bound(
    parameters: int,
    examples: int,
    *,
    rho: float = 0.05,
    delta: float = 0.05,
    inside: bool = False,
) -> float:
    """Return a published bound of the generalisation gap, said to hold with probability 1 − δ.

    The bound is √(2ρ² + log(2p/δ)/n), as the source prints it. It has no term for the loss near the
    solution and none for the weights, so it is the same for all networks of one size. PAC-Bayes
    bounds divide the radius too: √((2ρ² + log(2p/δ))/n).

    Args:
        parameters: Number of parameters p > 0.
        examples: Number of training examples n > 0.
        rho: Radius ρ >= 0 of the perturbation.
        delta: Probability δ in (0, 1) that the bound fails.
        inside: Whether the radius stands inside the division by n.

    Returns:
        The bound of |test loss − training loss|, in nats.

    Raises:
        ValueError: If an argument is out of range.

    Reference: study S2, theorem 2.
    """
    if not (parameters > 0 and examples > 0 and rho >= 0 and 0 < delta < 1):
        raise ValueError(
            f"parameters={parameters}, examples={examples}, rho={rho}, delta={delta} give no "
            "bound. Pass numbers > 0, a radius >= 0 and a probability between 0 and 1."
        )
    capacity = math.log(2 * parameters / delta)
    if inside:
        return math.sqrt((2 * rho**2 + capacity) / examples)
    return math.sqrt(2 * rho**2 + capacity / examples)


def kl_inverse(share: float, budget: float) -> float:
    """Return the largest probability p with kl(q ‖ p) <= budget for an observed share q.

    kl(q ‖ p) = q log(q/p) + (1 − q) log((1 − q)/(1 − p)) is the divergence of two coins.

    Args:
        share: q in [0, 1].
        budget: At least 0, in nats; infinite gives 1.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not 0 <= share <= 1 or not budget >= 0:
        raise ValueError(
            f"share={share}, budget={budget}: pass a share from 0 to 1 and a budget >= 0."
        )
    if share == 1 or budget == math.inf:
        return 1.0
    if share == 0:
        return -math.expm1(-budget)

    def excess(log_rest: float) -> float:
        # In log(1 − p): p comes so close to 1 that 1 − p is 0 in floating point.
        p = -math.expm1(log_rest)
        return share * math.log(share / p) + (1 - share) * (math.log1p(-share) - log_rest) - budget

    highest = math.log1p(-share)
    if excess(highest) >= 0:  # No budget, or one below rounding.
        return share
    lowest = highest - (budget + math.log(2)) / (1 - share)  # There kl exceeds the budget.
    return -math.expm1(brentq(excess, lowest, highest, xtol=1e-14, rtol=1e-14))
