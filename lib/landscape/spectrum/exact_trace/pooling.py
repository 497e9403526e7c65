"""Max-pooling before ReLU: the same function and derivatives on fewer values."""

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class PoolFirst(TorchFunctionMode):
    """A context that computes ReLU followed by max-pooling as max-pooling followed by ReLU.

    The two commute, in value and in gradient: if the largest value of a window is positive, the
    same entry passes either way, and if it is not, none does. This saves passes over the unpooled
    values, above all backward. In-place ReLU is left alone.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Compute ``func``, with ReLU and pooling exchanged if it pools the result of a ReLU."""
        kwargs = kwargs or {}
        if func in (functional.max_pool2d, torch.max_pool2d) and not kwargs.get("return_indices"):
            relu_input = _relu_input(args[0]) if args else None
            if relu_input is not None:
                return torch.relu(func(relu_input, *args[1:], **kwargs))
        result = func(*args, **kwargs)
        if func in (functional.relu, torch.relu) and not kwargs.get("inplace"):
            relu_input = args[0] if args else kwargs["input"]
            # Versions show whether input or result was changed in place before it is pooled.
            result.relu_input = relu_input, relu_input._version, result._version
        return result


def _relu_input(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return x if the tensor is relu(x) and neither has been changed in place since; else None."""
    relu_input, *versions = getattr(tensor, "relu_input", (None,))
    if relu_input is None or versions != [relu_input._version, tensor._version]:
        return None
    return relu_input
