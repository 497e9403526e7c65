"""The set around the centre of a slice where the loss stays below a level."""

import dataclasses
import math

import scipy.sparse
import torch

from landscape.slices.grid import Line, Plane


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sublevel:
    """The set in numbers: those of ``shape.Basin``; of a plane also its first two moments.

    Attributes:
        middle: Centre of mass, (2,).
        covariance: Second moments about it, (2, 2); NaN for a set without area.
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
    middle: torch.Tensor | None = None
    covariance: torch.Tensor | None = None


def checked(cut: Line | Plane) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return a slice's axes in ascending order, and its losses in that order.

    Raises:
        ValueError: If positions repeat.
    """
    axes = [cut.alphas] if isinstance(cut, Line) else [cut.alphas, cut.betas]
    loss = cut.loss
    for dim, axis in enumerate(axes):
        axes[dim], order = axis.sort()
        loss = loss.index_select(dim, order)
        if bool((axes[dim].diff() == 0).any()):
            raise ValueError(
                "positions of the grid repeat, so nothing lies between them. Pass a slice whose "
                "positions along an axis all differ."
            )
    return axes, loss


def sublevel(cut: Line | Plane, level: float) -> Sublevel:
    """Return the connected set around the centre where L ≤ L(θ) + level, interpolated linearly.

    Raises:
        ValueError: If ``level`` is not positive, positions repeat, an axis has a single one, the
            centre lies outside, or its loss is not finite.
    """
    if not 0 < level < float("inf"):
        raise ValueError(
            f"level={level} is no height. Pass a finite one > 0, in units of the loss."
        )
    axes, loss = checked(cut)
    for axis in axes:
        if len(axis) < 2 or not axis[0] <= 0 <= axis[-1]:
            raise ValueError(
                f"the centre, 0, does not lie between the {len(axis)} positions of an axis, from "
                f"{float(axis[0])} to {float(axis[-1])}. Pass a slice around its centre."
            )
    centre = _at_centre(axes, loss)
    if not math.isfinite(centre):
        raise ValueError(
            f"the loss at the centre is {centre}, so no level is above it. Pass a slice around a "
            "point with a finite loss."
        )
    measure = _interval if len(axes) == 1 else _region
    return measure(*axes, loss, centre, level)


def _at_centre(axes: list[torch.Tensor], loss: torch.Tensor) -> float:
    for axis in axes:
        upper = int(torch.searchsorted(axis, 0.0).clamp_min(1))
        share = float(-axis[upper - 1] / (axis[upper] - axis[upper - 1]))
        ends = ((loss[upper - 1], 1 - share), (loss[upper], share))
        # A neighbour of weight 0 may be NaN.
        loss = sum(weight * end for end, weight in ends if weight > 0)
    return float(loss)


def _interval(alphas: torch.Tensor, loss: torch.Tensor, centre: float, level: float) -> Sublevel:
    rim = centre + level
    left = _end((-alphas).flip(0), loss.flip(0), centre, rim)
    right = _end(alphas, loss, centre, rim)
    ends, low, high = ([a, b] for a, b in zip(left[:3], right[:3], strict=True))
    inside = (alphas >= -low[0]) & (alphas <= low[1])
    return Sublevel(
        width=sum(ends),
        low=sum(low),
        high=sum(high),
        nearest=min(ends),
        farthest=max(ends),
        level=level,
        loss=centre,
        points=int(inside.sum()),
        censored=left[3] or right[3],
    )


def _end(
    positions: torch.Tensor, loss: torch.Tensor, centre: float, rim: float
) -> tuple[float, float, float, bool]:
    """Return where the set ends to the right of 0, the grid points around it, and censoring."""
    here, height = 0.0, centre
    ahead = positions > 0
    for position, value in zip(positions[ahead].tolist(), loss[ahead].tolist(), strict=True):
        if not math.isfinite(value):
            return here, here, position, True
        if value > rim:
            share = (rim - height) / (value - height)
            return here + share * (position - here), here, position, False
        here, height = position, value
    return here, here, math.inf, True


def _region(
    alphas: torch.Tensor, betas: torch.Tensor, loss: torch.Tensor, centre: float, level: float
) -> Sublevel:
    points, values, triangles, ring = _triangulated(alphas, betas, loss)
    rim = centre + level
    inside = _connected(points, torch.isfinite(values) & (values <= rim), triangles, alphas, betas)
    touched = triangles[inside[triangles].any(dim=1)]
    finite = torch.isfinite(values[touched]).all(dim=1)
    lost, touched = touched[~finite], touched[finite]
    (area, *first), low, high, rims = _clipped(points, values, touched, rim)
    border = ring[inside[ring].any(dim=1)]
    ends = torch.cat([rims, points[border], *(points[lost[:, [i, i - 1]]] for i in range(3))])
    reached = torch.cat([rims.reshape(-1, 2), points[inside]])
    censored = bool(len(border) or len(lost))
    middle = torch.stack(first[:2]) / area
    covariance = torch.stack(first[2:]).reshape(2, 2) / area - middle[:, None] * middle
    return Sublevel(
        width=_diameter(area),
        low=_diameter(low),
        high=math.inf if censored else _diameter(high),
        nearest=float(_distances(ends).min()),
        farthest=float(reached.norm(dim=1).max()),
        level=level,
        loss=centre,
        points=int(inside[: loss.numel()].sum()),
        censored=censored,
        middle=middle,
        covariance=covariance,
    )


def _clipped(
    points: torch.Tensor, values: torch.Tensor, triangles: torch.Tensor, rim: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return moments (7,) of what of triangles lies below the rim, two areas, and the rim's pieces.

    The areas are those of the triangles wholly below, and of all.
    """
    heights, order = values[triangles].sort(dim=1, stable=True)
    corners = points[triangles.gather(1, order)]
    below = (heights <= rim).sum(dim=1)
    cut = below < 3
    # Of a triangle with its lowest corner below, that tip counts; of one with two, all but the tip
    # at its highest.
    tips = _tips(corners[cut], heights[cut], below[cut], rim)
    whole, parts = _moments(corners), _moments(tips)
    moments = whole[below > 1].sum(dim=0) + parts[below[cut] == 1].sum(dim=0)
    moments = moments - parts[below[cut] == 2].sum(dim=0)
    return moments, whole[~cut, 0].sum(), whole[:, 0].sum(), tips[:, 1:]


def _diameter(area: torch.Tensor) -> float:
    return float(2 * (area.clamp_min(0) / math.pi).sqrt())


def _triangulated(
    alphas: torch.Tensor, betas: torch.Tensor, loss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return points (v, 2), losses (v,), triangles (t, 3) and border edges (e, 2) of a grid.

    Four triangles a cell, which meet in its middle: no diagonal is preferred.
    """
    a, b = loss.shape
    grid = torch.arange(a * b).reshape(a, b)
    around = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
    cells = torch.stack([corner.reshape(-1) for corner in around], dim=1)
    points, values = torch.cartesian_prod(alphas, betas), loss.reshape(-1)
    points = torch.cat([points, points[cells].mean(dim=1)])
    values = torch.cat([values, values[cells].mean(dim=1)])
    middles = a * b + torch.arange(len(cells))
    triangles = torch.cat(
        [torch.stack([cells[:, i - 1], cells[:, i], middles], dim=1) for i in range(4)]
    )
    sides = (grid[0], grid[-1], grid[:, 0], grid[:, -1])
    ring = torch.cat([torch.stack([side[:-1], side[1:]], dim=1) for side in sides])
    return points, values, triangles, ring


def _connected(
    points: torch.Tensor,
    inside: torch.Tensor,
    triangles: torch.Tensor,
    alphas: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """Return which points (v,) belong to the part of the set that is connected with the centre.

    Of a function that is linear on triangles, parts below a level are connected exactly if edges
    connect their vertices.
    """
    pairs = torch.cat([triangles[:, [i, i - 1]] for i in range(3)])
    pairs = pairs[inside[pairs].all(dim=1)].numpy()
    graph = scipy.sparse.coo_array(
        ([True] * len(pairs), (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2
    )
    parts = torch.from_numpy(scipy.sparse.csgraph.connected_components(graph, directed=False)[1])
    # Relative to the grid's steps: one of the corners of the cell around the centre is inside.
    steps = torch.stack([axis.diff().max() for axis in (alphas, betas)])
    away = torch.where(inside, (points / steps).norm(dim=1), float("inf"))
    return inside & (parts == parts[away.argmin()])


def _tips(
    corners: torch.Tensor, heights: torch.Tensor, below: torch.Tensor, rim: float
) -> torch.Tensor:
    """Return the corner (t, 3, 2) that the rim cuts off each triangle, its own vertex first."""
    turned = torch.where((below == 1)[:, None], torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1]))
    heights = heights.gather(1, turned)
    corners = corners.gather(1, turned[:, :, None].expand(-1, -1, 2))
    share = (rim - heights[:, :1]) / (heights[:, 1:] - heights[:, :1])
    ends = torch.lerp(corners[:, :1], corners[:, 1:], share[:, :, None])
    return torch.cat([corners[:, :1], ends], dim=1)


def _moments(triangles: torch.Tensor) -> torch.Tensor:
    """Return area, first and second moments (t, 7) of triangles (t, 3, 2)."""
    (x, y), (u, v) = ((triangles[:, i] - triangles[:, 0]).T for i in (1, 2))
    area = (x * v - y * u).abs()[:, None] / 2
    middle = triangles.mean(dim=1)
    second = triangles.transpose(1, 2) @ triangles + 9 * middle[:, :, None] * middle[:, None, :]
    return torch.cat([area, area * middle, area / 12 * second.reshape(-1, 4)], dim=1)


def _distances(segments: torch.Tensor) -> torch.Tensor:
    """Return how far segments (s, 2, 2) are from the centre."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = along.square().sum(dim=1).clamp_min(torch.finfo(along.dtype).tiny)
    share = (-(start * along).sum(dim=1) / length).clamp(0, 1)
    return (start + share[:, None] * along).norm(dim=1)
