"""Build deep fully connected networks, residual and plain, to compare them over depths."""

import dataclasses
import math
from collections import OrderedDict
from typing import Literal

import torch
from torch import nn

from landscape.models.family import ModelConfig
from landscape.models.initialization import he_normal, initialize

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "identity": nn.Identity}


@dataclasses.dataclass(frozen=True)
class FullyConnected(ModelConfig):
    """Linear layers of one width in blocks of two, as in a ResNet, with or without a shortcut.

    The first layer maps the pixels to the width, the last one to the classes, and (depth - 2) / 2
    blocks lie between them. Normalisation and activation follow each layer but the last; the second
    activation of a block follows the addition, as in He et al. (2016). Weights are He normal,
    biases zero. A layer has a bias only where no norm follows. Networks with one seed share the
    weights of all layers that they have in common.

    Attributes:
        depth: Even number of linear layers, at least 4.
        width: Units of each hidden layer.
        norm: ``batch`` or ``none``.
        skip: Whether the input of a block is added to its output.
        activation: ``relu``, or ``identity`` for a deep linear network.
        bias: Whether layers without a norm have a bias.
        gain: Factor on all initial weights of the linear layers.

    Raises:
        ValueError: If a setting lies outside its range.

    Reference: He et al. (2016), Deep Residual Learning for Image Recognition, CVPR.

    Example:
        >>> from landscape import models
        >>> model = models.FullyConnected(depth=4, width=8).build((1, 8, 8), 10, seed=0)
        >>> sum(parameter.numel() for parameter in model.parameters())
        754
    """

    depth: int = 8
    width: int = 64
    norm: Literal["batch", "none"] = "none"
    skip: bool = False
    activation: Literal["relu", "identity"] = "relu"
    bias: bool = True
    gain: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", float(self.gain))
        if self.depth < 4 or self.depth % 2:
            raise ValueError(
                f"depth={self.depth} is not 2n + 2 with n >= 1, so it does not fill blocks of two "
                "layers. Pass 4, 6, 8, 16, 32 or the like."
            )
        if self.width < 1 or not 0 < self.gain < math.inf:
            raise ValueError(
                f"width={self.width}, gain={self.gain:g}: pass a width >= 1 and a finite gain > 0."
            )
        if self.norm not in ("batch", "none") or self.activation not in _ACTIVATIONS:
            raise ValueError(
                f"norm={self.norm!r}, activation={self.activation!r} is not known to "
                "FullyConnected. Pass norm='batch' or 'none', and activation='relu' or 'identity'."
            )

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return an initialised network.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed; each layer draws from the stream ``(seed, "initialization", name)``.

        Returns:
            The network, in train mode, float32, on the CPU.
        """
        model = initialize(lambda: self._module(shape, classes), {nn.Linear: he_normal}, seed=seed)
        with torch.no_grad():
            for layer in model.modules():
                if isinstance(layer, nn.Linear):
                    layer.weight *= self.gain
        return model

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        layers |= self._layer(math.prod(shape), "")
        layers["activation"] = _ACTIVATIONS[self.activation]()
        layers["blocks"] = nn.Sequential(*(self._block() for _ in range((self.depth - 2) // 2)))
        layers["output"] = nn.Linear(self.width, classes, bias=self.bias)
        return nn.Sequential(layers)

    def _block(self) -> "FullyConnectedBlock":
        branch = self._layer(self.width, "1")
        branch["activation1"] = _ACTIVATIONS[self.activation]()
        branch |= self._layer(self.width, "2")
        return FullyConnectedBlock(
            nn.Sequential(branch), _ACTIVATIONS[self.activation](), skip=self.skip
        )

    def _layer(self, inputs: int, suffix: str) -> "OrderedDict[str, nn.Module]":
        # Named, not numbered: a layer's name, and so its random stream, is the same for all norms.
        bias = self.bias and self.norm == "none"
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers[f"linear{suffix}"] = nn.Linear(inputs, self.width, bias=bias)
        if self.norm == "batch":
            layers[f"norm{suffix}"] = nn.BatchNorm1d(self.width)
        return layers


class FullyConnectedBlock(nn.Module):
    """Apply an activation to a branch, or to the sum of the branch and its input.

    Args:
        branch: The layers of the block, without the last activation.
        activation: The last activation.
        skip: Whether the input is added.
    """

    def __init__(self, branch: nn.Module, activation: nn.Module, *, skip: bool) -> None:
        super().__init__()
        self.branch, self.activation, self.skip = branch, activation, skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output for inputs (N, width)."""
        y = self.branch(x)
        return self.activation(x + y if self.skip else y)
