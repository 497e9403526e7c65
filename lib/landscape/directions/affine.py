"""Planes through solutions, and the coordinates of points in a plane."""

import dataclasses

import torch

from landscape.directions.single import between, orthonormal


@dataclasses.dataclass(frozen=True)
class PlaneThrough:
    """The plane through three solutions: θ₀ + α d1 + β d2.

    Attributes:
        d1: Unit direction (n,) from the first solution to the second.
        d2: Unit direction (n,) orthogonal to d1, on the side of the third.
        coordinates: (α, β) of each solution, (3, 2): (0, 0), (‖θ₁ - θ₀‖, 0), and the third's with
            β > 0; distances are those of parameter space.
    """

    d1: torch.Tensor
    d2: torch.Tensor
    coordinates: torch.Tensor


def through(theta0: torch.Tensor, theta1: torch.Tensor, theta2: torch.Tensor) -> PlaneThrough:
    """Return the plane through three solutions, with its origin in the first.

    Args:
        theta0: First solution (n,).
        theta1: Second.
        theta2: Third, not on the line through the others.

    Raises:
        ValueError: If shapes differ, two are the same point, or all lie on one line.

    Reference: Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs.
    """
    first, second = between(theta0, theta1).double(), between(theta0, theta2).double()
    between(theta1, theta2)
    try:
        d1, d2 = orthonormal(first, second)
    except ValueError as error:
        raise ValueError(
            "the three solutions lie on one line or are not finite: they span no plane. Pass three "
            "that do, or cut the line through two of them by directions.between."
        ) from error
    corners = [[0.0, 0.0], [float(first @ d1), 0.0], [float(second @ d1), float(second @ d2)]]
    return PlaneThrough(d1, d2, torch.tensor(corners, dtype=torch.float64))


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """Where points stand relative to a plane θ + α d1 + β d2.

    Attributes:
        values: (α, β) of the nearest point of the plane, (t, 2).
        distance: Distance from the plane, (t,), in parameter units: what a picture of the plane
            does not show.
    """

    values: torch.Tensor
    distance: torch.Tensor


def coordinates(
    points: torch.Tensor, centre: torch.Tensor, d1: torch.Tensor, d2: torch.Tensor
) -> Coordinates:
    """Return the least-squares coordinates of points in a plane, and how far off it they are.

    Args:
        points: Points (t, n), such as snapshots of a training run.
        centre: The plane's origin (n,).
        d1: First direction (n,).
        d2: Second (n,), of any length and at any angle to the first.

    Raises:
        ValueError: If shapes do not fit, or the directions are parallel or zero.
    """
    if points.dim() != 2 or points.shape[1:] != centre.shape or centre.shape != d1.shape:
        raise ValueError(
            f"points of shape {tuple(points.shape)}, a centre of {tuple(centre.shape)} and "
            f"directions of {tuple(d1.shape)} do not fit. Pass points (t, n) and vectors (n,)."
        )
    basis = orthonormal(d1, d2)
    away = points.double() - centre.double()
    inside = away @ basis.T
    # Coordinates c along d1, d2 solve c (D Bᵀ) = inside, with D = (d1; d2) and B the basis.
    mixing = torch.stack([d1, d2]).double() @ basis.T
    values = torch.linalg.solve(mixing, inside, left=False)
    return Coordinates(values, (away - inside @ basis).norm(dim=1))
