"""Fusion: a context in which any network's forward pass without derivatives touches less memory."""

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels.convolution import Sizes, output_shape
from landscape.network.kernels.deferred import (
    Deferred,
    Fold,
    computed,
    deferred_affine,
    deferred_layer,
    is_deferred,
)
from landscape.network.kernels.normalization import Call

# What may be asked of a tensor that is not computed yet, as BatchNorm2d does: it stays so.
_QUESTIONS = frozenset(
    (
        torch.Tensor.dim,
        torch.Tensor.size,
        torch.Tensor.numel,
        torch.Tensor.is_floating_point,
        *(getattr(torch.Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device")),
    )
)
_RELU = frozenset((functional.relu, torch.relu, torch.Tensor.relu))
_RELU_IN_PLACE = frozenset((torch.relu_, torch.Tensor.relu_))
_ADD = frozenset((torch.add, torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.__radd__))
_ADD_IN_PLACE = frozenset((torch.Tensor.add_, torch.Tensor.__iadd__))
# Functions that change nothing in place, whatever their arguments but `out`. Before any other one
# all that is held back is computed, since its operands may be gone afterwards.
_PURE = _QUESTIONS.union(
    (
        functional.linear,
        functional.conv2d,
        torch.conv2d,
        torch.flatten,
        torch.Tensor.flatten,
        torch.Tensor.view,
        torch.Tensor.reshape,
        torch.Tensor.__getitem__,
        torch.Tensor.mean,
        functional.pad,
        functional.avg_pool2d,
        functional.adaptive_avg_pool2d,
        torch.max_pool2d,
        functional.gelu,
        torch.tanh,
        *(_ADD | {torch.relu, torch.Tensor.relu}),
    )
)


class FusedInference(TorchFunctionMode):
    """Context in which a network in eval mode, without derivatives, is evaluated fast.

    A convolution or linear layer is held back until it is known what follows. Normalisation by
    given statistics is folded into its weights; a ReLU and a residual addition are done in place
    on its output, which nothing else can hold. Values are the same up to rounding, NaN and
    infinity included: oneDNN's own fused ReLU is not used, since it turns NaN into 0. Use
    ``settled`` on what the network returns.

    Args:
        constants: Parameters and buffers that stay as they are while the context is used, so that
            folded weights are kept between microbatches.

    Reference: Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, section 3.2 (folding).
    """

    def __init__(self, constants: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()
        self._constants = {id(tensor): tensor for tensor in constants}
        self._folded: dict[tuple, Fold] = {}
        self._waiting: list[weakref.ref] = []

    def __exit__(self, *error: object) -> None:
        """Leave the context; what still waits can be computed after it."""
        self._waiting.clear()
        super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Compute ``func``; a layer is held back until it is known what follows."""
        kwargs = kwargs or {}
        if func in _QUESTIONS:
            return func(*args, **kwargs)
        result = self._fused(func, args, kwargs) if _may_wait() else None
        if result is not None:
            self._waiting.append(weakref.ref(result))
            return result
        if func not in _PURE or "out" in kwargs:
            self._settle_waiting()
        return func(*computed(args), **computed(kwargs))

    def _fused(self, func: Callable, args: tuple, kwargs: dict) -> torch.Tensor | None:
        if func is functional.linear:
            return _linear(*args, **kwargs)
        if func in (functional.conv2d, torch.conv2d):
            return _convolution(*args, **kwargs)
        if func is functional.batch_norm:
            return self._normalized(Call(*args, **kwargs))
        if func is torch.batch_norm and not kwargs:
            x, weight, bias, mean, variance, training, _, eps, _ = args
            return self._normalized(Call(x, mean, variance, weight, bias, training, eps=eps))
        first = args[0] if args else kwargs.get("input")
        if func in _RELU or func in _RELU_IN_PLACE:
            in_place = func in _RELU_IN_PLACE or kwargs.get("inplace") or any(args[1:])
            return _rectified(first, in_place=bool(in_place))
        if (func in _ADD or func in _ADD_IN_PLACE) and len(args) == 2 and not kwargs:
            return _sum(*args, in_place=func in _ADD_IN_PLACE)
        return None

    def _normalized(self, call: Call) -> Deferred | None:
        # A layer whose output something else has used is there, and is not computed twice.
        if call.training or not is_deferred(call.input) or call.input.scaled is None:
            return None
        statistics = computed((call.running_mean, call.running_var, call.weight, call.bias))
        return call.input.scaled(lambda *own: self._fold(own, statistics, call.eps))

    def _fold(self, own: tuple, statistics: tuple, eps: float) -> Fold:
        tensors = (*own, *statistics)
        key = (*map(id, tensors), eps)
        if key in self._folded:
            return self._folded[key]
        found = _folded(*own, *statistics, eps)
        # Of other tensors the identity may pass on to later ones.
        if all(tensor is None or id(tensor) in self._constants for tensor in tensors):
            self._folded[key] = found
        return found

    def _settle_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for held in (reference() for reference in waiting):
            if held is not None and is_deferred(held):
                held.settle()


def lighten(module: nn.Module) -> None:
    """Let ReLU and normalisation layers of a module in eval mode call PyTorch without checks.

    Their own Python code takes as long as a pass over a small image. The function is the same.
    """
    for part in module.modules():
        if type(part) is nn.ReLU:
            part.forward = torch.relu_ if part.inplace else torch.relu
        elif type(part) in (nn.BatchNorm1d, nn.BatchNorm2d) and part.running_mean is not None:
            part.forward = functools.partial(_normalize, part)


def _normalize(layer: nn.BatchNorm1d | nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    own = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    return torch.batch_norm(x, *own, False, 0.0, layer.eps, torch.backends.cudnn.enabled)


def _may_wait() -> bool:
    # Computed later it would miss the context that it stands in.
    return not (
        torch.is_grad_enabled()
        or torch.is_autocast_enabled("cpu")
        or torch.is_autocast_enabled("cuda")
        or torch._C._are_functorch_transforms_active()
    )


# Arguments are called as in PyTorch: they may come by name.
def _convolution(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    input, weight, bias = computed((input, weight, bias))
    if isinstance(padding, str) or input.dim() != 4 or not input.is_floating_point():
        return None
    options = (_pair(stride), _pair(padding), _pair(dilation), groups)
    shape = output_shape(input, weight, options)
    return deferred_layer(
        lambda w, b: torch.conv2d(input, w, b, *options), weight, bias, input, shape
    )


def _linear(input, weight, bias=None):
    input, bias = computed((input, bias))
    if not input.is_floating_point() or weight.dim() != 2:
        return None
    shape = (*input.shape[:-1], weight.shape[0])
    product = weight.product(input) if is_deferred(weight) and weight.product else None
    if product is not None:
        return deferred_affine(product, bias, input, shape)
    weight = computed(weight)
    return deferred_layer(lambda w, b: functional.linear(input, w, b), weight, bias, input, shape)


def _folded(weight, bias, running_mean, running_var, scale, shift, eps: float) -> Fold:
    factor = (running_var + eps).rsqrt()
    factor = factor if scale is None else scale * factor
    offset = -running_mean if bias is None else bias - running_mean
    offset = offset * factor if shift is None else torch.addcmul(shift, offset, factor)
    # Into the weight's own strides: the memory format of a convolution follows them.
    column = factor.view(-1, *[1] * (weight.dim() - 1))
    return torch.mul(weight, column, out=torch.empty_like(weight)), offset


def _rectified(held: Any, *, in_place: bool) -> torch.Tensor | None:
    if not is_deferred(held):
        return None
    values = held.compute().relu_()
    if not in_place:
        return values
    held.result = values
    return held


def _sum(first: Any, second: Any, *, in_place: bool) -> torch.Tensor | None:
    if not in_place and not is_deferred(first):
        first, second = second, first
    if not is_deferred(first) or not isinstance(second, torch.Tensor):
        return None
    if (second.shape, second.dtype) != (first.shape, first.dtype):
        return None
    other = computed(second)
    if not in_place:
        return Deferred.of(lambda: first.compute().add_(other), first, first.shape)
    first.result = first.compute().add_(other)
    return first


def _pair(value: int | Sizes) -> Sizes:
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * 2 if len(value) == 1 else value
