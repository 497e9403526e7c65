"""Collect what one entry of a record holds: numbers, and rows of further tables."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from landscape.store.entries import Store

from studies import cells

# What every number carries beside its labels, in the order of measurements.csv. A measurement may
# add columns of its own, such as rho.
NUMBER_COLUMNS = (
    "quantity",
    "value",
    "unit",
    "error",
    "error_kind",
    "converged",
    "learned",
    "cost",
    "cost_unit",
    "bn",
    "examples",
    "examples_hash",
    "dtype",
    "note",
)
_CARRIED = (
    ("converged", "converged"),
    ("bn", "bn"),
    ("examples", "examples"),
    ("examples", "num_examples"),
    ("examples_hash", "examples_hash"),
    ("dtype", "dtype"),
)

# Names of the record's own files and columns.
_TABLES = ("measurements", "entries", "times")
_COLUMNS = ("entry", "origin")

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Part:
    """What one entry of the record holds, without labels.

    Attributes:
        measurements: One row for each number.
        tables: Name of a table -> its rows.
        origin: Id of the machine, commit and code that measured it.
    """

    measurements: Rows
    tables: dict[str, Rows]
    origin: str

    def table(self, name: str) -> Rows:
        """Return the rows of a table; empty if the entry has none."""
        return self.tables.get(name, [])


class Recorder:
    """Collects the numbers and table rows of one entry.

    Args:
        store: The store that measurements go through; None where all comes from the record.
        loss_unit: Unit of the loss, which stands for ``nats`` in the units of numbers.

    Attributes:
        measurements: The numbers so far.
        tables: Name of a table -> its rows so far.
    """

    def __init__(self, store: Store | None, *, loss_unit: str = "nats") -> None:
        self._store, self._loss_unit = store, loss_unit
        self.measurements: Rows = []
        self.tables: dict[str, Rows] = {}

    @property
    def store(self) -> Store:
        """The store that measurements go through.

        Raises:
            RuntimeError: If nothing may be computed.
        """
        if self._store is None:
            raise RuntimeError(
                "this entry is to come from the record alone, but its measurement asks for the "
                "store. Make its request without derived=True."
            )
        return self._store

    def add(self, quantity: str, value: float, **columns: Any) -> None:
        """Record one number.

        Args:
            quantity: Name of the quantity, such as ``lambda_max``.
            value: The number, in ``unit``. NaN and infinity are allowed: they say that a
                measurement failed.
            columns: Further columns: ``unit``, ``error`` (in ``unit``), ``error_kind``,
                ``converged`` (true if not given), ``cost`` (in ``cost_unit``), ``cost_unit``,
                ``bn``, ``examples``, ``examples_hash``, ``dtype``, ``note``, and settings of the
                measurement such as ``rho``.

        Raises:
            ValueError: If a column is called ``entry`` or ``origin``, or a text in it would be read
                back as a number.
        """
        if "unit" in columns:
            columns["unit"] = columns["unit"].replace("nats", self._loss_unit)
        row = {"quantity": quantity, "value": float(value), **columns}
        _check_columns(row)
        self.measurements.append(cells.kept(row))

    def add_measurement(self, quantity: str, value: float, source: Any, **columns: Any) -> None:
        """Record one number with what its source carries.

        Args:
            quantity: Name of the quantity.
            value: The number; see ``add``.
            source: A ``Measurement``, an ``Objective``, eigenpairs, ...: its attributes
                ``converged``, ``bn``, ``examples`` or ``num_examples``, ``examples_hash`` and
                ``dtype`` are recorded where it has them. ``converged`` may be a tensor: the number
                converged if all its entries are true.
            columns: Further columns; they replace those of the source.
        """
        carried = {
            column: getattr(source, name) for column, name in _CARRIED if hasattr(source, name)
        }
        if "dtype" in carried:
            carried["dtype"] = str(carried["dtype"]).removeprefix("torch.")
        if "converged" in carried:
            carried["converged"] = bool(torch.as_tensor(carried["converged"]).all())
        self.add(quantity, value, **{**carried, **columns})

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Record rows of a table, such as the points of a curve.

        Args:
            name: Name of the table; rows recorded under the same name are appended.
            rows: Column -> cell.

        Raises:
            ValueError: If the name is one of the record's own tables, or no plain word; or as
                ``add``.
        """
        if name in _TABLES or not re.fullmatch("[a-z][a-z0-9_]*", name):
            raise ValueError(
                f"a table cannot be called {name!r}. Choose a word of small letters, digits and _, "
                f"but not {', '.join(_TABLES)}: they belong to the record itself."
            )
        kept = []
        for row in rows:
            _check_columns(row)
            kept.append(cells.kept(row))
        if kept:
            self.tables.setdefault(name, []).extend(kept)

    def part(self, origin: str) -> Part:
        """Return what was collected as the content of an entry."""
        return Part(self.measurements, self.tables, origin)


def _check_columns(row: Mapping[str, Any]) -> None:
    if taken := [name for name in _COLUMNS if name in row]:
        raise ValueError(
            f"a column cannot be called {taken[0]!r}: the record says by it where a row belongs. "
            "Choose another name."
        )
