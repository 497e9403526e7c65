"""A context in which operations without right second derivatives are computed by formulas."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class TwiceDifferentiable(TorchFunctionMode):
    """Context that replaces operations whose second derivatives PyTorch lacks or gets wrong.

    The values are the same up to rounding. In torch 2.13.0 on a CPU these have no second
    derivative: hardsigmoid, embedding_bag, multi_margin_loss and multilabel_margin_loss, cdist and
    pdist. That of weight_norm takes norms as constants.
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Return ``func(*args, **kwargs)``, by its formula where there is one."""
        formula = _FORMULAS.get(func)
        result = None if formula is None else formula(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if result is None else result


# The arguments have PyTorch's names, by which callers may pass them. None: PyTorch computes it.
def _hardsigmoid(input, inplace=False):
    value = functional.relu6(input + 3) / 6
    return input.copy_(value) if inplace else value


def _weight_norm(v, g, dim=0):
    axes = [axis for axis in range(v.dim()) if axis != dim % v.dim()] if dim != -1 else []
    norm = v.norm() if not axes else torch.linalg.vector_norm(v, dim=axes, keepdim=True)
    return v * (g / norm)


def _multi_margin(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    if input.dim() != 2 or reduction != "none" or size_average is not None or reduce is not None:
        return None
    gaps = (margin - input.gather(1, target[:, None]) + input).relu() ** p
    gaps = gaps if weight is None else gaps * weight[target][:, None]
    others = torch.ones_like(gaps).scatter(1, target[:, None], 0.0)
    return (gaps * others).sum(1) / input.shape[1]


def _multilabel_margin(input, target, size_average=None, reduce=None, reduction="mean"):
    if input.dim() != 2 or reduction != "none" or size_average is not None or reduce is not None:
        return None
    # Only labels before the first -1 count.
    counts = (target >= 0).long().cumprod(1)
    wanted = torch.zeros_like(input).scatter_add(1, target.clamp_min(0), counts.to(input))
    others = (wanted == 0).to(input)
    gaps = (1 - input[:, :, None] + input[:, None, :]).relu()
    return (gaps * wanted[:, :, None] * others[:, None, :]).sum((1, 2)) / input.shape[1]


def _cdist(x1, x2, p=2.0, compute_mode=None):
    return _distance(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def _pairwise(input, p=2.0):
    first, second = torch.triu_indices(len(input), len(input), 1, device=input.device)
    return _distance(input[first] - input[second], p)


def _distance(gaps: torch.Tensor, p: float) -> torch.Tensor | None:
    """Return the p-norms over the last axis, with the derivative 0 at 0 as PyTorch's have."""
    if not 1 <= p < math.inf:
        return None
    if p == 1:
        return gaps.abs().sum(-1)
    total = (gaps.square() if p == 2 else gaps.abs() ** p).sum(-1)
    zero = total == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, total) ** (1 / p))


def _embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    if input.dim() != 2 or max_norm is not None or mode not in ("mean", "sum"):
        return None
    counts = torch.ones_like(input, dtype=weight.dtype)
    if padding_idx is not None:
        counts = counts * (input != padding_idx % len(weight))
    shares = counts if per_sample_weights is None else counts * per_sample_weights
    total = (functional.embedding(input, weight) * shares[..., None]).sum(1)
    return total / counts.sum(1, keepdim=True).clamp_min(1) if mode == "mean" else total


_FORMULAS: dict[Callable, Callable] = {
    functional.hardsigmoid: _hardsigmoid,
    torch._weight_norm: _weight_norm,
    functional.multi_margin_loss: _multi_margin,
    functional.multilabel_margin_loss: _multilabel_margin,
    torch.cdist: _cdist,
    torch.pdist: _pairwise,
    functional.pdist: _pairwise,
    functional.embedding_bag: _embedding_bag,
}
