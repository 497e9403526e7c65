"""Adaptive optimizers: steps divided by a running root mean square of each gradient entry."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from landscape.training.optimizers import OptimizerConfig


@dataclasses.dataclass(frozen=True)
class Adam(OptimizerConfig):
    """Adam: θ ← θ − η m̂ / (√v̂ + eps), m and v running means of g and g², bias-corrected.

    Attributes:
        learning_rate: Step size η.
        beta1: Decay of the running mean of gradients, in [0, 1).
        beta2: Decay of the running mean of their squares, in [0, 1).
        eps: Added to the root, > 0.
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter; it is part of g,
            and so divided by the root as well.

    Reference: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, ICLR, algorithm 1.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def _wrong(self) -> list[str]:
        wrong = super()._wrong()
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                wrong.append(f"{name}={getattr(self, name)}: it must be in [0, 1)")
        if not 0 < self.eps < math.inf:
            wrong.append(f"eps={self.eps}: it must be finite and > 0, or a gradient of 0 gives NaN")
        if not 0 <= self.weight_decay < math.inf:
            wrong.append(f"weight_decay={self.weight_decay}: it must be finite and >= 0")
        return wrong

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return ``torch.optim.Adam`` with these settings."""
        return torch.optim.Adam(parameters, **self._settings())

    def _settings(self) -> dict[str, Any]:
        return {
            "lr": self.learning_rate,
            "betas": (self.beta1, self.beta2),
            "eps": self.eps,
            "weight_decay": self.weight_decay,
        }


@dataclasses.dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay beside its step: θ ← (1 − η weight_decay) θ before it.

    Attributes:
        weight_decay: Share of every parameter that a step takes off, divided by η.

    The others are those of ``Adam``.

    Reference: Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, ICLR,
        algorithm 2, with the decay times the learning rate as PyTorch has it.
    """

    weight_decay: float = 0.01

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return ``torch.optim.AdamW`` with these settings."""
        return torch.optim.AdamW(parameters, **self._settings())
