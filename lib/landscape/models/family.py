"""Share among all families of networks: a frozen config, a seeded build, a fingerprint."""

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import nn

from landscape import rng
from landscape.network.parameters import NORM_LAYERS
from landscape.store.configuration import Configuration


def check_whole(owner: str, name: str, values: Sequence[int]) -> None:
    """Raise ValueError unless all values are whole numbers, as counts of units are.

    Args:
        owner: Name of the family.
        name: Name of the setting.
        values: The counts.
    """
    odd = [x for x in values if isinstance(x, bool) or not isinstance(x, int)]
    if odd:
        raise ValueError(
            f"{owner}({name}={list(values)!r}) counts units by {odd[0]!r}, which is no whole "
            "number. Give whole numbers, such as 8."
        )


@dataclasses.dataclass(frozen=True)
class ModelConfig(Configuration):
    """The base class of all families: a subclass adds its fields and implements ``_module``.

    A new family is a new file with a frozen dataclass; no other file has to name it.
    """

    def _module(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """Return the network with parameters of any values; it runs on the meta device."""
        raise NotImplementedError

    def build(self, shape: tuple[int, int, int], classes: int, *, seed: int) -> nn.Module:
        """Return an initialised network.

        Weights and biases of convolutions and linear layers follow PyTorch's default distribution,
        uniform within ±1/√fan_in. All layers draw from one stream, ``(seed, "initialization")``, in
        the order of the layers. Normalisation layers draw no random numbers, so networks that
        differ only in normalisation start from the same weights.

        Args:
            shape: (channels, height, width) of an input.
            classes: Number of outputs.
            seed: Seed of the stream.

        Returns:
            The network, in train mode, float32, on the CPU.

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
    parameters = list(module.parameters(recurse=False))
    if isinstance(module, nn.Conv2d | nn.Linear):
        bound = 1 / math.sqrt(module.weight[0].numel())
        for tensor in parameters:
            nn.init.uniform_(tensor, -bound, bound, generator=generator)
    elif isinstance(module, NORM_LAYERS):
        module.reset_parameters()
    elif parameters or list(module.buffers(recurse=False)):  # type: ignore[arg-type]  # only whether it is empty
        raise ValueError(
            f"layer {name!r} ({type(module).__name__}) has parameters or buffers and no rule to "
            "initialise them. Add a rule to landscape.models.family, or build the network with "
            "landscape.models.initialization.initialize and rules of your own."
        )
