"""Lines through a loss landscape, each point built from the centre."""

import torch

from landscape import rng
from landscape.directions.normalization import filter_normalize
from landscape.directions.single import random
from landscape.evaluator import Evaluator
from landscape.measurement import labels
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Line, Lines, Positions, checked_positions


def line(
    objective: Objective,
    theta: torch.Tensor,
    direction: torch.Tensor,
    *,
    alphas: Positions,
) -> Line:
    """Measure loss and accuracy along a line through theta.

    Train and test are two calls, one with the objective of each:
    ``objective.replace(examples=...)`` is the same network on other examples.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        direction: Direction (n,).
        alphas: Positions, at least one, in units of the direction.

    Raises:
        ValueError: If the grid is empty or not finite, or a shape is wrong.
    """
    alphas = checked_positions("alphas", alphas)
    sweep = Evaluator(objective, theta, direction)
    with Progress(f"line of {len(alphas)}", len(alphas)) as bar:
        loss, accuracy = sweep.measure([(a,) for a in alphas.tolist()], bar=bar)
    return Line(alphas, loss, accuracy, **labels(objective))


def random_lines(
    objective: Objective,
    theta: torch.Tensor,
    *,
    alphas: Positions,
    seed: int,
    count: int,
) -> Lines:
    """Measure several lines through theta, so that a picture carries a spread, not an anecdote.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        alphas: Positions, in units of the filter norms of theta.
        seed: Seed of the streams ("line", 0), ("line", 1), ...
        count: Number of directions, at least 1.

    Raises:
        ValueError: If ``count < 1``, or for the reasons of ``line``.
    """
    if count < 1:
        raise ValueError(f"count={count} draws no direction. Pass count >= 1; 5 shows a spread.")
    alphas = checked_positions("alphas", alphas)
    cuts = [random_line(objective, theta, seed, "line", index) for index in range(count)]
    sweep = Evaluator(objective, theta, *cuts)
    points = [
        [a if index == chosen else 0.0 for index in range(count)]
        for chosen in range(count)
        for a in alphas.tolist()
    ]
    with Progress(f"{count} lines of {len(alphas)}", len(points)) as bar:
        loss, accuracy = (x.reshape(count, -1) for x in sweep.measure(points, bar=bar))
    return Lines(alphas, loss, accuracy, seed, **labels(objective))


def random_line(
    objective: Objective, theta: torch.Tensor, seed: int, name: str, index: int
) -> torch.Tensor:
    """Return the filter-normalised random direction (n,) of a seed, a name and a number."""
    direction = random(objective.layout, generator=rng.stream(seed, name, index))
    return filter_normalize(direction, theta, objective.layout)
