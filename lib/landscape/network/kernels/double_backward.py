"""Folding: a context in which any network's convolutions differentiate twice at full speed."""

from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from landscape.network.kernels.convolution import (
    Convolution,
    Options,
    ReLU,
    Sizes,
    output_shape,
    replaceable,
)
from landscape.network.kernels.normalization import Call, batch_normalize

# What may be asked of a convolution that is held back, as BatchNorm2d does: it stays held.
_QUESTIONS = frozenset(
    (
        torch.Tensor.dim,
        torch.Tensor.size,
        torch.Tensor.numel,
        torch.Tensor.is_floating_point,
        *(getattr(torch.Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device")),
    )
)


class FastConvolutions(TorchFunctionMode):
    """Context in which any network's 2-d convolutions differentiate twice at full speed.

    PyTorch differentiates the backward pass of a convolution by general formulas that fall back to
    slow kernels; here it is written as the convolutions that it is. Normalisation by given
    statistics (eval mode) right behind a convolution is folded into its weights inside the graph,
    so that scale and shift touch weights and not activations. Normalisation by the statistics of
    the batch has second derivatives of its own, ``normalisation.BatchNorm``. Function and
    derivatives are the same up to rounding; third derivatives are refused. Use ``settled`` on what
    the network returns.

    Reference: Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, section 3.2 (folding).
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Compute ``func``; a convolution is held back until it is known what follows."""
        kwargs = kwargs or {}
        if func in _QUESTIONS:
            return func(*args, **kwargs)
        result = None
        if not replaceable():
            pass
        elif func in (functional.conv2d, torch.conv2d):
            result = _hold(*args, **kwargs)
        elif func is functional.batch_norm:
            result = _normalised(Call(*args, **kwargs))
        elif func in (functional.relu, torch.relu) and not kwargs.get("inplace"):
            result = ReLU.apply(convolved(args[0] if args else kwargs["input"]))
        return func(*convolved(args), **convolved(kwargs)) if result is None else result


def convolved(tree: Any) -> Any:
    """Return ``tree`` with the convolutions computed that were held back in it."""
    return pytree.tree_map_only(_Held, lambda held: held.settle(), tree)


class _Held(torch.Tensor):
    """The result of a convolution that is not computed yet, and its place in the graph."""

    @staticmethod
    def __new__(cls, operands, options: Options):
        inputs, weight, _ = operands
        shape = output_shape(inputs, weight, options)
        held = torch.Tensor._make_wrapper_subclass(
            cls, shape, dtype=inputs.dtype, device=inputs.device
        )
        held.operands, held.options, held.result = operands, options, None
        held.versions = _versions(operands)
        return held

    def settle(self) -> torch.Tensor:
        if self.result is None:  # Once, so that what is changed in place stays changed.
            self._check_operands()
            with torch.enable_grad():  # As when it was held, wherever its first use is.
                self.result = _Computed.apply(self)
        return self.result

    def folded(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        self._check_operands()
        inputs, weight, bias = self.operands
        shift = shift if bias is None else bias * scale + shift
        weight = weight * scale[:, None, None, None]
        return Convolution.apply(inputs, weight, shift, self.options)

    def _check_operands(self) -> None:
        if _versions(self.operands) != self.versions:
            raise RuntimeError(
                "the input or a parameter of a convolution was changed in place before the "
                "convolution's output was used. Outputs are computed at their first use: change "
                "the tensor out of place, such as x = x.relu()."
            )

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        # What does not ask the mode ends here: an autograd.Function, or a use after the context.
        # Its derivatives go through the node that `Convolution` gave to the held tensor itself.
        args, kwargs = pytree.tree_map_only(_Held, cls._values, (args, kwargs or {}))
        if func._schema.is_mutable:
            raise RuntimeError(_CHANGED)
        return func(*args, **kwargs)

    def _values(self) -> torch.Tensor:
        result = self.settle()
        if result._version:
            raise RuntimeError(_CHANGED)
        return result.detach()


_CHANGED = (
    "the output of a convolution was changed in place and also used where the context does not "
    "see it, such as in an autograd.Function. Change it out of place, such as x = x.relu()."
)


class _Computed(torch.autograd.Function):
    """A held convolution -> its values; the derivatives are those of the held tensor's node."""

    @staticmethod
    def forward(ctx, held):
        return torch.conv2d(*held.operands, *held.options)

    @staticmethod
    def backward(ctx, grad):
        return grad


def _versions(tensors) -> list[int]:
    return [tensor._version for tensor in tensors if tensor is not None]


# Arguments are called as in PyTorch: they may come by name.
def _hold(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> _Held | None:
    inputs, weight, bias = convolved((input, weight, bias))
    if isinstance(padding, str) or inputs.dim() != 4 or not inputs.is_floating_point():
        return None
    options = (_pair(stride), _pair(padding), _pair(dilation), groups)
    return Convolution.apply(inputs, weight, bias, options, _Held) if _may_wait(inputs) else None


def _may_wait(tensor: torch.Tensor) -> bool:
    # Computed later it would miss the context that it stands in.
    return torch.is_grad_enabled() and not torch.is_autocast_enabled(tensor.device.type)


def _normalised(call: Call) -> torch.Tensor | None:
    held = call.input
    if not _may_wait(held):
        return None
    if call.training:
        return batch_normalize(call._replace(input=convolved(held)))
    # A convolution that something else has used already is there, and is not computed twice.
    if not isinstance(held, _Held) or held.result is not None:
        return None
    scale = (call.running_var + call.eps).rsqrt()
    scale = scale if call.weight is None else call.weight * scale
    shift = -call.running_mean * scale
    return held.folded(scale, shift if call.bias is None else shift + call.bias)


def _pair(value: int | Sizes) -> Sizes:
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * 2 if len(value) == 1 else value
