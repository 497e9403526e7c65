"""Measure planes through a loss landscape, each point built from the centre."""

import dataclasses

import torch

from landscape import arguments
from landscape.evaluator import Evaluator
from landscape.measurement import conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane, Planes, Positions, grid_positions
from landscape.slices.line import check_directions, random_direction
from landscape.store.entries import Store

# Points in a stored block: an interrupted plane loses at most these, and what an Evaluator prepares
# for each block costs as much as about 5 points.
_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class PlaneRows:
    """Some rows of a plane: the unit of work that a store keeps.

    Attributes:
        loss: Mean loss over the examples, (rows, b), float64; infinity and NaN are kept.
        accuracy: Accuracy (rows, b).
    """

    loss: torch.Tensor
    accuracy: torch.Tensor


def plane(
    objective: Objective,
    theta: torch.Tensor | None = None,
    d1: torch.Tensor | None = None,
    d2: torch.Tensor | None = None,
    *,
    alphas: Positions | None = None,
    betas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
    store: Store | None = None,
    rows: int | None = None,
) -> Plane:
    """Measure loss and accuracy on a grid of the plane θ + α d1 + β d2.

    The value at a point does not depend on the points that are computed with it: with or without a
    store, and for any ``rows``, the same bits come out. Train and test losses need two calls, each
    with its objective: ``objective.replace(examples=...)``.

    Args:
        objective: The objective to measure.
        theta: The centre θ (n,); None takes the objective's own theta.
        d1: First direction (n,); required.
        d2: Second direction (n,), not parallel to the first; required.
        alphas: Positions along d1, at least one, in units of d1; None for both axes takes an even
            grid.
        betas: Positions along d2, at least one, in units of d2; the grid need not be square.
        reach: Largest position of the even grid along each axis, > 0, in units of the directions;
            None takes 1.
        points: Number of positions of the even grid along each axis, odd and at least 3; None takes
            25.
        store: Keeps blocks of rows, so that an interrupted plane continues where it stopped; None
            keeps nothing.
        rows: Rows in a block, at least 1; None takes as many as hold about 256 points.

    Returns:
        The plane; losses (a, b) in units of the objective's loss.

    Raises:
        ValueError: If a direction is missing, a grid is empty or not finite, only one axis has
            positions, both positions and ``reach`` or ``points`` are given, a vector has another
            length than n, the directions are parallel, or ``rows < 1``.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> first, second = torch.eye(2, dtype=torch.float64)
        >>> plane = slices.plane(L, minimum, first, second, reach=1.0, points=3)
        >>> plane.loss  # Row i, column j is the point (alphas[i], betas[j]).
        tensor([[2.5000, 0.5000, 2.5000],
                [2.0000, 0.0000, 2.0000],
                [2.5000, 0.5000, 2.5000]], dtype=torch.float64)
    """
    arguments.check(plane, locals())
    check_directions(d1=d1, d2=d2)
    theta = objective.theta if theta is None else theta
    alphas, betas = grid_positions(reach, points, alphas=alphas, betas=betas)
    rows = max(1, _BLOCK // len(betas)) if rows is None else rows
    if rows < 1:
        raise ValueError(f"rows={rows} make no block. Pass rows >= 1, or None for 256 points.")
    cosine = checked_cosine(objective, theta, d1, d2)  # type: ignore[arg-type]  # check_directions refuses None
    size = (len(alphas), len(betas))
    with Progress(f"plane of {size[0]} x {size[1]}", size[0] * size[1]) as bar:
        if store is None:
            blocks = [_measured(Evaluator(objective, theta, d1, d2), alphas, betas, bar)]  # type: ignore[arg-type]  # check_directions refuses None
        else:
            blocks = []
            for block_alphas in alphas.split(rows):
                # The key hashes values, so a copy has the same; a view would hold the whole grid.
                shared = (objective, theta, d1, d2, block_alphas.clone(), betas)
                blocks.append(store.remember(plane_rows, *shared))
                bar.step(count=len(block_alphas) * len(betas))
    loss, accuracy = (
        torch.cat([getattr(block, field) for block in blocks]) for field in ("loss", "accuracy")
    )
    return Plane(alphas, betas, loss, accuracy, cosine, **conditions(objective))


def plane_rows(
    objective: Objective,
    theta: torch.Tensor,
    d1: torch.Tensor,
    d2: torch.Tensor,
    alphas: torch.Tensor,
    betas: torch.Tensor,
) -> PlaneRows:
    """Measure some rows of a plane.

    Everything that determines the result is an argument, so that a store can keep it and another
    process can compute it.

    Args:
        objective: The objective to measure.
        theta: The centre (n,).
        d1: First direction (n,).
        d2: Second direction (n,).
        alphas: Positions of the rows, (rows,), in units of d1.
        betas: Positions along the rows, (b,), in units of d2.

    Returns:
        The rows; losses (rows, b) in units of the objective's loss.

    Raises:
        ValueError: If a vector has another length than n.
    """
    arguments.check(plane_rows, locals())
    return _measured(Evaluator(objective, theta, d1, d2), alphas, betas, None)


def _measured(
    sweep: Evaluator, alphas: torch.Tensor, betas: torch.Tensor, bar: Progress | None
) -> PlaneRows:
    points = ((float(a), float(b)) for a in alphas for b in betas)
    size = (len(alphas), len(betas))
    loss, accuracy = sweep.measure(points, bar=bar)
    return PlaneRows(loss.reshape(size), accuracy.reshape(size))


def random_plane(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    alphas: Positions | None = None,
    betas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
    seed: int,
    store: Store | None = None,
) -> Plane:
    """Measure the plane through theta along two filter-normalised random directions.

    Args:
        objective: The objective to measure.
        theta: The centre (n,); None takes the objective's own theta.
        alphas: Positions along the first direction, at least one, in units of the filter norms of
            theta; None for both axes takes an even grid. ``centred_positions`` makes a grid that is
            finer near the centre.
        betas: Positions along the second direction, in the same units.
        reach: Largest position of the even grid along each axis, > 0, in units of the filter norms;
            None takes 1.
        points: Number of positions of the even grid along each axis, odd and at least 3; None takes
            25.
        seed: Seed of the streams ("plane", 1) and ("plane", 2) from which directions are drawn.
        store: Keeps blocks of rows, as for ``plane``; None keeps nothing.

    Returns:
        The plane; losses (a, b) in units of the objective's loss.

    Raises:
        ValueError: If a grid is empty or not finite, only one axis has positions, both positions
            and ``reach`` or ``points`` are given, or theta has another length than n.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.

    Example:
        >>> from landscape import Objective, data, models, slices
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> plane = slices.random_plane(L, reach=1.0, points=5, seed=0)
        >>> plane.loss.shape, plane.bn, plane.examples
        (torch.Size([5, 5]), 'frozen', 100)
        >>> abs(float(plane.loss[2, 2]) - L.loss()) < 1e-6  # The centre is the network itself.
        True
    """
    arguments.check(random_plane, locals())
    theta = objective.theta if theta is None else theta
    alphas, betas = grid_positions(reach, points, alphas=alphas, betas=betas)
    d1, d2 = (random_direction(objective, theta, seed, "plane", axis) for axis in (1, 2))
    return plane(objective, theta, d1, d2, alphas=alphas, betas=betas, store=store)


def random_planes(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    alphas: Positions | None = None,
    betas: Positions | None = None,
    reach: float | None = None,
    points: int | None = None,
    seed: int,
    count: int,
    store: Store | None = None,
) -> Planes:
    """Measure several planes through theta, each along a pair of random directions.

    Several pairs show a spread; a single one is an anecdote.

    Args:
        objective: The objective to measure.
        theta: The centre (n,); None takes the objective's own theta.
        alphas: Positions along the first direction of each pair, at least one, in units of the
            filter norms of theta; None for both axes takes an even grid.
        betas: Positions along the second direction, in the same units.
        reach: Largest position of the even grid along each axis, > 0, in units of the filter norms;
            None takes 1.
        points: Number of positions of the even grid along each axis, odd and at least 3; None takes
            25.
        seed: Seed of the directions: pair p is drawn from the streams ("plane", 2p + 1) and
            ("plane", 2p + 2). The first plane equals ``random_plane`` of the same seed.
        count: Number of pairs p, at least 1.
        store: Keeps blocks of rows, as for ``plane``; None keeps nothing.

    Returns:
        The planes; losses (p, a, b) in units of the objective's loss.

    Raises:
        ValueError: If ``count < 1``, a grid is empty or not finite, only one axis has positions,
            both positions and ``reach`` or ``points`` are given, or theta has another length than
            n.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.
    """
    arguments.check(random_planes, locals())
    if count < 1:
        raise ValueError(f"count={count} draws no pair. Pass count >= 1; 5 shows a spread.")
    theta = objective.theta if theta is None else theta
    alphas, betas = grid_positions(reach, points, alphas=alphas, betas=betas)
    planes = []
    for pair in range(count):
        axes = (2 * pair + 1, 2 * pair + 2)
        d1, d2 = (random_direction(objective, theta, seed, "plane", axis) for axis in axes)
        planes.append(plane(objective, theta, d1, d2, alphas=alphas, betas=betas, store=store))
    loss, accuracy = (
        torch.stack([getattr(cut, field) for cut in planes]) for field in ("loss", "accuracy")
    )
    cosines = torch.tensor([cut.cosine for cut in planes], dtype=torch.float64)
    first = planes[0]
    return Planes(first.alphas, first.betas, loss, accuracy, cosines, seed, **conditions(objective))


def checked_cosine(
    objective: Objective, theta: torch.Tensor, d1: torch.Tensor, d2: torch.Tensor
) -> float:
    """Return the cosine of the angle between two directions, once they are known to span a plane.

    Args:
        objective: The objective whose parameters the vectors belong to.
        theta: The centre (n,).
        d1: First direction (n,).
        d2: Second direction (n,).

    Raises:
        ValueError: If a vector has another length than n, or the directions are parallel (to 1e-9
            of the cosine), zero or not finite.
    """
    for vector in (theta, d1, d2):
        objective.layout.check(vector)
    cosine = float(d1 @ d2 / (d1.norm() * d2.norm()))
    # Also refuses NaN, the cosine of a direction that is zero or not finite.
    if not abs(cosine) < 1 - 1e-9:
        raise ValueError(
            f"the directions have the cosine {cosine:.6g}: they are parallel, zero or not finite "
            "and span no plane. Pass two independent directions."
        )
    return cosine
