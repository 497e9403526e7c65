"""Memory formats: channels-last, in which convolutions are fast, where a network bears it."""

import copy

import torch
from torch import nn

from landscape.network.precision import full_precision


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of four axes with the second one innermost in memory, also if its size is 1.

    For one channel PyTorch takes both formats for the same and keeps what there is; convolutions
    then choose the slow one. Of other tensors, memory stays as it is.
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
    """Whether a network is computed channels-last: with 2-d convolutions, which that format pays.

    A forward pass that takes a tensor apart by ``view`` needs the order in memory that PyTorch
    gives by default. It is tried, on a copy and two examples, and such a network keeps that order:
    slower, with the same function.

    Args:
        module: Any module; it is not touched.
        inputs: Inputs (N, ...) in its dtype, on its device.
    """
    convolutions = any(isinstance(layer, nn.Conv2d) for layer in module.modules())
    if not convolutions or inputs.dim() != 4:
        return False
    own = copy.deepcopy(module).eval()
    for parameter in own.parameters():
        parameter.data = channels_last(parameter.data)
    try:
        own(channels_last(inputs[:2]))
    except Exception as error:  # Whatever else is wrong is said where it is computed.
        return "view size is not compatible" not in str(error)
    return True
