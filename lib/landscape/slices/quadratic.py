"""The plane that the Hessian predicts, and how far from the centre it describes the loss."""

import dataclasses

import torch

from landscape.measurement import Measurement, labels
from landscape.objective import Objective
from landscape.slices.grid import Line, Plane

# Times the rounding of the loss: differences that say nothing of its shape.
_ROUNDING = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """Up to which distance from the centre a quadratic model describes a measured slice.

    At distance r the two agree if, at each grid point at most r away, prediction and measured loss
    differ by at most ``rtol`` of the largest measured rise |L - L(θ)| at most r away. The error is
    compared with that rise, not with the rise at the point itself, which vanishes at the centre and
    along every direction in which a saddle is level. Distances are √(α² + β²), in units of the
    directions, and a loss that is not finite agrees with nothing.

    Attributes:
        radius: The largest distance of a grid point up to which they agree; infinite if they agree
            at all grid points, 0 if at none.
        parts_at: The next distance of a grid point, where they do not; infinite likewise. The
            radius at which they part lies between ``radius`` and this.
        reach: Radius of the largest disc around the centre (half-width of the largest interval on
            a line) that lies within the grid: how far an infinite radius was checked.
        rtol: The tolerance.
    """

    radius: float
    parts_at: float
    reach: float
    rtol: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quadratic(Agreement, Measurement):
    """The quadratic model L(θ) + s·p + ½ pᵀC p of a plane, p = (α, β), beside the plane itself.

    Attributes:
        alphas: Positions of the plane along the first direction, (a,).
        betas: Along the second, (b,).
        loss: The model's loss (a, b).
        value: L(θ).
        slope: s = (∇L·d1, ∇L·d2), (2,).
        curvature: C = Dᵀ∇²L D with D = (d1, d2), (2, 2), symmetric.
        products: Products with the Hessian used.
        converged: Whether value, slope and curvature are finite.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    value: float
    slope: torch.Tensor
    curvature: torch.Tensor
    products: int
    converged: bool


def quadratic(
    objective: Objective,
    theta: torch.Tensor,
    plane: Plane,
    d1: torch.Tensor,
    d2: torch.Tensor,
    *,
    rtol: float = 0.1,
) -> Quadratic:
    """Return the plane that gradient and Hessian at theta predict, and where the two part.

    Costs two products with the Hessian, a gradient and a loss. Under the policy ``reestimate`` the
    model is that of statistics held as they are at theta.

    Args:
        objective: Where the plane was measured.
        theta: Its centre (n,).
        plane: The measured plane.
        d1: Its first direction (n,).
        d2: Its second (n,).
        rtol: How much of the rise a prediction may be off; see ``Agreement``.

    Raises:
        ValueError: If the plane was measured on other examples, under another policy or along other
            directions, a shape is wrong, or ``rtol`` is not positive.
    """
    objective.layout.check(d1)
    objective.layout.check(d2)
    _check(objective, plane, float(d1 @ d2 / (d1.norm() * d2.norm())))
    pair = torch.stack([d1, d2], dim=1).double()
    value, slope = objective.loss(theta), objective.gradient(theta) @ pair
    curvature = pair.T @ (objective.hessian(theta) @ pair)
    curvature = (curvature + curvature.T) / 2
    points = torch.cartesian_prod(plane.alphas, plane.betas)
    predicted = value + _rise(points, slope, curvature)
    agreement = _agreement(points, predicted, plane.loss.reshape(-1), value, plane.dtype, rtol)
    return Quadratic(
        alphas=plane.alphas,
        betas=plane.betas,
        loss=predicted.reshape(plane.loss.shape),
        value=value,
        slope=slope,
        curvature=curvature,
        products=2,
        converged=bool(torch.isfinite(torch.cat([slope, curvature.reshape(-1)])).all())
        and abs(value) < float("inf"),
        **vars(agreement),
        **labels(objective),
    )


def radius_along(
    line: Line, *, loss: float, slope: float, curvature: float, rtol: float = 0.1
) -> Agreement:
    """Return up to which |α| the model L(θ) + slope α + ½ curvature α² describes a measured line.

    Args:
        line: The measured line θ + α d.
        loss: L(θ).
        slope: ∇L·d.
        curvature: dᵀ∇²L d; for a unit eigenvector its eigenvalue.
        rtol: How much of the rise a prediction may be off; see ``Agreement``.

    Raises:
        ValueError: If ``rtol`` is not positive.
    """
    points = line.alphas[:, None]
    bend = torch.tensor([[curvature]], dtype=torch.float64)
    predicted = loss + _rise(points, torch.tensor([slope], dtype=torch.float64), bend)
    return _agreement(points, predicted, line.loss, loss, line.dtype, rtol)


def _rise(points: torch.Tensor, slope: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    return points @ slope + ((points @ curvature) * points).sum(dim=1) / 2


def _agreement(
    points: torch.Tensor,
    predicted: torch.Tensor,
    measured: torch.Tensor,
    centre: float,
    dtype: str,
    rtol: float,
) -> Agreement:
    """Compare losses at points (p, 1 or 2), going outwards."""
    if not rtol > 0:
        raise ValueError(f"rtol={rtol} lets no prediction agree. Pass rtol > 0, such as 0.1.")
    distances = points.norm(dim=1)
    # Points of one distance agree or part together, also where rounding tells them apart.
    nearness = (distances / distances.max().clamp_min(1e-300)).mul(1e9).round()
    distances = torch.where(nearness == 0, 0.0, distances)
    order = nearness.argsort(stable=True)
    _, shell = nearness[order].unique_consecutive(return_inverse=True)
    error, rise = (predicted - measured).abs()[order], (measured - centre).abs()[order]
    error = torch.where(torch.isfinite(error), error, float("inf"))
    error[(nearness[order] == 0) & torch.isfinite(error)] = 0.0  # At the centre by construction.
    rise = torch.where(torch.isfinite(rise), rise, 0.0)
    largest = torch.zeros(int(shell.max()) + 1, dtype=torch.float64)
    largest = largest.scatter_reduce(0, shell, rise, "amax").cummax(0).values
    floor = _ROUNDING * torch.finfo(getattr(torch, dtype)).eps * abs(centre)
    parted = (~(error <= rtol * largest[shell] + floor)).nonzero()
    radius = parts_at = float("inf")
    if len(parted):
        first = shell == shell[parted[0]]
        parts_at = float(distances[order][first][0])
        before = distances[order][shell < shell[parted[0]]]
        radius = float(before[-1]) if len(before) else 0.0
    inner = torch.minimum(points.amax(dim=0), -points.amin(dim=0)).min().clamp_min(0.0)
    return Agreement(radius=radius, parts_at=parts_at, reach=float(inner), rtol=rtol)


def _check(objective: Objective, plane: Plane, cosine: float) -> None:
    own = labels(objective)
    if (plane.examples_hash, plane.bn) != (own["examples_hash"], own["bn"]):
        raise ValueError(
            f"the plane was measured on {plane.examples} examples with bn={plane.bn!r}, not on the "
            f"{own['examples']} of this objective with bn={own['bn']!r}. Pass the objective that "
            "the plane was measured on."
        )
    if not abs(cosine - plane.cosine) < 1e-6:
        raise ValueError(
            f"the directions have the cosine {cosine:.6g}, those of the plane {plane.cosine:.6g}. "
            "Pass the directions that the plane was measured along."
        )
