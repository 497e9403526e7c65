"""Comparisons at equal loss: networks, and step noise, where all arms have one training loss."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from landscape.training.config import TrainConfig
from landscape.training.run import Run
from landscape.training.schedules import Schedule

from studies import intervals
from studies.collection import Key
from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers
from studies.runs import RecordedRun, Runs
from studies.solutions import Solution, Solutions
from studies.tasks import Examples
from studies.time_to_target import reach, shared_target

# Note in the rows of a run that has no network at the target loss.
MISSING_NOTE = "no network at the level"


def equal_loss_solutions(
    runs: Runs,
    examples: Examples,
    *,
    target: float | None = None,
    within: str = "",
    **options: Any,
) -> Solutions:
    """Return each run's network where its training loss first reaches a target.

    Final sharpness differs partly because final training losses differ: the curvature of the
    cross-entropy falls with the loss. At one training loss this difference is gone. The step comes
    from interpolating between recorded measurements, as in ``time_to_target.reach``. Once such a
    network is measured, its run is trained again to the end of that epoch, with the same weights
    and batches, and its network is kept at that step. A run that reaches the target at its end is
    taken as it ended.

    Args:
        runs: (arm, seed) -> run of a constant learning rate.
        examples: Where losses are measured.
        target: Training loss in nats, > 0. None takes for each seed the lowest loss that all arms
            reach, ``time_to_target.shared_target``.
        within: Factor whose levels have a target each, such as ``network``; empty for one target.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> network, with ``at="equal loss"`` and the step as columns. A run that never
        reaches the target has no network, nor has a seed whose arms share none because a run
        diverged.

    Raises:
        ValueError: If a run's learning rate follows a schedule, which shorter training would
            change, or a target is not positive.
    """
    targets = dict.fromkeys(runs, target) if target is not None else _shared(runs, within)
    solutions = {}
    for (arm, seed), run in runs.items():
        plan = _plan(run, targets[arm, seed])
        ends_there = plan is not None and plan.snapshots[0] == run.steps
        solutions[arm, seed] = Solution(
            run.config if plan is None or ends_there else plan,
            run.task,
            run.recording,
            examples,
            step=None if plan is None or ends_there else plan.snapshots[0],
            at="equal loss",
            options=options,
            missing=MISSING_NOTE if plan is None else "",
            labels={"step": run.steps} if ends_there else {},
        )
    return Solutions(solutions)


def _shared(runs: Runs, within: str) -> dict[Key, float]:
    """Return the target of each run: the lowest loss that all arms of its seed and level reach."""
    levels = dict.fromkeys(arm.factors[within] for arm in runs.arms) if within else {}
    groups = [runs.where(**{within: level}) for level in levels] or [runs]
    targets: dict[Key, float] = {}
    for group in groups:
        shared = shared_target(group, group.arms)
        targets |= {(arm, seed): shared[seed] for arm, seed in group}
    return targets


def largest_ratio(numbers: Measurements, quantity: str, arms: Sequence[str] | None = None) -> float:
    """Return how far apart arms are that should be equal: the largest ratio within a seed.

    Args:
        numbers: Numbers of the arms, in the same order of seeds.
        quantity: Its recorded name, positive, such as ``loss``.
        arms: At least two arms; None for all.

    Returns:
        Largest over smallest value of the arms, the largest over seeds, at least 1. Seeds in which
        an arm has no finite value are left out; NaN where that leaves none.
    """
    chosen = numbers.arms if arms is None else arms
    seeds = zip(*(numbers.values(quantity, arm) for arm in chosen), strict=True)
    known = [values for values in seeds if all(map(math.isfinite, values))]
    return max((max(values) / min(values) for values in known), default=math.nan)


def measure_step_noise(recording: Recording, runs: Runs) -> Measurements:
    """Record ``step_noise_matched``: the noise of mini-batch losses at one mean for all arms.

    Mini-batch losses scatter more where they are larger, so the run that is ahead has calmer losses
    for this reason alone. Each seed has one mean to compare at: the largest, over the arms, of the
    mean mini-batch loss of the last epoch. In each arm the first stretch of steps counts that is as
    long as an epoch and whose mean is at most that. Its ``intervals.step_noise`` is recorded, in
    nats; NaN for a seed with a diverged run, and where an epoch is a single step.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run; the arms to compare.

    Returns:
        The numbers.
    """
    requests = []
    for (arm, seed), run in runs.items():
        same_seed = [other for (_, one), other in runs.items() if one == seed]
        known = _epoch(run) > 1 and not any(other.diverged for other in same_seed)
        requests.append(
            Request(
                identity={"run": run.identity, "among": [other.identity for other in same_seed]},
                labels={"arm": str(arm), **arm.factors, "seed": seed, "at": "equal loss"},
                compute=_StepNoise(run, same_seed) if known else _no_step_noise,
                networks=[(r.config, r.task) for r in same_seed] if known else [],
                derived=not known,
            )
        )
    parts = recording.step("step noise", requests)
    return labelled_numbers(requests, parts, "the step noise at equal loss")


class _StepNoise:
    """Records the step noise of a run where its mean loss is the one that all arms reach."""

    def __init__(self, run: RecordedRun, same_seed: Sequence[RecordedRun]) -> None:
        self.run, self.same_seed = run, same_seed

    def __call__(self, recorder: Recorder) -> None:
        mean = max(float(_moving_mean(other.live())[-1]) for other in self.same_seed)
        run = self.run.live()
        first = int((_moving_mean(run) <= mean).nonzero()[0])
        losses = run.step_loss[first : first + _epoch(run)]
        noise = intervals.step_noise(losses.numpy())
        columns = {"cost": run.steps, "cost_unit": "steps", "bn": "batch"}
        recorder.add(
            "step_noise_matched",
            noise,
            unit="nats",
            converged=True,
            examples_hash=run.data_sha256,
            note=f"at a mean of {mean:.4g} nats",
            **columns,
        )


def _no_step_noise(recorder: Recorder) -> None:
    note = "no epoch of all arms to compare"
    recorder.add("step_noise_matched", math.nan, unit="nats", converged=False, note=note)


def _epoch(run: Run | RecordedRun) -> int:
    """Return the number of steps in an epoch."""
    return run.steps // run.config.epochs


def _moving_mean(run: Run) -> torch.Tensor:
    """Return the mean loss over one epoch's number of steps, for each first step."""
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), run.step_loss.double().cumsum(0)])
    length = max(_epoch(run), 1)
    return (sums[length:] - sums[:-length]) / length


def _plan(run: RecordedRun, target: float) -> TrainConfig | None:
    """Return the config that trains a run to the step of its target; None if there is none."""
    config = run.config
    if config.schedule != Schedule():
        raise ValueError(
            f"a run with schedule={config.schedule!r} is another one if it is trained for fewer "
            "epochs. Compare runs of a constant learning rate at equal loss."
        )
    if math.isnan(target):  # The arms of this seed share no target: a run diverged.
        return None
    duration = reach(run, "train_loss", target)
    if not duration.reached:
        return None
    step = round(duration.epochs * -(-run.task.train_size // config.batch_size))
    epochs = max(math.ceil(duration.epochs), 1)
    return dataclasses.replace(config, epochs=epochs, snapshots=(step,))
