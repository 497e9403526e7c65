"""Numbers of a line or plane: how wide its basin is, how elongated, and how rough."""

import dataclasses
import math

import torch

from landscape.measurement import Measurement
from landscape.slices.grid import Line, Plane
from landscape.slices.sublevel_sets import Sublevel, checked, sublevel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basin(Measurement):
    """The set around the centre where the loss is at most ``level`` above that of the centre.

    All lengths are in units of the directions.

    Attributes:
        width: Of a line: length of the set. Of a plane: diameter of the disc of the set's area.
        low: The width if the set ended at the last grid points inside it; of a plane, that of the
            triangles wholly inside.
        high: The width if it ended at the first ones outside; of a plane, that of all triangles
            that the set touches; infinite at the border. Interpolation is off by no more, unless
            the loss turns within a step of the grid.
        nearest: Distance from the centre to the nearest point where the set ends.
        farthest: Distance to the farthest.
        level: Height of the set's rim above the centre.
        loss: Loss at the centre, interpolated where 0 is no position of the grid.
        points: Grid points inside; with few of them the width is mostly interpolation.
        censored: Whether the set reaches the border of the grid or a loss that is not finite: the
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
    """How elongated the basin of a plane is.

    Attributes:
        value: Ratio of the long to the short semi-axis, at least 1.
        axes: Semi-axes (2,) of the ellipse with the set's second moments, the long one first.
        angle: Angle of the long axis from the first direction, in radians, in (-π/2, π/2].
        middle: Centre of mass of the set, (2,).
        level: Height of the set's rim above the centre.
        points: Grid points inside.
        censored: Whether the set reaches the border of the grid or a loss that is not finite; its
            shape is then also that of the grid.
    """

    value: float
    axes: torch.Tensor
    angle: float
    middle: torch.Tensor
    level: float
    points: int
    censored: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roughness(Measurement):
    """How much of a slice's ups and downs a single valley or hill would not need.

    Attributes:
        value: Share of the total variation, from 0 (at most one turn along each grid line) towards
            1 (noise); NaN where fewer than two losses of each grid line are finite.
        variation: Total variation, summed over grid lines, in units of the loss.
        skipped: Losses that are not finite and were left out; the value then says nothing of them.
    """

    value: float
    variation: float
    skipped: int


def basin_width(cut: Line | Plane, *, level: float) -> Basin:
    """Measure the connected set around the centre where L ≤ L(θ) + level.

    The loss is interpolated linearly: on a plane over four triangles a cell, which meet at the
    cell's middle. Only the part that is connected with the centre (coordinates 0) counts; it need
    be neither convex nor star-shaped. Losses that are not finite lie outside.

    Args:
        cut: A line or plane whose grid has the centre inside; positions in any order and distance.
        level: Height above the loss of the centre, > 0.

    Raises:
        ValueError: If ``level`` is not positive, positions repeat, an axis has a single one, the
            centre lies outside, or its loss is not finite.
    """
    found = sublevel(cut, level)
    return Basin(
        width=found.width,
        low=found.low,
        high=found.high,
        nearest=found.nearest,
        farthest=found.farthest,
        points=found.points,
        **_shared(cut, found),
        loss=found.loss,
    )


def anisotropy(plane: Plane, *, level: float) -> Anisotropy:
    """Measure the ratio of the semi-axes of the set around the centre where L ≤ L(θ) + level.

    From the set's second moments about its centre of mass, as the semi-axes of the ellipse that has
    the same: exact for ellipses however they are turned, and defined for a set of any shape at the
    level that is asked for. A quadratic fit would depend on the points that are fitted, and has no
    semi-axes where it is not convex. The plane's own coordinates are the measure: with directions
    that are not orthogonal or differ in length, angles and ratios are those of the picture.

    Args:
        plane: A plane as for ``basin_width``.
        level: Height above the loss of the centre, > 0.

    Raises:
        ValueError: As for ``basin_width``.
    """
    if isinstance(plane, Line):
        raise ValueError("a line has one direction and no shape. Pass a plane.")
    found = sublevel(plane, level)
    xx, xy, _, yy = found.covariance.reshape(-1).tolist()
    half, apart = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    # An ellipse with semi-axis r has the second moment r²/4 along it.
    long, short = (2 * math.sqrt(max(moment, 0.0)) for moment in (half + apart, half - apart))
    return Anisotropy(
        value=long / short if short != 0 else math.inf,
        axes=torch.tensor([long, short], dtype=torch.float64),
        angle=math.atan2(2 * xy, xx - yy) / 2,
        middle=found.middle,
        points=found.points,
        **_shared(plane, found),
    )


def roughness(cut: Line | Plane) -> Roughness:
    """Measure which share of the ups and downs a single valley or hill would not need.

    Along a grid line with losses f_0 ... f_k the total variation is V = Σ |f_{i+1} - f_i|. A
    function with at most one turn, at j, needs |f_j - f_0| + |f_k - f_j| for the same heights; with
    the j that makes this largest, what is left is the excess E. Roughness is ΣE / ΣV, over the
    line, or over all rows and columns of a plane. It is 0 for each quadratic, basin or saddle, and
    for any loss that turns at most once along grid lines; it changes neither with the units of the
    loss or of the directions nor with the spacing of a grid that resolves the turns. Variation
    within rounding of the loss counts as none.

    Args:
        cut: A line or plane with at least 4 positions along some axis; fewer cannot turn twice.

    Raises:
        ValueError: If no axis has 4 positions, or positions repeat.

    Reference: Wu et al. (2021), Roughness Index for Loss Landscapes of Neural Network Models of
        Partial Differential Equations, for total variation along directions as roughness.
    """
    axes, loss = checked(cut)
    if max(map(len, axes)) < 4:
        raise ValueError(
            f"a grid of {' x '.join(str(len(axis)) for axis in axes)} cannot turn twice along a "
            "line, so it shows no roughness. Pass at least 4 positions along an axis; 25 show more."
        )
    rows = [loss] if loss.dim() == 1 else [*loss, *loss.T]
    eps = torch.finfo(getattr(torch, cut.dtype)).eps
    pairs = [_variation(row[torch.isfinite(row)], eps) for row in rows]
    variation, excess = (math.fsum(part) for part in zip(*pairs, strict=True))
    value = excess / variation if variation > 0 else (0.0 if _varies(rows) else math.nan)
    return Roughness(
        value=value,
        variation=variation,
        skipped=int((~torch.isfinite(loss)).sum()),
        **_labels(cut),
    )


def _varies(rows: list[torch.Tensor]) -> bool:
    return any(int(torch.isfinite(row).sum()) > 1 for row in rows)


def _variation(row: torch.Tensor, eps: float) -> tuple[float, float]:
    """Return a grid line's total variation, and what of it one turn does not explain."""
    if len(row) < 2:
        return 0.0, 0.0
    kept = _turns(row.tolist(), 4 * eps * float(row.abs().max()))
    heights = torch.tensor(kept, dtype=torch.float64)
    one_turn = (heights - heights[0]).abs() + (heights[-1] - heights).abs()
    total = math.fsum(heights.diff().abs())
    return total, total - float(one_turn.max())


def _turns(heights: list[float], rounding: float) -> list[float]:
    """Return the heights at the ends and where they turn by more than rounding."""
    kept = heights[:1]
    for height in heights[1:]:
        step = height - kept[-1]
        if len(kept) > 1 and step * (kept[-1] - kept[-2]) > 0:
            kept[-1] = height
        elif abs(step) > rounding:
            kept.append(height)
    return kept


def _shared(cut: Line | Plane, found: Sublevel) -> dict:
    return {"level": found.level, "censored": found.censored, **_labels(cut)}


def _labels(cut: Line | Plane) -> dict[str, object]:
    return {field.name: getattr(cut, field.name) for field in dataclasses.fields(Measurement)}
