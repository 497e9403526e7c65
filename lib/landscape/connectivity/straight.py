"""Measure the loss along the straight path between two solutions."""

from landscape.connectivity.path import Path, PathPositions, check_ends, measure_path, positions
from landscape.evaluator import Evaluator
from landscape.objective import Objective


def linear_barrier(start: Objective, end: Objective, *, ts: PathPositions = 25) -> Path:
    """Measure the straight path (1 - t) θ₀ + t θ₁ between two solutions and its barrier.

    Under the policy ``frozen`` running statistics are interpolated like the weights, as when two
    state dicts are averaged; both ends are then the networks as trained. The policies ``batch`` and
    ``reestimate`` do not use the ends' statistics.

    Args:
        start: Objective of the first solution, at t = 0.
        end: Objective of the second solution, at t = 1, on the same examples with the same options.
        ts: Positions that increase from 0 to 1, at least 3; or their number, evenly spaced.

    Returns:
        Loss, accuracy and barriers of the path, in units of the loss; its ``length`` is 1.

    Raises:
        ValueError: If the two objectives differ in architecture, examples or options, if they are
            at the same point, or if the positions do not run from 0 to 1.

    Reference: Frankle et al. (2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis,
        ICML.
    """
    check_ends(start, end)
    evaluator = Evaluator.between(start, end)
    return measure_path(start, positions(ts), evaluator.evaluate, kind="straight", length=1.0)
