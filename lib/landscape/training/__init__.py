"""Train networks: a frozen config in, a run out; resumable, and divergence is a result."""

from landscape.training.adaptive import Adam, AdamW
from landscape.training.ascent import ASAM, SAM
from landscape.training.augmentation import Augmentation
from landscape.training.batches import Branch
from landscape.training.config import TrainConfig
from landscape.training.curves import CurveExamples, CurveSubset
from landscape.training.hooks import Hooked, WithinSpan, hooked
from landscape.training.loop import train
from landscape.training.objectives import TrainingLoss
from landscape.training.optimizers import SGD, OptimizerConfig
from landscape.training.placed import deterministic_algorithms, train_on
from landscape.training.run import Run
from landscape.training.schedules import Cosine, Schedule
from landscape.training.sweeps import sweep

__all__ = [
    "ASAM",
    "SAM",
    "SGD",
    "Adam",
    "AdamW",
    "Augmentation",
    "Branch",
    "Cosine",
    "CurveExamples",
    "CurveSubset",
    "Hooked",
    "OptimizerConfig",
    "Run",
    "Schedule",
    "TrainConfig",
    "TrainingLoss",
    "WithinSpan",
    "deterministic_algorithms",
    "hooked",
    "sweep",
    "train",
    "train_on",
]
