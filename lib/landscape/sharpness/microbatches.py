"""m-sharpness: SAM's one-step rise, each microbatch of examples with a step of its own."""

import dataclasses
import math
from collections.abc import Iterator

import torch

from landscape import rng
from landscape.measurement import labels
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise


@dataclasses.dataclass(frozen=True, kw_only=True)
class MicrobatchSharpness(Rise):
    """The mean over microbatches of SAM's one-step rise.

    Attributes:
        value: Mean of the rises of the microbatches' own losses, each weighted by its examples.
        m: Examples in a microbatch; the last may have fewer, and rises more for that.
        values: The rise of each microbatch, (b,).
        sizes: Examples of each, (b,).
        spread: Weighted standard deviation of the values; NaN for a single one.
        stderr: Standard error of the value as a mean over draws of examples; NaN likewise.
        converged: Whether all rises are finite.
    """

    m: int
    values: torch.Tensor
    sizes: torch.Tensor
    spread: float
    stderr: float


def m_sharpness(
    objective: Objective,
    theta: torch.Tensor,
    *,
    m: int,
    rho: float = 0.05,
    ball: Ball = "l2",
    seed: int = 0,
) -> MicrobatchSharpness:
    """Measure SAM's one-step sharpness with a step for every m examples.

    The examples are dealt at random into microbatches of m. For each, the rise of its own mean loss
    after a step of length ρ along its own gradient; then their mean. Gradients of few examples are
    larger, so the value falls with m, down to ``sam`` at m = N. Under ``batch`` a microbatch is
    normalised by its own statistics; under ``reestimate`` by those of all examples.

    Args:
        objective: Where to measure.
        theta: The solution (n,).
        m: Examples in a microbatch, from 1 to N.
        rho: Radius, > 0; see ``Rise`` for its unit.
        ball: ``l2`` as in SAM, ``adaptive`` as in ASAM, or ``filter``; see ``Rise``.
        seed: Seed of the stream ("microbatches",) that deals the examples.

    Raises:
        ValueError: If m is not from 1 to N, or the radius or the ball is none.

    References: Foret et al. (2021), Sharpness-Aware Minimization, section 4.2; Andriushchenko and
        Flammarion (2022), Towards Understanding Sharpness-Aware Minimization, section 3.
    """
    count = objective.num_examples
    if not 1 <= m <= count:
        raise ValueError(
            f"m={m} makes no microbatch of {count} examples. Pass m from 1 to {count}; "
            "m = N is sharpness.sam."
        )
    found, sizes = [], []
    with Progress(f"m-sharpness (m = {m})", -(-count // m)) as bar:
        for part in _microbatches(objective, theta, m, seed):
            at = Neighbourhood(part, theta, rho=rho, ball=ball)
            rise = at.rise(at.one_step(at.slope(torch.zeros_like(at.scale))))
            found.append((rise, at.loss))
            sizes.append(part.num_examples)
            bar.step()
    values, losses = torch.tensor(found, dtype=torch.float64).T
    weights = torch.tensor(sizes) / torch.tensor(float(count), dtype=torch.float64)
    mean, spread, stderr = _weighted(values, weights)
    return MicrobatchSharpness(
        value=mean,
        loss=float(weights @ losses),
        rho=rho,
        ball=ball,
        seed=seed,
        passes=at.passes,
        converged=bool(torch.isfinite(values).all()),
        m=m,
        values=values.clone(),
        sizes=torch.tensor(sizes),
        spread=spread,
        stderr=stderr,
        **labels(objective),
    )


def _microbatches(
    objective: Objective, theta: torch.Tensor, m: int, seed: int
) -> Iterator[Objective]:
    inputs, targets = (torch.cat(x) for x in zip(*objective.parts(theta).batches, strict=True))
    # Statistics of a point are those of all examples, not of the few at hand.
    held = {"bn_examples": inputs} if objective.bn == "reestimate" else {}
    order = torch.randperm(len(inputs), generator=rng.stream(seed, "microbatches"))
    for chosen in order.to(inputs.device).split(m):
        yield objective.replace(examples=(inputs[chosen], targets[chosen]), **held)


def _weighted(values: torch.Tensor, weights: torch.Tensor) -> tuple[float, float, float]:
    """Return mean, standard deviation and standard error of values with weights of sum 1."""
    mean, squares = values @ weights, float(weights @ weights)
    if len(values) == 1:
        return float(mean), math.nan, math.nan
    spread = float((weights @ (values - mean).square() / (1 - squares)).sqrt())
    return float(mean), spread, spread * squares**0.5
