"""Replicate the estimators of two source studies as published, defects included.

Their values on a network, compared with the converged ones, tell an artefact of the estimator from
a property of the landscape. To measure a landscape, use ``spectrum`` and ``slices`` instead.
"""

import dataclasses
import math
from collections.abc import Callable

import scipy.linalg
import torch
from landscape import rng
from landscape.directions.single import orthonormal, random
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.slices.grid import Plane
from landscape.slices.plane import plane as measured_plane

_TOL = 1e-4


@dataclasses.dataclass(frozen=True)
class PowerIteration(Measurement):
    """The top eigenvalue as estimated by a few steps of power iteration.

    Attributes:
        value: Rayleigh quotient ⟨v, H v⟩ of the last vector, in loss per parameter².
        residual: ‖H v − value · v‖₂, in loss per parameter². Some eigenvalue, not always the
            largest, lies within this distance of ``value``.
        converged: Whether the residual is at most 1e-4 of |value|. (``spectrum`` compares it with
            the spectral range, which is not known here.)
        norm: ‖H v‖₂ of the last iteration, another common estimate of the eigenvalue; unsigned.
        history: Rayleigh quotients (iterations + 1,), from the random start to ``value``.
        iterations: Number of normalised products.
        products: Products with H; one more than iterations, for the last Rayleigh quotient.
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

    After k steps the value is Σ λᵢ²ᵏ⁺¹ cᵢ² / Σ λᵢ²ᵏ cᵢ², with cᵢ = ⟨vᵢ, start⟩: a weighted mean of
    all eigenvalues. At best it is the eigenvalue of largest magnitude, which may be negative. Where
    two eigenvalues have almost the same magnitude and opposite signs, it is neither of them. Where
    H v = 0 all numbers are NaN, because the source divides by ‖H v‖.

    Args:
        objective: The mean loss whose Hessian is measured; products are exact, in its dtype.
        theta: The solution (n,).
        iterations: Number of steps, at least 1; the source takes 5.
        seed: Seed of the stream "power_iteration" of the Gaussian start.

    Returns:
        The estimate with its residual, in loss per parameter².

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
        **conditions(objective),
    )


@dataclasses.dataclass(frozen=True)
class RitzValues(Measurement):
    """Eigenvalues as estimated by Lanczos on finite differences of gradients.

    Attributes:
        values: Eigenvalues of the tridiagonal matrix, descending, (steps,), in loss per parameter².
            There are fewer if the recurrence ended early: at a coupling of 0, or at NaN, which
            makes all of them NaN.
        residuals: Distance of each value from an eigenvalue, (steps,), in loss per parameter², as
            the recurrence claims: as if products were exact and vectors orthogonal.
        asymmetry: Largest |⟨qⱼ₋₁, H qⱼ⟩ − ⟨qⱼ, H qⱼ₋₁⟩|, in loss per parameter²: the error of the
            finite differences, 0 for exact products. The source does not look at it.
        converged: Whether residual + asymmetry is at most 1e-4 of the range of values, (steps,).
        negative: Number of values below 0: the source's "number of negative eigenvalues".
        steps: Steps that were asked for.
        step_size: ε of the finite differences.
        gradients: Number of gradients of the mean loss that were computed.
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
    """Estimate eigenvalues of the Hessian as source S2 does: every Ritz value counts as one.

    Products are finite differences, H v ≈ (g(θ + ε v) − g(θ))/ε, and each Lanczos vector is made
    orthogonal only to the two before it. This has three defects. Ritz values inside the spectrum
    are not eigenvalues. A converged Ritz value returns as a copy. Rounding of g, divided by ε,
    enters as a random vector at each step and adds up: noise of norm σ alone makes the couplings
    σ√j and the values σ times the roots of a Hermite polynomial; of 15 values the largest is 6.4 σ,
    the smallest −6.4 σ, and 7 are negative.

    The source does not give its ε, and results depend on it; here it is an argument. Gradients are
    computed in ``objective.dtype``, float32 in the source; the recurrence is in float64.

    Args:
        objective: The mean loss whose Hessian is measured.
        theta: The solution (n,).
        steps: Lanczos steps, at least 1; the source takes 15.
        step_size: ε > 0, the length of the step in parameter units: vectors have norm 1.
        seed: Seed of the stream "finite_difference_lanczos" of the Gaussian start.

    Returns:
        The Ritz values with their claimed residuals and the asymmetry of the products.

    Raises:
        ValueError: If an argument is out of range, or theta has another length.

    Reference: study S2, section "Efficient Algorithms Implemented"; on what is lost: Paige (1972),
        Computational Variants of the Lanczos Method for the Eigenproblem, IMA J. Appl. Math. 10(3).
    """
    if steps < 1 or not 0 < step_size < math.inf:
        raise ValueError(
            f"steps={steps}, step_size={step_size} give no recurrence. Pass steps >= 1 and a "
            "finite step_size > 0; the source takes 15 steps and does not give its step size."
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
        **conditions(objective),
    )


def _unit_start(objective: Objective, seed: int, name: str) -> torch.Tensor:
    start = random(objective.layout, generator=rng.stream(seed, name))
    return start / start.norm()


def _lanczos(
    product: Callable[[torch.Tensor], torch.Tensor], q: torch.Tensor, steps: int
) -> tuple[list[float], list[float], float]:
    """Return diagonal and couplings of the tridiagonal matrix, and the products' asymmetry."""
    previous, coupling, asymmetry = torch.zeros_like(q), 0.0, 0.0
    diagonal, couplings = [], []
    for _ in range(steps):
        image = product(q)
        # max keeps its first argument where a comparison is false: in this order NaN stays.
        asymmetry = max(abs(float(previous @ image) - coupling), asymmetry)
        diagonal.append(float(q @ image))
        rest = image - diagonal[-1] * q - coupling * previous
        coupling = float(rest.norm())
        couplings.append(coupling)
        if not coupling > 0:  # The space is exhausted, or the numbers are NaN.
            break
        # As published: q is not made orthogonal to all vectors before it.
        previous, q = q, rest / coupling
    return diagonal, couplings, asymmetry


def _ritz(diagonal: list[float], couplings: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return eigenvalues of the tridiagonal matrix, descending, and their claimed residuals."""
    if not all(map(math.isfinite, diagonal + couplings)):
        unknown = torch.full((len(diagonal),), math.nan, dtype=torch.float64)
        return unknown, unknown.clone()
    values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, couplings[:-1])
    residuals = couplings[-1] * abs(vectors[-1])
    return tuple(torch.from_numpy(part[::-1].copy()) for part in (values, residuals))  # type: ignore[return-value]  # one each


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoarseRange(Plane):
    """The range of the loss over a coarse grid, and the grid itself.

    Attributes:
        value: Largest minus smallest loss on the grid, in units of the loss.
        centre: L(θ); a grid with an even number of points does not hold it.
        missed: How far L(θ) lies below the smallest loss on the grid, in units of the loss; the
            range misses this part.
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
    """Measure the range of the loss as source S3 does: over a coarse grid in one random plane.

    Two random orthonormal directions, of length 1 and not filter-normalised, span the plane. A
    quadratic loss with the mean eigenvalue tr H/n rises by about reach² · tr H/n towards a corner.
    For a network this is next to nothing, however curved the loss is along a few directions. (The
    source also mentions dividing directions by n, which would make its range invisible.)

    Args:
        objective: The mean loss to measure.
        theta: The solution (n,), with n ≥ 2.
        points: Positions along each axis, at least 2; the source takes 10.
        reach: Largest position on each axis, > 0, in parameter units; the source takes 1.
        seed: Seed of the streams ("coarse_range", 1) and ("coarse_range", 2).

    Returns:
        The range with the grid of losses (points, points), in units of the loss.

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
