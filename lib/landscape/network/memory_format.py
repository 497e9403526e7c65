"""The channels-last memory format, and which networks can be computed in it."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.copying import copied
from landscape.network.precision import full_precision


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor (N, C, H, W) with its channels innermost in memory, also for one channel.

    ``Tensor.contiguous(memory_format=torch.channels_last)`` leaves a tensor of one channel as it
    is, since its memory fits both formats; convolutions then choose the slow one.

    Args:
        tensor: Any tensor; one that has not four axes is returned unchanged.
    """
    if tensor.dim() != 4:
        return tensor
    _, c, h, w = tensor.shape
    strides = (c * h * w, 1, w * c, c)
    if tensor.stride() == strides:
        return tensor
    return torch.empty_strided(
        tensor.shape, strides, dtype=tensor.dtype, device=tensor.device
    ).copy_(tensor)


@full_precision()
@torch.inference_mode()
def takes_channels_last(module: nn.Module, inputs: torch.Tensor) -> bool:
    """Return whether a network should be computed channels-last, where 2-d convolutions are fast.

    It should if it has a 2-d convolution and its forward pass works in that format. A pass that
    reshapes by ``view`` may need PyTorch's default order in memory: this is tried on a copy and two
    examples. Such a network keeps the default order; it is slower and computes the same function.

    Args:
        module: Any module; it is not changed.
        inputs: Inputs (N, ...) in the module's dtype, on its device.
    """
    convolutions = any(isinstance(layer, nn.Conv2d) for layer in module.modules())
    if not convolutions or inputs.dim() != 4:
        return False
    trial = copy.deepcopy(module).eval()
    for parameter in trial.parameters():
        parameter.data = channels_last(parameter.data)
    try:
        trial(channels_last(inputs[:2]))
    except Exception as error:  # Any other error is raised again where the network computes.
        return "view size is not compatible" not in str(error)
    return True


@full_precision()
@torch.inference_mode(False)
def calls_group_norm(module: nn.Module, inputs: torch.Tensor) -> bool:
    """Return whether a forward pass calls a group norm.

    In the channels-last format its second derivatives can end the process, in torch 2.13 on a CPU:
    such a network is measured in PyTorch's default order. First derivatives are safe, and training
    needs no more.

    Args:
        module: Any module; it is not changed.
        inputs: Inputs (N, ...) in the module's dtype, on its device.
    """
    layers = list(module.modules())
    if any(isinstance(layer, nn.GroupNorm) for layer in layers):
        return True
    if inputs.dim() != 4 or not any(isinstance(layer, nn.Conv2d) for layer in layers):
        return False  # It takes PyTorch's default order whatever it calls.
    watch = _GroupNorms()
    try:
        with watch:
            copied(module).eval()(inputs[:2].clone())
    except Exception:  # It is raised again where the network computes.
        return watch.called
    return watch.called


class _GroupNorms(TorchFunctionMode):
    """Notes whether a group norm is called."""

    def __init__(self) -> None:
        super().__init__()
        self.called = False

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.called |= func in (functional.group_norm, torch.group_norm)
        return func(*args, **(kwargs or {}))
