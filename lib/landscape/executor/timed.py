"""An executor that writes down how long its units took."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from landscape.executor.units import Executor, Unit
from landscape.store.entries import Store


class Timed:
    """Computes by another executor, and appends a line to a file for each map.

    Args:
        executor: Computes the units.
        path: The file; a line is JSON with the number of ``units`` and the ``seconds`` of the map.
    """

    def __init__(self, executor: Executor, path: str | Path) -> None:
        self._executor, self._path = executor, Path(path)

    def map(
        self, units: Iterable[Unit], store: Store, *, threads: int
    ) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value; see ``Executor.map``."""
        units = list(units)
        begun, waited = time.monotonic(), 0.0
        for result in self._executor.map(units, store, threads=threads):
            given = time.monotonic()
            yield result
            waited += time.monotonic() - given  # What is done with the result is not the units'.
        line = {"units": len(units), "seconds": time.monotonic() - begun - waited}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the other executor."""
        self._executor.close()
