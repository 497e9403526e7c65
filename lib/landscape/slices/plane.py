"""Planes through a loss landscape, each point built from the centre; blocks of rows for a store."""

import dataclasses

import torch

from landscape.evaluator import Evaluator
from landscape.measurement import labels
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane, Planes, Positions, checked_positions
from landscape.slices.line import random_line
from landscape.store.entries import Store

_BLOCK = 256  # Points that an interrupted plane loses at most; what a sweep prepares costs about 5.


@dataclasses.dataclass(frozen=True)
class PlaneRows:
    """Rows of a plane: a unit of work that is stored, and may be computed elsewhere.

    Attributes:
        loss: Mean loss (rows, b), float64; infinity and NaN are kept.
        accuracy: Accuracy (rows, b).
    """

    loss: torch.Tensor
    accuracy: torch.Tensor


def plane(
    objective: Objective,
    theta: torch.Tensor,
    d1: torch.Tensor,
    d2: torch.Tensor,
    *,
    alphas: Positions,
    betas: Positions,
    store: Store | None = None,
    rows: int | None = None,
) -> Plane:
    """Measure loss and accuracy on a grid in the plane through theta spanned by two directions.

    A point's value does not depend on the points that are computed with it: with or without a
    store, and for any ``rows``, the same bits come out. Train and test are two calls, one with the
    objective of each: ``objective.replace(examples=...)``.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        d1: First direction (n,).
        d2: Second direction (n,), not parallel to the first.
        alphas: Positions along d1, at least one.
        betas: Positions along d2, at least one; the grid need not be square.
        store: Keeps blocks of rows, so that an interrupted plane goes on where it stopped.
        rows: Rows a block; None takes as many as hold about 256 points.

    Raises:
        ValueError: If a grid is empty or not finite, a shape is wrong, the directions are
            parallel, or ``rows < 1``.
    """
    alphas, betas = checked_positions("alphas", alphas), checked_positions("betas", betas)
    rows = max(1, _BLOCK // len(betas)) if rows is None else rows
    if rows < 1:
        raise ValueError(f"rows={rows} make no block. Pass rows >= 1, or None for 256 points.")
    cosine = checked_cosine(objective, theta, d1, d2)
    size = (len(alphas), len(betas))
    with Progress(f"plane of {size[0]} x {size[1]}", size[0] * size[1]) as bar:
        if store is None:
            found = [_measured(Evaluator(objective, theta, d1, d2), alphas, betas, bar)]
        else:
            found = []
            for part in alphas.split(rows):
                # A copy: the hash is of the values, and a view would keep the whole grid.
                arguments = (objective, theta, d1, d2, part.clone(), betas)
                found.append(store.remember(plane_rows, *arguments))
                bar.step(count=len(part) * len(betas))
    loss, accuracy = (
        torch.cat([getattr(rows, what) for rows in found]) for what in ("loss", "accuracy")
    )
    return Plane(alphas, betas, loss, accuracy, cosine, **labels(objective))


def plane_rows(
    objective: Objective,
    theta: torch.Tensor,
    d1: torch.Tensor,
    d2: torch.Tensor,
    alphas: torch.Tensor,
    betas: torch.Tensor,
) -> PlaneRows:
    """Measure some rows of a plane; all that determines the result is an argument.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        d1: First direction (n,).
        d2: Second direction (n,).
        alphas: Positions of the rows, (rows,).
        betas: Positions along them, (b,).
    """
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
    theta: torch.Tensor,
    *,
    alphas: Positions,
    betas: Positions,
    seed: int,
    store: Store | None = None,
) -> Plane:
    """Measure the plane through theta along two filter-normalised random directions.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        alphas: Positions along the first, in units of the filter norms of theta.
        betas: Positions along the second.
        seed: Seed of the streams ("plane", 1) and ("plane", 2).
        store: As for ``plane``.

    Raises:
        ValueError: For the reasons of ``plane``.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 4.
    """
    d1, d2 = (random_line(objective, theta, seed, "plane", axis) for axis in (1, 2))
    return plane(objective, theta, d1, d2, alphas=alphas, betas=betas, store=store)


def random_planes(
    objective: Objective,
    theta: torch.Tensor,
    *,
    alphas: Positions,
    betas: Positions,
    seed: int,
    count: int,
    store: Store | None = None,
) -> Planes:
    """Measure several planes through theta, so that a picture carries a spread, not an anecdote.

    Args:
        objective: Where to measure.
        theta: The centre (n,).
        alphas: Positions along the first direction of each pair, in units of the filter norms.
        betas: Positions along the second.
        seed: Pair p is drawn from the streams ("plane", 2p + 1) and ("plane", 2p + 2): the first
            one is that of ``random_plane``.
        count: Number of pairs, at least 1.
        store: As for ``plane``.

    Raises:
        ValueError: If ``count < 1``, or for the reasons of ``plane``.
    """
    if count < 1:
        raise ValueError(f"count={count} draws no pair. Pass count >= 1; 5 shows a spread.")
    found = []
    for pair in range(count):
        d1, d2 = (random_line(objective, theta, seed, "plane", 2 * pair + axis) for axis in (1, 2))
        found.append(plane(objective, theta, d1, d2, alphas=alphas, betas=betas, store=store))
    loss, accuracy = (
        torch.stack([getattr(cut, what) for cut in found]) for what in ("loss", "accuracy")
    )
    cosines = torch.tensor([cut.cosine for cut in found], dtype=torch.float64)
    first = found[0]
    return Planes(first.alphas, first.betas, loss, accuracy, cosines, seed, **labels(objective))


def checked_cosine(
    objective: Objective, theta: torch.Tensor, d1: torch.Tensor, d2: torch.Tensor
) -> float:
    """Return the cosine of the angle between two directions.

    Raises:
        ValueError: If a shape is wrong, or the directions span no plane.
    """
    for vector in (theta, d1, d2):
        objective.layout.check(vector)
    cosine = float(d1 @ d2 / (d1.norm() * d2.norm()))
    if not abs(cosine) < 1 - 1e-9:
        raise ValueError(
            f"the directions have the cosine {cosine:.6g}: they are parallel or zero and span no "
            "plane. Pass two independent directions."
        )
    return cosine
