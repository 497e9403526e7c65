"""Make directions from chance, solutions, gradients or eigenvectors, and orthonormalise them."""

import torch

from landscape import arguments
from landscape.network.parameters import Layout
from landscape.objective import Objective
from landscape.spectrum.results import Eigenpairs

# A direction depends on others if its part orthogonal to them is shorter than this share of its
# length: most of such a part is rounding.
_INDEPENDENT = 1e-8


def random(layout: Layout, *, generator: torch.Generator) -> torch.Tensor:
    """Draw a standard Gaussian direction.

    Gaussian entries make all orientations equally likely; uniform numbers in [0, 1) would all point
    roughly along the vector of ones. ``orthonormal`` turns two of them into an orthonormal pair.

    Args:
        layout: ``objective.layout``.
        generator: CPU generator; ``rng.stream(seed, name, index)`` makes one.

    Returns:
        The direction (n,), float64, of length about √n in parameter units.

    Example:
        >>> from landscape import Objective, data, directions, models, rng
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> direction = directions.random(L.layout, generator=rng.stream(0, "example"))
        >>> direction.shape == L.theta.shape
        True
    """
    arguments.check(random, locals())
    return torch.randn(layout.n, dtype=torch.float64, generator=generator)


def orthonormal(*directions: torch.Tensor) -> torch.Tensor:
    """Return orthonormal directions with the same span, as by Gram and Schmidt.

    The first direction keeps its orientation; of each further one the part orthogonal to its
    predecessors remains, scaled to length 1. Filter normalisation and orthogonality exclude each
    other: either normalise or orthonormalise.

    Args:
        directions: One or more directions (n,).

    Returns:
        The directions (k, n), one a row, float64, so that ``d1, d2 = orthonormal(a, b)``.

    Raises:
        ValueError: If no direction is given, shapes differ, or a direction is not finite, zero, or
            (to 1e-8 of its length) a combination of its predecessors.
    """
    if not directions or any(d.dim() != 1 or d.shape != directions[0].shape for d in directions):
        raise ValueError(
            f"directions of shapes {[tuple(d.shape) for d in directions]} are no set. Pass one or "
            "more vectors (n,) of the same length."
        )
    columns = torch.stack(directions, dim=1).double()
    q, r = torch.linalg.qr(columns)
    # |r_ii| is the length of the part of direction i orthogonal to its predecessors. Of more than n
    # directions r has only n rows: nothing is left of the others.
    remainders = torch.zeros(len(directions), dtype=torch.float64)
    remainders[: len(r)] = r.diagonal().abs()
    independent = remainders > _INDEPENDENT * columns.norm(dim=0)
    if not bool(independent.all()):
        raise ValueError(
            f"direction {int(independent.int().argmin()) + 1} of {len(directions)} is zero, not "
            "finite or a combination of its predecessors. Pass independent directions."
        )
    # QR chooses the signs of r_ii freely; the first direction would be turned around by a negative.
    return (q * r.diagonal().sign()).T.contiguous()


def between(theta0: torch.Tensor, theta1: torch.Tensor) -> torch.Tensor:
    """Return the direction d that leads from one solution to another: θ₀ + 1·d = θ₁.

    Args:
        theta0: First solution (n,).
        theta1: Second solution (n,).

    Returns:
        The direction (n,), not normalised, in parameter units.

    Raises:
        ValueError: If the solutions have different shapes or are the same point.

    Example:
        >>> import torch
        >>> from landscape import directions
        >>> directions.between(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 0.0]))
        tensor([ 3., -2.])
    """
    arguments.check(between, locals())
    if theta0.shape != theta1.shape:
        raise ValueError(
            f"solutions of shapes {tuple(theta0.shape)} and {tuple(theta1.shape)} belong to "
            "different models. Pass two solutions of one architecture."
        )
    if torch.equal(theta0, theta1):
        raise ValueError(
            "both solutions are the same point: there is no direction between them. Pass two "
            "different solutions."
        )
    return theta1 - theta0


def gradient(objective: Objective, theta: torch.Tensor | None = None) -> torch.Tensor:
    """Return the unit direction of steepest ascent, ∇L(θ)/‖∇L(θ)‖₂.

    Args:
        objective: The objective L.
        theta: The point θ (n,); None takes the objective's own theta.

    Returns:
        The direction (n,), of length 1 in parameter units.

    Raises:
        ValueError: If the gradient is zero or not finite.
    """
    arguments.check(gradient, locals())
    slope = objective.gradient(objective.theta if theta is None else theta)
    norm = float(slope.norm())
    if not 0 < norm < float("inf"):
        raise ValueError(
            f"the gradient has the norm {norm} here: it points nowhere. Pass a theta with a "
            "finite gradient other than zero, or take directions.eigenvectors."
        )
    return slope / norm


def eigenvectors(pairs: Eigenpairs) -> torch.Tensor:
    """Return eigenvectors as unit directions.

    The sign of an eigenvector is arbitrary: here its entry of largest magnitude is positive. The
    second derivative of the loss along direction i is ``pairs.values[i]``, if
    ``pairs.converged[i]``.

    Args:
        pairs: Eigenpairs of ``objective.hessian(theta)`` with vectors. Eigenvectors of a block of
            the Hessian (``within``) have fewer entries than theta: see ``groups.Group.embed``.

    Returns:
        The directions (m, n), float64, one a row, in the order of ``pairs.values``.

    Raises:
        ValueError: If the vectors were not kept.
    """
    arguments.check(eigenvectors, locals())
    if pairs.vectors is None:
        raise ValueError(
            "these eigenpairs were computed without their vectors. "
            "Pass the result of spectrum.eigenpairs(..., vectors=True)."
        )
    return fix_signs((pairs.vectors / pairs.vectors.norm(dim=0)).T.double())


def fix_signs(directions: torch.Tensor) -> torch.Tensor:
    """Return directions (k, n) with signs that make each entry of largest magnitude positive."""
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return (directions * largest.sign()).contiguous()
