"""Evidence on one number: its interval at any confidence, and tests against any border.

Each class has ``estimate``, ``interval(confidence)``, ``tails(border)`` and
``detectable(border, above=...)``. The tails are two one-sided p-values: the first is small where
the truth lies above the border, the second where it lies below. An interval excludes a border
exactly if the smaller tail is below half of what the interval may miss.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import scipy.stats

from studies.durations import order_interval
from studies.intervals import share_interval
from studies.judging import power
from studies.rank_correlation import RankCorrelation, fisher_interval
from studies.sign_agreement import resampled_interval

Tails = tuple[float, float]


class Evidence(Protocol):
    """What the samples say about one number."""

    @property
    def estimate(self) -> float:
        """The best single number."""

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the ends of the interval with this coverage."""

    def tails(self, border: float) -> Tails:
        """Return the p-values for lying above and below the border."""

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the nearest value that would have been told from the border; None: no value."""


@dataclasses.dataclass(frozen=True)
class StudentMean:
    """A mean of roughly normal samples, or of their logarithms.

    Attributes:
        mean: Mean of the samples, of their logarithms if ``log``.
        sd: Their standard deviation, above 0.
        n: Their number, at least 2.
        log: Whether the number is the exponential of the mean, such as a ratio.
    """

    mean: float
    sd: float
    n: int
    log: bool

    @property
    def estimate(self) -> float:
        """The mean, or the geometric mean."""
        return self._back(self.mean)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return Student's interval."""
        half = scipy.stats.t.ppf((1 + confidence) / 2, self.n - 1) * self._error
        return self._back(self.mean - half), self._back(self.mean + half)

    def tails(self, border: float) -> Tails:
        """Return the p-values of two one-sided t-tests."""
        if self.log and border <= 0:
            return 0.0, 1.0
        distance = (self.mean - (math.log(border) if self.log else border)) / self._error
        return (
            float(scipy.stats.t.sf(distance, self.n - 1)),
            float(scipy.stats.t.cdf(distance, self.n - 1)),
        )

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the border shifted by what a t-test sees."""
        if self.log and border <= 0:
            return None
        shift = power.detectable_shift(sd=self.sd, n=self.n) * (1 if above else -1)
        return border * self._back(shift) if self.log else border + shift

    @property
    def _error(self) -> float:
        return self.sd / math.sqrt(self.n)

    def _back(self, value: float) -> float:
        if not self.log:
            return float(value)
        return math.exp(value) if value < 709 else math.inf


@dataclasses.dataclass(frozen=True)
class BinomialShare:
    """A share of independent cases, with Clopper and Pearson's exact interval."""

    count: int
    n: int

    @property
    def estimate(self) -> float:
        """The share."""
        return self.count / self.n

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the exact interval."""
        interval = share_interval(self.count, self.n, confidence=confidence)
        return interval.low, interval.high

    def tails(self, border: float) -> Tails:
        """Return the p-values of two exact one-sided binomial tests."""
        border = min(max(border, 0.0), 1.0)
        return (
            float(scipy.stats.binom.sf(self.count - 1, self.n, border)),
            float(scipy.stats.binom.cdf(self.count, self.n, border)),
        )

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the share that an exact test sees."""
        return power.detectable_share(self.n, border, above=above)


@dataclasses.dataclass(frozen=True)
class PoissonRate:
    """A mean count a unit, with the exact interval of Poisson counts.

    Reference: Garwood (1936), Fiducial Limits for the Poisson Distribution, Biometrika 28(3/4).
    """

    count: int
    units: int

    @property
    def estimate(self) -> float:
        """The mean count a unit."""
        return self.count / self.units

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the exact interval."""
        tail = (1 - confidence) / 2
        low = scipy.stats.gamma.ppf(tail, self.count) if self.count else 0.0
        high = scipy.stats.gamma.isf(tail, self.count + 1)
        return float(low / self.units), float(high / self.units)

    def tails(self, border: float) -> Tails:
        """Return the p-values of two exact one-sided Poisson tests."""
        mean = max(border, 0.0) * self.units
        return (
            float(scipy.stats.poisson.sf(self.count - 1, mean)),
            float(scipy.stats.poisson.cdf(self.count, mean)),
        )

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the mean count that an exact test sees."""
        return power.detectable_rate(self.units, border, above=above)


@dataclasses.dataclass(frozen=True)
class Ranks:
    """A rank correlation, with the interval of ``rank_correlation`` at any confidence."""

    correlation: RankCorrelation

    @property
    def clusters(self) -> int:
        """Number of clusters that the networks come from."""
        return self.correlation.clusters

    @property
    def estimate(self) -> float:
        """The rank correlation."""
        return self.correlation.estimate

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return Fisher's interval, or the jackknife's over clusters where that is wider."""
        c = self.correlation
        return fisher_interval(
            c.estimate, c.z, c.error, c.jackknife, c.clusters, confidence=confidence
        )

    def tails(self, border: float) -> Tails:
        """Return the p-values that belong to these intervals."""
        if abs(border) >= 1:
            return (1.0, 0.0) if border >= 1 else (0.0, 1.0)
        c = self.correlation
        distance = abs(c.z - math.atanh(border))
        far = float(scipy.stats.norm.sf(distance / c.error))
        if c.jackknife:
            freedom = max(c.clusters - 1, 1)
            far = max(far, float(scipy.stats.t.sf(distance / c.jackknife, freedom)))
        return (far, 1 - far) if c.z >= math.atanh(border) else (1 - far, far)

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the rank correlation that would have been seen with these errors."""
        c = self.correlation
        return power.detectable_correlation(
            border, error=c.error, jackknife=c.jackknife, clusters=c.clusters, above=above
        )


@dataclasses.dataclass(frozen=True)
class OrderedMedian:
    """A median with the interval between order statistics; values may be known by bounds alone.

    Attributes:
        middle: The median, NaN where bounds leave it open.
        lows: Lower bound of each value.
        highs: Upper bound of each value; infinite where there is none.
    """

    middle: float
    lows: Sequence[float]
    highs: Sequence[float]

    @property
    def estimate(self) -> float:
        """The median."""
        return self.middle

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval between order statistics; 0 to ∞ where none covers so often."""
        low, high, _ = order_interval(self.lows, self.highs, confidence)
        return low, high

    def tails(self, border: float) -> Tails:
        """Return the p-values of two one-sided sign tests; an unknown sign counts against both."""
        n = len(self.lows)
        above = sum(low > border for low in self.lows)
        below = sum(high < border for high in self.highs)
        return (
            float(scipy.stats.binom.sf(above - 1, n, 0.5)),
            float(scipy.stats.binom.sf(below - 1, n, 0.5)),
        )

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the share of cases on one side of the border that a sign test sees."""
        return power.detectable_share(len(self.lows), 0.5, above=True)


@dataclasses.dataclass(frozen=True)
class Resampled:
    """A number whose interval lies between order statistics of resampled clusters.

    Attributes:
        estimate: The number.
        draws: The number in each resampled table, at least 39 of them.
        clusters: How many clusters were resampled.
    """

    estimate: float
    draws: np.ndarray
    clusters: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the order statistics, widened to the number itself."""
        low, high = resampled_interval(self.draws, confidence)
        return min(low, self.estimate), max(high, self.estimate)

    def tails(self, border: float) -> Tails:
        """Return the shares of draws on the other side of the border, the number counted too."""
        below = (np.append(self.draws, self.estimate) <= border).sum()
        above = (np.append(self.draws, self.estimate) >= border).sum()
        count = len(self.draws) + 1
        return float(max(below, 1) / count), float(max(above, 1) / count)

    def detectable(self, border: float, *, above: bool) -> float | None:
        """Return the number that lies as many standard errors off as 80% power takes."""
        shift = float(scipy.stats.norm.ppf([0.975, power.POWER]).sum() * self.draws.std(ddof=1))
        value = border + (shift if above else -shift)
        return value if abs(value) < 1 else None
