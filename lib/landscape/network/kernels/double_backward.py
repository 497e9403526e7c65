"""A context in which Hessian-vector products of any convolutional network are fast."""

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
    custom_functions_allowed,
    output_shape,
)
from landscape.network.kernels.normalization import BatchNormArguments, batch_normalize

# Queries that a deferred convolution answers without its values. BatchNorm2d asks them before it
# calls `batch_norm`: were the values computed then, no normalisation could be folded.
_METADATA = frozenset(
    (
        torch.Tensor.dim,
        torch.Tensor.size,
        torch.Tensor.numel,
        torch.Tensor.is_floating_point,
        *(getattr(torch.Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device")),
    )
)


class FastConvolutions(TorchFunctionMode):
    """Context that makes second derivatives of any network with 2-d convolutions fast.

    Compute the outputs inside the context, as for an ordinary forward pass, and pass them through
    ``convolved``. Then differentiate twice, inside or outside the context. Function and derivatives
    are the same as without it, up to rounding. Third derivatives are refused with an error.

    It replaces four operations by functions with second derivatives of their own:

    - A 2-d convolution becomes a ``Convolution``. PyTorch differentiates the backward pass of a
      convolution by general formulas that reach slow kernels; its derivative is itself made of
      convolutions, and is written so.
    - Normalisation by given statistics (eval mode) right behind a convolution is folded into the
      convolution's weight and bias, inside the graph: scale and shift multiply weights, not
      activations. For that a convolution is *deferred*: it is computed at its first use, when it is
      known whether normalisation follows.
    - Normalisation by the statistics of the batch becomes a ``normalization.BatchNorm``.
    - ReLU becomes ``convolution.ReLU``, without zeros in its second derivatives.

    Reference: Jacob et al. (2018), Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, CVPR, section 3.2 (folding).
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Return ``func(*args, **kwargs)``; the result of a convolution is deferred."""
        kwargs = kwargs or {}
        if func in _METADATA:
            return func(*args, **kwargs)
        result = None
        if not custom_functions_allowed():
            pass
        elif func in (functional.conv2d, torch.conv2d):
            result = _deferred_convolution(*args, **kwargs)
        elif func is functional.batch_norm:
            result = _batch_norm(BatchNormArguments(*args, **kwargs))  # type: ignore[assignment]  # both are tensors
        # In place, ReLU has to change the tensor that the caller holds: PyTorch does that.
        elif func in (functional.relu, torch.relu) and not kwargs.get("inplace"):
            result = ReLU.apply(convolved(args[0] if args else kwargs["input"]))
        return func(*convolved(args), **convolved(kwargs)) if result is None else result


def convolved(tree: Any) -> Any:
    """Return nested arguments or outputs with the values of all deferred convolutions in them.

    Args:
        tree: Any PyTorch tree: a tensor, or tuples, lists and dictionaries of tensors.

    Returns:
        The same structure, with ordinary tensors in place of deferred ones.

    Raises:
        RuntimeError: If an operand of a deferred convolution was changed in place since.
    """
    return pytree.tree_map_only(_DeferredConvolution, lambda tensor: tensor.compute_once(), tree)


class _DeferredConvolution(torch.Tensor):
    """The output of a convolution: its place in the graph, and its values from first use on.

    ``Convolution`` returns it, so gradients of its values reach the backward pass of that node. If
    it is folded instead, another ``Convolution`` is recorded and this one is never used.
    """

    @staticmethod
    def __new__(cls, operands, options: Options):
        inputs, weight, _ = operands
        shape = output_shape(inputs, weight, options)
        output = torch.Tensor._make_wrapper_subclass(
            cls, shape, dtype=inputs.dtype, device=inputs.device
        )
        output.operands, output.options, output.result = operands, options, None  # type: ignore[attr-defined]  # as in Deferred
        output.versions = _versions(operands)  # type: ignore[attr-defined]  # as in Deferred
        return output

    def compute_once(self) -> torch.Tensor:
        """Return the values, computed once: later uses must see changes made in place."""
        if self.result is None:  # type: ignore[has-type]  # set in __new__
            self._check_operands()
            # Gradients were enabled when the layer was called. Its first use may stand under
            # `no_grad`, and the kept values would then have no derivative for later uses.
            with torch.enable_grad():
                self.result = _Computed.apply(self)
        return self.result

    def folded(self, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Return scale · output + shift, both (O,), as one convolution with another weight."""
        self._check_operands()
        inputs, weight, bias = self.operands  # type: ignore[attr-defined]  # set in __new__
        shift = shift if bias is None else bias * scale + shift
        weight = weight * scale[:, None, None, None]
        return Convolution.apply(inputs, weight, shift, self.options)  # type: ignore[attr-defined]  # set in __new__

    def _check_operands(self) -> None:
        # PyTorch convolves when the layer is called; here a later change would enter the result.
        if _versions(self.operands) != self.versions:  # type: ignore[attr-defined]  # set in __new__
            raise RuntimeError(
                "the input or a parameter of a convolution was changed in place before the "
                "convolution's output was used. Outputs are computed at their first use: change "
                "the tensor out of place, such as x = x.relu()."
            )

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[override]  # as in PyTorch's guide
        # Operations that the mode does not see come here: inside an autograd.Function, or after the
        # context. Autograd is above this level and already has the node of `Convolution`, so the
        # operation gets values without derivatives.
        args, kwargs = pytree.tree_map_only(_DeferredConvolution, cls._values, (args, kwargs or {}))
        if func._schema.is_mutable:  # It would change detached values, and no graph would know.
            raise RuntimeError(_CHANGED)
        return func(*args, **kwargs)

    def _values(self) -> torch.Tensor:
        result = self.compute_once()
        # A change in place belongs to the graph of `result`, which autograd does not see here.
        if result._version:
            raise RuntimeError(_CHANGED)
        return result.detach()


_CHANGED = (
    "the output of a convolution was changed in place and also used where the context does not "
    "see it, such as in an autograd.Function. Change it out of place, such as x = x.relu()."
)


class _Computed(torch.autograd.Function):
    """Deferred convolution -> its values; the gradient passes on to the node of ``Convolution``."""

    @staticmethod
    def forward(ctx, deferred):
        # No graph is recorded in `forward`.
        return torch.conv2d(*deferred.operands, *deferred.options)

    @staticmethod
    def backward(ctx, grad):
        return grad


def _versions(tensors) -> list[int]:
    """Return PyTorch's counters of changes in place."""
    return [tensor._version for tensor in tensors if tensor is not None]


# The arguments have PyTorch's names, by which callers may pass them.
def _deferred_convolution(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
) -> _DeferredConvolution | None:
    inputs, weight, bias = convolved((input, weight, bias))
    if isinstance(padding, str) or inputs.dim() != 4 or not inputs.is_floating_point():
        return None
    options = (_pair(stride), _pair(padding), _pair(dilation), groups)
    return (
        Convolution.apply(inputs, weight, bias, options, _DeferredConvolution)
        if _may_wait(inputs)
        else None
    )


def _may_wait(tensor: torch.Tensor) -> bool:
    """Return whether a result may be computed later: gradients on, autocast off.

    Later it would miss the ``no_grad`` or ``autocast`` context that it was called in.
    """
    return torch.is_grad_enabled() and not torch.is_autocast_enabled(tensor.device.type)


def _batch_norm(call: BatchNormArguments) -> torch.Tensor | None:
    """Return batch normalisation with fast second derivatives; None where PyTorch computes it."""
    inputs = call.input
    if not _may_wait(inputs):
        return None
    if call.training:
        return batch_normalize(call._replace(input=convolved(inputs)))
    # Once something else has used the convolution its values exist: folding would convolve again.
    if not isinstance(inputs, _DeferredConvolution) or inputs.result is not None:
        return None
    scale = (call.running_var + call.eps).rsqrt()  # type: ignore[operator, union-attr]  # checked above
    scale = scale if call.weight is None else call.weight * scale
    shift = -call.running_mean * scale  # type: ignore[operator]  # checked above
    return inputs.folded(scale, shift if call.bias is None else shift + call.bias)


def _pair(value: Sizes | Any) -> Sizes:
    value = (value,) if isinstance(value, int) else tuple(value)
    return value * 2 if len(value) == 1 else value
