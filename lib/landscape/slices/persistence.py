"""Count the basins of a slice: minima that persist while the level rises."""

from collections.abc import Sequence

import numpy as np


def persistent_minima(loss: Sequence[float] | np.ndarray, *, height: float) -> int:
    """Count the minima of a line or plane that are deeper than a height.

    The sublevel set {L ≤ level} grows with the level. A minimum is born as a component of it, and
    dies where its component meets one with a lower minimum; it persists over the levels between
    (0-dimensional persistence). The lowest minimum never dies. Points of the grid are neighbours
    along axes and diagonals, so that a diagonal valley is one basin.

    Args:
        loss: Losses (a,) or (a, b) on a grid.
        height: Least persistence of a minimum that counts, at least 0, in units of the loss;
            the persistence must exceed it.

    Returns:
        The number of minima, at least 1.

    Raises:
        ValueError: If the grid is empty, has more than two axes or a loss that is NaN, or the
            height is negative.

    Reference: Edelsbrunner, Letscher, Zomorodian (2002), Topological Persistence and
        Simplification, Discrete Comput. Geom. 28, 511-533.

    Example:
        >>> from landscape import slices
        >>> slices.persistent_minima([3.0, 0.0, 2.0, 1.0, 3.0], height=0.5)
        2
        >>> slices.persistent_minima([3.0, 0.0, 2.0, 1.0, 3.0], height=1.5)
        1
    """
    losses = np.asarray(loss, dtype=np.float64)
    if losses.size == 0 or losses.ndim not in (1, 2) or np.isnan(losses).any() or not height >= 0:
        raise ValueError(
            f"a grid of shape {losses.shape} with {int(np.isnan(losses).sum())} losses that are "
            f"NaN, and height={height}, give no count. Pass losses on a line or plane, none of "
            "them NaN, and a height >= 0."
        )
    return 1 + sum(persistence > height for persistence in _persistences(np.atleast_2d(losses)))


def _persistences(losses: np.ndarray) -> list[float]:
    """Return the persistence of every minimum but the lowest, by union and find."""
    rows, columns = losses.shape
    parents: dict[tuple[int, int], tuple[int, int]] = {}
    births: dict[tuple[int, int], float] = {}
    persistences = []
    for index in np.argsort(losses, axis=None, kind="stable"):
        row, column = divmod(int(index), columns)
        point, level = (row, column), float(losses[row, column])
        near = [
            (i, j)
            for i in range(max(0, row - 1), min(rows, row + 2))
            for j in range(max(0, column - 1), min(columns, column + 2))
        ]
        basins = sorted({_root(parents, one) for one in near if one in parents}, key=births.get)  # type: ignore[arg-type]  # births holds each of them
        parents[point] = basins[0] if basins else point
        if not basins:
            births[point] = level
        for basin in basins[1:]:  # The older minimum, which is the lower one, lives on.
            # Where both are infinite, no level lies between them.
            persistences.append(level - births[basin] if level > births[basin] else 0.0)
            parents[basin] = basins[0]
    return persistences


def _root(parents: dict, point: tuple[int, int]) -> tuple[int, int]:
    while parents[point] != point:
        parents[point] = parents[parents[point]]  # Halves the way of the next search.
        point = parents[point]
    return point
