"""The average rise of the loss over random perturbations."""

import dataclasses
from typing import Literal, get_args

import torch

from landscape import arguments, rng
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise

Distribution = Literal["sphere", "gaussian"]

# The standard error from fewer pairs is itself too uncertain to stop on.
_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class AverageCase(Rise):
    """The mean rise over random perturbations ε = D u; see ``Rise`` for further fields.

    Attributes:
        value: Mean of L(θ + ε) - L(θ), in units of the loss.
        stderr: Standard error of the value.
        pairs: Antithetic pairs ± ε averaged.
        distribution: Distribution of u.
        converged: Whether the standard error is at most ``rtol`` of the value.
    """

    stderr: float
    pairs: int
    distribution: Distribution


def average_case(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    rho: float = 0.05,
    ball: Ball = "l2",
    distribution: Distribution = "sphere",
    rtol: float = 0.05,
    max_pairs: int = 500,
    seed: int = 0,
) -> AverageCase:
    """Estimate the mean of L(θ + D u) - L(θ) over random u.

    Each draw u counts together with −u. This cancels the slope, whose mean is zero but which would
    add noise. For a quadratic loss the mean is ρ² tr(D H D) / (2 m) for either distribution, where
    m is the number of entries that the ball moves (n for ``l2``): the mean eigenvalue times ρ²/2.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        rho: Radius ρ > 0; see ``Rise`` for its unit.
        ball: Geometry: ``l2``, ``adaptive`` or ``filter``; see ``Rise``.
        distribution: ``sphere``: u uniform on ‖u‖ = ρ. ``gaussian``: entries of u normal with
            standard deviation ρ/√m, so that E ‖u‖² = ρ².
        rtol: Standard error that suffices, relative to the mean, > 0; tested from 10 pairs on.
        max_pairs: Largest number of pairs, at least 2; each costs 2 passes over the examples.
        seed: Seed of the streams ("average_case", 0), ("average_case", 1), ..., one for each pair.

    Returns:
        The mean with its standard error, in units of the loss.

    Raises:
        ValueError: If an argument is out of range or unknown, or theta has another length.

    Reference: Andriushchenko et al. (2023), A Modern Look at the Relationship between Sharpness and
        Generalization, section 2.

    Example:
        >>> import torch
        >>> from landscape import Objective, sharpness
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse")
        >>> minimum = torch.zeros(2, dtype=torch.float64)
        >>> rise = sharpness.average_case(L, minimum, rho=0.5)
        >>> abs(rise.value - 0.5**2 * (1 + 4) / 4) < 4 * rise.stderr
        True
    """
    arguments.check(average_case, locals())
    if distribution not in get_args(Distribution):
        raise ValueError(
            f"distribution={distribution!r} is not known. Pass 'sphere' or 'gaussian'."
        )
    if max_pairs < 2 or not rtol > 0:
        raise ValueError(
            f"max_pairs={max_pairs}, rtol={rtol} give no standard error. "
            "Pass max_pairs >= 2 and rtol > 0."
        )
    theta = objective.theta if theta is None else theta
    neighbourhood = Neighbourhood(objective, theta, rho=rho, ball=ball)
    draw, rises, converged = getattr(neighbourhood, distribution), [], False  # type: ignore[var-annotated]  # rises: list[float]
    with Progress("average case", max_pairs) as bar:
        while len(rises) < max_pairs and not converged:
            u = draw(rng.stream(seed, "average_case", len(rises)))
            rises.append((neighbourhood.rise(u) + neighbourhood.rise(-u)) / 2)
            mean, stderr = _estimate(rises)
            converged = len(rises) >= min(_FEWEST, max_pairs) and stderr <= rtol * abs(mean)
            bar.step()
            if not abs(mean) < float("inf"):  # Further pairs cannot make it finite.
                break
    return AverageCase(
        value=mean,
        stderr=stderr,
        pairs=len(rises),
        distribution=distribution,
        converged=converged,
        **neighbourhood.fields(seed),
    )


def _estimate(rises: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error, which is infinite for a single value."""
    values = torch.tensor(rises, dtype=torch.float64)
    error = float(values.std()) / len(rises) ** 0.5 if len(rises) > 1 else float("inf")
    return float(values.mean()), error
