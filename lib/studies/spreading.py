"""Entries of a record as work units: their measurements on the workers of an executor."""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from landscape.executor import packing, transfer
from landscape.executor.units import Executor, Unit, UnitError
from landscape.progress import Progress
from landscape.store.entries import Store
from landscape.training.loop import train
from landscape.training.sweeps import in_threads, threads_each

from studies import away
from studies.away import Measured, Network
from studies.recorder import Recorder

_RUN = "training.run"  # Kind of a training run in the store.
_SENT_ALONG = 8 * 2**20  # Bytes of a result that is sent along, to save its computation again.

Runs = tuple[str, ...]


class Request(Protocol):
    """What is needed of a request for an entry; see ``recording.Request``."""

    @property
    def compute(self) -> Callable[[Recorder], None]:
        """Measures the content into a recorder."""
        ...

    @property
    def networks(self) -> Sequence[Network]:
        """The runs that it needs."""
        ...


class Spreading:
    """Measures the entries of one study on workers.

    Args:
        store: The store of the study: results of workers come back into it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._results: dict[Runs, dict[tuple[str, str], None]] = {}

    def measured(
        self, recording: Any, kind: str, lacking: Mapping[str, Request], executor: Executor
    ) -> Iterator[tuple[str, Measured]]:
        """Yield each entry with what a worker measured, as soon as it is there.

        A measurement that holds what no worker can have, such as a reader's own network, is left
        out.

        Args:
            recording: The recording of the study, in whose place a worker has an ``Away``.
            kind: Kind of the entries.
            lacking: Entry -> request.
            executor: Computes.

        Raises:
            Exception: What the first measurement that failed raised; all others were yielded.
        """
        threads = threads_each(recording.workers)
        runs = {x: self._keys(r.networks, threads) for x, r in lacking.items()}
        units = [self._unit(recording, kind, x, r, runs[x]) for x, r in lacking.items()]
        sent = [unit for unit in units if unit is not None]
        if not sent:
            return
        with Progress(kind, len(sent)) as bar:
            try:
                results = executor.map(sent, self._store, threads=torch.get_num_threads())
                for unit, result in results:
                    self._note(runs[unit.key], result)
                    bar.step()
                    yield unit.key, result
            except UnitError as error:  # As measuring here raises it.
                cause = error.__cause__ or error
                cause.add_note(str(error))
                raise cause from None

    def _unit(
        self, recording: Any, kind: str, entry: str, request: Request, runs: Runs
    ) -> Unit | None:
        unit = Unit(
            entry,
            away.measured,
            (recording, request.compute, tuple(request.networks)),
            f"{kind} of {recording.name}",
            (*((_RUN, key) for key in runs), *self._results.get(runs, ())),
        )
        try:
            packing.packed(unit, {})
        except (pickle.PicklingError, AttributeError, TypeError):
            return None
        return unit

    def _note(self, runs: Runs, result: Measured) -> None:
        """Note results on some networks: with them, later units need not compute them again."""
        known = self._results.setdefault(runs, {})
        for entry in result.used:
            if entry[0] != _RUN and 0 < transfer.size(self._store, *entry) <= _SENT_ALONG:
                known[entry] = None

    def _keys(self, networks: Sequence[Network], threads: int) -> Runs:
        with in_threads(threads):
            return tuple(self._store.key(train, (c, task.dataset)) for c, task in networks)
