"""Reparametrization: a network with the same function and other curvature."""

import copy

import torch
from torch import nn

_NORM = nn.modules.batchnorm._BatchNorm
_LINEAR = (nn.Conv2d, nn.Linear)
# Layers that commute with a positive factor.
_HOMOGENEOUS = (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Identity)


def reparametrized_twin(model: nn.Module, *, layer: str, factor: float) -> nn.Module:
    """Return a network with the same function at other parameters.

    Weight and bias of ``layer`` are multiplied by ``factor``, and a later layer absorbs the factor:
    batch normalisation divides by it (running mean and variance are scaled too, so that eval mode
    agrees); otherwise the weight of the next linear layer or convolution behind ReLU and pooling is
    divided by it. This divides second derivatives with respect to the layer by factor².

    Args:
        model: An ``nn.Sequential``; it is copied.
        layer: Name of a convolution or linear layer that is not the last.
        factor: Finite factor > 0.

    Returns:
        The copy with changed parameters.

    Raises:
        ValueError: If the model is no ``nn.Sequential``, it has no such layer, no later layer can
            absorb the factor, or the factor is not positive and finite.

    Reference: Dinh et al. (2017), Sharp Minima Can Generalize For Deep Nets, section 4.

    Example:
        >>> from landscape import Objective, data, models, theory
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> L = Objective(model, digits.first(100))
        >>> twin = theory.reparametrized_twin(model, layer="1", factor=10.0)
        >>> round(Objective(twin, digits.first(100)).loss() / L.loss(), 4)
        1.0
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
            # eps does not scale with the layer, so the variance makes up for it.
            variance = factor**2 * (module.running_var.double() + module.eps) - module.eps  # type: ignore[union-attr]  # statistics are tracked
            if float(variance.min()) < 0:
                raise ValueError(
                    f"factor={factor} makes a variance in {name!r} smaller than its eps. "
                    "Pass a larger factor."
                )
            module.running_mean.mul_(factor)  # type: ignore[union-attr]  # statistics are tracked
            module.running_var.copy_(variance)  # type: ignore[union-attr]  # statistics are tracked
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
