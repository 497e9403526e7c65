"""Bounds of curvature from the literature."""

import math


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
