"""Describe adaptive optimizers, which divide steps by the size of each gradient entry."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from landscape.training.optimizers import OptimizerConfig


@dataclasses.dataclass(frozen=True)
class Adam(OptimizerConfig):
    """Adam: θ ← θ − η m̂ / (√v̂ + eps) with bias-corrected running means m̂ of g and v̂ of g².

    Attributes:
        learning_rate: Step size η, > 0.
        beta1: Decay of the running mean of gradients, in [0, 1).
        beta2: Decay of the running mean of squared gradients, in [0, 1).
        eps: Added to the root, > 0.
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter, >= 0. The
            penalty is part of g, so the root divides it as well.

    Raises:
        ValueError: If a setting lies outside its range.

    Reference: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, ICLR, algorithm 1.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    def _problems(self) -> list[str]:
        problems = super()._problems()
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                problems.append(f"{name}={getattr(self, name)}: it must be in [0, 1)")
        if not 0 < self.eps < math.inf:
            problems.append(
                f"eps={self.eps}: it must be finite and > 0, or a gradient of 0 gives NaN"
            )
        if not 0 <= self.weight_decay < math.inf:
            problems.append(f"weight_decay={self.weight_decay}: it must be finite and >= 0")
        return problems

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
    """Adam with decoupled weight decay: θ ← (1 − η weight_decay) θ before each step of Adam.

    Attributes:
        weight_decay: Share of every parameter that decays in a step, divided by η, >= 0.

    The other attributes, and errors, as for ``Adam``.

    Reference: Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, ICLR,
        algorithm 2; as in PyTorch the decay is multiplied by the learning rate.
    """

    weight_decay: float = 0.01

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return ``torch.optim.AdamW`` with these settings."""
        return torch.optim.AdamW(parameters, **self._settings())
