"""Columns: numbers by case, such as one a seed, with the flags that judging needs."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from studies.judging.samples import Samples


class NotMeasuredError(LookupError):
    """The record of a study lacks what a rule asks for."""


@dataclasses.dataclass(frozen=True)
class Column:
    """Numbers of cases: seeds of an arm, pairs of networks, or networks.

    Columns are combined case by case; of two columns the common cases count, in the order of the
    first. A number made of several converged, or learned, if all of them did.

    Attributes:
        keys: What tells the cases apart, such as seeds.
        values: Their numbers.
        errors: Error of each number, in its unit; NaN where it is unknown.
        converged: Whether each number converged.
        learned: Whether the network behind each number learned.
    """

    keys: tuple[Any, ...]
    values: np.ndarray
    errors: np.ndarray
    converged: np.ndarray
    learned: np.ndarray

    @property
    def samples(self) -> Samples:
        """The numbers and flags, without keys."""
        return Samples(tuple(self.values), tuple(self.converged), tuple(self.learned))

    @property
    def outcomes(self) -> list[bool]:
        """The numbers as truth values."""
        return [bool(value) for value in self.values]

    def of(self, keys: Sequence[Hashable]) -> "Column":
        """Return the column of some cases, in the order given."""
        places = [self.keys.index(key) for key in keys]
        return Column(
            tuple(keys),
            *(getattr(self, name)[places] for name in ("values", "errors", "converged", "learned")),
        )

    def with_values(self, values: np.ndarray) -> "Column":
        """Return the same cases with other numbers, whose errors are unknown."""
        values = np.asarray(values, dtype=float)
        return dataclasses.replace(self, values=values, errors=np.full(len(values), np.nan))


def exact(keys: Sequence[Hashable], values: Sequence[float]) -> Column:
    """Return a column of numbers that need no flags, such as counts."""
    count = len(keys)
    sure = np.ones(count, dtype=bool)
    numbers = np.asarray(values, dtype=float)
    return Column(tuple(keys), numbers, np.zeros(count), sure, sure.copy())


def aligned(columns: Sequence[Column]) -> list[Column]:
    """Return columns of their common cases, in the order of the first.

    Raises:
        NotMeasuredError: If they have no case in common.
    """
    common = [key for key in columns[0].keys if all(key in one.keys for one in columns[1:])]
    if not common:
        cases = " and ".join(", ".join(map(str, one.keys)) or "none" for one in columns)
        raise NotMeasuredError(f"the numbers to compare have no case in common: {cases}")
    return [one.of(common) for one in columns]


def combined(function: Callable[..., np.ndarray], columns: Sequence[Column]) -> Column:
    """Return a function of columns, case by case.

    Args:
        function: Takes one array a column and returns one.
        columns: At least one.

    Raises:
        NotMeasuredError: If the columns have no case in common.
    """
    first, *others = columns = aligned(columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = function(*(one.values for one in columns))
    return dataclasses.replace(
        first.with_values(values),
        converged=np.logical_and.reduce([first.converged, *(o.converged for o in others)]),
        learned=np.logical_and.reduce([first.learned, *(o.learned for o in others)]),
    )


def stacked(columns: Sequence[Column], labels: Sequence[Hashable]) -> Column:
    """Return several columns one below the other; keys become (label, key).

    Args:
        columns: At least one.
        labels: A label for each column, such as its arm.
    """
    keys = [(label, key) for label, one in zip(labels, columns, strict=True) for key in one.keys]
    names = ("values", "errors", "converged", "learned")
    return Column(
        tuple(keys), *(np.concatenate([getattr(one, name) for one in columns]) for name in names)
    )


def known_by_rank(column: Column) -> Column:
    """Return a column whose numbers count as converged where their rank is known.

    A number that did not converge has a known rank if its error interval overlaps no other one's.
    """
    low, high = column.values - column.errors, column.values + column.errors
    converged = column.converged.copy()
    for place in np.flatnonzero(~converged & np.isfinite(low) & np.isfinite(high)):
        other = np.arange(len(low)) != place
        # Of the others an unknown error counts as none: they converged, or keep their own flag.
        lows = np.where(np.isfinite(low), low, column.values)[other]
        highs = np.where(np.isfinite(high), high, column.values)[other]
        overlaps = (lows <= high[place]) & (highs >= low[place])
        converged[place] = not overlaps.any()
    return dataclasses.replace(column, converged=converged)
