"""Describe sharpness-aware optimizers, which step by the gradient near the worst loss around θ."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from landscape.training.optimizers import OptimizerConfig


@dataclasses.dataclass(frozen=True)
class SAM(OptimizerConfig):
    """Sharpness-aware minimisation: stochastic gradient descent by the gradient at θ + ε.

    ε = ρ g/‖g‖₂, with g the mini-batch gradient at θ of all parameters together; ε = 0 where g = 0.
    A step costs two passes over the same mini-batch. Only the first updates the running statistics
    of batch normalisation.

    Attributes:
        learning_rate: Step size, > 0.
        momentum: Heavy-ball momentum in [0, 1).
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter, >= 0. The
            penalty is taken at θ and does not enter ε.
        rho: Length ρ of ε, > 0, in parameter units.

    Raises:
        ValueError: If a setting lies outside its range.

    Reference: Foret et al. (2021), Sharpness-Aware Minimization for Efficiently Improving
        Generalization, ICLR, equation 2 with p = 2, and algorithm 1.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0
    rho: float = 0.05

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if not 0 <= self.momentum < 1:
            problems.append(f"momentum={self.momentum}: it must be in [0, 1)")
        if not 0 <= self.weight_decay < math.inf:
            problems.append(f"weight_decay={self.weight_decay}: it must be finite and >= 0")
        if not 0 < self.rho < math.inf:
            problems.append(
                f"rho={self.rho}: it must be finite and > 0; without an ascent it is training.SGD"
            )
        return problems

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return an optimizer that steps as ``torch.optim.SGD`` does, by the gradient at θ + ε."""
        return _Ascending(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            rho=self.rho,
            scale=self._scale,
        )

    def _scale(self, parameter: torch.Tensor) -> torch.Tensor | float:
        """Return the diagonal of T for the entries of a parameter; SAM has T = 1."""
        return 1.0


@dataclasses.dataclass(frozen=True)
class ASAM(SAM):
    """Adaptive SAM: an ascent that does not depend on how layers are scaled.

    ε = ρ T² g/‖T g‖₂ with T = diag(|θ| + η) over all trained parameters, including biases and the
    scales of normalisation layers, as the paper defines T. (The authors' code sets T = 1 for
    biases, which makes ε depend on the scaling of layers.) With η = 0 the network at θ + ε is the
    same function after every rescaling that keeps the function at θ; a parameter at 0 then stays 0.

    Attributes:
        rho: Radius ρ = ‖T⁻¹ε‖₂ of the ascent, relative to the parameters, > 0.
        eta: Added to |θ| so that small parameters move too, >= 0.

    The other attributes, and errors, as for ``SAM``.

    Reference: Kwon et al. (2021), ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant
        Learning of Deep Neural Networks, ICML, algorithm 1 with the element-wise operator.
    """

    rho: float = 0.5
    eta: float = 0.01

    def _problems(self) -> list[str]:
        problems = super()._problems()
        if not 0 <= self.eta < math.inf:
            problems.append(f"eta={self.eta}: it must be finite and >= 0")
        return problems

    def _scale(self, parameter: torch.Tensor) -> torch.Tensor | float:
        return parameter.abs() + self.eta


class _Ascending(torch.optim.SGD):
    """Gradient descent by the gradient at θ + ρ T² g/‖T g‖, with T = diag(scale(θ))."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        rho: float,
        scale: Callable[[torch.Tensor], torch.Tensor | float],
        **settings: Any,
    ) -> None:
        super().__init__(parameters, **settings)
        self._rho, self._scale = rho, scale

    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:  # type: ignore[override]  # it cannot do without a closure
        """Take a step by the gradient at θ + ε.

        Args:
            closure: Computes loss and gradients; it is called at θ and at θ + ε.

        Returns:
            The loss at θ.
        """
        loss = closure()
        parameters = [
            p for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        # Copies: θ + ε − ε is not θ in floating point.
        originals = [p.detach().clone() for p in parameters]
        try:
            self._ascend(parameters)
            closure()
        finally:
            with torch.no_grad():
                # Also where the second pass diverged: the run's weights are those before the step.
                for p, original in zip(parameters, originals, strict=True):
                    p.copy_(original)
        super().step()
        return loss

    @torch.no_grad()
    def _ascend(self, parameters: list[nn.Parameter]) -> None:
        scales = [self._scale(p) for p in parameters]
        scaled = [scale * p.grad for scale, p in zip(scales, parameters, strict=True)]  # type: ignore[operator]  # step left out those without
        norm = float(nn.utils.get_total_norm(scaled))  # type: ignore[arg-type]  # each is a tensor
        if norm == 0:
            return
        for p, scale, part in zip(parameters, scales, scaled, strict=True):
            p.add_(scale * part, alpha=self._rho / norm)
