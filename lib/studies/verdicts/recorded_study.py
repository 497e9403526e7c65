"""The record of another study, read only: numbers, tables, parameters, data sets, times."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies import staleness
from studies.measurements import Measurements
from studies.record_folder import RecordFolder
from studies.recorder import Rows
from studies.verdicts.columns import NotMeasuredError


class RecordedStudy:
    """The record that a study's notebook wrote, for those who judge it.

    A study without a record, or a record without a number, raises ``NotMeasuredError``: what needs
    it is not measured in this profile.

    Args:
        folder: The folder of all records, such as ``build/paper/record``.
        name: Name of the study, such as ``01_bn_ablation``.

    Raises:
        RecordError: If there is a record and it cannot be used.

    Attributes:
        name: The same.
        used: Origins of all rows that were read since it was last cleared.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.used: set[str] = set()
        self._record = RecordFolder(Path(folder) / name, name)
        self._tables: dict[str, Rows] = {}
        self._blocks: dict[str, tuple[list[Rows], frozenset[str]]] = {}

    @property
    def recorded(self) -> bool:
        """Whether the study has a record."""
        return len(self._record) > 0

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The study's parameters; empty without a record."""
        return self._record.header.get("parameters", {})

    @property
    def datasets(self) -> Mapping[str, Mapping[str, Any]]:
        """The data sets that the study loaded, with their sizes; empty without a record."""
        return self._record.header.get("datasets", {})

    @property
    def seconds(self) -> Mapping[str, float]:
        """Computing time of each entry."""
        return self._record.seconds

    @property
    def measurements(self) -> Measurements:
        """All numbers of the record, with ``where`` and ``by``."""
        return Measurements(self.rows("measurements"))

    @functools.cached_property
    def _by_quantity(self) -> dict[str, Rows]:
        groups: dict[str, Rows] = {}
        for row in self.rows("measurements"):
            groups.setdefault(row["quantity"], []).append(row)
        return groups

    @functools.cached_property
    def stale_origins(self) -> set[str]:
        """Origins whose code gives other numbers by now, as far as anyone has shown."""
        return {
            name
            for name, origin in self._record.origins.items()
            if staleness.changed(origin.get("code", {}), study=self.name)
        }

    def numbers(self, quantity: str) -> Rows:
        """Return the numbers of a quantity, a row each, with their labels; none where it has none.

        Raises:
            NotMeasuredError: If there is no record.
        """
        return self._by_quantity.get(quantity, [])

    def rows(self, table: str) -> Rows:
        """Return the rows of a table, each with the labels of its entry.

        Args:
            table: ``measurements``, or such as ``planes``.

        Raises:
            NotMeasuredError: If there is no record, or it has no such table.
        """
        if not self.recorded:
            raise NotMeasuredError(f"{self.name} has no record in this profile")
        if table not in self._tables:
            self._tables[table] = self._record.rows(table, used=False)
        if not self._tables[table]:
            raise NotMeasuredError(f"the record of {self.name} has no {table}")
        return self._tables[table]

    def blocks(self, table: str) -> tuple[list[Rows], frozenset[str]]:
        """Return the rows of a table by entry and labels, and the columns that vary in a block.

        Args:
            table: Such as ``planes``.

        Raises:
            NotMeasuredError: If there is no record, or it has no such table.
        """
        if table not in self._blocks:
            groups: dict[tuple[Any, ...], Rows] = {}
            for row in self.rows(table):
                groups.setdefault((row["entry"], row.get("arm"), row.get("seed")), []).append(row)
            varying = {
                name
                for rows in groups.values()
                for name in set().union(*rows)
                if any(row.get(name) != rows[0].get(name) for row in rows)
            }
            self._blocks[table] = list(groups.values()), frozenset(varying)
        return self._blocks[table]

    def parameter(self, name: str, place: int | slice | None = None) -> Any:
        """Return a parameter of the study, or some of a list.

        Args:
            name: Its name.
            place: Place in the list, or a slice of it; None for all of it.

        Raises:
            NotMeasuredError: If the record has no such parameter, or its list is shorter.
        """
        value = self.parameters.get(name)
        if value is None:
            raise NotMeasuredError(f"the record of {self.name} has no parameter {name}")
        if isinstance(place, int) and place >= len(value):
            raise NotMeasuredError(f"{self.name} has {len(value)} values of {name}")
        return value if place is None else value[place]

    def train_size(self, sha256: str) -> int:
        """Return the number of training examples of a data set, by the hash of its content.

        Raises:
            NotMeasuredError: If the record does not know it.
        """
        sizes = [known["train"] for known in self.datasets.values() if known["sha256"] == sha256]
        if not sizes:
            raise NotMeasuredError(f"the record of {self.name} does not know the data {sha256[:8]}")
        return sizes[0]

    def classes(self) -> int:
        """Return the number of classes of the study's data.

        Raises:
            NotMeasuredError: If the record names none, or several.
        """
        counts = {known["classes"] for known in self.datasets.values()}
        if len(counts) != 1:
            raise NotMeasuredError(f"the record of {self.name} names {len(counts)} sets of classes")
        return counts.pop()
