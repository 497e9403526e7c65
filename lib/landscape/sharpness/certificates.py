"""Bound the error of a network with random weights by PAC-Bayes, and measure that error."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import torch

from landscape import arguments, rng
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.theory.bounds import kl_inverse

_SEARCH_DRAWS = 8  # of each size of the noise, to choose one; the bound takes other draws.


@dataclasses.dataclass(frozen=True, kw_only=True)
class StochasticError(Measurement):
    """Errors of a network whose weights are drawn anew, θ + σ ε with ε standard normal.

    Attributes:
        errors: Share of the examples that each draw gets wrong, (draws,), float64.
        sigma: σ, in parameter units.
    """

    errors: torch.Tensor
    sigma: float

    @property
    def mean(self) -> float:
        """Mean share wrong over the draws."""
        return float(self.errors.mean())

    @property
    def stderr(self) -> float:
        """Standard error of the mean over the draws; NaN for one draw."""
        return float(self.errors.std()) / math.sqrt(len(self.errors))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certificate(Measurement):
    """A PAC-Bayes bound of the error of a network with random weights.

    Attributes:
        bound: What the expected error on new examples exceeds with probability delta at most.
        sampled_error: Mean share wrong over the draws, on the examples of the bound.
        error_bound: Upper bound of its expectation over draws.
        divergence: KL(N(θ, σ² I) ‖ N(θ₀, σ² I)) = ‖θ − θ₀‖² / (2 σ²), in nats.
        sigma: The σ of ``sigmas`` that gives the smallest bound.
        delta: Probability that the bound fails.
        draws: Number of draws.
        passes: Passes over the examples, with those that chose σ.
        converged: Whether σ lies between the smallest and the largest of ``sigmas``.
    """

    bound: float
    sampled_error: float
    error_bound: float
    divergence: float
    sigma: float
    delta: float
    draws: int
    passes: int
    converged: bool


def stochastic_error(
    L: Objective, theta: torch.Tensor, *, sigma: float, draws: int = 100, seed: int = 0
) -> StochasticError:
    """Measure the errors of a network with random weights θ + σ ε.

    Args:
        L: The objective; its targets are classes.
        theta: The centre θ (n,).
        sigma: Standard deviation σ >= 0 of each weight, in parameter units.
        draws: Number of draws, at least 1.
        seed: Seed of the stream "stochastic error".

    Raises:
        ValueError: If a number is out of range, targets are no classes, or statistics of batch
            normalisation are estimated anew at each point, which makes the network depend on the
            examples.
    """
    arguments.check(stochastic_error, locals())
    if not 0 <= sigma < math.inf or draws < 1:
        raise ValueError(f"sigma={sigma}, draws={draws}: pass a finite sigma >= 0 and draws >= 1.")
    if L.bn != "frozen":
        raise ValueError(
            f"bn={L.bn!r} lets the network depend on the examples. Pass an objective with "
            "bn='frozen'."
        )
    generator = rng.stream(seed, "stochastic error")
    errors = torch.zeros(draws, dtype=torch.float64)
    for i in range(draws):
        noise = torch.randn(len(theta), generator=generator, dtype=torch.float64)
        errors[i] = 1 - L.evaluate(theta + sigma * noise).accuracy
    if bool(errors.isnan().any()):
        raise ValueError(
            "the accuracy is not a number: the targets name no classes, or outputs are NaN. Pass "
            "an objective of a classifier, and a smaller sigma."
        )
    return StochasticError(errors=errors, sigma=float(sigma), **conditions(L))


def certificate(
    L: Objective,
    theta: torch.Tensor,
    *,
    prior: torch.Tensor,
    sigmas: Sequence[float],
    draws: int = 100,
    delta: float = 0.05,
    seed: int = 0,
) -> Certificate:
    """Bound the error of a network with random weights N(θ, σ² I) on new examples.

    With probability 1 − δ over examples and draws, kl(ê ‖ e) <= (KL + log(2 √n K / (δ/2))) / n for
    all K sizes σ of the noise at once, where ê and e are the expected shares wrong on the n
    examples and on new ones. With probability 1 − δ/2 the mean over m draws bounds ê likewise,
    kl(mean ‖ ê) <= log(2/δ) / m. The prior N(θ₀, σ² I) must not have seen the examples: θ₀ is the
    initialisation, or a network trained on others.

    Args:
        L: The objective on the examples of the bound; its targets are classes.
        theta: The centre θ (n,) of the random weights.
        prior: The centre θ₀ (n,) of the prior, which does not depend on the examples of L.
        sigmas: Sizes σ of the noise to choose from, ascending, > 0, in parameter units; fixed
            before the examples are seen.
        draws: Number of draws of the bound, at least 2.
        delta: δ in (0, 1).
        seed: Seed of the draws.

    Raises:
        ValueError: As for ``stochastic_error``, or if the prior has another length than theta, the
            sizes are not ascending and positive, there are fewer than 8 examples, or delta is out
            of range.

    References: Maurer (2004), A Note on the PAC Bayesian Theorem, arXiv cs/0411099; Langford and
        Caruana (2001), (Not) Bounding the True Error, NeurIPS; Dziugaite and Roy (2017), Computing
        Nonvacuous Generalization Bounds for Deep (Stochastic) Neural Networks, UAI.
    """
    arguments.check(certificate, locals())
    _check(L, theta, prior, sigmas, draws, delta)
    squared = float((theta.double() - prior.double()).square().sum())
    count, sizes = L.num_examples, [float(one) for one in sigmas]

    def bounded(error: float, sigma: float, of_draws: int) -> tuple[float, float]:
        drawn = kl_inverse(error, math.log(2 / delta) / of_draws)
        capacity = math.log(4 * math.sqrt(count) * len(sizes) / delta)
        return kl_inverse(drawn, (squared / (2 * sigma**2) + capacity) / count), drawn

    search = rng.stream(seed, "certificate", "search").initial_seed()
    tried = {
        sigma: stochastic_error(L, theta, sigma=sigma, draws=_SEARCH_DRAWS, seed=search).mean
        for sigma in sizes
    }
    sigma = min(sizes, key=lambda one: bounded(tried[one], one, draws)[0])
    final = rng.stream(seed, "certificate", "bound").initial_seed()
    drawn = stochastic_error(L, theta, sigma=sigma, draws=draws, seed=final)
    bound, error_bound = bounded(drawn.mean, sigma, draws)
    return Certificate(
        bound=bound,
        sampled_error=drawn.mean,
        error_bound=error_bound,
        divergence=squared / (2 * sigma**2),
        sigma=sigma,
        delta=float(delta),
        draws=draws,
        passes=draws + _SEARCH_DRAWS * len(sizes),
        converged=sizes[0] < sigma < sizes[-1],
        **conditions(L),
    )


def _check(
    L: Objective,
    theta: torch.Tensor,
    prior: torch.Tensor,
    sigmas: Sequence[float],
    draws: int,
    delta: float,
) -> None:
    ascending = all(one < other for one, other in itertools.pairwise(sigmas))
    if not sigmas or not 0 < sigmas[0] or not ascending or not sigmas[-1] < math.inf:
        raise ValueError(
            f"sigmas={list(sigmas)} are no sizes of noise. Pass finite numbers > 0, ascending."
        )
    if theta.shape != prior.shape or theta.ndim != 1:
        raise ValueError(
            f"theta has the shape {tuple(theta.shape)}, prior {tuple(prior.shape)}. Pass two "
            "vectors of one length."
        )
    if L.num_examples < 8 or draws < 2 or not 0 < delta < 1:
        raise ValueError(
            f"examples={L.num_examples}, draws={draws}, delta={delta}: the bound needs at least 8 "
            "examples, at least 2 draws, and a delta between 0 and 1."
        )
