"""Find the principal components of a training path, exactly and within bounded memory."""

import dataclasses
import math
from typing import Literal

import torch

from landscape import arguments
from landscape.directions.single import fix_signs, orthonormal
from landscape.dynamics.snapshots import Trajectory

Centre = Literal["mean", "end"]


@dataclasses.dataclass(frozen=True)
class PathComponents:
    """The principal components of a training path.

    Attributes:
        centre: ``mean`` or ``end``: the point around which squared distances are taken.
        explained: Share of Σ ‖θ_t − centre‖² along each of all components, (t,), in decreasing
            order; they sum to 1.
        origin: The centre itself, (n,), float64.
        directions: The first components, orthonormal, (k, n), float64; of each the entry of largest
            magnitude is positive.
        coordinates: Coordinates of the snapshots along them, (t, k), in parameter units; the centre
            is at 0.
        distance: Distance of each snapshot from the plane of the first two components, (t,), in
            parameter units; from the line of the first where k = 1.
    """

    centre: Centre
    explained: torch.Tensor
    origin: torch.Tensor
    directions: torch.Tensor
    coordinates: torch.Tensor
    distance: torch.Tensor


def path_components(
    trajectory: Trajectory, *, k: int = 2, centre: Centre = "mean"
) -> PathComponents:
    """Return the principal components of a path: all shares, and the first k directions.

    Shares come from the Gram matrix (t, t) of the displacements in float64; the snapshots
    themselves are read in blocks of parameters. Large shares alone say little: compare them with
    ``walk_shares`` and its relatives.

    Args:
        trajectory: The snapshots, at evenly spaced steps.
        k: Number of directions, at least 1.
        centre: ``mean`` takes distances from the mean of the snapshots, as a principal component
            analysis does; ``end`` from the last one, as pictures of a path do.

    Returns:
        The components.

    Raises:
        ValueError: If the centre is unknown, a snapshot is not finite, ``k < 1``, or the path spans
            fewer than k directions.

    References: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 7, for the
        end as the centre; Antognini and Sohl-Dickstein (2018), PCA of high dimensional random walks
        with comparison to neural network training, for the mean.
    """
    arguments.check(path_components, locals())
    around = centred(trajectory.gram(), centre)
    _check(around, k)
    values, vectors = torch.linalg.eigh(around)  # Ascending.
    # Smaller eigenvalues of the Gram matrix are rounding errors of the largest.
    least = 10 * len(around) * torch.finfo(torch.float64).eps * values[-1]
    rank = int((values > least).sum())
    if k > rank:
        raise ValueError(
            f"the {len(around)} snapshots span {rank} directions, fewer than k={k}. Pass a smaller "
            "k or more snapshots."
        )
    weights = _weights(len(around), centre)
    moved = weights.T @ vectors[:, -k:].flip(1)
    directions = torch.cat([(block.T @ moved).T for _, block in trajectory.blocks()], dim=1)
    directions = fix_signs(orthonormal(*directions.unbind(0)))
    coordinates = torch.zeros(len(around), k, dtype=torch.float64)
    origin = trajectory.start.double().clone()
    for entries, block in trajectory.blocks():
        displacements = weights @ block
        coordinates += displacements @ directions[:, entries].T
        origin[entries] += (block - displacements)[-1]
    squares = around.diagonal() - coordinates[:, :2].square().sum(dim=1)
    return PathComponents(
        centre, shares(around), origin, directions, coordinates, squares.clamp_min(0).sqrt()
    )


def shares(around: torch.Tensor) -> torch.Tensor:
    """Return the share of the squared distances along each component, (t,), decreasing.

    Args:
        around: Inner products (t, t) of the displacements from a centre, or several, (d, t, t).
    """
    values = torch.linalg.eigvalsh(around).flip(-1).clamp_min(0)
    return values / values.sum(dim=-1, keepdim=True)


def centred(gram: torch.Tensor, centre: Centre) -> torch.Tensor:
    """Return the inner products of displacements from the mean, or from the last point.

    Args:
        gram: Inner products (t, t) of displacements from any point, or several, (d, t, t).
        centre: ``mean`` or ``end``.

    Raises:
        ValueError: If the centre is another word.
    """
    if centre not in ("mean", "end"):
        raise ValueError(
            f"centre={centre!r}: distances are taken from the 'mean' of the path or from its 'end'."
        )
    weights = _weights(gram.shape[-1], centre)
    around = weights @ gram @ weights.T
    return (around + around.transpose(-1, -2)) / 2


def lissajous(coordinates: torch.Tensor) -> torch.Tensor:
    """Return how closely each component of a path follows a cosine, as correlations in [0, 1].

    The k-th component of a long random walk in many dimensions is cos(kπt/T), so that its pairs
    draw Lissajous curves; a correlation near 1 is no sign of structure.

    Args:
        coordinates: Coordinates (t, k) of evenly spaced snapshots along the principal components
            about the mean, t at least 3.

    Returns:
        |correlation| of component k with cos(kπt/T), (k,).

    Raises:
        ValueError: If there are fewer than 3 snapshots.

    Reference: Antognini and Sohl-Dickstein (2018), section 3.
    """
    count, k = coordinates.shape
    if count < 3:
        raise ValueError(f"{count} snapshots follow any curve. Pass at least 3.")
    # Half a step inwards: there the cosines are orthogonal, and each has the mean 0.
    times = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    orders = torch.arange(1, k + 1, dtype=torch.float64)
    cosines = torch.cos(math.pi * times[:, None] * orders)
    values = coordinates.double() - coordinates.double().mean(dim=0)
    product = (values * cosines).sum(dim=0).abs()
    return product / (values.norm(dim=0) * cosines.norm(dim=0))


def _weights(count: int, centre: Centre) -> torch.Tensor:
    """Return W, (t, t), with W x the displacements from the centre of points x, (t, n)."""
    identity = torch.eye(count, dtype=torch.float64)
    if centre == "mean":
        return identity - 1 / count
    identity[:, -1] -= 1
    return identity


def _check(around: torch.Tensor, k: int) -> None:
    if not bool(around.isfinite().all()):
        raise ValueError(
            "a snapshot holds NaN or infinity, so the path has no components. Take the part of the "
            "trajectory before the run diverged: trajectory.at(steps)."
        )
    if k < 1 or len(around) < 3:
        raise ValueError(
            f"k={k} components of {len(around)} snapshots. Pass k >= 1 and at least 3 snapshots."
        )
