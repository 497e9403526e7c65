"""Recorded steps: an entry that the record holds is returned, any other is measured and added."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.executor.units import Executor
from landscape.store import provenance
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.run import Run
from landscape.training.sweeps import sweep, threads_each

from studies import staleness
from studies.away import Away
from studies.identity import entry_id, run_id
from studies.origins import Origins
from studies.record_content import checksum
from studies.record_files import SUPERSEDED
from studies.record_folder import RecordFolder
from studies.recorder import Part, Recorder
from studies.spreading import Spreading
from studies.tasks import Task

_SECONDS_UNWRITTEN = 1.0
_KEPT_RUNS = 64  # Runs that stay in memory; others are read from the store again.


class NotRecordedError(LookupError):
    """Something is asked for that neither the record holds nor this profile may compute."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One entry that a study asks for.

    Attributes:
        identity: What decides the content, as plain values that JSON holds: never a label.
        labels: Arm, seed and other columns.
        compute: Measures the content into a recorder.
        networks: (config, task) of the runs whose weights that needs; missing ones are trained.
        derived: Whether ``compute`` needs the record alone: any profile may do it, and profiles
            that compute do it each time.
    """

    identity: Mapping[str, Any]
    labels: Mapping[str, Any]
    compute: Callable[[Recorder], None]
    networks: Sequence[tuple[TrainConfig, Task]] = ()
    derived: bool = False


class Recording:
    """The record of a study while it is made or read.

    Args:
        name: Name of the study.
        source: Folder of the record to continue or to read.
        target: Folder to write it to; may be the same.
        store: The store of runs and results; None if nothing may be computed, so that what the
            record lacks is noted as missing.
        remeasure: ``stale`` to measure entries again whose code has changed, ``all`` to measure all
            again; empty to keep them.

    Attributes:
        store: The store, or None.
        executor: Trains and measures in place of this process; None where there is none.
        record: The record.
        loss_unit: Unit of the loss; ``nats`` of a cross-entropy.
        missing: Kind -> labels of the entries that were asked for and are not there.
        stale: Entry -> the functions that changed since it was measured.
    """

    def __init__(
        self,
        name: str,
        *,
        source: Path,
        target: Path,
        store: Store | None,
        remeasure: str = "",
    ) -> None:
        self.name, self.store, self.workers = name, store, 1
        self.executor: Executor | None = None
        self.loss_unit = "nats"
        # Without a store nothing new comes in: the target is a copy of what the source holds.
        copies = store is None and Path(source) != Path(target)
        # Entries of other settings than today's are kept, apart from what the study uses.
        self.record, self._others = (
            RecordFolder(Path(target) / part, name, source=Path(source) / part, replace=copies)
            for part in ("", SUPERSEDED)
        )
        self.missing: dict[str, list[dict[str, Any]]] = {}
        self.stale: dict[str, list[str]] = {}
        self._remeasure = remeasure
        self._runs: dict[str, tuple[Run, dict[str, str]]] = {}
        self._measured: set[str] = set()
        self._unwritten, self._written = False, -math.inf
        self._confirmed: set[str] = set()
        self._compared: dict[str, list[str]] = {}
        self._origins = Origins(self.record.origins)
        self._spreading = None if store is None else Spreading(store)

    def __reduce__(self) -> tuple[type[Away], tuple[str, str, int]]:
        """Return what a worker has in its place."""
        return Away, (self.name, self.loss_unit, threads_each(self.workers))

    @property
    def live(self) -> bool:
        """Whether what the record lacks is computed."""
        return self.store is not None

    def holds(self, kind: str, identity: Mapping[str, Any]) -> bool:
        """Return whether the record has an entry, also among those of other settings.

        Args:
            kind: Its kind, such as ``runs``.
            identity: What decides its content.
        """
        self.record.take_over()
        entry = entry_id(kind, identity)
        return entry in self.record or entry in self._others

    def step(self, kind: str, requests: Sequence[Request]) -> list[Part | None]:
        """Return the content of entries: recorded ones as they are, others measured and added.

        Args:
            kind: Kind of the entries, such as ``runs`` or ``lines``; part of their identity.
            requests: What is asked for.

        Returns:
            The parts in the order of the requests; None where the record lacks an entry and
            nothing may be computed.
        """
        self.record.take_over()  # What another process has measured is not measured again.
        ids = [entry_id(kind, request.identity) for request in requests]
        for entry, request in zip(ids, requests, strict=True):
            self.record.ask(entry, request.labels)
        lacking = {
            entry: request
            for entry, request in zip(ids, requests, strict=True)
            if self._lacks(entry, request)
        }
        try:
            if self.live:
                self._prepare(kind, lacking)
                self._measure_away(kind, lacking)
            for entry, request in lacking.items():
                if entry in self._measured:
                    continue
                if self.live or request.derived:
                    self._measure(entry, kind, request)
                elif entry not in self.record:
                    self.missing.setdefault(kind, []).append(dict(request.labels))
        finally:  # Also what was measured before an error or an interrupt is kept.
            if self._unwritten:
                self._write()
        return [self.record.part(entry) if entry in self.record else None for entry in ids]

    def _prepare(self, kind: str, lacking: Mapping[str, Request]) -> None:
        """Train the missing runs of a step side by side, and record each as soon as it is there."""
        waiting = {
            run_id(*network): (network, entry)
            for entry, request in lacking.items()
            for network in request.networks
            if run_id(*network) not in self._runs
        }

        def trained(key: tuple[str, int]) -> None:
            _, entry = waiting[key[0]]
            # Other measurements would take the cores that the workers train on.
            if kind == "runs":
                self._measure(entry, kind, lacking[entry])

        if self.store is not None and (self.executor or (self.workers > 1 and len(waiting) > 1)):
            for task in {id(task): task for (_, task), _ in waiting.values()}.values():
                configs = {
                    name: config for name, ((config, other), _) in waiting.items() if other is task
                }
                sweep(configs, task.dataset, self.store, each=trained, **self._workers)

    @property
    def _workers(self) -> dict[str, Any]:
        return {"workers": self.workers, "executor": self.executor}

    def set_aside_unasked(self) -> None:
        """Move entries that the study did not ask for into the folder ``superseded`` of its record.

        They were measured with other settings. A study that asks for them finds them there.
        """
        unasked = self.record.unasked()
        for entry in unasked:
            self._others.take(entry, self.record)
        if unasked:
            self._others.write()
            self.record.drop(unasked)

    def run(self, config: TrainConfig, task: Task) -> Run:
        """Return a training run with its weights, trained or from the store.

        Raises:
            NotRecordedError: If this profile trains nothing.
        """
        if self.store is None:
            raise NotRecordedError(
                f"the record of {self.name} holds no weights, and this profile trains nothing. "
                f"To measure on networks: make study STUDY={self.name} PROFILE=paper"
            )
        key = run_id(config, task)
        if key not in self._runs:
            with self._watched() as code:
                # As many workers as for the other runs: the number of threads is part of the key.
                plan = sweep([config], task.dataset, self.store, **self._workers)
            (run,) = plan.values()
            self._runs[key] = run, dict(code)
            if len(self._runs) > _KEPT_RUNS:
                del self._runs[next(iter(self._runs))]
        run, code = self._runs[key]
        self.store.code |= code  # Of what is measured on the run, too.
        return run

    def _lacks(self, entry: str, request: Request) -> bool:
        """Whether an entry is measured, or missing where nothing may be."""
        if entry in self._others and entry not in self.record:
            self.record.take(entry, self._others)
        if entry not in self.record:
            return True
        if entry in self._measured or entry in self._confirmed:
            return False
        # What is derived follows what it is derived from, which may have been measured again.
        if self.live and (request.derived or self._remeasure == "all"):
            return True
        part = self.record.part(entry)
        code = self.record.origins[part.origin].get("code", {})
        changed = self._changed(part.origin, code)
        if changed:
            self.stale[entry] = changed
        return bool(changed) and self._remeasure == "stale" and self.live

    def _changed(self, origin: str, code: Mapping[str, str]) -> list[str]:
        if origin not in self._compared:
            self._compared[origin] = staleness.changed(code, study=self.name)
        return self._compared[origin]

    def _measure_away(self, kind: str, lacking: Mapping[str, Request]) -> None:
        """Measure entries on the workers of the executor; what none can measure is left out."""
        # Runs were trained there, and are read here; what is derived needs the record.
        sent = {x: r for x, r in lacking.items() if kind != "runs" and not r.derived}
        if not (self.executor and self._spreading and sent):
            return
        for entry, result in self._spreading.measured(self, kind, sent, self.executor):
            part = result.part(self._origins.name(result.code, result.machine))
            self._keep(entry, kind, part, result.seconds)

    def _measure(self, entry: str, kind: str, request: Request) -> None:
        recorder = Recorder(self.store, loss_unit=self.loss_unit)
        before = self.store.seconds if self.store is not None else 0.0
        with self._watched() as code:
            request.compute(recorder)
        spent = self.store.seconds - before if self.store is not None else 0.0
        part = recorder.part(self._origins.name(code, provenance.description()))
        if request.derived and self._holds(entry, part):
            self._confirmed.add(entry)  # Derived again and the same: it keeps its origin.
            return
        self._keep(entry, kind, part, spent)

    def _keep(self, entry: str, kind: str, part: Part, seconds: float) -> None:
        self.stale.pop(entry, None)
        self._measured.add(entry)
        self.record.put(entry, kind, part, seconds=seconds, write=False)
        self._unwritten = True
        # Writing all files after each of many quick measurements would take longer than they do. A
        # process that is killed loses at most the last of these, which its store still has.
        if time.monotonic() - self._written > _SECONDS_UNWRITTEN:
            self._write()

    def _write(self) -> None:
        self.record.write()
        self._unwritten, self._written = False, time.monotonic()

    def _holds(self, entry: str, part: Part) -> bool:
        return entry in self.record and checksum(self.record.part(entry)) == checksum(part)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[dict[str, str]]:
        """Collect the versions of the code used within the context."""
        code: dict[str, str] = {}
        if self.store is None:
            yield code
            return
        before, self.store.code = self.store.code, {}
        try:
            yield code
        finally:
            code |= self.store.code
            self.store.code = before | code
