"""The config of a training run: everything that decides it, besides the data."""

import dataclasses
import math
from typing import Literal

from landscape.models.family import ModelConfig
from landscape.training.augmentation import Augmentation
from landscape.training.optimizers import OptimizerConfig
from landscape.training.schedules import Schedule

Precision = Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, besides the data.

    Attributes:
        model: The network's config.
        optimizer: The optimizer's config, such as ``SGD(0.01, momentum=0.9)``.
        seed: Seeds the streams "initialization", "batches" and "augmentation": runs of one seed
            start from the same weights and see the same batches.
        epochs: Passes over the training set.
        batch_size: Examples a step; the last batch of an epoch may be smaller.
        schedule: Factor of the learning rate at each step: ``Schedule()`` is constant, ``Cosine()``
            falls to 0; both may warm up.
        clip_norm: Largest l2 norm of the gradient that a step takes; longer ones are scaled down to
            it. None takes them as they are.
        augmentation: Random changes of the training images; None is none.
        precision: ``bfloat16`` computes passes of training in mixed precision (PyTorch's autocast);
            parameters and all measurements stay float32.
        measured: Training examples, the first ones, on which the history's training loss and
            accuracy are measured; None takes all.
        measure_every: Epochs, whole or not, from one measurement of the history to the next; the
            last lies at the end in any case.
        snapshots: Steps after which weights and optimizer are kept; 0 is the initialisation.
    """

    model: ModelConfig
    optimizer: OptimizerConfig
    seed: int = 0
    epochs: int = 6
    batch_size: int = 128
    schedule: Schedule = Schedule()  # noqa: RUF009 (frozen)
    clip_norm: float | None = None
    augmentation: Augmentation | None = None
    precision: Precision = "float32"
    measured: int | None = None
    measure_every: float = 1.0
    snapshots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure_every", float(self.measure_every))
        object.__setattr__(self, "snapshots", tuple(sorted(set(self.snapshots))))
        wrong = []
        if self.epochs < 1 or self.batch_size < 1:
            wrong.append(f"epochs={self.epochs}, batch_size={self.batch_size}: both must be >= 1")
        if not isinstance(self.optimizer, OptimizerConfig):
            wrong.append(
                f"optimizer={self.optimizer!r}: it must be an optimizer's config, such as "
                "training.SGD(0.01, momentum=0.9)"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            wrong.append(f"clip_norm={self.clip_norm}: it must be > 0, or None for no clipping")
        if self.precision not in ("float32", "bfloat16"):
            wrong.append(f"precision={self.precision!r}: it must be 'float32' or 'bfloat16'")
        if self.measured is not None and self.measured < 1:
            wrong.append(f"measured={self.measured}: it must be >= 1, or None for all")
        if not 0 < self.measure_every < math.inf:
            wrong.append(
                f"measure_every={self.measure_every}: it must be finite and > 0, in epochs"
            )
        if any(step < 0 for step in self.snapshots):
            wrong.append(f"snapshots={self.snapshots}: steps must be >= 0")
        if wrong:
            raise ValueError(f"TrainConfig cannot be run: {'; '.join(wrong)}.")
