"""Train a network and keep snapshots of its path."""

import dataclasses
import tempfile
from collections.abc import Sequence

from landscape.data import Dataset
from landscape.dynamics.snapshots import Dtype, Trajectory, TrajectoryRecorder
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.hooks import hooked
from landscape.training.loop import train


def train_trajectory(
    config: TrainConfig,
    dataset: Dataset,
    *,
    steps: Sequence[int],
    dtype: Dtype = "float32",
) -> Trajectory:
    """Train one network from its start and return the snapshots of its path.

    The training is that of ``train``, step for step; it is not kept in a store, and an interrupted
    one begins anew. To keep the trajectory itself: ``store.remember(train_trajectory, ...)``.

    Args:
        config: Settings of the run.
        dataset: The data.
        steps: Steps after which snapshots are taken, increasing from 0, at most 200.
        dtype: ``float32`` or ``float16``: type of the displacements that are kept.

    Returns:
        The trajectory. That of a run that diverged ends before the step at which it did.

    Raises:
        ValueError: As of ``TrajectoryRecorder`` and ``train``.

    Example:
        >>> from landscape import data, dynamics, models, training
        >>> digits = data.load("digits", max_train=200, max_test=100)
        >>> config = training.TrainConfig(models.MLP(hidden=(8,)), training.SGD(0.1), epochs=2)
        >>> trajectory = dynamics.train_trajectory(config, digits, steps=range(5))
        >>> trajectory.deltas.shape
        torch.Size([5, 610])
    """
    recorder = TrajectoryRecorder(tuple(steps), dtype)
    recorded = dataclasses.replace(config, optimizer=hooked(config.optimizer, recorder))
    with tempfile.TemporaryDirectory() as folder:
        train(recorded, dataset, Store(folder))
    return recorder.trajectory
