"""Grids of batch sizes and learning rates, and training in full batches beside mini-batches."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.training.config import TrainConfig

from studies.arms import Arm, factorial


def batch_size_grid(
    base: TrainConfig, sizes: Sequence[int], **settings: Any
) -> dict[Arm, TrainConfig]:
    """Return configs of several batch sizes, for each quantity that may stay fixed beside it.

    The factor ``family`` names the quantity: ``fixed rate``; ``fixed ratio`` of learning rate to
    batch size, the ratio of the base; ``as many steps`` as the smallest batch takes, measured as
    often.

    Args:
        base: The config that all arms start from.
        sizes: Batch sizes, multiples of the smallest.
        settings: Setting -> value of all arms, such as ``optimizer=SGD(0.1, momentum=0.9)``.

    Raises:
        ValueError: If a size is no multiple of the smallest.
    """
    least = min(sizes)
    if uneven := [size for size in sizes if size % least]:
        raise ValueError(
            f"the batch sizes {uneven} are no multiples of the smallest, {least}: no number of "
            "epochs gives as many steps. Pass multiples of the smallest."
        )
    rate = settings.get("optimizer", base.optimizer).learning_rate
    ratio = {
        size: {"batch_size": size, "learning_rate": rate * (size / base.batch_size)}
        for size in sizes
    }
    steps = {
        size: {
            "batch_size": size,
            "epochs": base.epochs * (size // least),
            "measure_every": size // least,
        }
        for size in sizes
    }
    families: dict[str, Any] = {"fixed rate": sizes, "fixed ratio": ratio, "as many steps": steps}
    grid: dict[Arm, TrainConfig] = {}
    for family, levels in families.items():
        grid |= factorial(base, family={family: settings}, batch_size=levels)
    return grid


def effective_rate_grid(
    base: TrainConfig, optimizers: Mapping[str, Mapping[str, Any]], rates: Sequence[float]
) -> dict[Arm, TrainConfig]:
    """Return configs of several optimizers at the same learning rates over 1 − β.

    Args:
        base: The config that all arms start from.
        optimizers: Optimizer -> its setting ``optimizer``, of SGD with momentum β or without.
        rates: Learning rates over 1 − β: the factor ``effective_rate``.

    Returns:
        Arm -> config, optimizer by optimizer.
    """
    grid: dict[Arm, TrainConfig] = {}
    for name, settings in optimizers.items():
        share = 1 - settings["optimizer"].momentum
        levels = {rate: {"learning_rate": rate * share} for rate in rates}
        grid |= factorial(base, optimizer={name: settings}, effective_rate=levels)
    return grid


def full_batch(
    model: Any, optimizer: Any, *, train_size: int, steps: int, points: int
) -> TrainConfig:
    """Return the config of full-batch training, with snapshots at equal distances.

    Args:
        model: The architecture.
        optimizer: The optimizer.
        train_size: Training examples: the batch size.
        steps: Steps, each an epoch.
        points: Snapshots after the first, at step 0; as often the curves are measured.
    """
    return TrainConfig(
        model,
        optimizer,
        epochs=steps,
        batch_size=train_size,
        measure_every=steps / points,
        snapshots=tuple(steps * point // points for point in range(points + 1)),
    )


def in_mini_batches(full: TrainConfig, batch_size: int, train_size: int) -> TrainConfig:
    """Return the config of full-batch training that takes its steps in mini-batches.

    It trains for as many whole epochs as the steps of ``full`` allow, at least one, is measured
    each epoch, and keeps the snapshots that these epochs reach.

    Args:
        full: Config of full-batch training, with a step an epoch.
        batch_size: Examples in a mini-batch.
        train_size: Training examples.
    """
    steps_per_epoch = -(-train_size // batch_size)
    epochs = max(full.epochs // steps_per_epoch, 1)
    return dataclasses.replace(
        full,
        batch_size=batch_size,
        epochs=epochs,
        measure_every=1,
        snapshots=tuple(step for step in full.snapshots if step <= epochs * steps_per_epoch),
    )
