"""Work units, and what every executor does with them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

from landscape.store.entries import Store


@dataclasses.dataclass(frozen=True)
class Unit:
    """One piece of work: ``function(store, *arguments)``.

    Attributes:
        key: What decides the result, as text: units of one key have one result.
        function: A function of an importable module. It returns a small value; what is large, or
            worth keeping, it writes into the store that it is given.
        arguments: Its further arguments. Data sets among them are sent to each worker once.
        label: Name for people.
        entries: Kind and key of entries that the function reads from the store it is given, such as
            a training run; what the store lacks is left out.
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    label: str = ""
    entries: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.label} ({self.key[:12]})" if self.label else self.key


class UnitError(RuntimeError):
    """Units failed, after all others were computed and kept.

    Attributes:
        unit: The first unit that failed. Its error is ``__cause__``.
    """

    unit: Unit


class ClusterError(RuntimeError):
    """A cluster cannot be used: no scheduler answers, or no worker may compute."""


@runtime_checkable
class Executor(Protocol):
    """Whatever computes units: here, in processes, or on a cluster."""

    def map(
        self, units: Iterable[Unit], store: Store, *, threads: int
    ) -> Iterator[tuple[Unit, Any]]:
        """Yield each unit with its value as soon as it is there; its entries are in the store then.

        Args:
            units: What is to be computed, each key once.
            store: Receives the entries that units write.
            threads: Threads that each unit computes with; they decide the last bits of a result.

        Raises:
            UnitError: At the end, if units failed; all others were yielded.
        """
        ...

    def close(self) -> None:
        """End the workers that this executor started, and let go of those that it did not."""
        ...


class Failures:
    """The units of a map that failed.

    Args:
        total: Number of units of the map.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._errors: list[tuple[Unit, BaseException]] = []

    def add(self, unit: Unit, error: BaseException) -> None:
        """Note that a unit failed."""
        self._errors.append((unit, error))

    def raise_first(self) -> None:
        """Raise the error of the first unit that failed, if any did.

        Raises:
            UnitError: From that error.
        """
        if not self._errors:
            return
        unit, cause = self._errors[0]
        count = len(self._errors)
        error = UnitError(
            f"{count} of {self._total} units failed, the others are kept. "
            f"{'First' if count > 1 else 'It is'} {unit}: {type(cause).__name__}: {cause}"
        )
        error.unit = unit
        raise error from cause
