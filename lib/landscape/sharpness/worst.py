"""The largest rise of the loss in a ball, searched by projected gradient ascent."""

import dataclasses
from collections.abc import Iterator

import torch

from landscape import arguments, rng
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise

# A step must rise by at least this share of the linear model's rise (Armijo), and is shortened at
# most this often to do so.
_ARMIJO, _CUTS = 1e-4, 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorstCase(Rise):
    """The largest rise that ascent reached in a ball; see ``Rise`` for further fields.

    Attributes:
        value: Largest of ``values``, NaN if any is NaN; in units of the loss.
        bound: ``lower``: the value is a lower bound, since no search proves that the ball holds
            nothing higher.
        values: The rise that each start reached, (s,): SAM's one-step point (θ itself if its slope
            is zero), then random points, then ± ``start`` if given.
        one_step: The rise at SAM's one-step point.
        slope: ‖D ∇L(θ)‖₂, the rise per unit of ρ in the linear model.
        quadratic_bound: slope · ρ + max(λ_max, 0) ρ²/2, or None if λ_max was not given. It is an
            upper bound of the rise of the quadratic model at θ, attained where the slope is 0, and
            an upper bound of the true rise only if the loss is quadratic.
        steps: Ascent steps from each start, (s,).
        converged: Whether every search ended because two successive steps changed the rise by at
            most ``rtol`` of it, or because no step raised the loss.
    """

    bound: str = "lower"
    values: torch.Tensor
    one_step: float
    slope: float
    quadratic_bound: float | None
    steps: torch.Tensor

    @property
    def spread(self) -> float:
        """Largest minus smallest of ``values``: 0 if all starts reached the same rise."""
        return float(self.values.max() - self.values.min())


@dataclasses.dataclass(frozen=True)
class _Climb:
    """The end of one search."""

    rise: float
    steps: int
    converged: bool


def worst_case(
    objective: Objective,
    theta: torch.Tensor | None = None,
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

    A step follows the slope, without its outward part on the sphere, with the length of Barzilai
    and Borwein (1988). It is projected back into the ball and shortened until the loss rises
    (Armijo). So no search ends below its start, and the result is never below SAM's one-step rise.
    A search ends at a loss that is not finite, and that loss is its result.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        rho: Radius ρ > 0; see ``Rise`` for its unit.
        ball: Geometry: ``l2``, ``adaptive`` or ``filter``; see ``Rise``.
        restarts: Number of starts, at least 1: SAM's one-step point, then random points on the
            sphere.
        start: A displacement (n,) of theta, such as the top eigenvector of the Hessian, or for the
            scaled operator ``hessian.scaled(scale)`` its top eigenvector times ``scale``. Two
            further searches start along it and against it. None adds none.
        lambda_max: Largest eigenvalue of the Hessian, for ``quadratic_bound``. For a ball other
            than ``l2``, of ``hessian.scaled(scale)`` with scale |θ| or the filter norms. None gives
            no bound.
        rtol: A search ends after two steps that change the rise by at most this share, > 0. The
            share says nothing about the distance from the maximum: compare ``values``, and the
            result of a smaller rtol.
        max_steps: Largest number of steps from each start, at least 1.
        seed: Seed of the streams ("worst_case", 1), ("worst_case", 2), ..., one for each random
            start.

    Returns:
        The largest rise and the rise from each start, in units of the loss.

    Raises:
        ValueError: If an argument is out of range, ``start`` does not move theta in the ball, or
            theta has another length.

    References: Foret et al. (2021), Sharpness-Aware Minimization, eq. 1; Kwon et al. (2021), ASAM,
        eq. 3; Birgin, Martínez and Raydan (2000), Nonmonotone Spectral Projected Gradient Methods,
        SIAM J. Optim. 10(4), for the step lengths.

    Example:
        >>> import torch
        >>> from landscape import Objective, sharpness
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> round(sharpness.worst_case(L, minimum, rho=0.5).value, 6)
        0.5
    """
    arguments.check(worst_case, locals())
    if restarts < 1 or max_steps < 1 or not rtol > 0:
        raise ValueError(
            f"restarts={restarts}, max_steps={max_steps}, rtol={rtol} start no search. "
            "Pass restarts >= 1, max_steps >= 1 and rtol > 0."
        )
    theta = objective.theta if theta is None else theta
    neighbourhood = Neighbourhood(objective, theta, rho=rho, ball=ball)
    slope = neighbourhood.slope(torch.zeros_like(neighbourhood.scale))
    starts = [neighbourhood.one_step(slope), *_further(neighbourhood, restarts, start, seed)]
    one_step, climbs = neighbourhood.rise(starts[0]), []
    with Progress("worst case", len(starts)) as bar:
        for index, u in enumerate(starts):
            first_rise = one_step if index == 0 else neighbourhood.rise(u)
            climbs.append(_climb(neighbourhood, u, first_rise, rtol=rtol, max_steps=max_steps))
            bar.step()
    values = torch.tensor([climb.rise for climb in climbs], dtype=torch.float64)
    slope_norm = float(slope.norm())
    return WorstCase(
        value=float(values.max()),
        values=values,
        one_step=one_step,
        slope=slope_norm,
        quadratic_bound=(
            None if lambda_max is None else slope_norm * rho + max(lambda_max, 0.0) * rho**2 / 2
        ),
        steps=torch.tensor([climb.steps for climb in climbs]),
        converged=all(climb.converged for climb in climbs),
        **neighbourhood.fields(seed),
    )


def _further(
    neighbourhood: Neighbourhood, restarts: int, start: torch.Tensor | None, seed: int
) -> Iterator[torch.Tensor]:
    for index in range(1, restarts):
        yield neighbourhood.sphere(rng.stream(seed, "worst_case", index))
    if start is None:
        return
    if start.shape != neighbourhood.scale.shape:
        raise ValueError(
            f"start has the shape {tuple(start.shape)}. Pass a displacement of theta, "
            f"({len(neighbourhood.scale)},), such as directions.eigenvectors(pairs)[0]."
        )
    u = torch.where(neighbourhood.scale > 0, start.double() / neighbourhood.scale, 0.0)
    if not 0 < float(u.norm()) < float("inf"):
        raise ValueError(
            f"start does not move theta within ball={neighbourhood.ball!r}: it is zero or not "
            "finite there. Pass another displacement, or none."
        )
    yield from (sign * neighbourhood.rho * u / u.norm() for sign in (1, -1))


def _climb(
    neighbourhood: Neighbourhood, u: torch.Tensor, rise: float, *, rtol: float, max_steps: int
) -> _Climb:
    length, before, calm = None, None, 0  # ``calm``: successive steps that hardly raised the loss.
    for steps in range(max_steps):
        uphill = _let_through(neighbourhood, u, neighbourhood.slope(u))
        norm = float(uphill.norm())
        if norm == 0 or not rise + norm < float("inf"):
            return _Climb(rise, steps, norm == 0)
        if before is not None:
            length = _spectral(u - before[0], uphill - before[1])
        # The first step is as long as the radius; later ones use the curvature along the last step.
        step = _step(neighbourhood, u, rise, uphill, length or neighbourhood.rho / norm)
        if step is None:
            return _Climb(rise, steps, True)
        before, (u, higher) = (u, uphill), step
        calm = calm + 1 if higher - rise <= rtol * abs(higher) else 0
        rise = higher
        if calm == 2:
            return _Climb(rise, steps + 1, True)
    return _Climb(rise, max_steps, False)


def _let_through(
    neighbourhood: Neighbourhood, u: torch.Tensor, slope: torch.Tensor
) -> torch.Tensor:
    """Return the part of the slope along which u may move: on the sphere, none outwards."""
    if float(u.norm()) < (1 - 1e-12) * neighbourhood.rho:
        return slope
    return slope - (slope @ u).clamp_min(0) / neighbourhood.rho**2 * u


def _spectral(moved: torch.Tensor, changed: torch.Tensor) -> float | None:
    """Return the step length of Barzilai and Borwein; None if the last step saw no curvature."""
    curvature = float((moved @ changed).abs())
    return float(moved @ moved) / curvature if curvature > 0 else None


def _step(
    neighbourhood: Neighbourhood, u: torch.Tensor, rise: float, uphill: torch.Tensor, length: float
) -> tuple[torch.Tensor, float] | None:
    """Return a point with higher or non-finite rise, and that rise; None if no step is higher."""
    for _ in range(_CUTS):
        proposed = u + length * uphill
        proposed = proposed * (neighbourhood.rho / proposed.norm()).clamp_max(1.0)
        higher = neighbourhood.rise(proposed)
        # Written so that a loss that is not finite ends the search instead of shortening the step.
        if not higher < rise + _ARMIJO * float(uphill @ (proposed - u)):
            return proposed, higher
        length /= 4
    return None
