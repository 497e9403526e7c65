"""Draw initial weights of a layer that do not depend on the network's other layers."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from landscape import rng
from landscape.network.parameters import NORM_LAYERS

Rule = Callable[[nn.Module, torch.Generator], None]


def initialize(
    make: Callable[[], nn.Module], rules: Mapping[type[nn.Module], Rule], *, seed: int
) -> nn.Module:
    """Build a network and draw its parameters, each layer from its own stream.

    A layer's stream is ``(seed, "initialization", name)``. Two networks with one seed therefore
    start from the same values in every layer that both have under the same name and shape, whatever
    layers lie between.

    Args:
        make: Returns the network; it runs on the meta device, where constructors draw no random
            numbers.
        rules: Type of a layer -> function that fills the layer's parameters from a generator.
            Normalisation layers need no rule: they start as the identity.
        seed: Seed of the streams.

    Returns:
        The network, in train mode, float32, on the CPU.

    Raises:
        ValueError: If a layer has parameters or buffers and no rule.
    """
    # On the meta device a constructor draws no random numbers: global state stays untouched.
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
                "add a rule for this type."
            )
    return model


def he_normal(module: Any, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2/fan_in), which keeps the variance through ReLUs; zero the biases.

    Args:
        module: A convolution or linear layer; its parameters are filled in place.
        generator: Source of random numbers.

    Reference: He et al. (2015), Delving Deep into Rectifiers, ICCV, equation 10.
    """
    nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def torch_uniform(module: Any, generator: torch.Generator) -> None:
    """Draw weights and biases from PyTorch's default distribution, uniform within ±1/√fan_in.

    Args:
        module: A layer whose ``weight`` has the outputs first; it is filled in place.
        generator: Source of random numbers.
    """
    bound = module.weight[0].numel() ** -0.5
    for tensor in module.parameters(recurse=False):
        nn.init.uniform_(tensor, -bound, bound, generator=generator)


def zero(module: nn.Module, generator: torch.Generator) -> None:
    """Fill all parameters of a layer with zeros, in place.

    Args:
        module: The layer; its children are left as they are.
        generator: Not used; every initialization takes one.
    """
    for tensor in module.parameters(recurse=False):
        nn.init.zeros_(tensor)
