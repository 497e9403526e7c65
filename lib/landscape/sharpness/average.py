"""The average rise of the loss over random perturbations."""

import dataclasses
from typing import Literal, get_args

import torch

from landscape import rng
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise

Distribution = Literal["sphere", "gaussian"]

# Fewer pairs say too little of their own spread to stop on it.
_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class AverageCase(Rise):
    """The mean rise over random perturbations.

    Attributes:
        value: Mean of L(θ + ε) - L(θ).
        stderr: Its standard error.
        pairs: Antithetic pairs ± ε in the mean.
        distribution: What u is drawn from; ε = D u.
        converged: Whether the standard error is at most ``rtol`` of the value.
    """

    stderr: float
    pairs: int
    distribution: Distribution


def average_case(
    objective: Objective,
    theta: torch.Tensor,
    *,
    rho: float = 0.05,
    ball: Ball = "l2",
    distribution: Distribution = "sphere",
    rtol: float = 0.05,
    max_pairs: int = 500,
    seed: int = 0,
) -> AverageCase:
    """Estimate the mean of L(θ + D u) - L(θ) over random u.

    Each draw counts with its opposite, so that the slope, which has no mean, adds no noise. Of a
    quadratic loss the mean is ρ² tr(D H D) / (2 m) for either distribution, with m the entries that
    the ball moves (n for ``l2``): the mean eigenvalue times ρ²/2.

    Args:
        objective: Where to measure.
        theta: The solution (n,).
        rho: Radius, > 0; see ``Rise`` for its unit.
        ball: ``l2``, ``adaptive`` or ``filter``; see ``Rise``.
        distribution: ``sphere``: uniform on ‖u‖ = ρ. ``gaussian``: with standard deviation ρ/√m an
            entry, so that E ‖u‖² = ρ².
        rtol: Standard error that is enough, relative to the mean; looked at from 10 pairs on.
        max_pairs: Pairs to spend, at least 2; each costs 2 passes.
        seed: Seed of the streams ("average_case", 0), ("average_case", 1), ..., one a pair.

    Raises:
        ValueError: If an argument is out of range or unknown.

    Reference: Andriushchenko et al. (2023), A Modern Look at the Relationship between Sharpness and
        Generalization, section 2.
    """
    if distribution not in get_args(Distribution):
        raise ValueError(
            f"distribution={distribution!r} is not known. Pass 'sphere' or 'gaussian'."
        )
    if max_pairs < 2 or not rtol > 0:
        raise ValueError(
            f"max_pairs={max_pairs}, rtol={rtol} give no standard error. "
            "Pass max_pairs >= 2 and rtol > 0."
        )
    at = Neighbourhood(objective, theta, rho=rho, ball=ball)
    draw, rises, converged = getattr(at, distribution), [], False
    with Progress("average case", max_pairs) as bar:
        while len(rises) < max_pairs and not converged:
            u = draw(rng.stream(seed, "average_case", len(rises)))
            rises.append((at.rise(u) + at.rise(-u)) / 2)
            mean, stderr = _estimate(rises)
            converged = len(rises) >= min(_FEWEST, max_pairs) and stderr <= rtol * abs(mean)
            bar.step()
            if not abs(mean) < float("inf"):  # No further pair makes it finite.
                break
    return AverageCase(
        value=mean,
        stderr=stderr,
        pairs=len(rises),
        distribution=distribution,
        converged=converged,
        **at.fields(seed),
    )


def _estimate(rises: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error; infinite for a single one."""
    values = torch.tensor(rises, dtype=torch.float64)
    error = float(values.std()) / len(rises) ** 0.5 if len(rises) > 1 else float("inf")
    return float(values.mean()), error
