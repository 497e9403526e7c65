"""Optimizers: frozen settings that build one of PyTorch's optimizers."""

import dataclasses
import math
from collections.abc import Iterable

import torch
from torch import nn

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class OptimizerConfig(Configuration):
    """The base of all optimizers: a subclass adds its fields and implements ``build``.

    Attributes:
        learning_rate: Step size, before a schedule's factor.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        if wrong := self._wrong():
            raise ValueError(f"{type(self).__name__} cannot be used: {'; '.join(wrong)}.")

    def _wrong(self) -> list[str]:
        if not self.learning_rate > 0 or not math.isfinite(self.learning_rate):
            return [f"learning_rate={self.learning_rate}: it must be finite and > 0"]
        return []

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimizer of these parameters.

        Its ``step`` is called with a closure that computes loss and gradients; all that it carries
        from step to step is in its ``state_dict()["state"]``.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class SGD(OptimizerConfig):
    """Stochastic gradient descent.

    Attributes:
        learning_rate: Step size.
        momentum: Heavy-ball momentum in [0, 1).
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter.
        nesterov: Whether the gradient is that of Nesterov's look-ahead.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def _wrong(self) -> list[str]:
        wrong = super()._wrong()
        if not 0 <= self.momentum < 1 or not self.weight_decay >= 0:
            wrong.append(
                f"momentum={self.momentum}, weight_decay={self.weight_decay}: "
                "momentum must be in [0, 1), weight_decay >= 0"
            )
        if self.nesterov and not self.momentum:
            wrong.append("nesterov=True without momentum: pass momentum > 0")
        return wrong

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return ``torch.optim.SGD`` with these settings."""
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.nesterov,
        )
