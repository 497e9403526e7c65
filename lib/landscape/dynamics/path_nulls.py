"""Null models of a training path: what principal components show of paths without structure.

All draws live in the Gram matrix (t, t) of a path. Isotropic steps in n dimensions have a Gram
matrix of the Wishart distribution, which is drawn exactly, whatever n; so no draw holds a path.
"""

import dataclasses
import math
from collections.abc import Callable

import torch

from landscape import arguments, rng
from landscape.dynamics.path_components import Centre, centred, shares

_LAGS = 5  # Order of the autoregression of the steps.

Draw = Callable[[torch.Generator], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class NullShares:
    """Shares of principal components over draws of a null model.

    Attributes:
        name: The null model.
        centre: Point around which squared distances are taken.
        shares: Share along each component, (draws, t), each in decreasing order.
    """

    name: str
    centre: Centre
    shares: torch.Tensor

    def first(self, k: int) -> torch.Tensor:
        """Return the share of the first k components together, (draws,)."""
        return self.shares[:, :k].sum(dim=1)

    def quantile(self, k: int, q: float) -> float:
        """Return a quantile over the draws of the share of the first k components."""
        return float(torch.quantile(self.first(k), q))


def walk_shares(
    count: int,
    *,
    dimensions: int,
    draws: int = 200,
    seed: int = 0,
    centre: Centre = "mean",
) -> NullShares:
    """Return the shares of isotropic random walks with equal steps.

    For a long walk in many dimensions they are (6/π²)/k² about the mean, 60.8%, 15.2% and 6.8%, and
    (8/π²)/(2k − 1)² about the end.

    Args:
        count: Number t of points of a path, at least 3.
        dimensions: Number n of parameters, at least 1.
        draws: Number of walks, at least 1.
        seed: Seed of the draws.
        centre: As for ``path_components``.

    Returns:
        The shares.

    Raises:
        ValueError: If a number is too small, or the centre is unknown.

    Reference: Antognini and Sohl-Dickstein (2018), PCA of high dimensional random walks with
        comparison to neural network training, NeurIPS.
    """
    arguments.check(walk_shares, locals())
    _check(count, dimensions, draws)
    factor = torch.eye(count - 1, dtype=torch.float64)
    return _drawn("random walk", _Walks(factor, dimensions), draws, seed, centre)


def correlated_walk_shares(
    gram: torch.Tensor,
    *,
    dimensions: int,
    draws: int = 200,
    seed: int = 0,
    centre: Centre = "mean",
) -> NullShares:
    """Return the shares of walks with the step lengths and the lag correlations of a path.

    The unit steps of the path are taken as an autoregression of order 5 with isotropic noise, by
    the Yule-Walker equations; each drawn step gets the length of the path's own. What sets the path
    apart from these walks is where it turns, not how smoothly it goes.

    Args:
        gram: Inner products (t, t) of the path's displacements from its start, such as
            ``Trajectory.gram()``.
        dimensions: Number n of parameters, at least 1.
        draws: Number of walks, at least 1.
        seed: Seed of the draws.
        centre: As for ``path_components``.

    Returns:
        The shares.

    Raises:
        ValueError: If a number is too small, the path has fewer than 3 points or is not finite, or
            the centre is unknown.
    """
    arguments.check(correlated_walk_shares, locals())
    _check(len(gram), dimensions, draws)
    steps = step_gram(gram)
    lengths = steps.diagonal().clamp_min(0).sqrt()
    correlations = _autoregression(lag_correlations(gram), len(steps))
    index = torch.arange(len(steps))
    toeplitz = correlations[(index[:, None] - index).abs()]
    # A matrix that is positive definite but for rounding.
    values, vectors = torch.linalg.eigh(toeplitz)
    factor = vectors * values.clamp_min(0).sqrt()
    walks = _Walks(factor, dimensions, lengths)
    return _drawn("correlated walk", walks, draws, seed, centre)


def shuffled_shares(
    gram: torch.Tensor, *, draws: int = 200, seed: int = 0, centre: Centre = "mean"
) -> NullShares:
    """Return the shares of paths that take the path's own steps in another order.

    Start and end stay, and nothing is assumed of the steps. The path's own order is one of many.

    Args:
        gram: As for ``correlated_walk_shares``.
        draws: Number of orders, at least 1.
        seed: Seed of the draws.
        centre: As for ``path_components``.

    Returns:
        The shares.

    Raises:
        ValueError: If a number is too small, the path has fewer than 3 points or is not finite, or
            the centre is unknown.
    """
    arguments.check(shuffled_shares, locals())
    _check(len(gram), 1, draws)
    return _drawn("shuffled steps", _Shuffled(step_gram(gram)), draws, seed, centre)


def straight_shares(
    gram: torch.Tensor,
    *,
    dimensions: int,
    draws: int = 200,
    seed: int = 0,
    centre: Centre = "mean",
) -> NullShares:
    """Return the shares of straight lines from start to end with noise around them.

    The line is travelled evenly. At each point isotropic noise is added, independent of all others,
    as large as the path's own distance from its place on the line.

    Args:
        gram: As for ``correlated_walk_shares``.
        dimensions: Number n of parameters, at least 2.
        draws: Number of lines, at least 1.
        seed: Seed of the draws.
        centre: As for ``path_components``.

    Returns:
        The shares.

    Raises:
        ValueError: If a number is too small, the path has fewer than 3 points or is not finite, or
            the centre is unknown.
    """
    arguments.check(straight_shares, locals())
    _check(len(gram), dimensions - 1, draws)
    steps = step_gram(gram)  # Refuses a path that is not finite.
    times = torch.linspace(0, 1, len(gram), dtype=torch.float64)
    off = gram.diagonal() - 2 * times * gram[:, -1] + times.square() * gram[-1, -1]
    chord = float(steps.sum().clamp_min(0).sqrt())
    line = _NoisyLine(times * chord, off.clamp_min(0).sqrt(), dimensions)
    return _drawn("straight line", line, draws, seed, centre)


def step_gram(gram: torch.Tensor) -> torch.Tensor:
    """Return the inner products (t − 1, t − 1) of a path's steps from snapshot to snapshot.

    Args:
        gram: As for ``correlated_walk_shares``.

    Raises:
        ValueError: If it is no square matrix of finite numbers.
    """
    if gram.dim() != 2 or gram.shape[0] != gram.shape[1] or not bool(gram.isfinite().all()):
        raise ValueError(
            f"a matrix of shape {tuple(gram.shape)} holds no inner products of a path, or they are "
            "not finite. Pass Trajectory.gram() of a run that did not diverge."
        )
    return gram.double().diff(dim=0).diff(dim=1)


def lag_correlations(gram: torch.Tensor, *, lags: int = _LAGS) -> torch.Tensor:
    """Return the mean cosine of a path's steps with those some snapshots later, (lags + 1,).

    Sums over the pairs are divided by the number of all steps, so that the correlations are those
    of some process; the first is 1.

    Args:
        gram: As for ``correlated_walk_shares``.
        lags: Largest lag, at least 0; there are no more than steps.

    Raises:
        ValueError: As ``step_gram``.
    """
    steps = step_gram(gram)
    lengths = steps.diagonal().clamp_min(0).sqrt()
    # A step of length 0 has no direction, and is correlated with none.
    inverse = torch.where(lengths > 0, 1 / lengths, torch.zeros_like(lengths))
    cosines = steps * inverse[:, None] * inverse
    moving = max(int((lengths > 0).sum()), 1)
    most = min(lags, len(steps) - 1)
    return torch.stack([cosines.diagonal(lag).sum() / moving for lag in range(most + 1)])


def _autoregression(correlations: torch.Tensor, count: int) -> torch.Tensor:
    """Return the correlations at all lags of the autoregression that has the first ones."""
    order = len(correlations) - 1
    if order == 0:
        return torch.cat([correlations, torch.zeros(count - 1, dtype=torch.float64)])
    index = torch.arange(order)
    matrix = correlations[(index[:, None] - index).abs()]
    weights = torch.linalg.lstsq(matrix, correlations[1:, None]).solution[:, 0]
    extended = correlations.tolist()
    while len(extended) < count:
        extended.append(sum(w * extended[-1 - i] for i, w in enumerate(weights.tolist())))
    return torch.tensor(extended[:count], dtype=torch.float64)


class _Walks:
    """Gram matrices of walks with isotropic steps F z, z independent in n dimensions."""

    def __init__(
        self, factor: torch.Tensor, dimensions: int, lengths: torch.Tensor | None = None
    ) -> None:
        self._factor, self._dimensions, self._lengths = factor, dimensions, lengths

    def __call__(self, generator: torch.Generator) -> torch.Tensor:
        root = self._factor @ _wishart_root(len(self._factor), self._dimensions, generator)
        if self._lengths is not None:
            root = root / root.norm(dim=1, keepdim=True) * self._lengths[:, None]
        return _path_gram(root @ root.T)


class _Shuffled:
    """Gram matrices of paths that take given steps in another order."""

    def __init__(self, steps: torch.Tensor) -> None:
        self._steps = steps

    def __call__(self, generator: torch.Generator) -> torch.Tensor:
        order = torch.randperm(len(self._steps), generator=generator)
        return _path_gram(self._steps[order][:, order])


class _NoisyLine:
    """Gram matrices of points on a line with isotropic noise of given lengths."""

    def __init__(self, places: torch.Tensor, lengths: torch.Tensor, dimensions: int) -> None:
        self._places, self._lengths, self._dimensions = places, lengths, dimensions

    def __call__(self, generator: torch.Generator) -> torch.Tensor:
        count = len(self._places)
        along = torch.randn(count, dtype=torch.float64, generator=generator)
        along /= math.sqrt(self._dimensions)
        # The other dimensions of the noise, at right angles to the line.
        across = _wishart_root(count, self._dimensions - 1, generator)
        across *= math.sqrt((self._dimensions - 1) / self._dimensions)
        noise = torch.cat([along[:, None], across], dim=1)
        noise = noise / noise.norm(dim=1, keepdim=True) * self._lengths[:, None]
        noise[:, 0] += self._places
        return noise @ noise.T


def _wishart_root(count: int, dimensions: int, generator: torch.Generator) -> torch.Tensor:
    """Return R with R Rᵀ distributed as Z Zᵀ / n, Z (count, n) of standard normal numbers.

    Reference: Bartlett (1933), On the theory of statistical regression: R is lower triangular, with
        normal numbers below a diagonal of chi-distributed ones.
    """
    full = dimensions < 2 * count  # Then Z itself is small.
    shape = (count, dimensions if full else count)
    normal = torch.randn(shape, dtype=torch.float64, generator=generator)
    if not full:
        degrees = dimensions - torch.arange(count, dtype=torch.float64)
        normal = normal.tril(-1) + _chi_squared(degrees, generator).sqrt().diag()
    return normal / math.sqrt(dimensions)


def _chi_squared(degrees: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw chi-squared numbers of at least two degrees of freedom each.

    Reference: Marsaglia and Tsang (2000), A Simple Method for Generating Gamma Variables, ACM
        Transactions on Mathematical Software 26(3).
    """
    d = degrees / 2 - 1 / 3
    drawn = torch.full_like(d, math.nan)
    while bool((waiting := drawn.isnan()).any()):
        x = torch.randn(len(d), dtype=torch.float64, generator=generator)
        u = torch.rand(len(d), dtype=torch.float64, generator=generator)
        v = (1 + x / (9 * d).sqrt()) ** 3
        taken = waiting & (v > 0) & (u.log() < x.square() / 2 + d - d * v + d * v.log())
        drawn = torch.where(taken, 2 * d * v, drawn)
    return drawn


def _path_gram(steps: torch.Tensor) -> torch.Tensor:
    """Return the inner products (t, t) of the points that steps lead to, the start among them."""
    gram = torch.zeros(len(steps) + 1, len(steps) + 1, dtype=torch.float64)
    gram[1:, 1:] = steps.cumsum(dim=0).cumsum(dim=1)
    return gram


def _drawn(name: str, draw: Draw, draws: int, seed: int, centre: Centre) -> NullShares:
    stream = rng.stream(seed, "path null", name)
    rows = [shares(centred(draw(stream), centre)) for _ in range(draws)]
    return NullShares(name, centre, torch.stack(rows))


def _check(count: int, dimensions: int, draws: int) -> None:
    if count < 3 or dimensions < 1 or draws < 1:
        raise ValueError(
            f"{draws} draws of paths of {count} points in {dimensions} free dimensions. Pass a "
            "path of at least 3 points, as many dimensions as parameters, and draws >= 1."
        )
