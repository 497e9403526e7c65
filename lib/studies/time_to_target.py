"""Durations: how long training takes to reach a level, also over seeds of which some never do."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
import torch
from landscape.training.run import Run

from studies.arms import Runs, divergence_text
from studies.intervals import Interval
from studies.study import Study


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long one run takes to reach a level.

    Attributes:
        epochs: Where it is reached, by interpolation; of a run that never does, the end of its
            plan, which is a lower bound.
        earliest: The last measurement before it is reached; the end of the plan likewise.
        latest: The measurement by which it is reached; infinite where it never is.
    """

    epochs: float
    earliest: float
    latest: float

    @property
    def reached(self) -> bool:
        """Whether the level is reached."""
        return math.isfinite(self.latest)

    @property
    def within(self) -> float:
        """Epochs between the measurements on either side, by which ``epochs`` may be off."""
        return self.latest - self.earliest


@dataclasses.dataclass(frozen=True)
class Median(Interval):
    """A median over seeds, some of which are known only by bounds, with its interval.

    Attributes:
        estimate: The median; NaN where the bounds leave it open.
        low: Lower end; 0 where there are too few seeds for the coverage asked for.
        high: Upper end; infinite where there are too few, or it is a run that never gets there.
        confidence: The coverage of the interval, at least what was asked for.
        kind: ``median``, or ``ratio`` of pairs.
        least: The least the median can be; the estimate where it is known.
        most: The most it can be.
        censored: Seeds that are known only by bounds.
        reason: Why there is no estimate; empty where there is one.
    """

    least: float
    most: float
    censored: int
    reason: str


def reach(run: Run, quantity: str, level: float) -> Duration:
    """Return how long a run takes until an accuracy is at least, or a loss at most, a level.

    The level is reached at the first measurement where it holds, whatever comes later, and between
    this one and the one before by interpolation: linear in an accuracy, in the logarithm of a loss.
    Where the one before is not finite, it is reached at the measurement itself. Networks whose loss
    is not finite reach nothing: their accuracy is that of always answering one class.

    A run that never gets there, such as one that diverges before, is not left out: its duration is
    the end of its plan, as a lower bound.

    Args:
        run: The run.
        quantity: What of its history, such as ``test_accuracy`` or ``train_loss``.
        level: A share correct in (0, 1], or a loss in nats, > 0.

    Raises:
        ValueError: If the quantity is neither accuracy nor loss of the history, or the level is out
            of range.
    """
    accuracy = _checked(run, quantity, level)
    values = run.history[quantity]
    valid = run.history[f"{quantity.partition('_')[0]}_loss"].isfinite()
    there = (valid & (values >= level if accuracy else values <= level)).nonzero()
    if len(there) == 0:
        end = float(run.measured_at[-1])
        return Duration(end, earliest=end, latest=math.inf)
    first = int(there[0])
    if first == 0:
        return Duration(0.0, earliest=0.0, latest=0.0)
    before, after = run.measured_at[first - 1 : first + 1].tolist()
    heights = torch.stack([values[first - 1], values[first], values.new_tensor(level)])
    start, end, rim = (heights if accuracy else heights.log()).tolist()
    share = (rim - start) / (end - start) if valid[first - 1] else 1.0
    return Duration(before + share * (after - before), earliest=before, latest=after)


def _checked(run: Run, quantity: str, level: float) -> bool:
    """Return whether a quantity is an accuracy, not a loss."""
    known = [name for name in run.history if name.endswith(("_accuracy", "_loss"))]
    if quantity not in known:
        raise ValueError(
            f"quantity={quantity!r} has no level to reach. Pass an accuracy or a loss of the "
            f"history: {', '.join(known)}."
        )
    accuracy = quantity.endswith("_accuracy")
    if not 0 < level <= (1.0 if accuracy else math.inf) or math.isinf(level):
        allowed = "a share correct in (0, 1]" if accuracy else "a finite loss > 0, in nats"
        raise ValueError(f"level={level} is no level of {quantity!r}. Pass {allowed}.")
    return accuracy


def record_times(
    study: Study,
    runs: Runs,
    levels: Mapping[str, tuple[str, float]],
    *,
    closer: Runs | None = None,
) -> dict[str, dict[str, list[Duration]]]:
    """Record how long each run takes to reach levels.

    A run that never reaches one is recorded with the end of its plan and as not converged. Where
    all runs share one plan, rank correlations of the recorded values are valid: such runs are tied
    behind all others.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run.
        levels: Name to record under, such as ``epochs_to_97`` -> quantity and level, as ``reach``
            takes them.
        closer: (arm, seed) -> the beginning of the same run, measured more often: it is what counts
            where it reaches the level.

    Returns:
        Name -> arm -> durations, in the order of seeds.
    """
    found: dict[str, dict[str, list[Duration]]] = {name: {} for name in levels}
    for (arm, seed), run in runs.items():
        for name, level in levels.items():
            duration, own = reach(run, *level), run
            beginning = (closer or {}).get((arm, seed))
            if beginning is not None and (close := reach(beginning, *level)).reached:
                duration, own = close, beginning
            study.add(
                name,
                duration.epochs,
                arm=arm,
                seed=seed,
                unit="epochs",
                error=duration.within,
                error_kind="interval between measurements",
                converged=duration.reached,
                cost=own.steps,
                cost_unit="steps",
                bn="frozen",
                examples_hash=own.data_sha256,
                note=_note(own, duration),
            )
            found[name].setdefault(arm, []).append(duration)
    return found


def shared_level(runs: Runs, arms: Sequence[str]) -> dict[int, float]:
    """Return for each seed the lowest training loss that all arms reach: the largest of their ends.

    Args:
        runs: (arm, seed) -> run.
        arms: The arms to compare.

    Returns:
        Seed -> training loss in nats; NaN where a run diverged or ended without a finite loss.
    """
    found = {}
    for seed in [seed for arm, seed in runs if arm == arms[0]]:
        own = [runs[arm, seed] for arm in arms]
        ends = [float(run.history["train_loss"][-1]) for run in own]
        found[seed] = math.nan if any(map(divergence_text, own)) else max(ends)
    return found


def _note(run: Run, duration: Duration) -> str:
    never = "" if duration.reached else f"never within {duration.epochs:g} epochs"
    diverged = "" if run.diverged_at is None else f"diverged at step {run.diverged_at}"
    return "; ".join(filter(None, [never, diverged]))


def typical(durations: Sequence[Duration], *, confidence: float = 0.9) -> Median:
    """Return the median duration over seeds, and its interval, also if some are lower bounds.

    The interval runs from the r-th smallest to the r-th largest duration, whatever their
    distribution: it misses the median only if fewer than r of n seeds lie on one side of it, so it
    covers with 1 − 2 P[Bin(n, 1/2) < r], exactly for continuous distributions. r is the largest
    that covers as asked for. 5 seeds cannot do better than their extremes, which cover in 93.75% of
    cases: no interval of 5 seeds without assumptions has 95%. Fewer than 5 do not have 90%, and
    their interval is from 0 to infinity. Of each run the lower end counts the measurement before
    the level is reached, and the upper one that by which it is: what interpolation between them may
    be off by is in the interval. Runs that never reach the level lie above the end of their plan,
    so both ends stay true: the upper one may become infinite.

    Args:
        durations: One for each seed, at least 1.
        confidence: Least coverage, in (0, 1).

    Returns:
        The median, without estimate where it is a run, or midway to a run, that never gets there;
        ``least`` is then a lower bound.

    Raises:
        ValueError: If there is no duration, or the coverage is out of range.

    Reference: Thompson (1936), On Confidence Ranges for the Median and Other Expectation
        Distributions for Populations of Unknown Distribution Form, Ann. Math. Statist. 7(3).
    """
    never = sum(not duration.reached for duration in durations)
    known = [(duration.epochs, _last(duration)) for duration in durations]
    ends = [(duration.earliest, duration.latest) for duration in durations]
    reason = f"{never} of {len(durations)} runs never get there"
    return _median(known, ends, confidence, kind="median", censored=never, reason=reason)


def faster(
    first: Sequence[Duration], second: Sequence[Duration], *, confidence: float = 0.9
) -> Median:
    """Return how many times faster one arm is than another: the median over seeds of their ratio.

    The ratio of a seed is the second's epochs over the first's: above 1 the first is faster. Where
    a run never reaches the level its ratio is known by a bound only, and where neither does, not at
    all. The interval is that of ``typical``, with these bounds, and those of the measurements on
    either side, at its ends. It excludes 1 exactly if the sign test over seeds, with all that is
    unknown counted against it, does so: of 5 seeds all must agree, none of them reaching the level
    between the same two measurements in both arms, and the interval then covers in 93.75% of cases.
    Unlike a share of seeds it says how much faster, and unlike a mean of logarithms it holds
    whatever the censored ones are.

    Args:
        first: One duration for each seed, at least 1.
        second: Those of the other arm, in the same order of seeds.
        confidence: Least coverage, in (0, 1).

    Raises:
        ValueError: If the two have different lengths, there is none, or the coverage is out of
            range.
    """
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} durations are no pairs. Pass one of each arm for the "
            "same seeds, in the same order."
        )
    pairs = list(zip(first, second, strict=True))
    known = [(_ratio(b.epochs, _last(a)), _ratio(_last(b), a.epochs)) for a, b in pairs]
    ends = [(_ratio(b.earliest, a.latest), _ratio(b.latest, a.earliest)) for a, b in pairs]
    open_ = sum(not (a.reached and b.reached) for a, b in pairs)
    reason = f"in {open_} of {len(pairs)} seeds a run never gets there"
    return _median(known, ends, confidence, kind="ratio", censored=open_, reason=reason)


def _last(duration: Duration) -> float:
    """Return the largest number of epochs it can be if interpolation is right."""
    return duration.epochs if duration.reached else math.inf


def _ratio(above: float, below: float) -> float:
    if above == below:  # Both may be 0, at the initialisation.
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
    """Return the median of values known but for censoring, and its interval by their bounds."""
    if not known or not 0 < confidence < 1:
        raise ValueError(
            f"{len(known)} durations at confidence={confidence} have no median with interval. "
            "Pass at least one, one a seed, and a confidence in (0, 1)."
        )
    lows, highs = (sorted(own) for own in zip(*ends, strict=True))
    n = len(known)
    coverage = 1 - 2 * scipy.stats.binom.cdf(np.arange(n // 2), n, 0.5)  # Of ranks 1, 2, ...
    rank = int((coverage >= confidence).sum())
    least, most = (float(np.median(own)) for own in zip(*known, strict=True))
    sure = least == most
    return Median(
        estimate=least if sure else math.nan,
        low=lows[rank - 1] if rank else 0.0,
        high=highs[-rank] if rank else math.inf,
        n=n,
        confidence=float(coverage[rank - 1]) if rank else 1.0,
        invalid=0,
        least=least,
        most=most,
        reason="" if sure else reason,
        **labels,
    )
