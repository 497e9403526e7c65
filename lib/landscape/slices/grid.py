"""Cuts through a loss landscape: lines and planes, each point built from the centre."""

import dataclasses
import math
from collections.abc import Sequence

import torch

from landscape import directions, rng
from landscape.measurement import Measurement, labels
from landscape.objective import Objective
from landscape.progress import Progress


@dataclasses.dataclass(frozen=True)
class Line(Measurement):
    """Loss and accuracy along θ + α d.

    Attributes:
        alphas: Positions (a,).
        loss: Mean loss at each, (a,), float64; infinity and NaN are kept.
        accuracy: Accuracy at each, (a,).
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Plane(Measurement):
    """Loss and accuracy on θ + α d1 + β d2; entry [i, j] belongs to (alphas[i], betas[j]).

    Attributes:
        alphas: Positions along the first direction, (a,).
        betas: Positions along the second, (b,).
        loss: Mean loss (a, b), float64; infinity and NaN are kept.
        accuracy: Accuracy (a, b).
        cosine: Cosine of the angle between the directions: 0 where the picture keeps angles.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    cosine: float


def line(
    objective: Objective,
    theta: torch.Tensor,
    direction: torch.Tensor,
    *,
    alphas: Sequence[float] | torch.Tensor,
) -> Line:
    """Measure loss and accuracy along a line through theta.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        direction: Direction (n,).
        alphas: Positions, at least one, in units of the direction.

    Raises:
        ValueError: If the grid is empty or not finite, or a shape is wrong.
    """
    alphas = _grid("alphas", alphas)
    objective.layout.check(direction)
    objective.layout.check(theta)
    points = (theta + a * direction for a in alphas)
    rows = _measure(objective, points, f"line of {len(alphas)}", len(alphas))
    return Line(alphas, rows[:, 0].clone(), rows[:, 1].clone(), **labels(objective))


def plane(
    objective: Objective,
    theta: torch.Tensor,
    d1: torch.Tensor,
    d2: torch.Tensor,
    *,
    alphas: Sequence[float] | torch.Tensor,
    betas: Sequence[float] | torch.Tensor,
) -> Plane:
    """Measure loss and accuracy on a grid in the plane through theta spanned by two directions.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        d1: First direction (n,).
        d2: Second direction (n,), not parallel to the first.
        alphas: Positions along d1, at least one.
        betas: Positions along d2, at least one; the grid need not be square.

    Raises:
        ValueError: If a grid is empty or not finite, a shape is wrong, or the directions are
            parallel.
    """
    alphas, betas = _grid("alphas", alphas), _grid("betas", betas)
    objective.layout.check(theta)
    objective.layout.check(d1)
    objective.layout.check(d2)
    cosine = float(d1 @ d2 / (d1.norm() * d2.norm()))
    if not abs(cosine) < 1 - 1e-9:
        raise ValueError(
            f"the directions have the cosine {cosine:.6g}: they are parallel or zero and span no "
            "plane. Pass two independent directions."
        )
    points = (theta + a * d1 + b * d2 for a in alphas for b in betas)
    size = (len(alphas), len(betas))
    rows = _measure(objective, points, f"plane of {size[0]} x {size[1]}", size[0] * size[1])
    loss, accuracy = rows[:, 0].reshape(size).clone(), rows[:, 1].reshape(size).clone()
    return Plane(alphas, betas, loss, accuracy, cosine, **labels(objective))


@dataclasses.dataclass(frozen=True)
class Lines(Measurement):
    """Loss and accuracy along several filter-normalised random directions from one solution.

    Attributes:
        alphas: Positions (a,), in units of the solution's filter norms.
        loss: Mean loss (d, a), one row a direction; infinity and NaN are kept.
        accuracy: Accuracy (d, a).
        seed: Seed of the directions.
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    seed: int


def random_lines(
    objective: Objective,
    theta: torch.Tensor,
    *,
    alphas: Sequence[float] | torch.Tensor,
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
    cuts = [
        line(objective, theta, _normalized(objective, theta, seed, "line", index), alphas=alphas)
        for index in range(count)
    ]
    loss, accuracy = (
        torch.stack([getattr(cut, what) for cut in cuts]) for what in ("loss", "accuracy")
    )
    return Lines(cuts[0].alphas, loss, accuracy, seed, **labels(objective))


def random_plane(
    objective: Objective,
    theta: torch.Tensor,
    *,
    alphas: Sequence[float] | torch.Tensor,
    betas: Sequence[float] | torch.Tensor,
    seed: int,
) -> Plane:
    """Measure the plane through theta along two filter-normalised random directions.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        alphas: Positions along the first, in units of the filter norms of theta.
        betas: Positions along the second.
        seed: Seed of the streams ("plane", 1) and ("plane", 2).

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.
    """
    d1, d2 = (_normalized(objective, theta, seed, "plane", axis) for axis in (1, 2))
    return plane(objective, theta, d1, d2, alphas=alphas, betas=betas)


def _normalized(
    objective: Objective, theta: torch.Tensor, seed: int, name: str, index: int
) -> torch.Tensor:
    drawn = directions.random(objective.layout, generator=rng.stream(seed, name, index))
    return directions.filter_normalize(drawn, theta, objective.layout)


def shared_levels(planes: Sequence[Plane], *, count: int = 13) -> list[float]:
    """Return increasing contour levels for several planes, a constant factor apart.

    They run from the smallest to the largest finite loss of all planes, so that pictures compare.

    Raises:
        ValueError: If no two finite, positive losses differ, or ``count < 3``.
    """
    losses = torch.cat([plane.loss.reshape(-1) for plane in planes])
    losses = losses[torch.isfinite(losses) & (losses > 0)]
    if count < 3 or len(losses) == 0 or not float(losses.min()) < float(losses.max()):
        raise ValueError(
            f"{len(losses)} finite, positive losses give no {count} levels. Pass planes whose "
            "losses differ, and count >= 3."
        )
    ends = [float(losses.min()), float(losses.max())]
    return torch.logspace(*(math.log10(end) for end in ends), count, dtype=torch.float64).tolist()


def _grid(name: str, values: Sequence[float] | torch.Tensor) -> torch.Tensor:
    grid = torch.as_tensor(values, dtype=torch.float64)
    if grid.dim() != 1 or len(grid) == 0 or not bool(torch.isfinite(grid).all()):
        raise ValueError(
            f"{name} of shape {tuple(grid.shape)} is no grid. Pass at least one finite position, "
            "such as torch.linspace(-1, 1, 25)."
        )
    return grid


def _measure(objective: Objective, points, label: str, total: int) -> torch.Tensor:
    rows = []
    with Progress(label, total) as bar:
        for point in points:
            found = objective.evaluate(point)
            rows.append((found.loss, found.accuracy))
            bar.step()
    return torch.tensor(rows, dtype=torch.float64)
