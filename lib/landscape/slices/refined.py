"""Measure large planes for contours: finely where levels run or losses jump, else coarsely."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import torch

from landscape import arguments
from landscape.evaluator import Evaluator
from landscape.measurement import conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane, Positions, checked_positions
from landscape.slices.line import check_directions
from landscape.slices.plane import checked_cosine

Cell = tuple[int, int, int, int]  # First and last row, first and last column.


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinedPlane(Plane):
    """A plane with some points measured and the others interpolated between them.

    Attributes:
        evaluated: Which points were measured, (a, b) bool; loss and accuracy of the others are
            bilinear between the corners of their cell.
        levels: Levels around which the grid is fine, in units of the loss.
        points: Number of points measured.
    """

    evaluated: torch.Tensor
    levels: tuple[float, ...]
    points: int


def refined_plane(
    objective: Objective,
    theta: torch.Tensor | None = None,
    d1: torch.Tensor | None = None,
    d2: torch.Tensor | None = None,
    *,
    alphas: Positions,
    betas: Positions,
    levels: Sequence[float],
    step: int = 8,
    jump: float = math.inf,
) -> RefinedPlane:
    """Measure a plane finely where contours run, and interpolate it elsewhere.

    The measurement starts with the cells of a coarse grid. A cell is halved along both axes, down
    to neighbours of the fine grid, in three cases: a level lies between the smallest and the
    largest loss known in the cell or on its border; these two losses differ by more than ``jump``;
    some losses are finite and others are not. A contour that stays within one coarse cell is
    missed: choose ``step`` accordingly.

    Args:
        objective: The objective to measure.
        theta: The centre (n,); None takes the objective's own theta.
        d1: First direction (n,); required.
        d2: Second direction (n,), not parallel to the first; required.
        alphas: Positions of the fine grid along d1, increasing, at least 2, in units of d1.
        betas: Positions of the fine grid along d2, increasing, at least 2, in units of d2.
        levels: Losses whose contours will be drawn, finite, at least one; such as
            ``shared_levels`` of a coarse plane.
        step: Width of a coarse cell in fine cells, at least 1.
        jump: Difference of losses, > 0, above which a cell is refined without a level in it;
            infinite: never.

    Returns:
        The plane on the fine grid; losses (a, b) in units of the objective's loss.

    Raises:
        ValueError: If a direction is missing, a grid does not increase, there is no finite level,
            ``step < 1``, ``jump <= 0``, a vector has another length than n, or the directions are
            parallel.
    """
    arguments.check(refined_plane, locals())
    check_directions(d1=d1, d2=d2)
    theta = objective.theta if theta is None else theta
    alphas, betas = _increasing("alphas", alphas), _increasing("betas", betas)
    _check(levels, step, jump)
    cosine = checked_cosine(objective, theta, d1, d2)  # type: ignore[arg-type]  # check_directions refuses None
    fine = _Fine(Evaluator(objective, theta, d1, d2), alphas, betas)  # type: ignore[arg-type]  # check_directions refuses None
    cells = _coarse((len(alphas), len(betas)), step)
    fine.measure(cells)
    # A cell may become uneven by what its neighbours measure on the common border: all cells are
    # asked again in each round.
    while uneven := {c for c in cells if _is_divisible(c) and fine.is_uneven(c, levels, jump)}:
        parts = [part for cell in cells if cell in uneven for part in _divided(cell)]
        cells = [cell for cell in cells if cell not in uneven] + parts
        fine.measure(parts)
    # Fine cells last: on a border between a fine and a coarse cell more points are measured than
    # the coarse cell interpolates between.
    for cell in sorted(cells, key=_size, reverse=True):
        fine.interpolate(cell)
    return RefinedPlane(
        alphas,
        betas,
        fine.values[0].clone(),
        fine.values[1].clone(),
        cosine,
        evaluated=fine.evaluated,
        levels=tuple(float(level) for level in levels),
        points=int(fine.evaluated.sum()),
        **conditions(objective),
    )


class _Fine:
    """Loss and accuracy on the fine grid, (2, a, b), and which points are measured."""

    def __init__(self, sweep: Evaluator, alphas: torch.Tensor, betas: torch.Tensor) -> None:
        self._sweep, self._alphas, self._betas = sweep, alphas, betas
        size = (len(alphas), len(betas))
        self.values = torch.full((2, *size), math.nan, dtype=torch.float64)
        self.evaluated = torch.zeros(size, dtype=torch.bool)

    def measure(self, cells: Sequence[Cell]) -> None:
        """Measure the corners of cells, unless they are measured already."""
        corners = sorted({(i, j) for r0, r1, c0, c1 in cells for i in (r0, r1) for j in (c0, c1)})
        new = [(i, j) for i, j in corners if not self.evaluated[i, j]]
        points = [(float(self._alphas[i]), float(self._betas[j])) for i, j in new]
        with Progress(f"refined plane, {len(new)} more points", len(new)) as bar:
            measured = torch.stack(self._sweep.measure(points, bar=bar))
        for index, (i, j) in enumerate(new):
            self.values[:, i, j] = measured[:, index]
            self.evaluated[i, j] = True

    def is_uneven(self, cell: Cell, levels: Sequence[float], jump: float) -> bool:
        """Whether the losses known in a cell and on its border ask for finer cells."""
        area = _area(cell)
        known = self.values[0][area][self.evaluated[area]]
        # Infinite losses beside NaN are told apart too.
        for kind in (known.isfinite(), known.isnan()):
            if bool(kind.any()) and not bool(kind.all()):
                return True
        low, high = float(known.min()), float(known.max())
        return high - low > jump or any(low < level <= high for level in levels)

    def interpolate(self, cell: Cell) -> None:
        """Interpolate the unmeasured points of a cell bilinearly between its corners."""
        r0, r1, c0, c1 = cell
        u = self._shares(self._alphas, r0, r1)[:, None]
        v = self._shares(self._betas, c0, c1)[None, :]
        area = _area(cell)
        for values in self.values:
            corners = values[[r0, r0, r1, r1], [c0, c1, c0, c1]].reshape(2, 2)
            if bool(corners.isfinite().all()):
                first, last = ((1 - v) * left + v * right for left, right in corners)
                filled = (1 - u) * first + u * last
            else:
                # All corners are NaN or all infinite, or the cell would have been divided. Weights
                # would turn infinity into NaN, as 0 · inf.
                filled = corners[0, 0].expand(self.evaluated[area].shape)
            values[area] = torch.where(self.evaluated[area], values[area], filled)

    @staticmethod
    def _shares(axis: torch.Tensor, first: int, last: int) -> torch.Tensor:
        return (axis[first : last + 1] - axis[first]) / (axis[last] - axis[first])


def _size(cell: Cell) -> int:
    return (cell[1] - cell[0]) * (cell[3] - cell[2])


def _area(cell: Cell) -> tuple[slice, slice]:
    return slice(cell[0], cell[1] + 1), slice(cell[2], cell[3] + 1)


def _increasing(name: str, values: Positions) -> torch.Tensor:
    positions = checked_positions(name, values)
    if len(positions) < 2 or not bool((positions.diff() > 0).all()):
        raise ValueError(
            f"{name} has {len(positions)} positions that do not increase. Pass at least 2 "
            "increasing positions, such as torch.linspace(-1, 1, 251)."
        )
    return positions


def _check(levels: Sequence[float], step: int, jump: float) -> None:
    if not len(levels) or not all(math.isfinite(level) for level in levels):
        raise ValueError(
            f"levels={list(levels)} are no contours. Pass at least one finite loss, such as "
            "slices.shared_levels([coarse])."
        )
    if step < 1 or not jump > 0:
        raise ValueError(
            f"step={step}, jump={jump}: pass step >= 1 (width of a coarse cell in fine cells) "
            "and jump > 0."
        )


def _coarse(size: tuple[int, int], step: int) -> list[Cell]:
    edges = [[*range(0, count - 1, step), count - 1] for count in size]
    row_ranges, column_ranges = (list(itertools.pairwise(axis)) for axis in edges)
    return [(*rows, *columns) for rows in row_ranges for columns in column_ranges]


def _is_divisible(cell: Cell) -> bool:
    return cell[1] - cell[0] > 1 or cell[3] - cell[2] > 1


def _divided(cell: Cell) -> list[Cell]:
    row_ranges, column_ranges = _halves(*cell[:2]), _halves(*cell[2:])
    return [(*rows, *columns) for rows in row_ranges for columns in column_ranges]


def _halves(first: int, last: int) -> list[tuple[int, int]]:
    middle = (first + last) // 2
    return [(first, last)] if last - first == 1 else [(first, middle), (middle, last)]
