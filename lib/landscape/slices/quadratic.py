"""Predict a slice by gradient and Hessian, and measure how far from the centre that holds."""

import dataclasses

import torch

from landscape import arguments
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.slices.grid import Line, Plane
from landscape.slices.line import check_directions

# Prediction and loss agree if they differ by less than so many roundings of the loss: such a
# difference says nothing about its shape.
_ROUNDING = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """The distance from the centre up to which a quadratic model describes a measured slice.

    Model and slice agree up to distance r if, at each grid point at most r away, prediction and
    measured loss differ by at most ``rtol`` times the largest measured rise |L - L(θ)| at most r
    away. The error is compared with the largest rise, because the rise at the point itself vanishes
    at the centre and along every direction in which a saddle is level. Distances are √(α² + β²), in
    units of the directions. A loss that is not finite agrees with nothing.

    Attributes:
        radius: The largest distance of a grid point up to which they agree; infinite if they agree
            at all grid points, 0 if at none.
        disagrees_at: The smallest distance of a grid point at which they disagree; infinite if they
            agree at all. The true radius of agreement lies between ``radius`` and ``disagrees_at``.
        reach: Radius of the largest disc around the centre (on a line, half-width of the largest
            interval) within the grid: an infinite ``radius`` was checked up to here.
        rtol: The tolerance, relative to the largest rise.
    """

    radius: float
    disagrees_at: float
    reach: float
    rtol: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quadratic(Agreement, Measurement):
    """The quadratic model L(θ) + s·p + ½ pᵀC p of a plane, p = (α, β), and where it holds.

    Attributes:
        alphas: Positions of the plane along the first direction, (a,).
        betas: Positions along the second direction, (b,).
        loss: The loss (a, b) that the model predicts at the grid points of the plane.
        value: L(θ).
        slope: s = (∇L·d1, ∇L·d2), (2,), in loss per unit of the directions.
        curvature: C = Dᵀ∇²L D with D = (d1, d2), (2, 2), symmetric, in loss per unit².
        products: Number of products with the Hessian.
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
    theta: torch.Tensor | None = None,
    plane: Plane | None = None,
    d1: torch.Tensor | None = None,
    d2: torch.Tensor | None = None,
    *,
    rtol: float = 0.1,
) -> Quadratic:
    """Predict a plane by gradient and Hessian at its centre, and compare it with the measured one.

    The prediction costs two products with the Hessian, a gradient and a loss. Under the policy
    ``reestimate`` it holds the statistics as they are at theta.

    Args:
        objective: The objective on which the plane was measured.
        theta: The centre of the plane (n,); None takes the objective's own theta.
        plane: The measured plane; required.
        d1: First direction of the plane (n,); required.
        d2: Second direction of the plane (n,); required.
        rtol: Largest error of a prediction that counts as agreement, as a share of the rise; see
            ``Agreement``.

    Returns:
        The model: its losses (a, b) in units of the objective's loss, and its radius in units of
        the directions.

    Raises:
        ValueError: If the plane or a direction is missing, the plane was measured on other
            examples, under another policy or along other directions, a vector has another length
            than n, or ``rtol`` is not positive.

    Example:
        >>> import torch
        >>> from landscape import Objective, slices
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> first, second = torch.eye(2, dtype=torch.float64)
        >>> plane = slices.plane(L, minimum, first, second, points=5)
        >>> prediction = slices.quadratic(L, minimum, plane, first, second)
        >>> prediction.curvature
        tensor([[1., 0.],
                [0., 4.]], dtype=torch.float64)
    """
    arguments.check(quadratic, locals())
    if plane is None:
        raise ValueError(
            "plane missing: the model is compared with a measured plane. Pass plane=..., as "
            "slices.plane returns it."
        )
    check_directions(d1=d1, d2=d2)
    theta = objective.theta if theta is None else theta
    objective.layout.check(d1)  # type: ignore[arg-type]  # check_directions refuses None
    objective.layout.check(d2)  # type: ignore[arg-type]  # check_directions refuses None
    _check(objective, plane, float(d1 @ d2 / (d1.norm() * d2.norm())))  # type: ignore[operator, union-attr]  # check_directions refuses None
    pair = torch.stack([d1, d2], dim=1).double()  # type: ignore[list-item]  # check_directions refuses None
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
        **conditions(objective),
    )


def radius_along(
    line: Line, *, loss: float, slope: float, curvature: float, rtol: float = 0.1
) -> Agreement:
    """Measure up to which |α| the model L(θ) + slope α + ½ curvature α² describes a line.

    Args:
        line: The measured line θ + α d.
        loss: L(θ).
        slope: ∇L·d.
        curvature: dᵀ∇²L d; for a unit eigenvector its eigenvalue.
        rtol: Largest error of a prediction that counts as agreement, as a share of the rise; see
            ``Agreement``.

    Returns:
        The radius of agreement, in units of the direction.

    Raises:
        ValueError: If ``rtol`` is not positive.
    """
    arguments.check(radius_along, locals())
    points = line.alphas[:, None]
    second_derivative = torch.tensor([[curvature]], dtype=torch.float64)
    first_derivative = torch.tensor([slope], dtype=torch.float64)
    predicted = loss + _rise(points, first_derivative, second_derivative)
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
    """Compare losses at points (p, 1 or 2), from the centre outwards."""
    if not rtol > 0:
        raise ValueError(f"rtol={rtol} lets no prediction agree. Pass rtol > 0, such as 0.1.")
    distances = points.norm(dim=1)
    # Points at one distance form a shell and agree or disagree together. Distances are compared to
    # nine digits, since rounding may separate (α, β) from (β, α); the floor avoids 0/0.
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
    # rtol of no rise would demand equality to the last bit.
    floor = _ROUNDING * torch.finfo(getattr(torch, dtype)).eps * abs(centre)
    disagreeing = (~(error <= rtol * largest[shell] + floor)).nonzero()
    radius = disagrees_at = float("inf")
    if len(disagreeing):
        first = shell == shell[disagreeing[0]]
        disagrees_at = float(distances[order][first][0])
        before = distances[order][shell < shell[disagreeing[0]]]
        radius = float(before[-1]) if len(before) else 0.0
    inner = torch.minimum(points.amax(dim=0), -points.amin(dim=0)).min().clamp_min(0.0)
    return Agreement(radius=radius, disagrees_at=disagrees_at, reach=float(inner), rtol=rtol)


def _check(objective: Objective, plane: Plane, cosine: float) -> None:
    expected = conditions(objective)
    if (plane.examples_hash, plane.bn) != (expected["examples_hash"], expected["bn"]):
        raise ValueError(
            f"the plane was measured on {plane.examples} examples with bn={plane.bn!r} (hash "
            f"{plane.examples_hash[:8]}), this objective has {expected['examples']} with "
            f"bn={expected['bn']!r} (hash {expected['examples_hash'][:8]}). Pass the objective on "
            "which the plane was measured."
        )
    if not abs(cosine - plane.cosine) < 1e-6:
        raise ValueError(
            f"the directions have the cosine {cosine:.6g}, the plane's have {plane.cosine:.6g}. "
            "Pass the directions along which the plane was measured."
        )
