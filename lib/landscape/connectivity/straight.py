"""Measure the loss along the straight path between two solutions."""

from landscape import arguments
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

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from landscape import Objective, connectivity
        >>> def network(weight):
        ...     model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
        ...     for parameter in model.parameters():
        ...         nn.init.constant_(parameter, weight)
        ...     return model
        >>> ones = torch.ones(8, 1)
        >>> start, end = (Objective(network(w), (ones, ones), loss="mse") for w in (1.0, -1.0))
        >>> path = connectivity.linear_barrier(start, end, ts=5)
        >>> path.loss.tolist()  # Both ends compute the same function.
        [0.0, 0.5625, 1.0, 0.5625, 0.0]
        >>> path.barrier, path.position
        (1.0, 0.5)
    """
    arguments.check(linear_barrier, locals())
    check_ends(start, end)
    evaluator = Evaluator.between(start, end)
    return measure_path(start, positions(ts), evaluator.evaluate, kind="straight", length=1.0)
