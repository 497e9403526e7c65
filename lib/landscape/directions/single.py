"""Where directions come from: chance, solutions, gradient, curvature; and orthonormal sets."""

import torch

from landscape.network.parameters import Layout
from landscape.objective import Objective
from landscape.spectrum.results import Eigenpairs

# Below this share of its length, what remains of a direction is mostly rounding.
_INDEPENDENT = 1e-8


def random(layout: Layout, *, generator: torch.Generator) -> torch.Tensor:
    """Return a standard Gaussian direction (n,), float64.

    Gaussian, so that all orientations are equally likely; uniform numbers in [0, 1) would all point
    along the vector of ones. ``orthonormal`` makes an orthonormal pair of two of them.

    Args:
        layout: ``objective.layout``.
        generator: CPU generator.
    """
    return torch.randn(layout.n, dtype=torch.float64, generator=generator)


def orthonormal(*directions: torch.Tensor) -> torch.Tensor:
    """Return orthonormal directions (k, n) with the same span, as by Gram and Schmidt.

    The first keeps its orientation; each further one is what of it is orthogonal to those before,
    at length 1. Filter normalisation and orthogonality exclude each other: normalise or
    orthonormalise.

    Args:
        directions: One or more directions (n,).

    Returns:
        One direction a row, float64, so that ``d1, d2 = orthonormal(a, b)``.

    Raises:
        ValueError: If none is given, shapes differ, or one is not finite, zero, or (to 1e-8 of its
            length) a combination of those before.
    """
    if not directions or any(d.dim() != 1 or d.shape != directions[0].shape for d in directions):
        raise ValueError(
            f"directions of shapes {[tuple(d.shape) for d in directions]} are no set. Pass one or "
            "more of one length, (n,)."
        )
    columns = torch.stack(directions, dim=1).double()
    q, r = torch.linalg.qr(columns)
    left = torch.zeros(len(directions), dtype=torch.float64)  # More than n have nothing left.
    left[: len(r)] = r.diagonal().abs()
    independent = left > _INDEPENDENT * columns.norm(dim=0)
    if not bool(independent.all()):
        raise ValueError(
            f"direction {int(independent.int().argmin()) + 1} of {len(directions)} is zero, not "
            "finite or a combination of those before it. Pass independent directions."
        )
    return (q * r.diagonal().sign()).T.contiguous()


def between(theta0: torch.Tensor, theta1: torch.Tensor) -> torch.Tensor:
    """Return the direction (n,) that leads from one solution to another: theta0 + 1·d = theta1.

    Raises:
        ValueError: If the two have different shapes or are the same point.
    """
    if theta0.shape != theta1.shape:
        raise ValueError(
            f"solutions of shapes {tuple(theta0.shape)} and {tuple(theta1.shape)} belong to "
            "different models. Pass two solutions of one architecture."
        )
    if torch.equal(theta0, theta1):
        raise ValueError("both solutions are the same point: there is no direction between them.")
    return theta1 - theta0


def gradient(objective: Objective, theta: torch.Tensor) -> torch.Tensor:
    """Return the unit direction (n,) of steepest ascent, ∇L(θ)/‖∇L(θ)‖₂.

    Args:
        objective: Whose gradient.
        theta: The point (n,).

    Raises:
        ValueError: If the gradient is zero or not finite.
    """
    slope = objective.gradient(theta)
    norm = float(slope.norm())
    if not 0 < norm < float("inf"):
        raise ValueError(
            f"the gradient has the norm {norm} here: it points nowhere. Pass a theta with a "
            "gradient, or take directions.eigenvectors, which need none."
        )
    return slope / norm


def eigenvectors(pairs: Eigenpairs) -> torch.Tensor:
    """Return eigenvectors as unit directions (m, n), in the order of ``pairs.values``.

    An eigenvector has no sign of its own: here its largest entry is positive. Along the i-th the
    loss curves by ``pairs.values[i]``, as far as ``pairs.converged[i]``.

    Args:
        pairs: Eigenpairs of ``objective.hessian(theta)`` with vectors. Those of a block of it
            (``within``) have fewer entries than theta: see ``groups.Group.embed``.

    Raises:
        ValueError: If the vectors were not kept.
    """
    if pairs.vectors is None:
        raise ValueError(
            "these eigenpairs were computed without their vectors. "
            "Pass what spectrum.eigenpairs(..., vectors=True) returns."
        )
    return signed((pairs.vectors / pairs.vectors.norm(dim=0)).T.double())


def signed(directions: torch.Tensor) -> torch.Tensor:
    """Return directions (k, n), each turned so that its entry of largest magnitude is positive."""
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return (directions * largest.sign()).contiguous()
