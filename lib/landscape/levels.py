"""Levels: networks as they were where their training first reached a loss, to be measured alike."""

import dataclasses
import math
from typing import Any

from landscape import training
from landscape.arms import Runs, grouped
from landscape.data import Dataset
from landscape.durations import reach, shared_level
from landscape.objective import Objective
from landscape.store import Store
from landscape.training import Run, Schedule, TrainConfig


def objectives(
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
    end of that epoch, with the same weights and batches, to be kept at that step.

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
    going = {key: plan for key, plan in plans.items() if plan is not None}
    again = training.sweep(going, dataset, store, workers=workers)
    found: dict[tuple[str, int], Objective | None] = dict.fromkeys(runs)
    for (key, _), run in again.items():
        found[key] = Objective(run.model(step=run.config.snapshots[0]), examples, **options)
    return found


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
