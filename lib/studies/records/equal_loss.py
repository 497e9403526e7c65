"""Levels: networks, and their training, where it first reached a loss that all arms reach."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from landscape.data import Dataset
from landscape.objective import Objective
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.run import Run
from landscape.training.schedules import Schedule
from landscape.training.sweeps import sweep

from studies import intervals
from studies.arms import Runs, divergence_text, grouped
from studies.study import Study
from studies.time_to_target import reach, shared_level

# What is recorded of a run in place of what it would have at the level.
WITHOUT = "no network at the level"


def equal_loss_objectives(
    runs: Runs,
    level: float | None,
    dataset: Dataset,
    examples: tuple,
    store: Store,
    *,
    workers: int = 1,
    **options: Any,
) -> dict[tuple[str, int], Objective | None]:
    """Return the objective of each run's network where its training loss first reaches a level.

    What sharpness differs by at the end is also what training losses differ by: curvature of the
    cross-entropy falls with them. At one level it does not. The step comes from the line between
    the measurements on either side, as ``durations.reach`` has it; each run is trained again to the
    end of that epoch, with the same weights and batches, to be kept at that step. One that reaches
    the level where it ends is taken as it ended.

    Args:
        runs: (arm, seed) -> run of a constant learning rate.
        level: Training loss in nats, > 0; None takes for each seed the one that all arms reach,
            ``durations.shared_level``.
        dataset: What the runs were trained on.
        examples: Inputs and targets to measure on.
        store: Where runs live.
        workers: Processes that train side by side.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> objective at its own theta; None for a run that never reaches the level, and
        for a seed whose arms share none, since one diverged.

    Raises:
        ValueError: If a run's learning rate follows a schedule, which shorter training would
            change, or a level is not positive.
    """
    shared = shared_level(runs, list(grouped(runs))) if level is None else {}
    plans = {key: _plan(run, shared.get(key[1], level), dataset) for key, run in runs.items()}
    found: dict[tuple[str, int], Objective | None] = dict.fromkeys(runs)
    going = {}
    for key, plan in plans.items():
        if plan is not None and plan.snapshots[0] == runs[key].steps:
            found[key] = Objective(runs[key].model(), examples, **options)
        elif plan is not None:
            going[key] = plan
    again = sweep(going, dataset, store, workers=workers)
    for (key, _), run in again.items():
        found[key] = Objective(run.model(step=run.config.snapshots[0]), examples, **options)
    return found


def largest_ratio(study: Study, quantity: str, arms: Sequence[str]) -> float:
    """Return how far apart arms are that should be equal: the largest ratio within a seed.

    Seeds in which an arm has no value are left out; NaN where that leaves none.

    Args:
        study: Where the quantity was recorded, in the same order of seeds.
        quantity: Its recorded name, positive, such as ``loss``.
        arms: At least two arms.
    """
    seeds = zip(*(study.values(quantity, arm) for arm in arms), strict=True)
    known = [values for values in seeds if all(map(math.isfinite, values))]
    return max((max(values) / min(values) for values in known), default=math.nan)


def record_step_noise(study: Study, runs: Runs) -> None:
    """Record ``step_noise_matched``: the noise of mini-batch losses at one mean for all arms.

    How far mini-batch losses scatter depends on how large they are, so that of two runs the one
    that is ahead has calmer losses for that alone. For each seed the level is the largest, over the
    arms, of the mean mini-batch loss of the last epoch; of each arm counts the first stretch of
    steps, as long as an epoch, whose mean is at most that: ``statistics.step_noise``, in nats. NaN
    for a seed of which a run diverged, and where an epoch is a single step.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run.
    """
    means = {key: _moving_mean(run) for key, run in runs.items()}
    for (arm, seed), run in runs.items():
        rivals = [key for key in runs if key[1] == seed]
        length, noise = _epoch(run), math.nan
        known = length > 1 and not any(divergence_text(runs[key]) for key in rivals)
        level = max(float(means[key][-1]) for key in rivals) if known else math.nan
        if known:
            first = int((means[arm, seed] <= level).nonzero()[0])
            noise = intervals.step_noise(run.step_loss[first : first + length].numpy())
        study.add(
            "step_noise_matched",
            noise,
            arm=arm,
            seed=seed,
            unit="nats",
            converged=known,
            cost=run.steps,
            cost_unit="steps",
            bn="batch",
            examples_hash=run.data_sha256,
            note=f"at a mean of {level:.4g} nats" if known else "no epoch of all arms to compare",
        )


def _epoch(run: Run) -> int:
    """Return the number of steps of an epoch."""
    return run.steps // run.config.epochs


def _moving_mean(run: Run) -> torch.Tensor:
    """Return the mean loss of each stretch of an epoch's steps, by its first step."""
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), run.step_loss.double().cumsum(0)])
    length = max(_epoch(run), 1)
    return (sums[length:] - sums[:-length]) / length


def _plan(run: Run, level: float, dataset: Dataset) -> TrainConfig | None:
    config = run.config
    if config.schedule != Schedule():
        raise ValueError(
            f"a run with schedule={config.schedule!r} is another one if it is trained for fewer "
            "epochs. Compare runs of a constant learning rate at a level."
        )
    if math.isnan(level):
        return None
    there = reach(run, "train_loss", level)
    if not there.reached:
        return None
    step = round(there.epochs * -(-len(dataset.y_train) // config.batch_size))
    epochs = max(math.ceil(there.epochs), 1)
    return dataclasses.replace(config, epochs=epochs, snapshots=(step,))
