"""Bounds that sources state."""

import math


def trace_bound(
    descent: float, *, learning_rate: float, steps: int, noise: float, batch_size: int
) -> float:
    """Return what a source says the trace of the Hessian is at most, after training by SGD.

    2 (L(θ₀) − L*) / (η T) + C σ²/B with C = 1: the source names no constant. Its two terms are a
    curvature, up to the unit of θ, only by name: the first is the mean squared gradient norm that
    descent allows, the second that of the noise.

    Args:
        descent: L(θ₀) − L*, in nats; L* = 0 is a bound too, for a loss that is not negative.
        learning_rate: η.
        steps: T.
        noise: σ², the trace of the covariance of the examples' gradients.
        batch_size: B.

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
