"""Describe optimizers by frozen settings, which build the optimizers of PyTorch."""

import dataclasses
import math
from collections.abc import Iterable

import torch
from torch import nn

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(Configuration):
    """The base class of all optimizers: a subclass adds its fields and implements ``build``.

    Attributes:
        learning_rate: Step size before a schedule's factor, > 0.

    Raises:
        ValueError: If a setting lies outside its range.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise ValueError(f"{type(self).__name__} cannot be used: {'; '.join(problems)}.")

    def _problems(self) -> list[str]:
        """Return a complaint for each setting outside its range."""
        if not self.learning_rate > 0 or not math.isfinite(self.learning_rate):
            return [f"learning_rate={self.learning_rate}: it must be finite and > 0"]
        return []

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimizer of these parameters.

        Args:
            parameters: The trained parameters.

        Returns:
            An optimizer whose ``step`` takes a closure that computes loss and gradients, and whose
            ``state_dict()["state"]`` holds all that it carries from step to step.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class SGD(OptimizerConfig):
    """Stochastic gradient descent.

    Attributes:
        learning_rate: Step size, > 0.
        momentum: Heavy-ball momentum in [0, 1).
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter, >= 0.
        nesterov: Whether momentum looks ahead (Nesterov); it needs momentum > 0.

    Raises:
        ValueError: If a setting lies outside its range.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if not 0 <= self.momentum < 1 or not self.weight_decay >= 0:
            problems.append(
                f"momentum={self.momentum}, weight_decay={self.weight_decay}: "
                "momentum must be in [0, 1), weight_decay >= 0"
            )
        if self.nesterov and not self.momentum:
            problems.append("nesterov=True without momentum: pass momentum > 0")
        return problems

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return ``torch.optim.SGD`` with these settings."""
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
        )
