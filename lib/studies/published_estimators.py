"""Replicas: the estimators of two source studies as published, defects included.

What they give on a network, beside the converged value, tells an artefact of the estimator from a
property of the landscape. To measure, take ``spectrum`` and ``slices`` instead.
"""

import dataclasses
import math
from collections.abc import Callable

import scipy.linalg
import torch
from landscape import rng
from landscape.directions.single import orthonormal, random
from landscape.measurement import Measurement, labels
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane
from landscape.slices.plane import plane as measured_plane

_TOL = 1e-4


@dataclasses.dataclass(frozen=True)
class PowerIteration(Measurement):
    """What a few steps of power iteration take for the top eigenvalue.

    Attributes:
        value: Rayleigh quotient ⟨v, H v⟩ of the last vector, in loss per parameter².
        residual: ‖H v − value · v‖₂: some eigenvalue, not always the largest, lies within it.
        converged: Whether the residual is at most 1e-4 of |value|. (``spectrum`` relates it to the
            spectral range, which is not known here.)
        norm: ‖H v‖₂ of the last iteration, the other number in use for the eigenvalue; unsigned.
        history: Rayleigh quotients (iterations + 1,), from the random start to ``value``.
        iterations: Normalised products.
        products: Products with H: one more, for the last Rayleigh quotient.
        seed: Seed of the start.
    """

    value: float
    residual: float
    converged: bool
    norm: float
    history: torch.Tensor
    iterations: int
    products: int
    seed: int


def power_iteration(
    objective: Objective, theta: torch.Tensor, *, iterations: int = 5, seed: int
) -> PowerIteration:
    """Estimate the top eigenvalue of the Hessian as source S3 does: v ← H v/‖H v‖, five times.

    After k steps the value is Σ λᵢ²ᵏ⁺¹ cᵢ² / Σ λᵢ²ᵏ cᵢ², with cᵢ = ⟨vᵢ, start⟩: a mean of all
    eigenvalues. At best it is the one of largest magnitude, which may be negative; of two with
    almost one magnitude and opposite signs it is neither. Where H v = 0 all is NaN, for the source
    divides by its norm.

    Args:
        objective: Where to measure; products are exact, in its dtype.
        theta: The solution (n,).
        iterations: At least 1.
        seed: Seed of the stream "power_iteration" of the Gaussian start.

    Raises:
        ValueError: If ``iterations < 1``, or theta is not finite or has another length.

    Reference: study S3, section "Hessian Analysis".
    """
    if iterations < 1:
        raise ValueError(
            f"iterations={iterations} take no step. Pass iterations >= 1; the source takes 5."
        )
    hessian = objective.hessian(theta)
    v, norm, history = _unit_start(objective, seed, "power_iteration"), math.nan, []
    with Progress("power iteration", iterations + 1) as bar:
        for step in range(iterations + 1):
            image = hessian @ v
            history.append(float(v @ image))
            bar.step()
            if step < iterations:
                norm = float(image.norm())
                v = image / norm
    value, residual = history[-1], float((image - history[-1] * v).norm())
    return PowerIteration(
        value=value,
        residual=residual,
        converged=residual <= _TOL * abs(value),
        norm=norm,
        history=torch.tensor(history, dtype=torch.float64),
        iterations=iterations,
        products=hessian.products,
        seed=seed,
        **labels(objective),
    )


@dataclasses.dataclass(frozen=True)
class RitzValues(Measurement):
    """What Lanczos on finite differences takes for eigenvalues.

    Attributes:
        values: Eigenvalues of the tridiagonal matrix, descending, (steps,), in loss per parameter²;
            fewer if the recurrence ended as nothing was left, or in NaN, and then all are NaN.
        residuals: Distance of each from an eigenvalue, (steps,), as the recurrence claims, as if
            products were exact and vectors orthogonal.
        asymmetry: Largest |⟨qⱼ₋₁, H qⱼ⟩ − ⟨qⱼ, H qⱼ₋₁⟩|, 0 for exact products: the error that the
            differences bring. The source does not look at it.
        converged: Whether residual and asymmetry are together at most 1e-4 of the range of values.
        negative: How many values are below 0: the source's "number of negative eigenvalues".
        steps: Steps asked for.
        step_size: ε of the differences.
        gradients: Gradients of the mean loss that were computed.
        seed: Seed of the start.
    """

    values: torch.Tensor
    residuals: torch.Tensor
    asymmetry: float
    converged: torch.Tensor
    negative: int
    steps: int
    step_size: float
    gradients: int
    seed: int


def finite_difference_lanczos(
    objective: Objective,
    theta: torch.Tensor,
    *,
    steps: int = 15,
    step_size: float = 1e-3,
    seed: int,
) -> RitzValues:
    """Estimate eigenvalues of the Hessian as source S2 does, all Ritz values taken for eigenvalues.

    Products are H v ≈ (g(θ + ε v) − g(θ))/ε; Lanczos makes a vector orthogonal to the two before it
    alone. Three defects: Ritz values inside the spectrum are no eigenvalues; a converged one comes
    again as a copy; rounding of g, divided by ε, enters as a random vector at each step and adds
    up. Noise of norm σ alone makes the couplings σ√j and the values σ times the roots of a Hermite
    polynomial: of 15 the largest is 6.4 σ, the smallest −6.4 σ, and 7 are negative.

    The source does not say its ε; it is an argument here, and results depend on it. Gradients are
    those of ``objective.dtype``, float32 in the source; the recurrence is float64.

    Args:
        objective: Where to measure.
        theta: The solution (n,).
        steps: Lanczos steps, at least 1; the source takes 15.
        step_size: ε > 0, in parameter units, for a vector of norm 1.
        seed: Seed of the stream "finite_difference_lanczos" of the Gaussian start.

    Raises:
        ValueError: If an argument is out of range, or theta has another length.

    Reference: study S2, section "Efficient Algorithms Implemented"; on what is lost: Paige (1972),
        Computational Variants of the Lanczos Method for the Eigenproblem, IMA J. Appl. Math. 10(3).
    """
    if steps < 1 or not 0 < step_size < math.inf:
        raise ValueError(
            f"steps={steps}, step_size={step_size} give no recurrence. Pass steps >= 1 and a "
            "finite step_size > 0; the source takes 15 steps and does not say its step size."
        )
    theta, start = theta.double(), _unit_start(objective, seed, "finite_difference_lanczos")
    slope = objective.gradient(theta)
    with Progress("finite differences", steps) as bar:

        def product(v: torch.Tensor) -> torch.Tensor:
            bar.step()
            return (objective.gradient(theta + step_size * v) - slope) / step_size

        diagonal, couplings, asymmetry = _lanczos(product, start, steps)
    values, residuals = _ritz(diagonal, couplings)
    scale = values[:1] - values[-1:]
    return RitzValues(
        values=values,
        residuals=residuals,
        asymmetry=asymmetry,
        converged=residuals + asymmetry <= _TOL * scale,
        negative=int((values < 0).sum()),
        steps=steps,
        step_size=step_size,
        gradients=len(diagonal) + 1,
        seed=seed,
        **labels(objective),
    )


def _unit_start(objective: Objective, seed: int, name: str) -> torch.Tensor:
    start = random(objective.layout, generator=rng.stream(seed, name))
    return start / start.norm()


def _lanczos(
    product: Callable[[torch.Tensor], torch.Tensor], q: torch.Tensor, steps: int
) -> tuple[list[float], list[float], float]:
    """Return diagonal and couplings of the tridiagonal matrix, and the products' asymmetry.

    Nothing is made orthogonal again. It ends early where a coupling is 0 or not a number.
    """
    before, coupling, asymmetry = torch.zeros_like(q), 0.0, 0.0
    diagonal, couplings = [], []
    for _ in range(steps):
        image = product(q)
        # In this order NaN prevails.
        asymmetry = max(abs(float(before @ image) - coupling), asymmetry)
        diagonal.append(float(q @ image))
        rest = image - diagonal[-1] * q - coupling * before
        coupling = float(rest.norm())
        couplings.append(coupling)
        if not coupling > 0:
            break
        before, q = q, rest / coupling
    return diagonal, couplings, asymmetry


def _ritz(diagonal: list[float], couplings: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return eigenvalues of the tridiagonal matrix, descending, and their claimed residuals."""
    if not all(map(math.isfinite, diagonal + couplings)):
        unknown = torch.full((len(diagonal),), math.nan, dtype=torch.float64)
        return unknown, unknown.clone()
    values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, couplings[:-1])
    residuals = couplings[-1] * abs(vectors[-1])
    return tuple(torch.from_numpy(part[::-1].copy()) for part in (values, residuals))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoarseRange(Plane):
    """The range of the loss over a coarse grid, and the grid.

    Attributes:
        value: Largest minus smallest loss on the grid, in units of the loss.
        centre: L(θ), which an even grid does not hold.
        missed: By how much L(θ) lies below the smallest loss on the grid: the range lacks it.
        converged: Whether all losses are finite.
        passes: Forward passes over the examples.
        seed: Seed of the directions.
    """

    value: float
    centre: float
    missed: float
    converged: bool
    passes: int
    seed: int


def coarse_range(
    objective: Objective, theta: torch.Tensor, *, points: int = 10, reach: float = 1.0, seed: int
) -> CoarseRange:
    """Measure the range of the loss as source S3 does: over an even grid in one random plane.

    Two random orthonormal directions, of length 1 and not filter-normalised, span the plane. A
    quadratic loss with the mean eigenvalue tr H/n rises by about reach² · tr H/n to a corner: next
    to nothing for a network, however curved it is along a few directions. (The source also speaks
    of dividing directions by n, by which its range could not be seen at all.)

    Args:
        objective: Where to measure.
        theta: The solution (n,), with n ≥ 2.
        points: Positions along each axis, at least 2; the source takes 10.
        reach: Largest position, > 0, in parameter units.
        seed: Seed of the streams ("coarse_range", 1) and ("coarse_range", 2).

    Raises:
        ValueError: If an argument is out of range, or theta has another length.

    Reference: study S3, section "Loss Landscape Analysis".
    """
    if points < 2 or not 0 < reach < math.inf:
        raise ValueError(
            f"points={points}, reach={reach} give no range. Pass points >= 2 and a finite "
            "reach > 0; the source takes 10 and 1."
        )
    draws = (rng.stream(seed, "coarse_range", axis) for axis in (1, 2))
    d1, d2 = orthonormal(*(random(objective.layout, generator=generator) for generator in draws))
    positions = torch.linspace(-reach, reach, points, dtype=torch.float64)
    plane = measured_plane(objective, theta, d1, d2, alphas=positions, betas=positions)
    centre = objective.loss(theta)
    low, high = float(plane.loss.amin()), float(plane.loss.amax())
    return CoarseRange(
        value=high - low,
        centre=centre,
        missed=max(low - centre, 0.0),
        converged=bool(plane.loss.isfinite().all()),
        passes=plane.loss.numel() + 1,
        seed=seed,
        **vars(plane),
    )
