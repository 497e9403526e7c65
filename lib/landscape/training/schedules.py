"""Schedules: by what factor the learning rate is multiplied at each step of a run."""

import dataclasses
import math

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class Schedule(Configuration):
    """A constant rate, after a linear warm-up where one is asked for.

    Attributes:
        warmup_epochs: Epochs, whole or not, over which the factor grows in equal steps to 1.
    """

    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        if not self.warmup_epochs >= 0 or not math.isfinite(self.warmup_epochs):
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs}: pass a finite number >= 0; 0 is none."
            )

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Return the factor of a step.

        Args:
            step: The step, counted from 0.
            steps: Steps of the whole run.
            steps_per_epoch: Steps of one epoch.
        """
        warmup = min(round(self.warmup_epochs * steps_per_epoch), steps)
        if step < warmup:
            return (step + 1) / warmup
        return self._decayed((step - warmup) / (steps - warmup))

    def _decayed(self, progress: float) -> float:
        return 1.0


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 over the steps after the warm-up.

    Reference: Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts,
        ICLR, without restarts.
    """

    def _decayed(self, progress: float) -> float:
        return (1 + math.cos(math.pi * progress)) / 2
