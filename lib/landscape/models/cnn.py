"""Build small convolutional networks with or without batch normalisation."""

import dataclasses
from typing import Literal

from torch import nn

from landscape.models.family import ModelConfig, check_whole


@dataclasses.dataclass(frozen=True)
class CNN(ModelConfig):
    """Blocks of 3x3 convolution, normalisation, 2x2 max-pooling and ReLU, then two linear layers.

    Convolutions keep their bias even before a normalisation, so that ``norm`` is the only
    difference between two networks with the same ``channels`` and ``hidden``.

    Attributes:
        channels: Number of output channels of each block, at least one block.
        hidden: Number of units of the hidden linear layer.
        norm: ``batch`` for batch normalisation after each convolution, or ``none``.

    Raises:
        ValueError: If a layer is empty or the norm is unknown; from ``build`` also if the images
            have too few pixels for the poolings.

    Example:
        >>> import torch
        >>> from landscape import models
        >>> model = models.CNN(channels=(4, 8), norm="batch").build((1, 8, 8), 10, seed=0)
        >>> model(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """

    channels: tuple[int, ...] = (32, 64)
    hidden: int = 128
    norm: Literal["batch", "none"] = "batch"

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        check_whole("CNN", "channels", self.channels)
        check_whole("CNN", "hidden", (self.hidden,))
        if not self.channels or min(self.channels) < 1 or self.hidden < 1:
            raise ValueError(
                f"CNN(channels={self.channels}, hidden={self.hidden}) has an empty layer. "
                "Give at least one channel count, all of them and hidden >= 1."
            )
        if self.norm not in ("batch", "none"):
            raise ValueError(f"norm={self.norm!r} is not known to CNN. Pass 'batch' or 'none'.")

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        inputs, height, width = shape
        if min(height, width) < 2 ** len(self.channels):
            raise ValueError(
                f"images of {height} x {width} pixels vanish under {len(self.channels)} poolings. "
                f"Use at most {min(height, width).bit_length() - 1} blocks."
            )
        layers: list[nn.Module] = []
        for outputs in self.channels:
            layers.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            if self.norm == "batch":
                layers.append(nn.BatchNorm2d(outputs))
            # ReLU commutes with the maximum; behind the pooling it has a quarter of the pixels.
            layers += [nn.MaxPool2d(2), nn.ReLU()]
            inputs, height, width = outputs, height // 2, width // 2
        layers += [
            nn.Flatten(),
            nn.Linear(inputs * height * width, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, classes),
        ]
        return nn.Sequential(*layers)
