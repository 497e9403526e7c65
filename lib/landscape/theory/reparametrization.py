"""Predictions that can be tested on a network."""

import copy

import torch
from torch import nn

_NORM = nn.modules.batchnorm._BatchNorm
_LINEAR = (nn.Conv2d, nn.Linear)
# Layers that let a positive factor through unchanged.
_HOMOGENEOUS = (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Identity)


def reparametrized_twin(model: nn.Module, *, layer: str, factor: float) -> nn.Module:
    """Return a network of the same function whose parameters lie elsewhere.

    Weight and bias of ``layer`` are multiplied by ``factor``. What follows absorbs it: batch
    normalisation divides it out (running mean and variance are moved along, so that eval mode
    agrees too); otherwise a linear layer behind ReLU and pooling takes 1/factor. Second derivatives
    with respect to the layer are thereby divided by factor².

    Args:
        model: An ``nn.Sequential``; it is copied.
        layer: Name of a convolution or linear layer that is not the last.
        factor: Positive factor.

    Raises:
        ValueError: If the model, the layer or the factor does not allow it.

    Reference: Dinh et al. (2017), Sharp Minima Can Generalize For Deep Nets, section 4.
    """
    if not isinstance(model, nn.Sequential):
        raise ValueError(
            f"{type(model).__name__} does not say which layer follows which. "
            "Pass an nn.Sequential of layers."
        )
    if not 0 < factor < float("inf"):
        raise ValueError(f"factor={factor} must be finite and > 0, since ReLU keeps its sign.")
    twin = copy.deepcopy(model)
    names = [name for name, _ in twin.named_children()]
    if layer not in names or not isinstance(twin.get_submodule(layer), _LINEAR):
        allowed = [name for name in names if isinstance(twin.get_submodule(name), _LINEAR)]
        raise ValueError(
            f"layer {layer!r} is no convolution or linear layer. Pass one of {allowed}."
        )
    _multiply(twin.get_submodule(layer), factor)
    _absorb(twin, names[names.index(layer) + 1 :], layer, factor)
    return twin


def _absorb(twin: nn.Module, following: list[str], layer: str, factor: float) -> None:
    for name in following:
        module = twin.get_submodule(name)
        if isinstance(module, _NORM) and module.track_running_stats:
            variance = factor**2 * (module.running_var.double() + module.eps) - module.eps
            if float(variance.min()) < 0:
                raise ValueError(
                    f"factor={factor} makes a variance in {name!r} smaller than its eps. "
                    "Pass a larger factor."
                )
            module.running_mean.mul_(factor)
            module.running_var.copy_(variance)
            return
        if isinstance(module, _LINEAR):
            with torch.no_grad():
                module.weight.div_(factor)
            return
        if not isinstance(module, _HOMOGENEOUS):
            break
    raise ValueError(
        f"nothing behind layer {layer!r} can absorb the factor. Pass a layer that is followed by "
        "batch normalisation, or by ReLU and pooling and then a linear layer."
    )


@torch.no_grad()
def _multiply(module: nn.Module, factor: float) -> None:
    for tensor in module.parameters(recurse=False):
        tensor.mul_(factor)
