"""Follow noisy descent between two wells whose masses are known exactly."""

import dataclasses
import math
from typing import Literal

import numpy as np
import torch
from scipy.integrate import quad

from landscape import arguments, rng

Noise = Literal["isotropic", "root of H", "H", "examples"]

# Exponent a of the noise's covariance H^a; noise of single examples has that of H at a well.
_EXPONENTS = {"isotropic": 0.0, "root of H": 0.5, "H": 1.0}
_FURTHEST = 6.0  # In units of the wells' places; beyond it nothing of the mass is left.
_CLIPPED = 1.5  # |x| beyond which the curvature stays as it is.


@dataclasses.dataclass(frozen=True)
class TwoWells:
    """A loss with a flat and a sharp minimum of known curvature and depth.

    With q = (x₁² − 1)/2, L(x) = s(x₁)² (q² + x₂² + … + x_d²)/2 + Δ w(x₁). The factor s grows from
    r^(−1/4) at the flat minimum, (−1, 0, …), to r^(1/4) at the sharp one, (1, 0, …): their Hessians
    are r^(−1/2) I and r^(1/2) I. The weight w falls smoothly from 1 at the flat minimum to 0 at the
    sharp one, so the flat one lies Δ higher.

    Attributes:
        dimension: Number d of dimensions, at least 1.
        ratio: Ratio r of the curvatures, sharp over flat, at least 1.
        gap: Δ, by which the flat minimum lies higher.

    Raises:
        ValueError: If a number is out of range.
    """

    dimension: int = 1
    ratio: float = 1.0
    gap: float = 0.0

    def __post_init__(self) -> None:
        if self.dimension < 1 or not 1 <= self.ratio < math.inf or not math.isfinite(self.gap):
            raise ValueError(
                f"TwoWells({self.dimension}, {self.ratio}, {self.gap}): pass a dimension >= 1, a "
                "ratio of curvatures >= 1 and a finite gap."
            )

    @property
    def half_log_det_ratio(self) -> float:
        """Half the logarithm of det H at the sharp minimum over det H at the flat one."""
        return self.dimension / 2 * math.log(self.ratio)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        """Return the loss (N,) at points (N, d)."""
        residuals, _, weight, _ = self._parts(x)
        return residuals.square().sum(1) / 2 + self.gap * weight

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """Return the gradient (N, d) at points (N, d)."""
        residuals, s, _, slope = self._parts(x)
        growth = self._growth(x[:, 0])
        # ∂r₁/∂x₁ = s x₁ + (s′/s) r₁ and ∂r_i/∂x₁ = (s′/s) r_i, where r_i = s x_i.
        result = s[:, None] * residuals
        along = residuals[:, 0] * s * x[:, 0] + growth * residuals.square().sum(1)
        result[:, 0] = along + self.gap * slope
        return result

    def example_noise(self, x: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
        """Return what sets the gradient of an example apart from that of the loss, (N, d).

        The loss of an example is L(x) + Σ b_j G_j(x), where G₁ is an integral of s and G_j = s x_j.
        With b = ±1 the mean over examples is L. At both minima the covariance is s² I.

        Args:
            x: Points (N, d).
            signs: b (N, d).
        """
        s = self._scale(x[:, 0])
        result = s[:, None] * signs
        across = (signs * x)[:, 1:].sum(1)
        result[:, 0] += self._growth(x[:, 0]) * s * across
        return result

    def curvature(self, x: torch.Tensor) -> torch.Tensor:
        """Return the curvature s(x₁)² (N,), which at both minima is the Hessian's."""
        return self._scale(x[:, 0]).square()

    def log_odds(self, temperature: float) -> float:
        """Return log ∫ exp(−L/T) on the flat side over that on the sharp side, by quadrature.

        The integral over all dimensions but the first is Gaussian, and known.

        Args:
            temperature: T > 0.

        Raises:
            ValueError: If it is not.
        """
        if not temperature > 0:
            raise ValueError(f"temperature={temperature} has no density. Pass a number > 0.")

        def density(first: float) -> float:
            point = torch.zeros(1, self.dimension, dtype=torch.float64)
            point[0, 0] = first
            scale = float(self._scale(point[:, 0]))
            energy = float(self.loss(point)) / temperature
            return math.exp(-energy) * scale ** (1 - self.dimension)

        ends = ((-_FURTHEST, 0.0), (0.0, _FURTHEST))
        flat, sharp = (quad(density, *end, limit=400, epsabs=0)[0] for end in ends)
        return math.log(flat / sharp)

    def laplace_log_odds(self, temperature: float) -> float:
        """Return the same in the limit of low temperature: ½ log det ratio − Δ/T."""
        return self.half_log_det_ratio - self.gap / temperature

    def _scale(self, first: torch.Tensor) -> torch.Tensor:
        return torch.exp(math.log(self.ratio) / 4 * first.clamp(-_CLIPPED, _CLIPPED))

    def _growth(self, first: torch.Tensor) -> torch.Tensor:
        """Return s′/s (N,)."""
        return math.log(self.ratio) / 4 * (first.abs() < _CLIPPED).to(first.dtype)

    def _parts(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return residuals (N, d), s (N,), w (N,) and its slope (N,)."""
        first = x[:, 0]
        s = self._scale(first)
        places = x.clone()
        places[:, 0] = (first.square() - 1) / 2
        inner = first.clamp(-1, 1)
        weight = (2 - 3 * inner + inner**3) / 4
        slope = 0.75 * (inner.square() - 1)
        return s[:, None] * places, s, weight, slope


@dataclasses.dataclass(frozen=True)
class Occupancy:
    """Where chains of noisy descent stay, half of them started in each minimum.

    Attributes:
        times: Step size times steps at which chains were counted, (t,), float64.
        from_flat: Share of the chains started in the flat minimum that are on its side, (t,).
        from_sharp: Share of the others that are on the flat side, (t,).
        log_odds: Logarithm of the odds, flat over sharp, in the long run: log of the rates out of
            the sharp and the flat well. For two wells that chains leave at constant rates it does
            not depend on how far they have mixed. Infinite where no chain left a well.
        error: Its standard error, from the spread over chains.
        mixed: 1 − (from_flat − from_sharp) at the end: 0 as chains start, 1 in the long run.
    """

    times: torch.Tensor
    from_flat: torch.Tensor
    from_sharp: torch.Tensor
    log_odds: float
    error: float
    mixed: float


def occupancy(
    wells: TwoWells,
    *,
    temperature: float,
    learning_rate: float,
    noise: Noise = "isotropic",
    duration: float = 1000.0,
    chains: int = 1000,
    counts: int = 40,
    seed: int = 0,
) -> Occupancy:
    """Follow x ← x − η ∇L + noise from both minima, and count on which side the chains are.

    The noise has the covariance 2 η T C(x), where C = I (``isotropic``), s (``root of H``) or s²
    (``H``) times I, and C = I where the curvature is 1. With ``examples`` no noise is added: each
    step takes the gradient of one example of a finite sum, ``TwoWells.example_noise`` with b = ±σ
    and σ² = 2 T/η. At both minima its covariance is that of ``H``.

    Args:
        wells: The loss.
        temperature: T > 0.
        learning_rate: Step size η > 0.
        noise: Kind of the noise.
        duration: Step size times number of steps, at least 2 η.
        chains: Number of chains, even, at least 4.
        counts: Number of times at which chains are counted, evenly spaced, at least 2.
        seed: Seed of the stream "two wells".

    Raises:
        ValueError: If a number is out of range, or the noise is unknown.
        FloatingPointError: If a chain left every bound: the step is too large.

    Reference: Jastrzębski et al. (2018), Three Factors Influencing Minima in SGD, ICANN.
    """
    arguments.check(occupancy, locals())
    steps = round(duration / learning_rate) if learning_rate > 0 else 0
    if not temperature > 0 or steps < counts or chains < 4 or chains % 2 or counts < 2:
        raise ValueError(
            f"temperature={temperature}, learning_rate={learning_rate}, duration={duration}, "
            f"chains={chains}, counts={counts}: pass numbers > 0, an even number of chains >= 4, "
            "at least 2 counts, and as many steps as counts."
        )
    if noise not in (*_EXPONENTS, "examples"):
        raise ValueError(
            f"noise={noise!r} is unknown. Pass one of {', '.join((*_EXPONENTS, 'examples'))}."
        )
    generator = rng.stream(seed, "two wells")
    x = torch.zeros(chains, wells.dimension, dtype=torch.float64)
    x[:, 0] = 1.0
    x[: chains // 2, 0] = -1.0
    taken = np.linspace(0, steps, counts + 1).round().astype(int)[1:]
    sides = torch.zeros(counts, chains, dtype=torch.bool)
    for step in range(steps):
        x = _step(wells, x, temperature, learning_rate, noise, generator)
        places = np.flatnonzero(taken == step + 1)
        if places.size:
            sides[int(places[0])] = x[:, 0] < 0
    if not bool(x.isfinite().all()):
        raise FloatingPointError(
            f"{int((~x.isfinite()).any(1).sum())} of {chains} chains left every bound. Pass a "
            f"smaller learning_rate than {learning_rate}."
        )
    return _counted(torch.from_numpy(taken) * learning_rate, sides)


def _step(
    wells: TwoWells,
    x: torch.Tensor,
    temperature: float,
    rate: float,
    noise: Noise,
    generator: torch.Generator,
) -> torch.Tensor:
    if noise == "examples":
        signs = torch.randint(0, 2, x.shape, generator=generator).double() * 2 - 1
        apart = math.sqrt(2 * temperature / rate) * wells.example_noise(x, signs)
        return x - rate * (wells.gradient(x) + apart)
    draws = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    size = (2 * rate * temperature * wells.curvature(x) ** _EXPONENTS[noise]).sqrt()
    return x - rate * wells.gradient(x) + size[:, None] * draws


def _counted(times: torch.Tensor, sides: torch.Tensor) -> Occupancy:
    """Return the occupancy, from the sides of all chains (t, chains): True is the flat one."""
    half = sides.shape[1] // 2
    shares = sides.double()
    from_flat, from_sharp = shares[:, :half].mean(1), shares[:, half:].mean(1)
    late = shares[len(times) // 2 :].mean(0)  # Of each chain, over the later half.
    out_of_flat, into_flat = 1 - late[:half], late[half:]
    entered, left = float(into_flat.mean()), float(out_of_flat.mean())
    # In the long run the odds are those of the rates; at any time both shares have one factor.
    if entered > 0 and left > 0:
        odds = math.log(entered / left)
    else:
        odds = math.nan if entered == left else math.copysign(math.inf, entered - left)
    errors = [
        float(part.std()) / math.sqrt(half) / mean if mean > 0 else math.inf
        for part, mean in ((into_flat, entered), (out_of_flat, left))
    ]
    return Occupancy(
        times=times,
        from_flat=from_flat,
        from_sharp=from_sharp,
        log_odds=odds,
        error=math.hypot(*errors),
        mixed=float(1 - (from_flat[-1] - from_sharp[-1])),
    )
