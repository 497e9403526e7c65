"""A reader's own examples: pairs of tensors, data sets and loaders."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from landscape.data import Dataset
from landscape.store.fingerprint import digest
from torch.utils.data import DataLoader

from studies.own.calls import called
from studies.references import imported
from studies.tasks import Task


def examples(reference: str, count: int, *, folder: str = "") -> Task:
    """Return the reader's examples: the first of those that a function or an object gives.

    Args:
        reference: ``package.module:name`` or ``file.py:name`` of a pair (inputs, targets) of
            tensors or arrays, a ``torch.utils.data.Dataset``, or an iterable of batches such as a
            ``DataLoader``; or of a function that returns one. Batches are read once, in the order
            in which they come.
        count: Most examples to keep, at least 1.
        folder: Where modules and files are looked for first.

    Raises:
        ValueError: If there are no examples, or they are no pairs of tensors.
    """
    if count < 1:
        raise ValueError(f"examples={count}: keep at least 1 example.")
    target = imported(reference, parameter="data", folder=folder)
    given = called(target, "data", reference) if callable(target) else target
    inputs, targets = _pair(given, count, f"data={reference!r}")
    return _task(reference, inputs, targets)


def shortened(task: Task, count: int) -> Task:
    """Return the reader's first examples as all that there are.

    Args:
        task: The examples.
        count: Number to keep.
    """
    return _task(task.name, *task.dataset.first(count))


def _task(name: str, inputs: torch.Tensor, targets: torch.Tensor) -> Task:
    classes = 1 if targets.is_floating_point() else max(1, int(targets.max()) + 1)
    sha256, none = digest((inputs, targets)), (inputs[:0], targets[:0])
    dataset = Dataset(name, inputs, targets, *none, classes, sha256)
    shape: Any = tuple(inputs.shape[1:])
    return Task(name, sha256, len(inputs), 0, classes, shape, lambda: dataset)


def _pair(given: Any, count: int, where: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first inputs and targets of what the reader's code gives."""
    if isinstance(given, torch.utils.data.Dataset) and not isinstance(given, Iterable):
        given = DataLoader(given, batch_size=min(count, 64))
    if isinstance(given, tuple | list) and len(given) == 2 and _are_arrays(given):
        inputs, targets = (torch.as_tensor(part) for part in given)
    elif isinstance(given, Iterable):
        inputs, targets = _collected(given, count, where)
    else:
        raise ValueError(
            f"{where} gives an object of the type {type(given).__name__}. "
            "Give (inputs, targets), a Dataset, or a "
            "DataLoader."
        )
    if not len(inputs) or len(inputs) != len(targets):
        raise ValueError(
            f"{where} gives {len(inputs)} inputs and {len(targets)} targets. Give one target for "
            "each input, and at least one example."
        )
    return inputs[:count].detach().clone(), targets[:count].detach().clone()


def _collected(batches: Iterable[Any], count: int, where: str) -> tuple[torch.Tensor, torch.Tensor]:
    parts: list[tuple[torch.Tensor, torch.Tensor]] = []
    seen = 0
    for batch in batches:
        if not (isinstance(batch, tuple | list) and len(batch) == 2 and _are_arrays(batch)):
            raise ValueError(
                f"{where} gives batches of {type(batch).__name__}. A batch is a pair (inputs, "
                "targets) of tensors."
            )
        inputs, targets = (torch.as_tensor(part) for part in batch)
        parts.append((inputs, targets))
        seen += len(inputs)
        if seen >= count:
            break
    if not parts:
        raise ValueError(f"{where} gives no batch. Give at least one example.")
    inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    return inputs, targets


def _are_arrays(parts: Iterable[Any]) -> bool:
    return all(isinstance(part, torch.Tensor | np.ndarray) for part in parts)
