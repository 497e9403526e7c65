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
            before = _before(args[0]) if args else None
            if before is not None:
                return torch.relu(func(before, *args[1:], **kwargs))
        result = func(*args, **kwargs)
        if func in (functional.relu, torch.relu) and not kwargs.get("inplace"):
            before = args[0] if args else kwargs["input"]
            # Versions show whether input or result was changed in place before it is pooled.
            result.before = before, before._version, result._version
        return result


def _before(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return x if the tensor is relu(x) and neither has been changed in place since; else None."""
    before, *versions = getattr(tensor, "before", (None,))
    if before is None or versions != [before._version, tensor._version]:
        return None
    return before
