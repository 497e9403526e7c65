"""Grids in coordinates of a line or plane, and what is measured on them."""

import dataclasses
import math
from collections.abc import Sequence

import torch

from landscape.measurement import Measurement

Positions = Sequence[float] | torch.Tensor


@dataclasses.dataclass(frozen=True)
class Line(Measurement):
    """Loss and accuracy along θ + α d.

    Attributes:
        alphas: Positions (a,).
        loss: Mean loss at each, (a,), float64; infinity and NaN are kept.
        accuracy: Accuracy at each, (a,).
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Lines(Measurement):
    """Loss and accuracy along several filter-normalised random directions from one solution.

    Attributes:
        alphas: Positions (a,), in units of the solution's filter norms.
        loss: Mean loss (d, a), one row a direction; infinity and NaN are kept.
        accuracy: Accuracy (d, a).
        seed: Seed of the directions.
    """

    alphas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    seed: int

    def quantiles(self, shares: Sequence[float]) -> torch.Tensor:
        """Return quantiles of the loss over directions, (q, a): see ``quantiles``."""
        return quantiles(self.loss, shares)


@dataclasses.dataclass(frozen=True)
class Plane(Measurement):
    """Loss and accuracy on θ + α d1 + β d2; entry [i, j] belongs to (alphas[i], betas[j]).

    Attributes:
        alphas: Positions along the first direction, (a,).
        betas: Positions along the second, (b,).
        loss: Mean loss (a, b), float64; infinity and NaN are kept.
        accuracy: Accuracy (a, b).
        cosine: Cosine of the angle between the directions: 0 where the picture keeps angles.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    cosine: float


@dataclasses.dataclass(frozen=True)
class Planes(Measurement):
    """Loss and accuracy on several planes through one solution, each along a random pair.

    Attributes:
        alphas: Positions along the first direction of each pair, (a,), in units of the solution's
            filter norms.
        betas: Positions along the second, (b,).
        loss: Mean loss (p, a, b), one layer a pair; infinity and NaN are kept.
        accuracy: Accuracy (p, a, b).
        cosines: Cosine of the angle between the directions of each pair, (p,).
        seed: Seed of the directions.
    """

    alphas: torch.Tensor
    betas: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    cosines: torch.Tensor
    seed: int

    def quantiles(self, shares: Sequence[float]) -> torch.Tensor:
        """Return quantiles of the loss over pairs, (q, a, b): see ``quantiles``."""
        return quantiles(self.loss, shares)


def quantiles(values: torch.Tensor, shares: Sequence[float]) -> torch.Tensor:
    """Return quantiles over the first axis, linear between order statistics.

    Args:
        values: Values (d, ...), float64; infinities order as numbers do.
        shares: Shares in [0, 1], such as (0.1, 0.5, 0.9), (q,).

    Returns:
        Quantiles (q, ...); NaN where a value is NaN.

    Raises:
        ValueError: If a share is outside [0, 1], or there is none.
    """
    if not len(shares) or not all(0 <= share <= 1 for share in shares):
        raise ValueError(f"shares={list(shares)} are no quantiles. Pass shares in [0, 1].")
    ordered = values.sort(dim=0).values
    places = [share * (len(values) - 1) for share in shares]
    # Not weights times values: 0 · inf would be NaN where the quantile is a value itself.
    found = [
        ordered[int(place)]
        if place == int(place)
        else ordered[int(place)] * (1 - place % 1) + ordered[int(place) + 1] * (place % 1)
        for place in places
    ]
    unknown = values.isnan().any(dim=0)
    return torch.stack([found_one.masked_fill(unknown, math.nan) for found_one in found])


def centred_positions(points: int, reach: float, *, power: float = 2.0) -> torch.Tensor:
    """Return a symmetric grid (points,) that holds 0 and is refined near it.

    Positions are ±reach · (k/m)^power for k = 0 ... m: neighbours at the border lie about ``power``
    times as far apart as evenly spaced ones, those at the centre far closer.

    Args:
        points: How many, odd and at least 3, so that the centre is one of them.
        reach: The largest position, > 0.
        power: At least 1; 1 spaces them evenly.

    Raises:
        ValueError: If one of these does not hold.
    """
    if points < 3 or points % 2 == 0 or not 0 < reach < math.inf or not 1 <= power < math.inf:
        raise ValueError(
            f"centred({points}, {reach}, power={power}) is no grid around 0. Pass an odd number "
            "of points >= 3, reach > 0 and power >= 1."
        )
    half = points // 2
    side = reach * (torch.arange(1, half + 1, dtype=torch.float64) / half) ** power
    return torch.cat([-side.flip(0), side.new_zeros(1), side])


def checked_positions(name: str, values: Positions) -> torch.Tensor:
    """Return positions (k,) in float64.

    Raises:
        ValueError: If there is none, or one is not finite.
    """
    found = torch.as_tensor(values, dtype=torch.float64)
    if found.dim() != 1 or len(found) == 0 or not bool(torch.isfinite(found).all()):
        raise ValueError(
            f"{name} of shape {tuple(found.shape)} is no grid. Pass at least one finite position, "
            "such as torch.linspace(-1, 1, 25)."
        )
    return found


def shared_levels(planes: Sequence[Plane], *, count: int = 13) -> list[float]:
    """Return increasing contour levels for several planes, a constant factor apart.

    They run from the smallest to the largest finite loss of all planes, so that pictures compare.

    Raises:
        ValueError: If no two finite, positive losses differ, or ``count < 3``.
    """
    losses = torch.cat([plane.loss.reshape(-1) for plane in planes])
    losses = losses[torch.isfinite(losses) & (losses > 0)]
    if count < 3 or len(losses) == 0 or not float(losses.min()) < float(losses.max()):
        raise ValueError(
            f"{len(losses)} finite, positive losses give no {count} levels. Pass planes whose "
            "losses differ, and count >= 3."
        )
    ends = [float(losses.min()), float(losses.max())]
    return torch.logspace(*(math.log10(end) for end in ends), count, dtype=torch.float64).tolist()
