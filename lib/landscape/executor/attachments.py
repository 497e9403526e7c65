"""What the units of a map need beside their arguments: data sets, and entries of the store.

Each is sent to a cluster once, however many units need it, and let go of after the last of them.
"""

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

from landscape.data import Dataset
from landscape.executor import packing, transfer
from landscape.executor.packing import DatasetReference
from landscape.executor.transfer import EntryReference
from landscape.executor.units import Unit
from landscape.progress import say
from landscape.store.entries import Store

Reference = DatasetReference | EntryReference


class Attachments:
    """The attachments of one map.

    Args:
        store: Holds the entries that units need.
        submit: Gives bytes to the cluster under a name, and returns Dask's future of them.
    """

    def __init__(self, store: Store, submit: Callable[[str, bytes], Any]) -> None:
        self._store, self._submit = store, submit
        self._datasets: dict[DatasetReference, Dataset] = {}
        self._needs: dict[str, list[Reference]] = {}  # Key of a unit -> what it needs.
        self._users: Counter[Reference] = Counter()  # Units that are not done.
        self._blobs: dict[Reference, Any] = {}  # Futures of what was sent.

    def packed(self, unit: Unit) -> bytes:
        """Return a unit as bytes, and note what it needs beside them."""
        datasets: dict[DatasetReference, Dataset] = {}
        data = packing.packed(unit, datasets)
        self._datasets |= datasets
        entries = [EntryReference(*entry) for entry in unit.entries]
        self._needs[unit.key] = [
            *datasets,
            *(x for x in entries if transfer.holds(self._store, *x)),
        ]
        self._users.update(self._needs[unit.key])
        return data

    def of(self, unit: Unit) -> list[tuple[Reference, Any]]:
        """Return what goes with a unit: its entries, and data sets that a worker lacked."""
        needs = self._needs[unit.key]
        for reference in needs:
            if isinstance(reference, EntryReference) and reference not in self._blobs:
                content = transfer.packed(transfer.taken(self._store, *reference))
                self._blobs[reference] = self._submit(f"entry-{reference.key[:24]}", content)
        return [(x, self._blobs[x]) for x in needs if x in self._blobs]

    def send(self, reference: DatasetReference) -> None:
        """Give the cluster a data set that a worker lacks."""
        if reference in self._blobs:
            return
        file = io.BytesIO()
        packing.write_dataset(self._datasets[reference], file)
        say(f"cluster: sending {reference.name} ({len(file.getvalue()) / 1e6:,.1f} MB)")
        # As a task, not as scattered data: those are lost with the worker that holds them.
        name = f"data-{reference.fingerprint[:24]}"
        self._blobs[reference] = self._submit(name, file.getvalue())

    def let_go(self, unit: Unit) -> None:
        """Let go of the entries that no other unit needs; the unit is done."""
        for reference in self._needs[unit.key]:
            self._users[reference] -= 1
            # Dask drops what nobody holds a future of. Data sets serve workers that come later.
            if not self._users[reference] and isinstance(reference, EntryReference):
                self._blobs.pop(reference, None)

    def forget(self) -> list[Any]:
        """Forget what was sent, and return the futures of it."""
        futures, self._blobs = list(self._blobs.values()), {}
        return futures
