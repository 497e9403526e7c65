"""Operands of an operation, read from its node in the autograd graph."""

from typing import Any

import torch
from torch import nn

from landscape.spectrum.exact_trace.piecewise_linear import Use


def other_factor(use: Use, operand: int) -> torch.Tensor | float:
    """Return the factor of an operand in the derivative of the operation's result.

    Args:
        use: A sum, difference, product or eval-mode batch normalisation.
        operand: Index of the operand.

    Returns:
        The factor: a number for an operand that is added, else a tensor that broadcasts to the
        shape of the result.
    """
    node = use.node
    if use.kind == "Mul":
        return (node._saved_other if operand == 0 else node._saved_self).detach()
    if use.kind in ("Add", "Sub"):
        return float(node._saved_alpha) if operand == 1 else 1.0
    if operand == 2:  # The shift of batch normalisation; below, its scale.
        return 1.0
    axes = (-1, *[1] * (len(use.shape) - 2))
    scale = inverse_deviation(use).view(axes)
    return (node._saved_input.detach() - node._saved_running_mean.view(axes)) * scale


def inverse_deviation(norm: Use) -> torch.Tensor:
    """Return 1/σ (channels,) of an eval-mode batch normalisation, from its running variance."""
    node = norm.node
    eps = node._saved_eps if norm.kind == "NativeBatchNorm" else node._saved_epsilon
    return (node._saved_running_var + eps).rsqrt()


def layer_inputs(use: Use, count: int) -> tuple[torch.Tensor | None, int, int]:
    """Return the tensor that the weight of a layer multiplies, and its sizes.

    Args:
        use: A convolution or matrix product, in the graph of ``count`` examples.
        count: Number of examples N.

    Returns:
        A view (N, groups, *places, *entries), or None if the weight is not trained; the number of
        entries that one output sums over, 0 if it is not trained; the number of groups.
    """
    node = use.node
    if use.kind == "Convolution":
        groups = node._saved_groups
        if operand_name(use, "weight") is None:
            return None, 0, groups
        weight = use.parameter(1)
        return _windows(node, use.shape[2:], weight.shape[2:]), weight[0].numel(), groups
    if operand_name(use, "weight") is None:
        return None, 0, 1
    inputs = (node._saved_mat1 if use.kind == "Addmm" else node._saved_self).detach()
    return inputs.reshape(count, 1, -1, inputs.shape[1]), inputs.shape[1], 1


def _windows(node: Any, places: tuple[int, ...], kernel: tuple[int, ...]) -> torch.Tensor:
    """Return a view (N, groups, *places, *kernel, channels of a group) of a convolution's input."""
    # ``pad`` takes the last axis first, both sides of each.
    sides = [side for size in reversed(node._saved_padding) for side in (size, size)]
    x = nn.functional.pad(node._saved_input.detach(), sides)
    # With channels innermost in memory, copying the windows moves runs of channels, not values.
    x = x.movedim(1, -1).contiguous().movedim(-1, 1)
    example, channel, *axes = x.stride()
    groups, channels = node._saved_groups, x.shape[1] // node._saved_groups
    between = [axis * stride for axis, stride in zip(axes, node._saved_stride, strict=True)]
    within = [axis * dilation for axis, dilation in zip(axes, node._saved_dilation, strict=True)]
    # A view, since windows overlap: as a tensor of their own they would take the input kernel-fold.
    return x.as_strided(
        (len(x), groups, *places, *kernel, channels),
        (example, channels * channel, *between, *within, channel),
    )


def named_totals(
    use: Use, weight: torch.Tensor | None, bias: torch.Tensor | None
) -> dict[str, torch.Tensor]:
    """Return sums for weight and bias under their parameters' names, in the parameters' shapes.

    Args:
        use: A convolution or matrix product.
        weight: Sums (groups, outputs of a group, entries); None if the weight is not trained.
        bias: Sums (groups, outputs of a group); None if the bias is not trained.

    Returns:
        Parameter name -> sums.
    """
    totals = {}
    if (name := operand_name(use, "bias")) is not None:
        totals[name] = bias.flatten()  # type: ignore[union-attr]  # its sums are there
    if (name := operand_name(use, "weight")) is not None:
        weight = weight.flatten(0, 1)  # type: ignore[union-attr]  # its sums are there
        if (
            use.kind == "Convolution"
        ):  # Entries are (*kernel, channels), weights (channels, *kernel).
            weight = weight.unflatten(1, (*use.parameter(1).shape[2:], -1)).movedim(-1, 1)
        totals[name] = weight if use.kind == "Convolution" or use.transposed else weight.T
    return totals


def operand_name(use: Use, part: str) -> str | None:
    """Return the name of a layer's weight or bias.

    Args:
        use: A convolution or matrix product.
        part: ``weight`` or ``bias``.

    Returns:
        The name; None if the layer has no such part or it is not trained.
    """
    operands = {"Convolution": (1, 2), "Addmm": (2, 0), "Mm": (1, None)}[use.kind]
    return use.names.get(operands[part == "bias"])  # type: ignore[arg-type]  # None is no position


def num_outputs(use: Use) -> int:
    """Return the number of outputs (channels) of a layer."""
    return use.shape[1]


def empty_like_result(use: Use, *shape: int) -> torch.Tensor:
    """Return an uninitialised tensor with dtype and device of an operation's result."""
    like = use.node._input_metadata[0]
    return torch.empty(shape, dtype=like.dtype, device=like.device)
