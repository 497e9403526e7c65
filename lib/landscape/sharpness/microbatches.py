"""m-sharpness: SAM's one-step rise, with a separate step for each microbatch of examples."""

import dataclasses
import math
from collections.abc import Iterator

import torch

from landscape import arguments, rng
from landscape.measurement import conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.sharpness.ball import Ball, Neighbourhood, Rise


@dataclasses.dataclass(frozen=True, kw_only=True)
class MicrobatchSharpness(Rise):
    """The mean over microbatches of SAM's one-step rise; see ``Rise`` for further fields.

    Attributes:
        value: Mean over microbatches of the rise of the microbatch's loss, weighted by its number
            of examples, in units of the loss.
        m: Examples in a microbatch. The last one may have fewer, and then it rises more.
        values: The rise of each microbatch, (b,).
        sizes: Number of examples of each microbatch, (b,).
        spread: Weighted standard deviation of the values; NaN for a single microbatch.
        stderr: Standard error of the value, with the examples as a random sample; NaN for a single
            microbatch.
        converged: Whether all rises are finite.
    """

    m: int
    values: torch.Tensor
    sizes: torch.Tensor
    spread: float
    stderr: float


def m_sharpness(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    m: int,
    rho: float = 0.05,
    ball: Ball = "l2",
    seed: int = 0,
) -> MicrobatchSharpness:
    """Measure SAM's one-step sharpness with a step for every m examples.

    The examples are split at random into microbatches of m. Each microbatch takes a step of length
    ρ along the gradient of its mean loss, and the rise of that loss is measured; the value is the
    mean over microbatches. Gradients of few examples are larger, so the value falls with m, down to
    ``sam`` at m = N. Under ``batch`` a microbatch is normalised by its own statistics, under
    ``reestimate`` by the statistics of all examples. Under ``batch`` choose m so that the last
    microbatch, which gets what is left of N, has more than one example: one has no variance, and
    PyTorch refuses it.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        m: Examples in a microbatch, from 1 to N.
        rho: Radius ρ > 0; see ``Rise`` for its unit.
        ball: Geometry: ``l2`` as in SAM, ``adaptive`` as in ASAM, or ``filter``; see ``Rise``.
        seed: Seed of the stream ("microbatches",) that splits the examples.

    Returns:
        Mean and value of each microbatch, in units of the loss.

    Raises:
        ValueError: If m is not from 1 to N, the radius is not positive and finite, the geometry is
            unknown, or theta has another length.

    References: Foret et al. (2021), Sharpness-Aware Minimization, section 4.2; Andriushchenko and
        Flammarion (2022), Towards Understanding Sharpness-Aware Minimization, section 3.

    Example:
        >>> from landscape import Objective, data, models, sharpness
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> round(sharpness.m_sharpness(L, m=10).value, 3)
        0.057
        >>> round(sharpness.sam(L).value, 3)
        0.036
    """
    arguments.check(m_sharpness, locals())
    count = objective.num_examples
    if not 1 <= m <= count:
        raise ValueError(
            f"m={m} makes no microbatch of {count} examples. Pass m from 1 to {count}; "
            "m = N is sharpness.sam."
        )
    theta = objective.theta if theta is None else theta
    rises, sizes = [], []
    with Progress(f"m-sharpness (m = {m})", -(-count // m)) as bar:
        for microbatch in _microbatches(objective, theta, m, seed):
            neighbourhood = Neighbourhood(microbatch, theta, rho=rho, ball=ball)
            slope = neighbourhood.slope(torch.zeros_like(neighbourhood.scale))
            rise = neighbourhood.rise(neighbourhood.one_step(slope))
            rises.append((rise, neighbourhood.loss))
            sizes.append(microbatch.num_examples)
            bar.step()
    values, losses = torch.tensor(rises, dtype=torch.float64).T
    weights = torch.tensor(sizes) / torch.tensor(float(count), dtype=torch.float64)
    mean, spread, stderr = _weighted(values, weights)
    return MicrobatchSharpness(
        value=mean,
        loss=float(weights @ losses),
        rho=rho,
        ball=ball,
        seed=seed,
        # Each example is in one microbatch, so a pass over all microbatches is one over all
        # examples.
        passes=neighbourhood.passes,
        converged=bool(torch.isfinite(values).all()),
        m=m,
        values=values.clone(),
        sizes=torch.tensor(sizes),
        spread=spread,
        stderr=stderr,
        **conditions(objective),
    )


def _microbatches(
    objective: Objective, theta: torch.Tensor, m: int, seed: int
) -> Iterator[Objective]:
    inputs, targets = (torch.cat(x) for x in zip(*objective.parts(theta).batches, strict=True))
    # The policy estimates statistics on all examples: a microbatch must not replace them.
    statistics_inputs = {"bn_examples": inputs} if objective.bn == "reestimate" else {}
    order = torch.randperm(len(inputs), generator=rng.stream(seed, "microbatches"))
    for chosen in order.to(inputs.device).split(m):
        yield objective.replace(examples=(inputs[chosen], targets[chosen]), **statistics_inputs)


def _weighted(values: torch.Tensor, weights: torch.Tensor) -> tuple[float, float, float]:
    """Return mean, standard deviation and standard error of values whose weights sum to 1."""
    mean, squares = values @ weights, float(weights @ weights)
    if len(values) == 1:
        return float(mean), math.nan, math.nan
    spread = float((weights @ (values - mean).square() / (1 - squares)).sqrt())
    return float(mean), spread, spread * squares**0.5
