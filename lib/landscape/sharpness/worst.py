"""The worst rise of the loss within a ball, searched by projected gradient ascent."""

import dataclasses
from collections.abc import Iterator

import torch

from landscape import rng
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise

# Share of the slope's promise that a step has to keep, and how often it is cut to do so.
_ARMIJO, _CUTS = 1e-4, 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorstCase(Rise):
    """The highest rise that ascent found in a ball: a lower bound of the highest there is.

    Attributes:
        bound: ``lower``: no search proves that nothing higher is in the ball.
        values: What each start led to, (s,): from SAM's one-step point (0 where there is no slope),
            from random points, and from ± ``start`` where given. ``value`` is the highest; NaN if
            any is.
        one_step: The rise at SAM's one-step point.
        slope: ‖D ∇L(θ)‖₂, the rise for each unit of ρ in the linear model.
        quadratic_bound: slope · ρ + max(λ_max, 0) ρ²/2, where λ_max was given: an upper bound of
            what the quadratic model at θ can rise, and of the rise itself only where the loss is
            quadratic; attained where the slope is 0.
        steps: Ascent steps from each start, (s,).
        converged: Whether from each start the last two steps changed the rise by at most ``rtol``
            of it, or no step rose.
    """

    bound: str = "lower"
    values: torch.Tensor
    one_step: float
    slope: float
    quadratic_bound: float | None
    steps: torch.Tensor

    @property
    def spread(self) -> float:
        """Highest minus lowest of what the starts led to: 0 where all found the same rise."""
        return float(self.values.max() - self.values.min())


@dataclasses.dataclass(frozen=True)
class _Climb:
    """Where one start led."""

    rise: float
    steps: int
    converged: bool


def worst_case(
    objective: Objective,
    theta: torch.Tensor,
    *,
    rho: float = 0.05,
    ball: Ball = "l2",
    restarts: int = 3,
    start: torch.Tensor | None = None,
    lambda_max: float | None = None,
    rtol: float = 1e-3,
    max_steps: int = 50,
    seed: int = 0,
) -> WorstCase:
    """Search the maximum of L(θ + ε) - L(θ) in a ball by projected gradient ascent.

    Steps have the length of Barzilai and Borwein (1988) along the part of the slope that the ball
    lets through, are projected back into it, and are cut until the loss rises (Armijo), so that no
    start ends below where it began: the result is never below SAM's one-step rise. Where losses are
    not finite the search ends, and that is the result.

    Args:
        objective: Where to measure.
        theta: The solution (n,).
        rho: Radius, > 0; see ``Rise`` for its unit.
        ball: ``l2``, ``adaptive`` or ``filter``; see ``Rise``.
        restarts: Starts, at least 1: SAM's one-step point, then random ones on the sphere.
        start: A displacement (n,) from which ± two further searches start, such as the top
            eigenvector of the Hessian; of the operator ``hessian.scaled(scale)`` its eigenvector
            times ``scale``.
        lambda_max: Largest eigenvalue of the Hessian, for ``quadratic_bound``; for another ball
            than ``l2`` that of ``hessian.scaled(scale)``, with scale |θ| or the filter norms.
        rtol: Relative change of the rise by a step at which a search ends, which is not its
            distance from the highest: compare ``values``, and with a smaller rtol.
        max_steps: Steps from each start at most.
        seed: Seed of the streams ("worst_case", 1), ("worst_case", 2), ...

    Raises:
        ValueError: If an argument is out of range, or ``start`` does not move in the ball.

    References: Foret et al. (2021), Sharpness-Aware Minimization, eq. 1; Kwon et al. (2021), ASAM,
        eq. 3; Birgin, Martínez and Raydan (2000), Nonmonotone Spectral Projected Gradient Methods,
        SIAM J. Optim. 10(4), for the step lengths.
    """
    if restarts < 1 or max_steps < 1 or not rtol > 0:
        raise ValueError(
            f"restarts={restarts}, max_steps={max_steps}, rtol={rtol} start no search. "
            "Pass restarts >= 1, max_steps >= 1 and rtol > 0."
        )
    at = Neighbourhood(objective, theta, rho=rho, ball=ball)
    slope = at.slope(torch.zeros_like(at.scale))
    starts = [at.one_step(slope), *_further(at, restarts, start, seed)]
    one_step, climbs = at.rise(starts[0]), []
    with Progress("worst case", len(starts)) as bar:
        for index, u in enumerate(starts):
            begun = one_step if index == 0 else at.rise(u)
            climbs.append(_climb(at, u, begun, rtol=rtol, max_steps=max_steps))
            bar.step()
    values = torch.tensor([climb.rise for climb in climbs], dtype=torch.float64)
    steepness, top = float(slope.norm()), lambda_max
    return WorstCase(
        value=float(values.max()),
        values=values,
        one_step=one_step,
        slope=steepness,
        quadratic_bound=None if top is None else steepness * rho + max(top, 0.0) * rho**2 / 2,
        steps=torch.tensor([climb.steps for climb in climbs]),
        converged=all(climb.converged for climb in climbs),
        **at.fields(seed),
    )


def _further(
    at: Neighbourhood, restarts: int, start: torch.Tensor | None, seed: int
) -> Iterator[torch.Tensor]:
    for index in range(1, restarts):
        yield at.sphere(rng.stream(seed, "worst_case", index))
    if start is None:
        return
    if start.shape != at.scale.shape:
        raise ValueError(
            f"start has the shape {tuple(start.shape)}. Pass a displacement of theta, "
            f"({len(at.scale)},), such as directions.eigenvectors(pairs)[0]."
        )
    u = torch.where(at.scale > 0, start.double() / at.scale, 0.0)
    if not 0 < float(u.norm()) < float("inf"):
        raise ValueError(
            f"start does not move theta within ball={at.ball!r}: it is zero or not finite there. "
            "Pass another displacement, or none."
        )
    yield from (sign * at.rho * u / u.norm() for sign in (1, -1))


def _climb(
    at: Neighbourhood, u: torch.Tensor, rise: float, *, rtol: float, max_steps: int
) -> _Climb:
    length, before, calm = None, None, 0
    for steps in range(max_steps):
        uphill = _let_through(at, u, at.slope(u))
        norm = float(uphill.norm())
        if norm == 0 or not rise + norm < float("inf"):
            return _Climb(rise, steps, norm == 0)
        if before is not None:
            length = _spectral(u - before[0], uphill - before[1])
        found = _step(at, u, rise, uphill, length or at.rho / norm)
        if found is None:
            return _Climb(rise, steps, True)
        before, (u, higher) = (u, uphill), found
        calm = calm + 1 if higher - rise <= rtol * abs(higher) else 0
        rise = higher
        if calm == 2:
            return _Climb(rise, steps + 1, True)
    return _Climb(rise, max_steps, False)


def _let_through(at: Neighbourhood, u: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Return the part of the slope along which u may move: on the sphere not outwards."""
    if float(u.norm()) < (1 - 1e-12) * at.rho:
        return slope
    return slope - (slope @ u).clamp_min(0) / at.rho**2 * u


def _spectral(moved: torch.Tensor, changed: torch.Tensor) -> float | None:
    curvature = float((moved @ changed).abs())
    return float(moved @ moved) / curvature if curvature > 0 else None


def _step(
    at: Neighbourhood, u: torch.Tensor, rise: float, uphill: torch.Tensor, length: float
) -> tuple[torch.Tensor, float] | None:
    """Return a higher point and its rise, one that is not finite, or None where none is higher."""
    for _ in range(_CUTS):
        proposed = u + length * uphill
        proposed = proposed * (at.rho / proposed.norm()).clamp_max(1.0)
        higher = at.rise(proposed)
        # A loss that is not finite is no reason for a shorter step.
        if not higher < rise + _ARMIJO * float(uphill @ (proposed - u)):
            return proposed, higher
        length /= 4
    return None
