"""Records at equal loss: networks, and their step noise, where all arms have one loss."""

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
from studies.arms import Runs, grouped, has_diverged
from studies.study import Study
from studies.time_to_target import reach, shared_target

# Note in the rows of a run that has no network at the target loss.
MISSING_NOTE = "no network at the level"


def equal_loss_objectives(
    runs: Runs,
    target: float | None,
    dataset: Dataset,
    examples: tuple,
    store: Store,
    *,
    workers: int = 1,
    **options: Any,
) -> dict[tuple[str, int], Objective | None]:
    """Return the objective of each run's network where its training loss first reaches a target.

    Final sharpness differs partly because final training losses differ: the curvature of the
    cross-entropy falls with the loss. At one training loss this difference is gone. The step comes
    from interpolating between measurements, as in ``time_to_target.reach``. Each run is trained
    again to the end of that epoch, with the same weights and batches, and its network is kept at
    that step. A run that reaches the target at its end is taken as it ended.

    Args:
        runs: (arm, seed) -> run of a constant learning rate.
        target: Training loss in nats, > 0. None takes for each seed the lowest loss that all arms
            reach, ``time_to_target.shared_target``.
        dataset: The data that the runs were trained on.
        examples: Inputs and targets to measure on.
        store: Where runs live.
        workers: Processes that train side by side.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> objective at its own theta; None for a run that never reaches the target, and
        for a seed whose arms share none because a run diverged.

    Raises:
        ValueError: If a run's learning rate follows a schedule, which shorter training would
            change, or a target is not positive.
    """
    shared = shared_target(runs, list(grouped(runs))) if target is None else {}
    plans = {key: _plan(run, shared.get(key[1], target), dataset) for key, run in runs.items()}
    objectives: dict[tuple[str, int], Objective | None] = dict.fromkeys(runs)
    shorter = {}
    for key, plan in plans.items():
        if plan is not None and plan.snapshots[0] == runs[key].steps:
            objectives[key] = Objective(runs[key].model(), examples, **options)
        elif plan is not None:
            shorter[key] = plan
    trained_again = sweep(shorter, dataset, store, workers=workers)
    for (key, _), run in trained_again.items():
        network = run.model(step=run.config.snapshots[0])
        objectives[key] = Objective(network, examples, **options)
    return objectives


def largest_ratio(study: Study, quantity: str, arms: Sequence[str]) -> float:
    """Return how far apart arms are that should be equal: the largest ratio within a seed.

    Args:
        study: Where the quantity was recorded, in the same order of seeds.
        quantity: Its recorded name, positive, such as ``loss``.
        arms: At least two arms.

    Returns:
        Largest over smallest value of the arms, the largest over seeds, at least 1. Seeds in which
        an arm has no finite value are left out; NaN where that leaves none.
    """
    seeds = zip(*(study.values(quantity, arm) for arm in arms), strict=True)
    known = [values for values in seeds if all(map(math.isfinite, values))]
    return max((max(values) / min(values) for values in known), default=math.nan)


def record_step_noise(study: Study, runs: Runs) -> None:
    """Record ``step_noise_matched``: the noise of mini-batch losses at one mean for all arms.

    Mini-batch losses scatter more where they are larger, so the run that is ahead has calmer losses
    for this reason alone. Each seed has one mean to compare at: the largest, over the arms, of the
    mean mini-batch loss of the last epoch. In each arm the first stretch of steps counts that is as
    long as an epoch and whose mean is at most that. Its ``intervals.step_noise`` is recorded, in
    nats; NaN for a seed with a diverged run, and where an epoch is a single step.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run.
    """
    means = {key: _moving_mean(run) for key, run in runs.items()}
    for (arm, seed), run in runs.items():
        same_seed = [key for key in runs if key[1] == seed]
        length, noise = _epoch(run), math.nan
        known = length > 1 and not any(has_diverged(runs[key]) for key in same_seed)
        mean = max(float(means[key][-1]) for key in same_seed) if known else math.nan
        if known:
            first = int((means[arm, seed] <= mean).nonzero()[0])
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
            note=f"at a mean of {mean:.4g} nats" if known else "no epoch of all arms to compare",
        )


def _epoch(run: Run) -> int:
    """Return the number of steps in an epoch."""
    return run.steps // run.config.epochs


def _moving_mean(run: Run) -> torch.Tensor:
    """Return the mean loss over one epoch's number of steps, for each first step."""
    sums = torch.cat([torch.zeros(1, dtype=torch.float64), run.step_loss.double().cumsum(0)])
    length = max(_epoch(run), 1)
    return (sums[length:] - sums[:-length]) / length


def _plan(run: Run, target: float, dataset: Dataset) -> TrainConfig | None:
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
    step = round(duration.epochs * -(-len(dataset.y_train) // config.batch_size))
    epochs = max(math.ceil(duration.epochs), 1)
    return dataclasses.replace(config, epochs=epochs, snapshots=(step,))
