"""Pooling before ReLU: the same function and derivatives on fewer values."""

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class PoolFirst(TorchFunctionMode):
    """Context in which ReLU followed by max-pooling is computed as max-pooling followed by ReLU.

    The two commute, in value and in gradient: where the largest value of a window is positive it is
    the same entry either way, and where it is not, nothing passes. Passes over the unpooled values
    are spared, above all backward. ReLU in place is left alone.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Compute ``func``, unless it pools what a ReLU has returned."""
        kwargs = kwargs or {}
        if func in (functional.max_pool2d, torch.max_pool2d) and not kwargs.get("return_indices"):
            before = _before(args[0]) if args else None
            if before is not None:
                return torch.relu(func(before, *args[1:], **kwargs))
        result = func(*args, **kwargs)
        if func in (functional.relu, torch.relu) and not kwargs.get("inplace"):
            before = args[0] if args else kwargs["input"]
            result.before = before, before._version, result._version
        return result


def _before(tensor: torch.Tensor) -> torch.Tensor | None:
    """Return x if the tensor is relu(x) and neither was changed in place since."""
    before, *versions = getattr(tensor, "before", (None,))
    if before is None or versions != [before._version, tensor._version]:
        return None
    return before
