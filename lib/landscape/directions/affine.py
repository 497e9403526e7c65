"""Span planes through solutions, and project points into a plane."""

import dataclasses

import torch

from landscape import arguments
from landscape.directions.single import between, orthonormal


@dataclasses.dataclass(frozen=True)
class PlaneThrough:
    """The plane θ₀ + α d1 + β d2 through three solutions.

    Attributes:
        d1: Unit direction (n,) from the first solution to the second.
        d2: Unit direction (n,) orthogonal to d1, towards the third solution.
        coordinates: (α, β) of each solution, (3, 2): the first at (0, 0), the second at
            (‖θ₁ - θ₀‖, 0), the third with β > 0. Distances in the plane equal distances in
            parameter space.
    """

    d1: torch.Tensor
    d2: torch.Tensor
    coordinates: torch.Tensor


def through(theta0: torch.Tensor, theta1: torch.Tensor, theta2: torch.Tensor) -> PlaneThrough:
    """Return the plane through three solutions, with its origin in the first.

    Args:
        theta0: First solution (n,).
        theta1: Second solution (n,).
        theta2: Third solution (n,), not on the line through the others.

    Returns:
        Two orthonormal directions and the coordinates of the solutions, in parameter units.

    Raises:
        ValueError: If shapes differ, two solutions are the same point, all lie on one line, or one
            is not finite.

    Reference: Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
        NeurIPS.
    """
    arguments.check(through, locals())
    first, second = between(theta0, theta1).double(), between(theta0, theta2).double()
    between(theta1, theta2)  # Refuses a third solution that equals the second.
    try:
        d1, d2 = orthonormal(first, second)
    except ValueError as error:
        raise ValueError(
            "the three solutions lie on one line or are not finite: they span no plane. Pass "
            "finite solutions that do, or cut the line through two of them along "
            "directions.between."
        ) from error
    places = [[0.0, 0.0], [float(first @ d1), 0.0], [float(second @ d1), float(second @ d2)]]
    return PlaneThrough(d1, d2, torch.tensor(places, dtype=torch.float64))


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """Coordinates of points projected into a plane θ + α d1 + β d2, and their distance from it.

    Attributes:
        values: (α, β) of the nearest point of the plane, (t, 2), in units of d1 and d2.
        distance: Distance of each point from the plane, (t,), in parameter units; a picture of the
            plane does not show it.
    """

    values: torch.Tensor
    distance: torch.Tensor


def coordinates(
    points: torch.Tensor, centre: torch.Tensor, d1: torch.Tensor, d2: torch.Tensor
) -> Coordinates:
    """Project points into a plane by least squares, and measure their distances from it.

    Args:
        points: Points (t, n), such as snapshots of a training run.
        centre: The plane's origin (n,).
        d1: First direction (n,).
        d2: Second direction (n,), of any length and at any angle to the first except 0 and π.

    Returns:
        Coordinates (t, 2) in units of the directions, and distances (t,) in parameter units.

    Raises:
        ValueError: If shapes do not fit, or the directions are parallel, zero or not finite.
    """
    arguments.check(coordinates, locals())
    if points.dim() != 2 or points.shape[1:] != centre.shape or centre.shape != d1.shape:
        raise ValueError(
            f"points of shape {tuple(points.shape)}, a centre of {tuple(centre.shape)} and "
            f"directions of {tuple(d1.shape)} do not fit. Pass points (t, n) and vectors (n,)."
        )
    basis = orthonormal(d1, d2)
    displacements = points.double() - centre.double()
    projections = displacements @ basis.T
    # Coordinates c along d1, d2 solve c (D Bᵀ) = projections, with D = (d1; d2) and B the basis.
    mixing = torch.stack([d1, d2]).double() @ basis.T
    values = torch.linalg.solve(mixing, projections, left=False)
    return Coordinates(values, (displacements - projections @ basis).norm(dim=1))
