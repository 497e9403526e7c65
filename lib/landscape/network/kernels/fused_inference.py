"""A context in which forward passes without derivatives make fewer passes over memory."""

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from landscape.network.kernels import matrix_product
from landscape.network.kernels.convolution import Sizes, output_shape
from landscape.network.kernels.deferred import (
    Deferred,
    Fold,
    computed,
    deferred_affine,
    deferred_layer,
    is_deferred,
)
from landscape.network.kernels.normalization import BatchNormArguments

# Queries that a deferred tensor answers without its values. BatchNorm2d asks them before it calls
# `batch_norm`: were the values computed then, no normalisation could be folded.
_METADATA = frozenset(
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
_HALVES = [(2, 2), (2, 2), (0, 0), (1, 1)]  # Pooling over 2 x 2 pixels that do not overlap.
_ADD = frozenset((torch.add, torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.__radd__))
_ADD_IN_PLACE = frozenset((torch.Tensor.add_, torch.Tensor.__iadd__))
# Functions that change no operand in place, unless `out` is given. Any other function may overwrite
# the inputs of a deferred layer, so all deferred tensors are computed before it. A pure function
# that is missing here costs speed only.
_PURE = _METADATA.union(
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
        functional.max_pool2d,
        functional.gelu,
        torch.tanh,
        *(_ADD | {torch.relu, torch.Tensor.relu}),
    )
)


class FusedInference(TorchFunctionMode):
    """Context that makes forward passes of a network in eval mode fast, without derivatives.

    Use it under ``torch.no_grad()`` or ``torch.inference_mode()``: while gradients are enabled it
    changes nothing. Pass the outputs through ``computed``. They are the same as without the context
    up to rounding, NaN and infinity included.

    It saves passes over memory. A convolution or linear layer is *deferred*: it is computed once it
    is known what follows it. Normalisation by given statistics is folded into its weight and bias,
    so the normalisation needs no pass of its own. ReLU and a residual addition overwrite its
    output, to which nothing else refers. oneDNN's fused ReLU is not used: it turns NaN into 0, and
    a diverged network would look sound.

    Args:
        constants: Parameters and buffers that do not change while this object is used. Their folded
            weights are computed once and kept for all microbatches; by default none are kept.

    Reference: Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, CVPR, section 3.2 (folding).
    """

    def __init__(self, constants: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()
        # The tensors are kept beside their ids: an id is unique only while its tensor lives.
        self._constants = {id(tensor): tensor for tensor in constants}
        self._folded: dict[tuple, Fold] = {}
        # Weakly: a tensor that the network has dropped, or that was folded, is never computed.
        self._waiting: list[weakref.ref] = []

    def __exit__(self, *error: object) -> None:
        """Leave the context; tensors that are still deferred can be computed after it."""
        self._waiting.clear()
        super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Return ``func(*args, **kwargs)``; the output of a layer is deferred."""
        kwargs = kwargs or {}
        if func in _METADATA:
            return func(*args, **kwargs)
        result = self._fused(func, args, kwargs) if _may_wait() else None
        if result is not None:
            self._waiting.append(weakref.ref(result))
            return result
        if func not in _PURE or "out" in kwargs:
            self._compute_waiting()
        return func(*computed(args), **computed(kwargs))

    def _fused(self, func: Callable, args: tuple, kwargs: dict) -> torch.Tensor | None:
        """Return the result of a function that is deferred or fused; None for any other."""
        if func is functional.linear:
            return _linear(*args, **kwargs)
        if func in (functional.conv2d, torch.conv2d):
            return _convolution(*args, **kwargs)
        if func is functional.batch_norm:
            return self._normalized(BatchNormArguments(*args, **kwargs))
        if func is functional.max_pool2d:
            return _pooled(*args, **kwargs)
        if func is torch.batch_norm and not kwargs:  # As `bypass_module_checks` calls it.
            x, weight, bias, mean, variance, training, _, eps, _ = args
            return self._normalized(
                BatchNormArguments(x, mean, variance, weight, bias, training, eps=eps)
            )
        operand = args[0] if args else kwargs.get("input")
        if func in _RELU or func in _RELU_IN_PLACE:
            in_place = func in _RELU_IN_PLACE or kwargs.get("inplace") or any(args[1:])
            return _rectified(operand, in_place=bool(in_place))
        if (func in _ADD or func in _ADD_IN_PLACE) and len(args) == 2 and not kwargs:
            return _sum(*args, in_place=func in _ADD_IN_PLACE)
        return None

    def _normalized(self, call: BatchNormArguments) -> Deferred | None:
        # Once something else has used the layer its values exist: folding would compute it again.
        if call.training or not is_deferred(call.input) or call.input.scaled is None:
            return None
        statistics = computed((call.running_mean, call.running_var, call.weight, call.bias))
        return call.input.scaled(lambda *layer: self._fold(layer, statistics, call.eps))

    def _fold(
        self, layer: tuple[Any, Any], statistics: tuple[Any, Any, Any, Any], eps: float
    ) -> Fold:
        """Return the weight and bias ``layer`` with normalisation by ``statistics`` folded in."""
        tensors = (*layer, *statistics)
        key = (*map(id, tensors), eps)
        if key in self._folded:
            return self._folded[key]
        fold = _folded(*layer, *statistics, eps)
        # The id of a temporary tensor may be given to a later one, which would get this fold.
        if all(tensor is None or id(tensor) in self._constants for tensor in tensors):
            self._folded[key] = fold
        return fold

    def _compute_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for tensor in (reference() for reference in waiting):
            if tensor is not None and is_deferred(tensor):
                tensor.compute_once()


def bypass_module_checks(module: nn.Module) -> None:
    """Let ReLU and batch-normalisation layers of a module call PyTorch without Python checks.

    The checks of these layers take as long as a pass over a small image. The function stays the
    same where one forward pass with the checks has succeeded.

    Args:
        module: A module in eval mode. The ``forward`` of its layers is replaced, so pass a copy.
    """
    for part in module.modules():
        # Exact types: a subclass may compute something else.
        if type(part) is nn.ReLU:
            part.forward = torch.relu_ if part.inplace else torch.relu  # type: ignore[method-assign]  # of this copy alone
        elif type(part) in (nn.BatchNorm1d, nn.BatchNorm2d) and part.running_mean is not None:
            part.forward = functools.partial(_normalize, part)  # type: ignore[arg-type]  # by its exact type


def _normalize(layer: nn.BatchNorm1d | nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
    # Read at each call: the tensors of the layer may be exchanged between calls.
    tensors = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    return torch.batch_norm(x, *tensors, False, 0.0, layer.eps, torch.backends.cudnn.enabled)


def _may_wait() -> bool:
    """Return whether results may be computed later, and in place.

    Gradients would need the values that are overwritten; autocast and the transforms of
    ``torch.func`` act on an operation when it is called, and a later one would miss them.
    """
    return not (
        torch.is_grad_enabled()
        or torch.is_autocast_enabled("cpu")
        or torch.is_autocast_enabled("cuda")
        or torch._C._are_functorch_transforms_active()
    )


# The arguments have PyTorch's names, by which callers may pass them.
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
    return deferred_layer(
        lambda w, b: matrix_product.linear(input, w, b), weight, bias, input, shape
    )


def _pooled(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    input = computed(input)
    pairs = [_pair(option) for option in (kernel_size, stride or kernel_size, padding, dilation)]
    rows, columns = input.shape[-2] // 2, input.shape[-1] // 2
    # PyTorch looks for the places of the maxima as well, which takes three times as long.
    if pairs != _HALVES or ceil_mode or return_indices or input.dim() != 4 or not rows * columns:
        return None
    if input.stride(1) != 1:  # With channels innermost each maximum is over contiguous memory.
        return None

    def compute() -> torch.Tensor:
        higher = torch.maximum(input[:, :, : 2 * rows : 2], input[:, :, 1 : 2 * rows : 2])
        return torch.maximum(higher[..., : 2 * columns : 2], higher[..., 1 : 2 * columns : 2])

    return Deferred.from_function(compute, input, (*input.shape[:2], rows, columns))


def _folded(weight, bias, running_mean, running_var, scale, shift, eps: float) -> Fold:
    """Return weight and bias of a layer that computes the given one and then normalises."""
    factor = (running_var + eps).rsqrt()
    factor = factor if scale is None else scale * factor
    offset = -running_mean if bias is None else bias - running_mean
    offset = offset * factor if shift is None else torch.addcmul(shift, offset, factor)
    # `out=` keeps the weight's strides, which decide the memory format that a convolution computes
    # in: the product with a column could come out in the other one.
    column = factor.view(-1, *[1] * (weight.dim() - 1))
    return torch.mul(weight, column, out=torch.empty_like(weight)), offset


def _rectified(operand: Any, *, in_place: bool) -> torch.Tensor | None:
    """Return ReLU of a deferred tensor; None for any other operand."""
    if not is_deferred(operand):
        return None
    # `compute`, not `compute_once`: its tensor is new, so that ReLU may overwrite it. Where the
    # values before ReLU are used as well, the layer is computed again.
    values = operand.compute().relu_()
    if not in_place:
        return values
    operand.result = values
    return operand


def _sum(first: Any, second: Any, *, in_place: bool) -> torch.Tensor | None:
    """Return a sum in which one operand is deferred, to be added on its output; else None."""
    if not in_place and not is_deferred(first):
        first, second = second, first
    if not is_deferred(first) or not isinstance(second, torch.Tensor):
        return None
    # With another shape or dtype the sum may not fit into the first operand's memory.
    if (second.shape, second.dtype) != (first.shape, first.dtype):
        return None
    addend = computed(second)
    if not in_place:  # Deferred again: a ReLU behind the sum can then overwrite it.
        return Deferred.from_function(lambda: first.compute().add_(addend), first, first.shape)
    first.result = first.compute().add_(addend)
    return first


def _pair(value: Sizes | Any) -> Sizes:
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * 2 if len(value) == 1 else value
