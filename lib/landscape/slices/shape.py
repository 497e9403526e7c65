"""Measure the width, elongation and roughness of the loss on a line or plane."""

import dataclasses
import math
from typing import Any

import torch

from landscape import arguments
from landscape.measurement import Measurement
from landscape.slices.grid import Line, Plane
from landscape.slices.sublevel_sets import sorted_grid, sublevel_set


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basin(Measurement):
    """The connected set around the centre where the loss exceeds the centre's by at most ``level``.

    All lengths are in units of the directions.

    Attributes:
        width: On a line, the length of the set; on a plane, the diameter of the disc with the
            set's area.
        low: Lower bound of the width. On a line, the set ends at the last grid points inside it; on
            a plane, it consists of the triangles wholly inside it.
        high: Upper bound of the width. On a line, the set ends at the first grid points outside it;
            on a plane, it consists of all triangles that it touches. Infinite if the set is
            censored. Interpolation errs by no more than the bounds say, unless the loss turns
            within a step of the grid.
        nearest: Distance from the centre to the nearest point of the set's rim.
        farthest: Distance from the centre to the farthest point of the set.
        level: Height of the rim above the loss at the centre.
        loss: Loss at the centre, interpolated where 0 is no position of the grid.
        points: Number of grid points inside; with few of them the width is mostly interpolation.
        censored: Whether the set reaches the border of the grid or a loss that is not finite; the
            lengths are then lower bounds.
    """

    width: float
    low: float
    high: float
    nearest: float
    farthest: float
    level: float
    loss: float
    points: int
    censored: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anisotropy(Measurement):
    """Elongation of the basin of a plane.

    Attributes:
        value: Ratio of the long to the short semi-axis, at least 1; NaN for a set without area.
        axes: Semi-axes (2,) of the ellipse with the set's second moments, the long one first, in
            units of the directions.
        angle: Angle of the long axis from the first direction, in radians, in (-π/2, π/2].
        centroid: Centre of mass of the set, (2,), in units of the directions.
        level: Height of the set's rim above the loss at the centre.
        points: Number of grid points inside.
        censored: Whether the set reaches the border of the grid or a loss that is not finite; the
            border then shapes it too.
    """

    value: float
    axes: torch.Tensor
    angle: float
    centroid: torch.Tensor
    level: float
    points: int
    censored: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roughness(Measurement):
    """Share of a slice's total variation that a single valley or hill would not need.

    Attributes:
        value: The share, from 0 (at most one turn along each grid line) towards 1 (noise); NaN
            where no grid line has two finite losses.
        variation: Total variation, summed over grid lines, in units of the loss.
        skipped: Number of losses that were left out because they are not finite.
    """

    value: float
    variation: float
    skipped: int


def basin_width(cut: Line | Plane, *, level: float) -> Basin:
    """Measure the connected set around the centre where L ≤ L(θ) + level.

    The loss is interpolated linearly; on a plane, over four triangles in each cell, which meet at
    the cell's middle. Only the part connected with the centre (coordinates 0) counts; it need be
    neither convex nor star-shaped. Losses that are not finite lie outside.

    Args:
        cut: A line or plane whose grid has the centre inside; positions in any order, at any
            distances.
        level: Height above the loss at the centre, > 0, in units of the loss.

    Returns:
        Width of the set with its bounds, in units of the directions.

    Raises:
        ValueError: If ``level`` is not positive, positions repeat, an axis has a single one, the
            centre lies outside, or its loss is not finite.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> direction = torch.tensor([1.0, 0.0], dtype=torch.float64)
        >>> line = slices.line(L, minimum, direction, reach=2.0, points=401)
        >>> basin = slices.basin_width(line, level=0.5)
        >>> basin.low <= 2.0 <= basin.high, round(basin.width, 2)
        (True, 2.0)
    """
    arguments.check(basin_width, locals())
    region = sublevel_set(cut, level)
    return Basin(
        width=region.width,
        low=region.low,
        high=region.high,
        nearest=region.nearest,
        farthest=region.farthest,
        points=region.points,
        level=region.level,
        censored=region.censored,
        loss=region.loss,
        **_labels(cut),
    )


def anisotropy(plane: Plane, *, level: float) -> Anisotropy:
    """Measure the ratio of the semi-axes of the set around the centre where L ≤ L(θ) + level.

    The semi-axes belong to the ellipse with the same second moments: exact for a quadratic basin
    up to the interpolation of ``basin_width``, and defined for a set of any shape at the given
    level. A quadratic fit would depend on the choice of fitted points, and has no semi-axes where
    it is not convex. The measure is taken in the plane's own coordinates: where directions are not
    orthogonal or differ in length, the picture shows the same angles and ratios.

    Args:
        plane: A plane whose grid has the centre inside; positions in any order, at any distances.
        level: Height above the loss at the centre, > 0, in units of the loss.

    Returns:
        Ratio, semi-axes and angle; lengths in units of the directions.

    Raises:
        ValueError: If ``plane`` is a line, ``level`` is not positive, positions repeat, an axis has
            a single one, the centre lies outside, or its loss is not finite.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> first, second = torch.eye(2, dtype=torch.float64)
        >>> plane = slices.plane(L, minimum, first, second, reach=2.0, points=101)
        >>> round(slices.anisotropy(plane, level=0.5).value, 2)
        2.0
    """
    arguments.check(anisotropy, locals())
    if isinstance(plane, Line):
        raise ValueError("a line has one direction and no shape. Pass a plane.")
    region = sublevel_set(plane, level)
    xx, xy, _, yy = region.covariance.reshape(-1).tolist()  # type: ignore[union-attr]  # a plane has one
    # Eigenvalues of the symmetric 2 x 2 matrix: half the trace, plus and minus half their gap.
    mean, half_gap = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    # An ellipse with semi-axis r has the second moment r²/4 along it. Rounding may make the moment
    # of a thin set negative.
    long, short = (2 * math.sqrt(max(moment, 0.0)) for moment in (mean + half_gap, mean - half_gap))
    return Anisotropy(
        value=long / short if short != 0 else math.inf,
        axes=torch.tensor([long, short], dtype=torch.float64),
        angle=math.atan2(2 * xy, xx - yy) / 2,
        centroid=region.centroid,  # type: ignore[arg-type]  # a plane has one
        level=region.level,
        points=region.points,
        censored=region.censored,
        **_labels(plane),
    )


def roughness(cut: Line | Plane) -> Roughness:
    """Measure the share of the total variation that a single valley or hill would not need.

    Along a grid line with losses f_0 ... f_k the total variation is V = Σ |f_{i+1} - f_i|. A
    function with at most one turn, at j, needs |f_j - f_0| + |f_k - f_j| for the same heights. The
    excess E is V less the largest such sum over j. Roughness is ΣE / ΣV, summed over the line, or
    over all rows and columns of a plane. It is 0 for each quadratic, basin or saddle, and for any
    loss that turns at most once along grid lines. It changes neither with the units of the loss or
    of the directions nor with the spacing of a grid that resolves the turns. Variation within
    rounding of the loss does not count.

    Args:
        cut: A line or plane with at least 4 positions along some axis, since fewer cannot turn
            twice; losses that are not finite are left out.

    Returns:
        The roughness, without unit, and the total variation, in units of the loss.

    Raises:
        ValueError: If no axis has 4 positions, or positions repeat.

    Reference: Wu et al. (2021), Roughness Index for Loss Landscapes of Neural Network Models of
        Partial Differential Equations, for total variation along directions as roughness.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> direction = torch.tensor([1.0, 0.0], dtype=torch.float64)
        >>> slices.roughness(slices.line(L, minimum, direction)).value
        0.0
    """
    arguments.check(roughness, locals())
    axes, loss = sorted_grid(cut)
    if max(map(len, axes)) < 4:
        raise ValueError(
            f"a grid of {' x '.join(str(len(axis)) for axis in axes)} cannot turn twice along a "
            "line, so it shows no roughness. Pass at least 4 positions along an axis; 25 show more."
        )
    grid_lines = [loss] if loss.dim() == 1 else [*loss, *loss.T]
    # Of the network's own type: its losses are rounded to it, though stored in float64.
    eps = torch.finfo(getattr(torch, cut.dtype)).eps
    pairs = [_variation(line[torch.isfinite(line)], eps) for line in grid_lines]
    variation, excess = (math.fsum(part) for part in zip(*pairs, strict=True))
    value = excess / variation if variation > 0 else (0.0 if _comparable(grid_lines) else math.nan)
    return Roughness(
        value=value,
        variation=variation,
        skipped=int((~torch.isfinite(loss)).sum()),
        **_labels(cut),
    )


def _comparable(grid_lines: list[torch.Tensor]) -> bool:
    """Whether some grid line has two finite losses."""
    return any(int(torch.isfinite(line).sum()) > 1 for line in grid_lines)


def _variation(losses: torch.Tensor, eps: float) -> tuple[float, float]:
    """Return a grid line's total variation, and its excess over a line with one turn."""
    if len(losses) < 2:
        return 0.0, 0.0
    # 4 roundings: a mean over examples is rounded more than once.
    turns = _turns(losses.tolist(), 4 * eps * float(losses.abs().max()))
    heights = torch.tensor(turns, dtype=torch.float64)
    one_turn = (heights - heights[0]).abs() + (heights[-1] - heights).abs()
    total = math.fsum(heights.diff().abs())
    return total, total - float(one_turn.max())


def _turns(heights: list[float], rounding: float) -> list[float]:
    """Return the heights at the ends of a line and where it turns by more than rounding."""
    turns = heights[:1]
    for height in heights[1:]:
        step = height - turns[-1]
        # A step in the same direction moves the last turn, however small: many small steps add up.
        if len(turns) > 1 and step * (turns[-1] - turns[-2]) > 0:
            turns[-1] = height
        elif abs(step) > rounding:
            turns.append(height)
    return turns


def _labels(cut: Line | Plane) -> dict[str, Any]:
    return {field.name: getattr(cut, field.name) for field in dataclasses.fields(Measurement)}
