"""Time to target: epochs until an accuracy or a loss reaches a target, with censored runs."""

import math
from collections.abc import Sequence

import torch

from studies.durations import Duration
from studies.runs import RecordedRun, Runs


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
        ValueError: If the history has no such accuracy or loss, its values come from a subset of
            the examples, or the target is out of range.
    """
    accuracy = _checked(run, quantity, target)
    values = run.in_full(quantity)
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
