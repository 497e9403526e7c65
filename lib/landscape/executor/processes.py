"""Units in processes of this machine, which share the store."""

import contextlib
import functools
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from landscape.data import Dataset
from landscape.executor import packing
from landscape.executor.packing import DatasetReference
from landscape.executor.serial import Serial
from landscape.executor.units import Failures, Unit
from landscape.progress import say
from landscape.store.entries import Store


class Processes:
    """Computes units in processes that this one starts, several at a time.

    If a worker dies, for example for lack of memory, all end, and this process computes what is
    missing. An interrupt ends the workers. A script must use it below
    ``if __name__ == "__main__":``, since every worker imports the script.

    Args:
        workers: Number of processes, at least 1.

    Raises:
        ValueError: If ``workers < 1``.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers={workers} compute nothing. Pass workers >= 1.")
        self._workers = workers
        self._started: contextlib.ExitStack | None = None

    def map(
        self, units: Iterable[Unit], store: Store, *, threads: int
    ) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value as soon as it is there; see ``Executor.map``."""
        units = list(units)
        failures, done = Failures(len(units)), set()
        ended = False
        try:
            futures = self._submitted(units, store, threads)
            for future in as_completed(futures):
                unit = futures[future]
                try:
                    value = future.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:
                    failures.add(unit, error)
                    done.add(unit.key)
                    continue
                done.add(unit.key)
                yield unit, value
            ended = True
        except BrokenProcessPool:
            say("a worker died; this process computes the missing units")
        finally:
            if not ended:
                self.close()
        yield from Serial().map([x for x in units if x.key not in done], store, threads=threads)
        failures.raise_first()

    def close(self) -> None:
        """End the workers at once, whatever they compute; a later ``map`` starts others."""
        if self._started is not None:
            self._started.close()
            self._started = None

    def _submitted(self, units: list[Unit], store: Store, threads: int) -> dict[Future, Unit]:
        if self._started is None:
            self._start()
        datasets: dict[DatasetReference, Dataset] = {}
        packed = [packing.packed(unit, datasets) for unit in units]
        for reference, dataset in datasets.items():
            path = _path(self._folder, reference)
            if not path.exists():  # As a file, which all workers map: it is in memory once.
                packing.write_dataset(dataset, path)
        return {
            self._pool.submit(_compute, data, self._folder, store.root, threads): unit
            for data, unit in zip(packed, units, strict=True)
        }

    def _start(self) -> None:
        # Not fork: a child would inherit locks of PyTorch's threads, but not the threads.
        spawn = multiprocessing.get_context("spawn")
        with contextlib.ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            reading, lifeline = spawn.Pipe(duplex=False)
            stack.enter_context(reading)
            # The lifeline closes before the pool does: an error does not wait for other units.
            self._pool = stack.enter_context(
                ProcessPoolExecutor(self._workers, spawn, initializer=_begin, initargs=(reading,))
            )
            stack.enter_context(lifeline)
            self._started = stack.pop_all()


def _path(folder: Path, reference: DatasetReference) -> Path:
    return folder / f"{reference.name}-{reference.fingerprint}.pt"


def _begin(lifeline: Connection) -> None:
    """Set up a worker: silent, ended with the parent's lifeline."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent answers interrupts.
    os.environ["LANDSCAPE_PROGRESS"] = "off"
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this process when the parent closes its end of the lifeline, or dies."""
    lifeline.poll(None)
    os._exit(1)


def _compute(data: bytes, folder: Path, store: Path, threads: int) -> Any:
    """Compute one unit in a worker, into the store that all share."""
    torch.set_num_threads(threads)
    function, arguments = packing.unpacked(data, lambda reference: _load(_path(folder, reference)))
    return function(Store(store), *arguments)


@functools.cache
def _load(path: Path) -> Dataset:
    return packing.read_dataset(path, mmap=True)
