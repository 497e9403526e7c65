"""Networks of a recorded study, chosen by their factors, and the numbers that they have."""

import dataclasses
import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from studies.recorder import Rows
from studies.verdicts.columns import Column, NotMeasuredError, exact
from studies.verdicts.expressions import Expression, Parameter, number
from studies.verdicts.recorded_study import RecordedStudy

# Columns that say what was found or by whom; all others say of which network and how.
_FOUND = frozenset(
    {"entry", "origin", "arm", "value", "unit", "error", "error_kind", "converged", "learned"}
    | {"cost", "cost_unit", "examples_hash", "dtype", "note", "earliest", "latest"}
)
_CASES = ("seed", "pair")
# Of a column that is not named these values count, and an empty cell.
_USUAL = {"at": "end", "bn": "frozen"}


@dataclasses.dataclass(frozen=True)
class Networks:
    """The networks of an arm, one a seed.

    Attributes:
        study: The study that recorded them.
        factors: Factor -> level; a ``Parameter`` stands for one of the study.
    """

    study: RecordedStudy
    factors: Mapping[str, Any]

    def __getitem__(self, asked: str | Expression) -> Expression:
        """Return an expression of these networks, whatever it is combined with."""
        expression = number(asked) if isinstance(asked, str) else asked
        return dataclasses.replace(expression, ask=lambda _: expression.ask(self))

    def column(self, quantity: str, where: Mapping[str, Any]) -> Column:
        """Return the numbers of a quantity, by seed or pair, with their flags.

        Args:
            quantity: Its recorded name.
            where: As for ``expressions.number``.

        Raises:
            NotMeasuredError: If no number fits.
            ValueError: If several fit one network.
        """
        cases = {
            key: self._single(quantity, rows)
            for key, rows in self._by_case(quantity, where).items()
        }
        learned = self._learned()
        rows = list(cases.values())
        self.study.used.update(row["origin"] for row in rows)
        return Column(
            tuple(cases),
            np.array([row["value"] for row in rows], dtype=float),
            np.array([row.get("error", math.nan) for row in rows], dtype=float),
            np.array([row.get("converged", True) for row in rows], dtype=bool),
            np.array([learned.get(key, True) for key in cases], dtype=bool),
        )

    def durations(self, where: Mapping[str, Any]) -> dict[Hashable, Mapping[str, Any]]:
        """Return the rows of ``epochs_to_target``, by seed."""
        cases = self._by_case("epochs_to_target", where)
        rows = {key: self._single("epochs_to_target", rows) for key, rows in cases.items()}
        self.study.used.update(row["origin"] for row in rows.values())
        return rows

    def factor(self, name: str) -> Column:
        """Return a factor of the networks, the same for each seed.

        Raises:
            NotMeasuredError: If the networks have no such factor.
        """
        level = self._resolved(self.factors).get(name)
        if level is None:
            raise NotMeasuredError(f"networks of {self.study.name} have no factor {name}")
        keys = self.column("test_accuracy", {}).keys
        return exact(keys, [level] * len(keys))

    def diverged(self) -> Column:
        """Return whether each run diverged, as 1 or 0."""
        cases = self._by_case("test_accuracy", {})
        rows = {key: self._single("test_accuracy", rows) for key, rows in cases.items()}
        self.study.used.update(row["origin"] for row in rows.values())
        return exact(tuple(rows), ["diverged" in row.get("note", "") for row in rows.values()])

    def runs(self) -> dict[Hashable, Mapping[str, Any]]:
        """Return the row of the table ``runs`` for each seed."""
        cases = self._cases(self.study.rows("runs"), self._resolved(self.factors))
        return {key: rows[0] for key, rows in cases.items()}

    def cases(self, table: str, where: Mapping[str, Any]) -> dict[Hashable, Rows]:
        """Return the rows of a table that fit, by seed or pair.

        Args:
            table: Such as ``planes``.
            where: As for ``expressions.number``.

        Raises:
            NotMeasuredError: If no row fits.
            ValueError: If the rows of a case belong to several entries.
        """
        wanted = self._resolved({**_USUAL, **self.factors, **where})
        blocks, varying = self.study.blocks(table)
        fixed = {name: value for name, value in wanted.items() if name not in varying}
        rows = [row for block in blocks if _all_fit(block[0], fixed) for row in block]
        cases = self._cases(rows, {name: wanted[name] for name in varying & wanted.keys()})
        if not cases:
            raise NotMeasuredError(self._lacking(table, where))
        for key, rows in cases.items():
            entries = dict.fromkeys(row["entry"] for row in rows)
            if len(entries) > 1:
                raise ValueError(
                    f"{len(entries)} entries of {table} fit case {key} of {self._named(where)}. "
                    "Name more columns."
                )
            self.study.used.update(row["origin"] for row in rows)
        return cases

    def _by_case(self, quantity: str, where: Mapping[str, Any]) -> dict[Hashable, Rows]:
        wanted = self._resolved({**_USUAL, **self.factors, **where})
        cases = self._cases(self.study.numbers(quantity), wanted)
        if not cases:
            raise NotMeasuredError(self._lacking(quantity, where))
        return cases

    def _cases(self, rows: Rows, wanted: Mapping[str, Any]) -> dict[Hashable, Rows]:
        cases: dict[Hashable, Rows] = {}
        for row in rows:
            if _all_fit(row, wanted):
                key = next((row[name] for name in _CASES if row.get(name) is not None), None)
                if key is None:
                    raise ValueError(
                        f"a row of {self.study.name} has neither seed nor pair: {row}. Name more "
                        "columns."
                    )
                cases.setdefault(key, []).append(row)
        return cases

    def _single(self, quantity: str, rows: Rows) -> Mapping[str, Any]:
        """Return the one row of several that fit a case: of unnamed columns, the usual one."""
        names = {name for row in rows for name in row} - _FOUND
        for name in sorted(names):
            if len({row.get(name) for row in rows}) > 1:
                rows = [row for row in rows if row.get(name) is None] or rows
        varying = [name for name in sorted(names) if len({row.get(name) for row in rows}) > 1]
        if varying:
            shown = {name: sorted({str(row.get(name)) for row in rows}) for name in varying}
            raise ValueError(
                f"{len(rows)} numbers {quantity} of {self.study.name} fit one network of "
                f"{dict(self.factors)}; they differ in {shown}. Name these columns."
            )
        # The same labels twice: the study asked for the first last, and the others are older.
        return rows[0]

    def _learned(self) -> dict[Hashable, bool]:
        """Return by seed whether networks learned; none where no accuracy tells."""
        wanted = self._resolved({**_USUAL, **self.factors})
        cases = self._cases(self.study.numbers("test_accuracy"), wanted)
        return {
            key: self._has_learned(self._single("test_accuracy", r)) for key, r in cases.items()
        }

    def _has_learned(self, row: Mapping[str, Any]) -> bool:
        if "learned" in row:
            return row["learned"]
        return "diverged" not in row.get("note", "") and row["value"] > 2 / self.study.classes()

    def _resolved(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(value) for name, value in wanted.items()}

    def _value(self, value: Any) -> Any:
        return resolved(self.study, value) if isinstance(value, Parameter) else value

    def _lacking(self, what: str, where: Mapping[str, Any]) -> str:
        return f"the record of {self.study.name} has no {what} of {self._named(where)}"

    def _named(self, where: Mapping[str, Any]) -> str:
        named = self._resolved({**self.factors, **where})
        return ", ".join(f"{name} {value}" for name, value in named.items()) or "its networks"


def resolved(study: RecordedStudy, parameter: Parameter) -> Any:
    """Return the value of a parameter of a study, or the text that holds it.

    Raises:
        NotMeasuredError: If the study has none.
    """
    value = study.parameter(parameter.name, parameter.place)
    return parameter.text.format(value) if parameter.text else value


def every(study: RecordedStudy, factors: Mapping[str, Any]) -> dict[str, Networks]:
    """Return the arms of a study whose factors fit, by name, each with all its factors.

    Args:
        study: The study.
        factors: Factor -> level, or a list of levels.

    Raises:
        NotMeasuredError: If no arm fits.
    """
    wanted = {
        name: resolved(study, value) if isinstance(value, Parameter) else value
        for name, value in {"at": _USUAL["at"], **factors}.items()
    }
    arms = {
        row["arm"]: Networks(study, _factors(row))
        for row in study.numbers("test_accuracy")
        if _all_fit(row, wanted)
    }
    if not arms:
        raise NotMeasuredError(f"the record of {study.name} has no networks with {factors}")
    return arms


def _factors(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels of a run's number without those that every number carries."""
    other = _FOUND | {"quantity", "seed", "at", "step", "bn", "examples", "kind"}
    return {name: value for name, value in row.items() if name not in other}


def _all_fit(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a row has the wanted cells; where a usual value is wanted, none will do."""
    for name, value in wanted.items():
        cell = row.get(name)
        if isinstance(value, list | tuple):
            if cell not in value:
                return False
        elif cell != value and not (cell is None and value == _USUAL.get(name)):
            return False
    return True
