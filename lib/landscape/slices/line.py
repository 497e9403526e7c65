"""Measure lines through a loss landscape, each point built from the centre."""

import torch

from landscape import arguments, rng
from landscape.directions.normalization import filter_normalize
from landscape.directions.single import random
from landscape.evaluator import Evaluator
from landscape.measurement import conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Line, Lines, Positions, grid_positions


def line(
    objective: Objective,
    theta: torch.Tensor | None = None,
    direction: torch.Tensor | None = None,
    *,
    alphas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
) -> Line:
    """Measure loss and accuracy along the line θ + α d.

    Train and test losses need two calls, each with its objective:
    ``objective.replace(examples=...)`` is the same network on other examples.

    Args:
        objective: The objective to measure.
        theta: The centre θ (n,); None takes the objective's own theta.
        direction: The direction d (n,); required.
        alphas: Positions along it, at least one, in units of the direction; None takes an even
            grid.
        reach: Largest position of the even grid, > 0, in units of the direction; None takes 1.
        points: Number of positions of the even grid, odd and at least 3; None takes 25.

    Returns:
        The line; losses (a,) in units of the objective's loss.

    Raises:
        ValueError: If the direction is missing, the grid is empty or not finite, both positions and
            ``reach`` or ``points`` are given, or a vector has another length than n.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> direction = torch.tensor([0.0, 1.0], dtype=torch.float64)
        >>> line = slices.line(L, minimum, direction, reach=1.0, points=5)
        >>> line.alphas
        tensor([-1.0000, -0.5000,  0.0000,  0.5000,  1.0000], dtype=torch.float64)
        >>> line.loss
        tensor([2.0000, 0.5000, 0.0000, 0.5000, 2.0000], dtype=torch.float64)
    """
    arguments.check(line, locals())
    check_directions(direction=direction)
    theta = objective.theta if theta is None else theta
    (alphas,) = grid_positions(reach, points, alphas=alphas)
    sweep = Evaluator(objective, theta, direction)  # type: ignore[arg-type]  # check_directions refuses None
    with Progress(f"line of {len(alphas)}", len(alphas)) as bar:
        loss, accuracy = sweep.measure([(a,) for a in alphas.tolist()], bar=bar)
    return Line(alphas, loss, accuracy, **conditions(objective))


def random_lines(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    alphas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
    seed: int,
    count: int,
) -> Lines:
    """Measure lines through theta along filter-normalised random directions.

    Several directions show a spread; a single one is an anecdote.

    Args:
        objective: The objective to measure.
        theta: The centre (n,); None takes the objective's own theta.
        alphas: Positions along each direction, at least one, in units of the filter norms of theta;
            None takes an even grid.
        reach: Largest position of the even grid, > 0, in units of the filter norms; None takes 1.
        points: Number of positions of the even grid, odd and at least 3; None takes 25.
        seed: Seed of the streams ("line", 0), ("line", 1), ... from which directions are drawn.
        count: Number of directions d, at least 1. The first ones do not change when more are drawn.

    Returns:
        The lines; losses (d, a) in units of the objective's loss.

    Raises:
        ValueError: If ``count < 1``, the grid is empty or not finite, both positions and ``reach``
            or ``points`` are given, or theta has another length than n.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4, for the
        normalisation of filters.

    Example:
        >>> from landscape import Objective, data, models, slices
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> lines = slices.random_lines(L, points=5, seed=0, count=3)
        >>> lines.loss.shape
        torch.Size([3, 5])
        >>> lines.quantiles((0.0, 0.5, 1.0)).shape
        torch.Size([3, 5])
    """
    arguments.check(random_lines, locals())
    if count < 1:
        raise ValueError(f"count={count} draws no direction. Pass count >= 1; 5 shows a spread.")
    theta = objective.theta if theta is None else theta
    (alphas,) = grid_positions(reach, points, alphas=alphas)
    drawn = [random_direction(objective, theta, seed, "line", index) for index in range(count)]
    # One sweep over all directions: the products of the first layer are prepared once.
    sweep = Evaluator(objective, theta, *drawn)
    coefficients = [
        [a if index == chosen else 0.0 for index in range(count)]
        for chosen in range(count)
        for a in alphas.tolist()
    ]
    with Progress(f"{count} lines of {len(alphas)}", len(coefficients)) as bar:
        loss, accuracy = (x.reshape(count, -1) for x in sweep.measure(coefficients, bar=bar))
    return Lines(alphas, loss, accuracy, seed, **conditions(objective))


def random_direction(
    objective: Objective, theta: torch.Tensor, seed: int, name: str, index: int
) -> torch.Tensor:
    """Draw a filter-normalised random direction from a named stream.

    Args:
        objective: The objective whose layout says what a filter is.
        theta: The solution (n,) whose filter norms the direction gets.
        seed: Seed of the stream.
        name: Name of the stream, such as "line".
        index: Number of the direction in the stream.

    Returns:
        The direction (n,).

    Raises:
        ValueError: If theta has another length than n.
    """
    direction = random(objective.layout, generator=rng.stream(seed, name, index))
    return filter_normalize(direction, theta, objective.layout)


def check_directions(**directions: torch.Tensor | None) -> None:
    """Refuse directions that are missing, which follow a theta that may be left out.

    Args:
        directions: Name of each direction and the direction (n,); None if it is missing.

    Raises:
        ValueError: If a direction is missing.
    """
    missing = [name for name, direction in directions.items() if direction is None]
    if missing:
        raise ValueError(
            f"{' and '.join(missing)} missing: a slice at theta needs its directions. Pass "
            f"{', '.join(f'{name}=...' for name in missing)}, each a vector (n,), such as "
            "directions.gradient(objective); slices.random_lines and random_plane draw their own."
        )
