"""Examples as readers bring them: copied, checked, and of one length."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

Examples = tuple[torch.Tensor, torch.Tensor]


def taken(examples: Any) -> Examples:
    """Return own copies of inputs (N, ...) and targets (N, ...).

    Args:
        examples: A pair of tensors or NumPy arrays; or a ``DataLoader`` of such pairs, which is
            read once, in the order that it gives.

    Raises:
        TypeError: If they are something else.
        ValueError: If they are no set of examples.
    """
    if isinstance(examples, DataLoader):
        return _read(examples)
    is_pair = isinstance(examples, tuple | list) and len(examples) == 2
    if not is_pair:
        size = f" of {len(examples)}" if isinstance(examples, tuple | list) else ""
        raise TypeError(
            f"the examples are a {type(examples).__name__}{size}. Pass a pair (inputs, targets) of "
            "tensors with one row for each example, or a DataLoader of such pairs."
        )
    inputs, targets = (
        _tensor(part, name) for part, name in zip(examples, ("inputs", "targets"), strict=True)
    )
    if inputs.dim() == 0 or targets.dim() == 0 or len(inputs) == 0 or len(inputs) != len(targets):
        counts = ["a single number" if x.dim() == 0 else str(len(x)) for x in (inputs, targets)]
        raise ValueError(
            f"{counts[0]} inputs and {counts[1]} targets are no set of examples. "
            "Pass as many targets as inputs, at least one."
        )
    return inputs, targets


def _tensor(part: Any, name: str) -> torch.Tensor:
    """Return a copy of a tensor or an array, without a graph."""
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        return torch.from_numpy(np.array(part))
    if isinstance(part, torch.Tensor) and part.layout == torch.strided and not part.is_nested:
        with torch.inference_mode(False):
            return part.detach().clone()
    shown = type(part).__name__
    if isinstance(part, torch.Tensor):
        shown = "nested tensor" if part.is_nested else f"{str(part.layout)[6:]} tensor"
    elif isinstance(part, np.ndarray):
        shown = f"array of {part.dtype}"
    remedy = f"Pass {name} as one tensor (N, ...) or NumPy array of numbers, a row for each example"
    if isinstance(part, dict):
        remedy += (
            "; wrap a model of several inputs in a module whose forward takes them apart from one "
            "tensor, such as torch.stack of token ids and mask"
        )
    raise TypeError(f"the {name} are a {shown}. {remedy}.")


def _read(loader: Iterable[Any]) -> Examples:
    batches = []
    for batch in loader:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            size = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
            raise TypeError(
                f"the DataLoader gives batches that are a {type(batch).__name__}{size}. Pass one "
                "that gives pairs (inputs, targets)."
            )
        batches.append(
            [_tensor(x, name) for x, name in zip(batch, ("inputs", "targets"), strict=True)]
        )
    if not batches:
        raise ValueError("the DataLoader gives no batch. Pass one of at least one example.")
    try:
        inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    except RuntimeError as error:
        raise ValueError(
            f"the batches of the DataLoader do not fit together: {error}. Pad all examples to one "
            "shape."
        ) from error
    return taken((inputs, targets))


def in_dtype(targets: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return targets as a network in float64 needs them: floating-point ones in float64 too."""
    widened = targets.is_floating_point() and dtype == torch.float64
    return targets.to(dtype) if widened else targets
