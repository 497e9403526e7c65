"""Data sets as a study names them: known by content, loaded when their numbers are needed."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

from landscape.data import Dataset

Split = Literal["train", "test"]
Tensors = tuple


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A data set that may be known by its record alone.

    Attributes:
        name: Name of the data set.
        sha256: Hash of its content.
        train_size: Number of training examples.
        test_size: Number of test examples.
        classes: Number of classes.
        shape: (channels, height, width) of an input.
        load: Returns the data set itself; raises ``NotRecordedError`` where only the record is
            there.
    """

    name: str
    sha256: str
    train_size: int
    test_size: int
    classes: int
    shape: tuple[int, int, int]
    load: Callable[[], Dataset]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the task with its data set, which executors send apart, once."""
        fields = (self.name, self.sha256, self.train_size, self.test_size, self.classes)
        return Task, (*fields, self.shape, functools.partial(_same, self.dataset))

    @property
    def dataset(self) -> Dataset:
        """The data set itself."""
        return self.load()

    @property
    def train(self) -> "Examples":
        """All training examples."""
        return Examples(self, "train", self.train_size)

    @property
    def test(self) -> "Examples":
        """All test examples."""
        return Examples(self, "test", self.test_size)

    @property
    def chance(self) -> float:
        """Share correct by guessing."""
        return 1 / self.classes

    def first(self, count: int, *, split: Split = "train") -> "Examples":
        """Return the first examples of a split, or all where there are fewer.

        Args:
            count: Number of examples, at least 1.
            split: ``train`` or ``test``.

        Raises:
            ValueError: If ``count < 1`` or the split is not ``train`` or ``test``.
        """
        if count < 1 or split not in ("train", "test"):
            raise ValueError(
                f"first({count}, split={split!r}): pass a count >= 1 and split='train' or 'test'."
            )
        size = self.train_size if split == "train" else self.test_size
        return Examples(self, split, min(count, size))

    def after(self, count: int) -> "Examples":
        """Return the training examples after the first ones.

        Args:
            count: Number of examples to leave out, at least 1.

        Raises:
            ValueError: If none is left, or ``count < 1``.
        """
        if not 1 <= count < self.train_size:
            raise ValueError(
                f"after({count}) of {self.train_size:,} training examples: pass a count from 1 to "
                f"{self.train_size - 1:,}."
            )
        return LaterExamples(self, "train", self.train_size - count)

    def description(self) -> dict[str, Any]:
        """Return what a record keeps of the data set, as plain values."""
        return {
            "sha256": self.sha256,
            "train": self.train_size,
            "test": self.test_size,
            "classes": self.classes,
            "shape": list(self.shape),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """The first examples of a split of a data set.

    Attributes:
        task: The data set.
        split: ``train`` or ``test``.
        count: Number of examples.
    """

    task: Task
    split: Split
    count: int

    @property
    def tensors(self) -> Tensors:
        """Inputs (k, C, H, W) and targets (k,)."""
        return self.task.dataset.first(self.count, split=self.split)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the examples, as plain values."""
        return {"data": self.task.sha256, "split": self.split, "count": self.count}


class LaterExamples(Examples):
    """The last training examples of a data set, those after the first ones."""

    @property
    def tensors(self) -> Tensors:
        """Inputs (k, C, H, W) and targets (k,)."""
        everything = self.task.dataset.first(self.task.train_size, split=self.split)
        return tuple(part[-self.count :] for part in everything)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the examples, as plain values."""
        return {**super().identity, "after": self.task.train_size - self.count}


def _same(dataset: Dataset) -> Dataset:
    return dataset
