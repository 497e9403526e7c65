"""Build multilayer perceptrons."""

import dataclasses
import math
from typing import Literal

from torch import nn

from landscape.models.family import ModelConfig, check_whole

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


@dataclasses.dataclass(frozen=True)
class MLP(ModelConfig):
    """Flattened pixels, hidden linear layers, each with an activation, and a linear output layer.

    Weights and biases start uniform within ±1/√fan_in (``ModelConfig.build``).

    Attributes:
        hidden: Number of units of each hidden layer; ``()`` is a softmax regression.
        activation: ``relu``, ``tanh`` or ``gelu``.

    Raises:
        ValueError: If a hidden layer is empty or the activation is unknown.

    Example:
        >>> from landscape import models
        >>> model = models.MLP(hidden=(16, 16)).build((1, 8, 8), 10, seed=0)
        >>> sum(parameter.numel() for parameter in model.parameters())
        1482
    """

    hidden: tuple[int, ...] = (128,)
    activation: Literal["relu", "tanh", "gelu"] = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        check_whole("MLP", "hidden", self.hidden)
        if any(units < 1 for units in self.hidden):
            raise ValueError(
                f"MLP(hidden={self.hidden}) has an empty layer. Give counts >= 1, or () for no "
                "hidden layer."
            )
        if self.activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation={self.activation!r} is not known to MLP. "
                f"Pass one of {', '.join(map(repr, _ACTIVATIONS))}."
            )

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = math.prod(shape)
        for units in self.hidden:
            layers += [nn.Linear(inputs, units), _ACTIVATIONS[self.activation]()]
            inputs = units
        return nn.Sequential(*layers, nn.Linear(inputs, classes))
