"""Units as bytes. Data sets stay out of them: they are sent apart, once."""

import contextlib
import dataclasses
import importlib
import io
import pickle
from collections.abc import Callable
from typing import Any

import torch

from landscape.data import Dataset
from landscape.executor.units import Unit
from landscape.store import library

_Base: type[pickle.Pickler] = pickle.Pickler
with contextlib.suppress(ModuleNotFoundError):  # Comes with Dask.
    # It takes functions that are defined in functions, too.
    _Base = importlib.import_module("cloudpickle").Pickler


@dataclasses.dataclass(frozen=True)
class DatasetReference:
    """A data set by name and content.

    Attributes:
        name: Its name, by which a worker may have it.
        fingerprint: Hash of its content.
        train: Number of training examples.
        test: Number of test examples.
    """

    name: str
    fingerprint: str
    train: int
    test: int

    @classmethod
    def to(cls, dataset: Dataset) -> "DatasetReference":
        """Return the reference to a data set."""
        sizes = len(dataset.y_train), len(dataset.y_test)
        return cls(dataset.name, str(dataset.fingerprint), *sizes)


class _Pickler(_Base):  # type: ignore[misc, valid-type]  # one of two classes
    def __init__(self, file: io.BytesIO, datasets: dict[DatasetReference, Dataset]) -> None:
        super().__init__(file, protocol=5)
        self._datasets = datasets

    def persistent_id(self, obj: Any) -> DatasetReference | None:
        if isinstance(obj, Dataset):
            reference = DatasetReference.to(obj)
            self._datasets[reference] = obj
            return reference
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, resolve: Callable[[DatasetReference], Dataset]) -> None:
        super().__init__(file)
        self._resolve = resolve

    def persistent_load(self, pid: Any) -> Dataset:
        return self._resolve(pid)


def packed(unit: Unit, datasets: dict[DatasetReference, Dataset]) -> bytes:
    """Return a unit as bytes, and add the data sets that it refers to.

    Args:
        unit: The unit.
        datasets: DatasetReference -> data set; it receives those of the unit.
    """
    file = io.BytesIO()
    _Pickler(file, {}).dump(library.packages())
    _Pickler(file, datasets).dump((unit.function, unit.arguments))
    return file.getvalue()


def unpacked(
    data: bytes, resolve: Callable[[DatasetReference], Dataset]
) -> tuple[Any, tuple[Any, ...]]:
    """Return the function and the arguments of a unit.

    Args:
        data: What ``packed`` returned.
        resolve: Returns the data set of a reference.
    """
    file = io.BytesIO(data)
    # Versions of code, which are part of keys, depend on the packages that were read.
    for package in _Unpickler(file, resolve).load():
        importlib.import_module(package)
    return _Unpickler(file, resolve).load()


def write_dataset(dataset: Dataset, file: Any) -> None:
    """Write a data set to a path or a file."""
    torch.save({f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset)}, file)


def read_dataset(file: Any, **options: Any) -> Dataset:
    """Return a data set that ``write_dataset`` wrote.

    Args:
        file: A path, or a file.
        options: For ``torch.load``: ``mmap=True`` shares its pages among processes.
    """
    return Dataset(**torch.load(file, weights_only=True, **options))
