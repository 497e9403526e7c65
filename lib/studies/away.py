"""What runs in a worker for an entry of a record: a measurement without the record itself."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from landscape.store import provenance
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from landscape.training.loop import train
from landscape.training.run import Run
from landscape.training.sweeps import in_threads

from studies.recorder import Part, Recorder, Rows
from studies.tasks import Task

Network = tuple[TrainConfig, Task]


class Away:
    """The recording of a study as a worker has it: a store of its own, and no record.

    Args:
        name: Name of the study.
        loss_unit: Unit of the loss.
        threads: Threads that runs are trained with, which are part of their keys.

    Attributes:
        store: The store that the executor gives to the unit.
    """

    live = True

    def __init__(self, name: str, loss_unit: str, threads: int) -> None:
        self.name, self.loss_unit, self._threads = name, loss_unit, threads
        self.store: Store | None = None
        self._runs: dict[str, Run] = {}

    def run(self, config: TrainConfig, task: Task) -> Run:
        """Return a training run with its weights: the one that was sent, or trained again."""
        if self.store is None:
            raise RuntimeError("this worker has no store yet: the executor gives it to each unit.")
        with in_threads(self._threads):
            key = self.store.key(train, (config, task.dataset))
            if key not in self._runs:
                self._runs[key] = train(config, task.dataset, self.store)
        return self._runs[key]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a worker measured for one entry.

    Attributes:
        measurements: The numbers.
        tables: Name of a table -> its rows.
        code: Function -> version of the code behind them.
        seconds: Computing time.
        machine: Versions and hardware that measured it.
        used: Kind and key of each entry of the store that was computed or read.
    """

    measurements: Rows
    tables: dict[str, Rows]
    code: dict[str, str]
    seconds: float
    machine: dict[str, Any]
    used: list[tuple[str, str]]

    def part(self, origin: str) -> Part:
        """Return it as the content of an entry, with the name of its origin."""
        return Part(self.measurements, self.tables, origin)


def measured(
    store: Store,
    recording: Away,
    compute: Callable[[Recorder], None],
    networks: Sequence[Network],
) -> Measured:
    """Measure one entry in a worker: the function of its unit.

    Args:
        store: The store of the unit.
        recording: What the worker has in place of the record.
        compute: Measures the content into a recorder.
        networks: The runs that it needs.
    """
    mine = Store(store.root)  # Its seconds, code and entries are those of this unit.
    recording.store = mine
    for network in networks:  # Their seconds are those of the runs.
        recording.run(*network)
    before, mine.code = mine.seconds, {}
    recorder = Recorder(mine, loss_unit=recording.loss_unit)
    compute(recorder)
    return Measured(
        recorder.measurements,
        recorder.tables,
        mine.code,
        mine.seconds - before,
        provenance.description(),
        mine.used,
    )
