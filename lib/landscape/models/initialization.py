"""Initial weights that do not depend on which other layers a network has."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from landscape import rng
from landscape.network.parameters import NORM_LAYERS

Rule = Callable[[nn.Module, torch.Generator], None]


def initialize(
    make: Callable[[], nn.Module], rules: Mapping[type[nn.Module], Rule], *, seed: int
) -> nn.Module:
    """Build a network and draw its parameters, each layer from a stream of its own.

    A layer's stream is ``(seed, "initialization", name)``: two networks of one seed start from the
    same values in every layer that both have under one name and shape, whatever lies between.

    Args:
        make: Returns the network; it runs on the meta device, where constructors draw nothing.
        rules: Type of a layer with parameters -> what fills them. Normalisation layers need none:
            they start as the identity.
        seed: Seed of the streams.

    Raises:
        ValueError: If a layer has parameters or buffers and no rule.
    """
    with torch.device("meta"):
        model = make()
    model.to_empty(device="cpu")
    for name, module in model.named_modules():
        if isinstance(module, NORM_LAYERS):
            module.reset_parameters()
        elif type(module) in rules:
            rules[type(module)](module, rng.stream(seed, "initialization", name))
        elif [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            raise ValueError(
                f"layer {name!r} ({type(module).__name__}) has parameters or buffers and no rule "
                f"to initialise them. Rules are given for {[kind.__name__ for kind in rules]}: "
                "add one."
            )
    return model


def he_normal(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2/fan_in), which keeps a ReLU network's variance; biases are zero.

    Reference: He et al. (2015), Delving Deep into Rectifiers, equation 10.
    """
    nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def torch_uniform(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights and biases as PyTorch does by default: uniform within ±1/√fan_in."""
    bound = module.weight[0].numel() ** -0.5
    for tensor in module.parameters(recurse=False):
        nn.init.uniform_(tensor, -bound, bound, generator=generator)


def zero(module: nn.Module, generator: torch.Generator) -> None:
    """Fill all parameters with zeros; draw nothing."""
    for tensor in module.parameters(recurse=False):
        nn.init.zeros_(tensor)
