"""A reader's own examples: pairs of tensors, data sets and loaders."""

import dataclasses
from typing import Any

from landscape.data import Dataset
from landscape.network.examples import ExampleSet, taken
from landscape.network.fields import Fields
from landscape.store.fingerprint import digest

from studies.own.calls import called
from studies.references import imported
from studies.tasks import Task


def examples(reference: str, count: int, *, target: str = "", folder: str = "") -> Task:
    """Return the reader's examples: the first of those that a function or an object gives.

    Args:
        reference: ``package.module:name`` or ``file.py:name`` of a pair (inputs, targets) of
            tensors or arrays, a dict with ``labels``, a ``torch.utils.data.Dataset``, or an
            iterable of batches such as a ``DataLoader``, as ``Objective`` takes them; or of a
            function that returns one. Batches are read once, in the order in which they come.
        count: Most examples to keep, at least 1.
        target: Key of the targets in batches that are dicts; empty takes the usual ones.
        folder: Where modules and files are looked for first.

    Raises:
        TypeError: If they are of another kind.
        ValueError: If there are no examples, or they do not fit together.
    """
    if count < 1:
        raise ValueError(f"examples={count}: keep at least 1 example.")
    named = imported(reference, parameter="data", folder=folder)
    given = called(named, "data", reference) if callable(named) else named
    read = taken(given, target=target or None, count=count, where=f"data={reference!r}")
    return _task(reference, read)


def shortened(task: Task, count: int) -> Task:
    """Return the reader's first examples as all that there are.

    Args:
        task: The examples.
        count: Number to keep.
    """
    return _task(task.name, example_set(task).first(count))


def example_set(task: Task) -> ExampleSet:
    """Return all of the reader's examples as ``Objective`` takes them, several inputs included.

    Args:
        task: The examples, as ``examples`` returns them.
    """
    inputs, targets = task.dataset.first(task.train_size)
    fields, target = task.several if isinstance(task, OwnTask) else (None, None)
    return ExampleSet(inputs, targets, fields, target)


@dataclasses.dataclass(frozen=True, eq=False)
class OwnTask(Task):
    """The reader's examples, whose inputs may be several.

    Attributes:
        several: Which inputs a row holds, and under which name the targets stood.
    """

    several: tuple[Fields | None, str | None] = (None, None)


def _task(name: str, read: ExampleSet) -> Task:
    inputs, targets = read.pair
    classes = 1 if targets.is_floating_point() else max(1, int(targets.max()) + 1)
    sha256, none = digest((inputs, targets)), (inputs[:0], targets[:0])
    dataset = Dataset(name, inputs, targets, *none, classes, sha256)
    shape: Any = tuple(inputs.shape[1:])
    several = read.fields, read.target
    return OwnTask(name, sha256, len(inputs), 0, classes, shape, lambda: dataset, several)
