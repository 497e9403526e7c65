"""Find the principal components of a trajectory."""

import dataclasses

import torch

from landscape import arguments
from landscape.directions.single import fix_signs, orthonormal


@dataclasses.dataclass(frozen=True)
class PrincipalComponents:
    """The directions in which points spread most around a centre.

    Attributes:
        directions: Orthonormal directions (k, n), the one with the largest spread first; the entry
            of largest magnitude of each is positive.
        explained: Share (k,) of Σ ‖θ_t - centre‖² along each direction; the share of the variance,
            if the centre is the mean. Large shares alone say little: a mere random walk gives 0.61,
            0.15 and 0.07 to its first three (Antognini and Sohl-Dickstein 2018, NeurIPS).
        coordinates: Coordinates (t, k) of the points, in parameter units: their projections are
            centre + coordinates @ directions.
        centre: The centre (n,).
    """

    directions: torch.Tensor
    explained: torch.Tensor
    coordinates: torch.Tensor
    centre: torch.Tensor


def pca(
    points: torch.Tensor, centre: torch.Tensor | None = None, *, k: int = 2
) -> PrincipalComponents:
    """Return the first principal components of points around a centre.

    They come from the Gram matrix (t, t) of the displacements in float64, so that n may be large.

    Args:
        points: Points (t, n), such as snapshots of a training run.
        centre: The centre (n,), such as the final solution in Li 2018; None takes the mean of the
            points.
        k: Number of directions, at least 1.

    Returns:
        The k directions with the largest spread, in decreasing order of it.

    Raises:
        ValueError: If shapes do not fit, a point is not finite, fewer than 2 points are distinct,
            or the displacements span fewer than k directions.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 7.

    Example:
        >>> import torch
        >>> from landscape import directions
        >>> points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.1]])
        >>> components = directions.pca(points, k=1)
        >>> components.directions.shape, bool(components.explained[0] > 0.99)
        (torch.Size([1, 2]), True)
    """
    arguments.check(pca, locals())
    _check(points, centre, k)
    points = points.double()
    centre = points.mean(dim=0) if centre is None else centre.double()
    displacements = points - centre
    values, vectors = torch.linalg.eigh(displacements @ displacements.T)  # Ascending.
    # Smaller eigenvalues of the Gram matrix are rounding errors of the largest.
    rank = int((values > 10 * len(points) * torch.finfo(values.dtype).eps * values[-1]).sum())
    if rank < k:
        raise ValueError(
            f"the {len(points)} points span {rank} directions from their centre, fewer than k={k}. "
            "Pass a smaller k or more points."
        )
    # These products are orthogonal only to the rounding error of the first component, which may be
    # larger than the smaller components: they are made orthonormal again.
    components = (displacements.T @ vectors[:, -k:]).flip(1).unbind(1)
    directions = fix_signs(orthonormal(*components))
    coordinates = displacements @ directions.T
    explained = coordinates.square().sum(dim=0) / displacements.square().sum()
    return PrincipalComponents(directions, explained, coordinates, centre)


def _check(points: torch.Tensor, centre: torch.Tensor | None, k: int) -> None:
    if points.dim() != 2 or (centre is not None and centre.shape != points.shape[1:]) or k < 1:
        around = "their mean" if centre is None else f"a centre of shape {tuple(centre.shape)}"
        raise ValueError(
            f"points of shape {tuple(points.shape)} around {around} with k={k}: pass points "
            "(t, n), a centre (n,) and k >= 1."
        )
    if not bool(torch.isfinite(points).all()):
        raise ValueError(
            "a point holds NaN or infinity, so it has no coordinates. Leave out the points of a "
            "run from the step at which it diverged."
        )
    if len(points) < 2 or bool((points == points[0]).all()):
        raise ValueError(
            f"{len(points)} points, of which fewer than 2 are distinct, have no principal "
            "direction. Pass at least 2 distinct points."
        )
