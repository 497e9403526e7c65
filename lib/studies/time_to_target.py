"""Time to target: epochs until an accuracy or a loss reaches a target, with censored runs."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import scipy.stats
import torch

from studies.intervals import Interval
from studies.runs import RecordedRun, Runs


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


def reach(run: RecordedRun, quantity: str, target: float) -> Duration:
    """Return how many epochs a run takes until an accuracy rises, or a loss falls, to a target.

    The run reaches the target at the first measurement that meets it, whatever comes later. The
    epoch is interpolated between this measurement and the one before: linearly in an accuracy, in
    the logarithm of a loss. If the loss of the measurement before is not finite, the epoch is that
    of the measurement itself. A network whose loss is not finite never counts as meeting the
    target: it always answers one class, and its accuracy says nothing.

    A run that never reaches the target, such as one that diverges first, is not left out: its
    duration is the end of its plan, as a lower bound.

    Args:
        run: The run.
        quantity: Name in the run's history, such as ``test_accuracy`` or ``train_loss``.
        target: A share correct in (0, 1], or a finite loss > 0 in nats.

    Returns:
        The duration in epochs, with the measurements on either side.

    Raises:
        ValueError: If the history has no such accuracy or loss, or the target is out of range.
    """
    accuracy = _checked(run, quantity, target)
    values = run.history[quantity]
    valid = run.history[f"{quantity.partition('_')[0]}_loss"].isfinite()
    met = (valid & (values >= target if accuracy else values <= target)).nonzero()
    if len(met) == 0:
        end = float(run.measured_at[-1])
        return Duration(end, earliest=end, latest=math.inf)
    first = int(met[0])
    if first == 0:
        return Duration(0.0, earliest=0.0, latest=0.0)
    before, after = run.measured_at[first - 1 : first + 1].tolist()
    heights = torch.stack([values[first - 1], values[first], values.new_tensor(target)])
    start, end, goal = (heights if accuracy else heights.log()).tolist()
    # A loss that is not finite on the left side leaves nothing to interpolate from.
    share = (goal - start) / (end - start) if valid[first - 1] else 1.0
    return Duration(before + share * (after - before), earliest=before, latest=after)


def _checked(run: RecordedRun, quantity: str, target: float) -> bool:
    """Return whether the quantity is an accuracy, not a loss; refuse anything else."""
    known = [name for name in run.history if name.endswith(("_accuracy", "_loss"))]
    if quantity not in known:
        raise ValueError(
            f"quantity={quantity!r} has no target to reach. Pass an accuracy or a loss of the "
            f"history: {', '.join(known)}."
        )
    accuracy = quantity.endswith("_accuracy")
    if not 0 < target <= (1.0 if accuracy else math.inf) or math.isinf(target):
        allowed = "a share correct in (0, 1]" if accuracy else "a finite loss > 0, in nats"
        raise ValueError(f"target={target} is out of range for {quantity!r}. Pass {allowed}.")
    return accuracy


def shared_target(runs: Runs, arms: Sequence[str]) -> dict[int, float]:
    """Return for each seed the lowest training loss that all arms reach: the largest final loss.

    Args:
        runs: (arm, seed) -> run.
        arms: The arms to compare; every one needs a run of each seed of the first.

    Returns:
        Seed -> training loss in nats; NaN where a run of any arm diverged or ended without a finite
        loss.
    """
    targets = {}
    for seed in [seed for arm, seed in runs if arm == arms[0]]:
        seed_runs = [runs[arm, seed] for arm in arms]
        final = [float(run.history["train_loss"][-1]) for run in seed_runs]
        targets[seed] = math.nan if any(run.diverged for run in seed_runs) else max(final)
    return targets


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
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} durations are no pairs. Pass both arms for the "
            "same seeds, in the same order."
        )
    pairs = list(zip(first, second, strict=True))
    known = [(_ratio(b.epochs, _upper(a)), _ratio(_upper(b), a.epochs)) for a, b in pairs]
    ends = [(_ratio(b.earliest, a.latest), _ratio(b.latest, a.earliest)) for a, b in pairs]
    censored = sum(not (a.reached and b.reached) for a, b in pairs)
    reason = f"in {censored} of {len(pairs)} seeds a run never gets there"
    return _median(known, ends, confidence, kind="ratio", censored=censored, reason=reason)


def _upper(duration: Duration) -> float:
    """Return the largest number of epochs that a duration can be if interpolation is right."""
    return duration.epochs if duration.reached else math.inf


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
    lows, highs = (sorted(bounds) for bounds in zip(*ends, strict=True))
    n = len(known)
    coverage = 1 - 2 * scipy.stats.binom.cdf(np.arange(n // 2), n, 0.5)  # Of ranks 1, 2, ...
    rank = int((coverage >= confidence).sum())
    # The median grows with each value: all lower bounds give its least, all upper ones its most.
    least, most = (float(np.median(bounds)) for bounds in zip(*known, strict=True))
    determined = least == most
    return Median(
        estimate=least if determined else math.nan,
        low=lows[rank - 1] if rank else 0.0,
        high=highs[-rank] if rank else math.inf,
        n=n,
        confidence=float(coverage[rank - 1]) if rank else 1.0,
        invalid=0,
        least=least,
        most=most,
        reason="" if determined else reason,
        **labels,
    )
