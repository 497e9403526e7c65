"""Signal propagation: norms of the loss's gradient with respect to the outputs of each layer."""

import contextlib
import dataclasses
import functools
import math
from typing import Any

import torch
from torch import nn

from landscape import arguments
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignalPropagation(Measurement):
    """Norms of the gradients that the layers receive from the loss.

    Attributes:
        norms: ‖∂L/∂z‖₂ over all examples (layers,), with z the outputs of a layer that has weights,
            ordered from input to output; in loss per unit of output.
        decay: The factor by which the norms change from a layer to the layer before it, by least
            squares on their logarithms: below 1 gradients vanish towards the input, above 1 they
            explode. The last layer does not count, since pooling often stands before it. NaN if a
            norm is 0 or not finite, or if fewer than two count.
        passes: Forward and backward passes over the examples.
        converged: Whether ``decay`` is a number; nothing is iterated.
    """

    norms: torch.Tensor
    decay: float
    passes: int
    converged: bool


def signal_propagation(
    objective: Objective, theta: torch.Tensor | None = None
) -> SignalPropagation:
    """Measure the norms of the loss's gradient with respect to the outputs of a network's layers.

    Gradients with respect to *weights* do not show whether a signal vanishes between layers: a
    plain ReLU network without normalisation and biases is homogeneous in the weights of each layer,
    so ⟨W, ∂L/∂W⟩ is the same number for all layers.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.

    Returns:
        The norm of each layer and their decay towards the input.

    Raises:
        ValueError: If no layer with weights returns a single tensor, as convolutions and linear
            layers do, or theta has another length.

    Example:
        >>> from landscape import Objective, data, diagnostics, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8, 8)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> signals = diagnostics.signal_propagation(L)
        >>> signals.norms.shape, signals.decay > 0
        (torch.Size([3]), True)
    """
    arguments.check(signal_propagation, locals())
    theta = objective.theta if theta is None else theta
    module = objective.parts(theta).module
    squares: dict[nn.Module, float] = {}

    def add_square(layer: nn.Module, gradient: torch.Tensor) -> None:
        squares[layer] += float(gradient.double().square().sum())

    def watch(layer: nn.Module, _: tuple, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.requires_grad:
            squares.setdefault(layer, 0.0)  # Layers in the order of execution, not of backward.
            output.register_hook(functools.partial(add_square, layer))

    weights = [block.name for block in objective.layout.blocks if block.kind == "weight"]
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(map(_layer, weights)):
            hook = module.get_submodule(name).register_forward_hook(watch)
            stack.callback(hook.remove)
        objective.gradient(theta)
    if not squares:
        raise ValueError(
            "no layer with weights returned a single tensor that the loss depends on. Pass a "
            "network of convolutions or linear layers."
        )
    norms = torch.tensor(list(squares.values()), dtype=torch.float64).sqrt()
    factor = decay(norms[:-1])
    converged = math.isfinite(factor)
    return SignalPropagation(
        norms=norms, decay=factor, passes=2, converged=converged, **conditions(objective)
    )


def _layer(weight: str) -> str:
    """Return the name of the layer that a weight, or a part of a parametrised one, belongs to."""
    return (
        weight.partition(".parametrizations.")[0]
        if ".parametrizations." in weight
        else ("" if weight.startswith("parametrizations.") else weight.rpartition(".")[0])
    )


def decay(norms: torch.Tensor) -> float:
    """Return the factor by which norms change from a layer to the layer before it.

    Args:
        norms: Norms (layers,), ordered from input to output.

    Returns:
        The factor, by least squares on logarithms; NaN if a norm is 0 or not finite, or there are
        fewer than two.
    """
    logs = norms.double().log()
    if len(logs) < 2 or not logs.isfinite().all():
        return math.nan
    layers = torch.arange(len(logs), dtype=torch.float64)
    layers -= layers.mean()
    return math.exp(-float(layers @ logs) / float(layers @ layers))
