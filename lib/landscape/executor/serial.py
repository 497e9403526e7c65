"""Units in this process, one after another."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from landscape.executor.units import Failures, Unit
from landscape.store.entries import Store


class Serial:
    """Computes units in this process, in their order."""

    def map(
        self, units: Iterable[Unit], store: Store, *, threads: int
    ) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value; see ``Executor.map``."""
        units = list(units)
        failures = Failures(len(units))
        for unit in units:
            previous = torch.get_num_threads()
            torch.set_num_threads(threads)
            try:
                value = unit.function(store, *unit.arguments)
            except Exception as error:
                failures.add(unit, error)
                continue
            finally:
                torch.set_num_threads(previous)
            yield unit, value
        failures.raise_first()

    def close(self) -> None:
        """Do nothing: there are no workers."""
