"""Give the factor on the learning rate at each step of a run."""

import dataclasses
import math

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class Schedule(Configuration):
    """A constant learning rate after an optional linear warm-up.

    Attributes:
        warmup_epochs: Epochs over which the factor grows to 1 in equal steps; fractions are
            allowed, 0 is no warm-up.

    Raises:
        ValueError: If ``warmup_epochs`` is negative or not finite.
    """

    warmup_epochs: float = 0.0

    def __post_init__(self) -> None:
        if not self.warmup_epochs >= 0 or not math.isfinite(self.warmup_epochs):
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs}: pass a finite number >= 0; 0 is none."
            )

    def factor(self, step: int, *, steps: int, steps_per_epoch: int) -> float:
        """Return the factor on the learning rate at a step, in [0, 1].

        Args:
            step: The step, counted from 0.
            steps: Number of steps of the whole run.
            steps_per_epoch: Number of steps of an epoch.
        """
        # The first step counts as one: a factor of 0 would waste its gradient.
        warmup = min(round(self.warmup_epochs * steps_per_epoch), steps)
        if step < warmup:
            return (step + 1) / warmup
        return self._decayed((step - warmup) / (steps - warmup))

    def _decayed(self, progress: float) -> float:
        """Return the factor at a share of the steps after the warm-up, in [0, 1)."""
        return 1.0


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to 0 over the steps after the warm-up.

    Reference: Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts,
        ICLR, without restarts.
    """

    def _decayed(self, progress: float) -> float:
        return (1 + math.cos(math.pi * progress)) / 2
