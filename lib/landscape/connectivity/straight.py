"""Are two solutions connected? Loss along the straight path between them."""

from landscape.connectivity.path import Path, PathPositions, check_ends, measure_path, positions
from landscape.evaluator import Evaluator
from landscape.objective import Objective


def linear_barrier(start: Objective, end: Objective, *, ts: PathPositions = 25) -> Path:
    """Measure the straight path (1 - t) θ₀ + t θ₁ between two solutions and its barrier.

    Under the policy ``frozen`` running statistics are interpolated like the weights, which is what
    averaging two state dicts does: both ends are then the networks as trained. ``batch`` and
    ``reestimate`` need no statistics of the ends.

    Args:
        start: Objective of the first solution; its theta is t = 0.
        end: Objective of the second, on the same examples and with the same options.
        ts: Positions, from 0 to 1 with both; or how many, evenly spaced.

    Raises:
        ValueError: If the two differ in architecture, examples or options, if they are the same
            point, or if the positions do not run from 0 to 1.

    Reference: Frankle et al. (2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis.
    """
    check_ends(start, end)
    sweep = Evaluator.between(start, end)
    return measure_path(start, positions(ts), sweep.evaluate, kind="straight", length=1.0)
