"""Hold the settings of a training run: everything that decides it, besides the data."""

import dataclasses
import math
from typing import Literal

from landscape.models.family import ModelConfig
from landscape.training.augmentation import Augmentation
from landscape.training.batches import Branch
from landscape.training.curves import CurveExamples
from landscape.training.objectives import Function, TrainingLoss, training_loss
from landscape.training.optimizers import OptimizerConfig
from landscape.training.schedules import Schedule

Precision = Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, besides the data.

    Attributes:
        model: Config of the network.
        optimizer: Config of the optimizer, such as ``SGD(0.01, momentum=0.9)``.
        seed: Seed of the streams "initialization", "batches" and "augmentation": runs with one seed
            start from the same weights and see the same batches.
        epochs: Passes over the training set.
        batch_size: Examples in a step; the last batch of an epoch may be smaller.
        schedule: Factor on the learning rate at each step: ``Schedule()`` is constant, ``Cosine()``
            falls to 0; both may warm up.
        clip_norm: Largest l2 norm of a step's gradient; a longer gradient is scaled down to it.
            None does not clip.
        augmentation: Random changes of the training images; None leaves them as they are.
        precision: ``bfloat16`` computes passes of training in mixed precision (PyTorch's autocast);
            parameters and all measurements stay float32.
        measured: Number of training examples, from the first on, on which the history's training
            loss and accuracy are measured; None takes all.
        measure_every: Epochs between two measurements of the history; fractions are allowed. The
            last measurement is at the end in any case.
        snapshots: Steps after which weights and state of the optimizer are kept; 0 is the
            initialisation.
        curve_examples: How many examples the history is measured on between its first and its last
            measurement, such as ``CurveExamples(2000, 2000)``; None measures all. It changes
            neither steps nor weights.
        loss: Loss that is trained and recorded: ``cross_entropy``, ``mse``, a function of outputs
            and targets that returns one loss an example, or ``TrainingLoss`` with parameters.
        branch: The moment from which the run sees other batches than the run with its seed, such as
            ``Branch(at=0.5, seed=1)``; None is never.

    Raises:
        ValueError: If a setting lies outside its range.
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
    curve_examples: CurveExamples | None = None
    loss: str | Function | TrainingLoss = TrainingLoss()  # noqa: RUF009 (frozen)
    branch: Branch | None = None

    def __post_init__(self) -> None:
        # One form for equal settings, or they would have different keys in the store.
        object.__setattr__(self, "measure_every", float(self.measure_every))
        object.__setattr__(self, "snapshots", tuple(sorted(set(self.snapshots))))
        object.__setattr__(self, "loss", training_loss(self.loss))
        # All complaints at once: whoever fixes the first wants to know of the others.
        problems = []
        if self.epochs < 1 or self.batch_size < 1:
            problems.append(
                f"epochs={self.epochs}, batch_size={self.batch_size}: both must be >= 1"
            )
        if not isinstance(self.optimizer, OptimizerConfig):
            problems.append(
                f"optimizer={self.optimizer!r}: it must be an optimizer's config, such as "
                "training.SGD(0.01, momentum=0.9)"
            )
        if self.clip_norm is not None and not self.clip_norm > 0:
            problems.append(f"clip_norm={self.clip_norm}: it must be > 0, or None for no clipping")
        if self.precision not in ("float32", "bfloat16"):
            problems.append(f"precision={self.precision!r}: it must be 'float32' or 'bfloat16'")
        if self.measured is not None and self.measured < 1:
            problems.append(f"measured={self.measured}: it must be >= 1, or None for all")
        if not 0 < self.measure_every < math.inf:
            problems.append(
                f"measure_every={self.measure_every}: it must be finite and > 0, in epochs"
            )
        if any(step < 0 for step in self.snapshots):
            problems.append(f"snapshots={self.snapshots}: steps must be >= 0")
        if not isinstance(self.curve_examples, CurveExamples | None):
            problems.append(
                f"curve_examples={self.curve_examples!r}: it must be training.CurveExamples(...), "
                "or None for all"
            )
        if self.curve_examples is not None and training_loss(self.loss).class_weights is not None:
            problems.append(
                "curve_examples with class_weights: subsets estimate plain means; pass None for all"
            )
        if not isinstance(self.branch, Branch | None):
            problems.append(
                f"branch={self.branch!r}: it must be training.Branch(...), or None for none"
            )
        elif self.branch is not None and self.branch.at >= self.epochs:
            problems.append(
                f"branch at {self.branch.at:g} of {self.epochs} epochs: it must lie before the end"
            )
        if problems:
            raise ValueError(f"TrainConfig cannot be run: {'; '.join(problems)}.")
