"""Durations of training runs: medians over seeds, with runs that are known by bounds alone."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.stats

from studies.intervals import Interval


@dataclasses.dataclass(frozen=True)
class Duration:
    """How many epochs one run takes to reach a target.

    Attributes:
        epochs: The epoch at which the run reaches the target, by interpolation between
            measurements; for a run that never does, the end of its plan, which is a lower bound.
        earliest: Epoch of the last measurement before the target is reached; the end of the plan
            for a run that never reaches it.
        latest: Epoch of the measurement by which the target is reached; infinite for a run that
            never reaches it.
    """

    epochs: float
    earliest: float
    latest: float

    @property
    def reached(self) -> bool:
        """Whether the run reaches the target."""
        return math.isfinite(self.latest)

    @property
    def measurement_interval(self) -> float:
        """Epochs between the measurements on either side: the largest error of ``epochs``."""
        return self.latest - self.earliest


@dataclasses.dataclass(frozen=True)
class Median(Interval):
    """A median over seeds with its interval; some seeds may be known by bounds alone.

    Attributes:
        estimate: The median; NaN where the bounds leave it open.
        low: Lower end of the interval; 0 where there are too few seeds for the asked coverage.
        high: Upper end; infinite where there are too few seeds, or where the end belongs to a run
            that never reaches the target.
        confidence: Coverage of the interval, at least the asked one.
        kind: ``median``, or ``ratio`` for ratios of pairs.
        least: Smallest value the median can have; the estimate where that is known.
        most: Largest value the median can have.
        censored: Number of seeds that are known by bounds alone.
        reason: Why there is no estimate; empty where there is one.
    """

    least: float
    most: float
    censored: int
    reason: str


def median_duration(durations: Sequence[Duration], *, confidence: float = 0.9) -> Median:
    """Return the median duration over seeds and its interval, with lower bounds among them.

    The interval runs from the r-th smallest to the r-th largest duration and holds for any
    distribution. It misses the median only if fewer than r of n seeds lie on one side of the
    median, so it covers with 1 − 2 P[Bin(n, 1/2) < r], exactly for continuous distributions. r is
    the largest rank with the asked coverage. With 5 seeds the interval spans the two extremes and
    covers in 93.75% of cases: no interval of 5 seeds without assumptions reaches 95%. Fewer than 5
    seeds do not reach 90%, and their interval runs from 0 to infinity.

    The lower end takes each run's measurement before it reaches the target, the upper end its
    measurement by which it has: the interval includes the error of interpolating between the two.
    Runs that never reach the target lie above the end of their plan, so both ends stay true; the
    upper end may become infinite.

    Args:
        durations: One for each seed, at least 1.
        confidence: Least coverage, in (0, 1).

    Returns:
        The median in epochs. It has no estimate where it is a run, or midway to a run, that never
        reaches the target; ``least`` is then a lower bound.

    Raises:
        ValueError: If there is no duration, or the coverage is out of range.

    Reference: Thompson (1936), On Confidence Ranges for the Median and Other Expectation
        Distributions for Populations of Unknown Distribution Form, Ann. Math. Statist. 7(3).
    """
    never = sum(not duration.reached for duration in durations)
    known = [(duration.epochs, _upper(duration)) for duration in durations]
    ends = [(duration.earliest, duration.latest) for duration in durations]
    reason = f"{never} of {len(durations)} runs never get there"
    return _median(known, ends, confidence, kind="median", censored=never, reason=reason)


def faster(
    first: Sequence[Duration], second: Sequence[Duration], *, confidence: float = 0.9
) -> Median:
    """Return how many times faster one arm is than another: the median ratio over seeds.

    The ratio of a seed is the second arm's epochs over the first arm's: above 1 the first arm is
    faster. Where one run of a pair never reaches the target, its ratio is known by a bound alone;
    where neither does, the ratio is unknown. The interval is built as in ``median_duration``, with
    these bounds, and with the measurements on either side, at its ends. It excludes 1 exactly if
    the sign test over seeds does, with every unknown sign counted against the result. With 5 seeds
    all must agree, and in none of them may both arms reach the target between the same two
    measurements; the interval then covers in 93.75% of cases. Unlike a share of seeds, the ratio
    says how much faster; unlike a mean of logarithms, it holds for any values of the censored runs.

    Args:
        first: Durations of the first arm, one for each seed, at least 1.
        second: Durations of the other arm, in the same order of seeds.
        confidence: Least coverage, in (0, 1).

    Returns:
        The median ratio; its ``least`` and ``most`` are bounds where it has no estimate.

    Raises:
        ValueError: If the two arms have different numbers of durations, there is none, or the
            coverage is out of range.
    """
    check_pairs(first, second)
    ends = ratio_ends(first, second)
    pairs = list(zip(first, second, strict=True))
    known = [(_ratio(b.epochs, _upper(a)), _ratio(_upper(b), a.epochs)) for a, b in pairs]
    censored = sum(math.isinf(max(a.latest, b.latest)) for a, b in pairs)
    reason = f"in {censored} of {len(pairs)} seeds a run never gets there"
    return _median(known, ends, confidence, kind="ratio", censored=censored, reason=reason)


def check_pairs(first: Sequence[Duration], second: Sequence[Duration]) -> None:
    """Refuse durations of two arms that are no pairs.

    Raises:
        ValueError: If the two arms have different numbers of durations.
    """
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} durations are no pairs. Pass both arms for the "
            "same seeds, in the same order."
        )


def ratio_ends(first: Sequence[Duration], second: Sequence[Duration]) -> list[tuple[float, float]]:
    """Return the least and the largest ratio second / first that the measurements allow.

    Args:
        first: Durations of the first arm, one for each seed.
        second: Durations of the other arm, in the same order of seeds.

    Returns:
        A pair for each seed; its upper end may be infinite.
    """
    return [
        (_ratio(b.earliest, a.latest), _ratio(b.latest, a.earliest))
        for a, b in zip(first, second, strict=True)
    ]


def order_interval(
    lows: Sequence[float], highs: Sequence[float], confidence: float
) -> tuple[float, float, float]:
    """Return the interval of a median between order statistics, and its coverage.

    Args:
        lows: Lower bound of each value.
        highs: Upper bound of each value, in any order; infinite where there is none.
        confidence: Least coverage, in (0, 1).

    Returns:
        The r-th smallest lower bound, the r-th largest upper bound and the coverage, with the
        largest rank r that covers as often as asked for; 0, infinity and 1 where none does.
    """
    n = len(lows)
    coverage = 1 - 2 * scipy.stats.binom.cdf(np.arange(n // 2), n, 0.5)  # Of ranks 1, 2, ...
    # The coverage of a rank may be asked for: it must not fail by rounding.
    rank = int((coverage >= confidence - 1e-12).sum())
    if not rank:
        return 0.0, math.inf, 1.0
    return (
        float(sorted(lows)[rank - 1]),
        float(sorted(highs)[-rank]),
        float(coverage[rank - 1]),
    )


def _upper(duration: Duration) -> float:
    """Return the largest number of epochs that a duration can be if interpolation is right."""
    return duration.epochs if math.isfinite(duration.latest) else math.inf


def _ratio(above: float, below: float) -> float:
    if above == below:  # Both may be 0, where the initialisation meets the target.
        return 1.0
    return above / below if below else math.inf


def _median(
    known: Sequence[tuple[float, float]],
    ends: Sequence[tuple[float, float]],
    confidence: float,
    *,
    reason: str,
    **labels,
) -> Median:
    """Return the median of censored values, and its interval.

    ``known`` bounds each value as interpolation has it, ``ends`` as the measurements have it.
    """
    if not known or not 0 < confidence < 1:
        raise ValueError(
            f"{len(known)} durations at confidence={confidence} have no median with interval. "
            "Pass at least one, one a seed, and a confidence in (0, 1)."
        )
    low, high, coverage = order_interval(
        [low for low, _ in ends], [high for _, high in ends], confidence
    )
    # The median grows with each value: all lower bounds give its least, all upper ones its most.
    least, most = (float(np.median(bounds)) for bounds in zip(*known, strict=True))
    determined = least == most
    return Median(
        estimate=least if determined else math.nan,
        low=low,
        high=high,
        n=len(known),
        confidence=coverage,
        invalid=0,
        least=least,
        most=most,
        reason="" if determined else reason,
        **labels,
    )
