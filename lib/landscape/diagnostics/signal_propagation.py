"""Signals: gradients of the loss by what each layer puts out, on their way back to the input."""

import contextlib
import dataclasses
import functools
import math
from typing import Any

import torch
from torch import nn

from landscape.measurement import Measurement, labels
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignalPropagation(Measurement):
    """How large the gradient is that each layer receives from the loss.

    Attributes:
        norms: ‖∂L/∂z‖₂ over all examples (layers,), with z the outputs of a layer with weights,
            from the input on; in loss per unit of output.
        decay: The factor by which they change from a layer to the one before it, by least squares
            in their logarithms: below 1 gradients vanish towards the input, above 1 they explode.
            The last layer, which receives the gradient of the loss itself, does not count: pooling
            often stands before it. NaN where a norm is 0 or not finite, or fewer than two count.
        passes: Forward and backward passes over the examples.
        converged: Whether ``decay`` is a number; nothing is iterated.
    """

    norms: torch.Tensor
    decay: float
    passes: int
    converged: bool


def signal_propagation(objective: Objective, theta: torch.Tensor) -> SignalPropagation:
    """Measure the gradients of the loss by the outputs of a network's layers.

    Gradients of the *weights* do not show whether a signal vanishes between layers: without
    normalisation and biases a plain ReLU network is homogeneous in the weights of each layer, so
    that ⟨W, ∂L/∂W⟩ is the same number for all of them.

    Args:
        objective: Its loss, examples and policy.
        theta: The point (n,).

    Raises:
        ValueError: If no layer with weights gives one tensor, as convolutions and linear layers do.
    """
    module = objective.parts(theta).module
    squares: dict[nn.Module, float] = {}

    def received(layer: nn.Module, gradient: torch.Tensor) -> None:
        squares[layer] += float(gradient.double().square().sum())

    def gave(layer: nn.Module, _: tuple, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.requires_grad:
            squares.setdefault(layer, 0.0)  # In the order of execution.
            output.register_hook(functools.partial(received, layer))

    weights = [block.name for block in objective.layout.blocks if block.kind == "weight"]
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(weight.rpartition(".")[0] for weight in weights):
            hook = module.get_submodule(name).register_forward_hook(gave)
            stack.callback(hook.remove)
        objective.gradient(theta)
    if not squares:
        raise ValueError(
            "no layer with weights gave one tensor that the loss depends on. Pass a network of "
            "convolutions or linear layers."
        )
    norms = torch.tensor(list(squares.values()), dtype=torch.float64).sqrt()
    factor = decay(norms[:-1])
    known = math.isfinite(factor)
    return SignalPropagation(
        norms=norms, decay=factor, passes=2, converged=known, **labels(objective)
    )


def decay(norms: torch.Tensor) -> float:
    """Return the factor by which norms (layers,) change from a layer to the one before it."""
    logs = norms.double().log()
    if len(logs) < 2 or not logs.isfinite().all():
        return math.nan
    layers = torch.arange(len(logs), dtype=torch.float64)
    layers -= layers.mean()
    return math.exp(-float(layers @ logs) / float(layers @ layers))
