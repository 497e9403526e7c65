"""What every family of networks shares: a frozen config, a seeded build, a fingerprint."""

import dataclasses
import math

import torch
from torch import nn

from landscape import rng
from landscape.network.parameters import NORM_LAYERS
from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class ModelConfig(Configuration):
    """The base of all families: a subclass adds its fields and implements ``_module``.

    A new family is one new file with one frozen dataclass; nothing else has to know of it.
    """

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        raise NotImplementedError

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return an initialised network.

        Convolutions and linear layers get PyTorch's default distribution, uniform within
        ±1/√fan_in, drawn from the stream ``(seed, "initialization")`` in the order of the layers.
        Layers without randomness draw nothing, so networks that differ only in normalisation start
        from the same weights.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed of the stream.

        Raises:
            ValueError: If a layer has parameters and no rule to initialise them.
        """
        # On the meta device a constructor draws no random numbers: global state stays untouched.
        with torch.device("meta"):
            model = self._module(shape, classes)
        model.to_empty(device="cpu")
        generator = rng.stream(seed, "initialization")
        for name, module in model.named_modules():
            _initialize(name, module, generator)
        return model


def _initialize(name: str, module: nn.Module, generator: torch.Generator) -> None:
    own = list(module.parameters(recurse=False))
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = 1 / math.sqrt(module.weight[0].numel())
        for tensor in own:
            nn.init.uniform_(tensor, -bound, bound, generator=generator)
    elif isinstance(module, NORM_LAYERS):
        module.reset_parameters()
    elif own or list(module.buffers(recurse=False)):
        raise ValueError(
            f"layer {name!r} ({type(module).__name__}) has parameters and no rule to initialise "
            "them, or buffers. Add one to landscape.models.family."
        )
