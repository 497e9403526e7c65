"""Follow the units of one map on a cluster until each has its value or its error."""

import time
import warnings
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any, Protocol

from landscape.executor import transfer, worker
from landscape.executor.attachments import Attachments
from landscape.executor.units import ClusterError, Failures, Unit
from landscape.progress import say
from landscape.store.entries import Store

# What Dask raises where a scheduler or worker goes away; its CommClosedError is an OSError.
LOST = (OSError, TimeoutError)
_AHEAD = 2  # Units sent for each worker: one computes, one waits beside it.
_LOOK = 2.0  # Seconds between looks at the workers.
_GONE = 5.0  # Seconds after which a worker that is no longer listed counts as gone.
_DEATHS = 3  # Times that Dask may give up a unit, each after the deaths of four workers.
_ANSWER = 60.0  # Seconds for a finished unit to arrive.


class Cluster(Protocol):
    """What a map asks of a cluster; see ``executor.Dask``."""

    distributed: Any
    address: str
    patience: float
    memory: dict[str, str]

    @property
    def client(self) -> Any:
        """Dask's client, connected."""
        ...

    def able(self) -> list[str]:
        """Return the addresses of the workers that may compute."""
        ...

    def why_none(self) -> str:
        """Return why no worker may compute."""
        ...

    def close(self) -> None:
        """Leave the cluster."""
        ...


class Mapping:
    """The units of one map, waiting and sent.

    Args:
        cluster: The cluster.
        units: The units.
        store: Receives their entries.
        threads: Threads that each computes with.
    """

    def __init__(self, cluster: Cluster, units: list[Unit], store: Store, threads: int) -> None:
        self._cluster, self._store, self._threads = cluster, store, threads
        self._failures = Failures(len(units))
        self._attachments = Attachments(store, self._submit_bytes)
        self._packed = {unit.key: self._attachments.packed(unit) for unit in units}
        self._waiting = deque(units)
        self._sent: dict[Any, Unit] = {}  # Dask's future -> unit.
        self._seen: dict[str, float] = {}  # Worker -> when it was listed last.
        self._places: dict[Any, set[str]] = {}  # Dask's future -> workers that it may use.
        self._given_up: Counter[str] = Counter()
        self._workers: list[str] = []
        self._looked = self._able_at = -1e9
        self._slow_told = False
        self._number = 0

    def run(self) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value; raise at the end what units raised."""
        self._able_at = time.monotonic()
        try:
            while self._waiting or self._sent:
                for unit, answer in self._arrived():
                    for entry in answer.entries:
                        transfer.given(self._store, entry)
                    yield unit, answer.value
        finally:
            self._forget()
        self._failures.raise_first()

    def _arrived(self) -> list[tuple[Unit, worker.Answer]]:
        """Send what there is room for, wait a little, and return what has come back."""
        try:
            self._look()
            self._send()
            return self._collected()
        except ClusterError:
            raise
        except LOST:
            pass
        except RuntimeError as error:  # Dask has no class of its own for a client that is closed.
            if "closed" not in str(error):
                raise
        self._begin_again()
        return []

    def _look(self) -> None:
        """Bring the number of able workers up to date; give up where there is none for long."""
        now = time.monotonic()
        if now - self._looked < _LOOK and self._workers:
            return
        self._workers, self._looked = self._cluster.able(), now
        self._take_back()
        if self._workers:
            self._able_at = now
        elif now - self._able_at > self._cluster.patience:
            raise ClusterError(
                f"{self._cluster.why_none()}. {len(self._waiting) + len(self._sent)} units are "
                "missing, the others are kept. Start workers of this environment: dask worker "
                f"{self._cluster.address} --nworkers 2 --nthreads 1."
            )
        else:
            time.sleep(0.1)

    def _take_back(self) -> None:
        """Let units wait again whose workers are all gone: Dask would wait for those for ever."""
        now = time.monotonic()
        self._seen |= dict.fromkeys(self._workers, now)
        # One look is not enough: a busy scheduler may list fewer workers than it has.
        there = {address for address, seen in self._seen.items() if now - seen < _GONE}
        for future in [x for x in self._sent if not self._places[x] & there]:
            if future.status == "pending":
                self._waiting.appendleft(self._pop(future))
                future.cancel()

    def _pop(self, future: Any) -> Unit:
        self._places.pop(future, None)
        return self._sent.pop(future)

    def _done(self, future: Any) -> Unit:
        unit = self._pop(future)
        self._attachments.let_go(unit)
        return unit

    def _send(self) -> None:
        room = _AHEAD * len(self._workers) - len(self._sent)
        while self._waiting and room > 0:
            unit = self._waiting.popleft()
            self._number += 1
            future = self._submit(
                worker.run,
                self._packed[unit.key],
                self._threads,
                bool(self._cluster.memory),
                self._attachments.of(unit),
                workers=self._workers,
                key=f"landscape-{unit.key[:24]}-{id(self):x}-{self._number}",
            )
            self._sent[future], self._places[future] = unit, set(self._workers)
            room -= 1

    def _submit_bytes(self, name: str, content: bytes) -> Any:
        return self._submit(bytes, content, key=f"landscape-{name}-{id(self):x}")

    def _submit(self, *call: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of large arguments: a data set is one, and sent once.
            return self._cluster.client.submit(*call, pure=False, **options)

    def _collected(self) -> list[tuple[Unit, worker.Answer]]:
        """Return the answers that are there; units that lack data or were lost wait again."""
        if not self._sent:
            return []
        try:
            with self._cluster.client.as_current():
                done, _ = self._cluster.distributed.wait(
                    list(self._sent), timeout=1.0, return_when="FIRST_COMPLETED"
                )
        except (TimeoutError, CancelledError):  # Cancelled: the scheduler was lost.
            done = set()
        # A lost future counts as waiting for Dask, and would for ever.
        done |= {x for x in self._sent if x.status in ("cancelled", "lost")}
        arrived = []
        for future in done:
            answer = self._answer(future)
            if answer is not None:
                arrived.append((self._done(future), answer))
        return arrived

    def _answer(self, future: Any) -> worker.Answer | None:
        """Return a unit's answer; None if it is to be sent again, or failed, which is noted."""
        if future.status == "finished":
            answer = future.result(timeout=_ANSWER)
            if answer.lacking is not None:
                self._attachments.send(answer.lacking)
            elif answer.error is not None:
                self._failures.add(self._done(future), answer.error)
                return None
            else:
                self._tell_of_memory(answer)
                return answer
        elif future.status == "error":
            error = future.exception(timeout=_ANSWER)
            unit = self._sent[future]
            self._given_up[unit.key] += 1
            # Dask blames units that only waited on workers that died.
            if type(error).__name__ != "KilledWorker" or self._given_up[unit.key] >= _DEATHS:
                self._failures.add(self._done(future), error)
                return None
        self._waiting.append(self._pop(future))
        return None

    def _tell_of_memory(self, answer: worker.Answer) -> None:
        if not answer.keeps_blocks and not self._slow_told:
            self._slow_told = True
            say(
                "cluster: a worker gives freed memory back to the system, which is slower. Start "
                "workers with MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=8589934592 "
                "MALLOC_MMAP_THRESHOLD_=8589934592"
            )

    def _begin_again(self) -> None:
        """Connect anew, and let all units that were sent wait again."""
        missing = len(self._waiting) + len(self._sent)
        say(f"cluster: lost touch with {self._cluster.address}; {missing} units are missing")
        self._waiting.extendleft(reversed(self._sent.values()))
        self._sent, self._places, self._workers = {}, {}, []
        self._attachments.forget()
        self._cluster.close()
        self._able_at = time.monotonic()
        _ = self._cluster.client  # Waits for a scheduler.

    def _forget(self) -> None:
        """Tell the cluster that nobody waits for what was sent."""
        for future in [*self._sent, *self._attachments.forget()]:
            try:
                future.cancel()
            except Exception:  # The scheduler is gone, and with it what it was to forget.
                break
        self._sent = {}
