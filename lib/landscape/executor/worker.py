"""What runs inside a worker of a cluster: whether it may, and one unit with what that needs.

A worker needs this package and PyTorch, no shared disk: units write into a store of its own, whose
new entries go back as bytes. ``LANDSCAPE_WORKER_STORE`` names a folder for it that outlives the
worker, so that an interrupted training run goes on from its checkpoint. Data sets are read from the
worker's own ``DATA_DIR`` where their content has the right hash, and asked for where it has not.
"""

import contextlib
import dataclasses
import functools
import io
import os
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

import torch

from landscape.data import Dataset, load
from landscape.executor import allocator, packing, transfer, versions
from landscape.executor.packing import DatasetReference
from landscape.executor.transfer import Entry, EntryReference
from landscape.store.entries import Store

_ONE_UNIT = threading.Lock()  # Threads and allocator are the process's: one unit at a time.
_KEPT_DATASETS = 4
_datasets: dict[DatasetReference, Dataset] = {}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker sends back.

    Attributes:
        value: What the unit's function returned.
        entries: What it wrote into the worker's store.
        lacking: A data set that has to be sent first; then nothing was computed.
        error: What the unit raised.
        keeps_blocks: Whether the worker's allocator keeps freed memory.
    """

    value: Any = None
    entries: tuple[Entry, ...] = ()
    lacking: DatasetReference | None = None
    error: BaseException | None = None
    keeps_blocks: bool = True


class _Lacking(Exception):
    """A data set is not here."""


class Check:
    """A plugin of Dask's workers: says which may compute units, and prepares those.

    Dask runs it in each worker that there is, and in each that comes later.

    Args:
        name: Name of the topic under which workers answer.
        wanted: Versions that the worker must have.
        packages: Packages whose code is compared.
        memory: Settings of the allocator.
    """

    def __init__(
        self,
        name: str,
        wanted: Mapping[str, str],
        packages: tuple[str, ...],
        memory: Mapping[str, str],
    ) -> None:
        self.name = name
        self._wanted, self._packages, self._memory = wanted, packages, memory

    def setup(self, worker: Any) -> None:
        """Compare versions, prepare the process, and answer what differs."""
        differing = versions.differences(self._wanted, versions.versions(self._packages))
        if not differing:
            os.environ["LANDSCAPE_PROGRESS"] = "off"
            allocator.apply(self._memory)
        worker.log_event(
            self.name,
            {"worker": worker.address, "name": str(worker.name), "differing": differing},
        )


def run(
    unit: bytes,
    threads: int,
    memory: bool,
    blobs: list[tuple[DatasetReference | EntryReference, bytes]],
) -> Answer:
    """Compute one unit in a worker of a cluster.

    Args:
        unit: The unit, as ``packing.packed`` returns it.
        threads: Threads to compute with.
        memory: Whether freed memory is to be kept, so that this is checked.
        blobs: Data sets and entries of the store that were sent.
    """
    datasets = {x: data for x, data in blobs if isinstance(x, DatasetReference)}
    entries = {x: data for x, data in blobs if isinstance(x, EntryReference)}
    with _ONE_UNIT:
        # In the thread that computes: the number of threads is each thread's own.
        torch.set_num_threads(threads)
        try:
            function, arguments = packing.unpacked(
                unit, functools.partial(_resolved, blobs=datasets)
            )
        except _Lacking as lacking:
            return Answer(lacking=lacking.args[0])
        keeps = not memory or _keeps_blocks()
        with _store() as (store, temporary):
            for reference, data in entries.items():
                transfer.given(store, transfer.unpacked(reference, data))
            try:
                value = function(store, *arguments)
            except Exception as error:
                return Answer(error=_portable(error), keeps_blocks=keeps)
            # A store that stays holds the entries of other units too.
            written = transfer.entries(store) if temporary else store.used
            new = (entry for entry in written if entry not in entries)
            taken = tuple(transfer.taken(store, *entry) for entry in new)
        return Answer(value, taken, keeps_blocks=keeps)


@functools.cache
def _keeps_blocks() -> bool:
    return allocator.keeps_blocks()


@contextlib.contextmanager
def _store() -> Any:
    """Give a unit its store: the folder that stays, or one for this unit alone."""
    lasting = os.environ.get("LANDSCAPE_WORKER_STORE")
    if lasting:
        yield Store(lasting), False
        return
    with tempfile.TemporaryDirectory(prefix="landscape-") as folder:
        yield Store(folder), True


def _resolved(reference: DatasetReference, *, blobs: Mapping[DatasetReference, bytes]) -> Dataset:
    """Return a data set from memory, from what was sent, or from this worker's own folder.

    Raises:
        _Lacking: If it is in none of these places.
    """
    if reference not in _datasets:
        dataset = _read(reference, blobs)
        if dataset is None:
            raise _Lacking(reference)
        while len(_datasets) >= _KEPT_DATASETS:
            _datasets.pop(next(iter(_datasets)))
        _datasets[reference] = dataset
    return _datasets[reference]


def _read(reference: DatasetReference, blobs: Mapping[DatasetReference, bytes]) -> Dataset | None:
    if reference in blobs:
        dataset = packing.read_dataset(io.BytesIO(blobs[reference]))
        return dataset if DatasetReference.to(dataset) == reference else None
    folder = os.environ.get("DATA_DIR", "data")
    with contextlib.suppress(OSError, ValueError, ImportError):
        limits = {"max_train": reference.train, "max_test": reference.test}
        dataset = load(reference.name, folder, **limits)  # type: ignore[arg-type]  # two counts
        if DatasetReference.to(dataset) == reference:
            return dataset
    return None


def _portable(error: Exception) -> BaseException:
    """Return an error that can be sent: itself, or one with its text."""
    try:
        packing.pickle.loads(packing.pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
