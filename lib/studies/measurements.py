"""Measurements of a study as a tidy frame, and the queries on them."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from studies import frames
from studies.arms import named
from studies.collection import matches
from studies.intervals import Interval, paired_difference, paired_ratio
from studies.recorder import NUMBER_COLUMNS

# A seed is a number, or the text of several; factors and settings have the type of their cells.
_TYPES = {
    "quantity": "str",
    "value": "float64",
    "unit": "str",
    "error": "float64",
    "error_kind": "str",
    "converged": "boolean",
    "learned": "boolean",
    "cost": "float64",
    "cost_unit": "str",
    "bn": "str",
    "examples": "Int64",
    "examples_hash": "str",
    "dtype": "str",
    "note": "str",
}


class Measurements:
    """Numbers of a study, a row for each: quantity, arm, factors, seed, moment, value, error, ...

    A missing ``converged`` means that the number is exact or converged; an ``error`` that is NaN,
    with an ``error_kind``, is unknown.

    Args:
        rows: Column -> cell for each number.
        missing: Sentences that say which numbers the record lacks.

    Attributes:
        missing: The same.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], *, missing: Sequence[str] = ()) -> None:
        self._rows, self.missing = list(rows), list(missing)
        self._frame: pd.DataFrame | None = None

    def __contains__(self, quantity: object) -> bool:
        return any(row["quantity"] == quantity for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __or__(self, other: Self) -> Self:
        return type(self)([*self._rows, *other._rows], missing=[*self.missing, *other.missing])

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The numbers, column -> cell for each."""
        return [dict(row) for row in self._rows]

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers as a tidy frame, with all columns of ``recorder.NUMBER_COLUMNS``."""
        if self._frame is None:
            columns = dict.fromkeys(["quantity", "arm", "seed", *NUMBER_COLUMNS])
            columns |= dict.fromkeys(key for row in self._rows for key in row)
            self._frame = frames.tidy_frame(self._rows, tuple(columns), {**_TYPES, "arm": "str"})
        return self._frame.copy(deep=False)

    @property
    def arms(self) -> list[str]:
        """The arms, in their order."""
        return list(dict.fromkeys(row["arm"] for row in self._rows if row.get("arm") is not None))

    @property
    def quantities(self) -> list[str]:
        """The quantities, in their order."""
        return list(dict.fromkeys(row["quantity"] for row in self._rows))

    def where(self, **wanted: Any) -> Self:
        """Return the numbers with these cells.

        Args:
            wanted: Column -> its value, or a list of allowed values; None for an empty cell.

        Raises:
            ValueError: If no number has such a column, or no number is left.
        """
        columns = dict.fromkeys([*NUMBER_COLUMNS, *(key for row in self._rows for key in row)])
        matches(columns, {name: None for name in wanted})
        rows = [
            row for row in self._rows if matches({name: row.get(name) for name in wanted}, wanted)
        ]
        if not rows and not self.missing:
            raise ValueError(f"no recorded number has {wanted}.")
        return type(self)(rows, missing=self.missing)

    def in_order(self, quantities: Sequence[str]) -> Self:
        """Return the numbers of some quantities, quantity by quantity.

        Args:
            quantities: Their names, in their order; numbers of others are left out.
        """
        place = {name: index for index, name in enumerate(quantities)}
        rows = [row for row in self._rows if row["quantity"] in place]
        rows.sort(key=lambda row: place[row["quantity"]])
        return type(self)(rows, missing=self.missing)

    def by(self, *factors: str) -> Self:
        """Return the same with arms named by some of their columns, such as ``by("optimizer")``.

        Args:
            factors: The columns that names show, in their order.

        Raises:
            ValueError: If a number lacks such a cell.
        """
        rows = []
        for row in self._rows:
            if lacking := [factor for factor in factors if row.get(factor) is None]:
                raise ValueError(
                    f"{row['quantity']} of arm {row.get('arm')!r} has no {lacking[0]!r}. Choose "
                    "numbers with where() first."
                )
            arm = named({factor: row[factor] for factor in factors}, factors)
            rows.append({**row, "arm": str(arm)})
        return type(self)(rows, missing=self.missing)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the numbers of some arms under new names, in the order of the names.

        Args:
            names: New name -> arm. Arms that are not listed are left out.
        """
        rows = [
            {**row, "arm": name}
            for name, arm in names.items()
            for row in self._rows
            if row.get("arm") == arm
        ]
        return type(self)(rows, missing=self.missing)

    def qualified(self, words: str) -> Self:
        """Return the numbers with words behind their quantities: ``lambda_max, own words``.

        Several kinds of one quantity can then stand in one table or figure, each with its heading.

        Args:
            words: What kind they are, such as ``batch statistics``; columns may stand in braces, as
                in ``at {distance:.2g}``.
        """
        rows = [
            {**row, "quantity": f"{row['quantity']}, {words.format(**row)}"} for row in self._rows
        ]
        return type(self)(rows, missing=self.missing)

    def difference(self, quantity: str, arms: Sequence[str], *, factor: float = 1.0) -> Interval:
        """Return the paired difference of a quantity in two arms, first − second, over seeds.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.
            factor: Multiplies the values, such as 100 for a share in percentage points.

        Returns:
            Mean difference and 95% interval, in the unit of the quantity times ``factor``.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values, or fewer than 2.
        """
        scaled = ([factor * value for value in self.values(quantity, arm)] for arm in arms)
        return paired_difference(*scaled)

    def ratio(
        self, quantity: str, arms: Sequence[str], *, sign: int = 1, confidence: float = 0.95
    ) -> Interval:
        """Return the paired ratio of a quantity in two arms, first / second, over seeds.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.
            sign: −1 for a quantity that is negative, such as λ_min: the ratio of magnitudes. A
                value of the other sign has no ratio and counts as invalid.
            confidence: Coverage of the interval, in (0, 1).

        Returns:
            Geometric mean ratio and its interval.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values, or fewer than 2.
        """
        pair = ([sign * x for x in self.values(quantity, arm)] for arm in arms)
        return paired_ratio(*pair, confidence=confidence)

    def ratios(self, quantity: str, arms: Sequence[str]) -> list[float]:
        """Return the ratio first / second of each pair of values of two arms.

        Args:
            quantity: Its recorded name.
            arms: The two arms, recorded in the same order of seeds.

        Raises:
            KeyError: If an arm has no value.
            ValueError: If the arms have different numbers of values.
            ZeroDivisionError: If a value of the second arm is 0.
        """
        first, second = (self.values(quantity, arm) for arm in arms)
        return [a / b for a, b in zip(first, second, strict=True)]

    def values(self, quantity: str, arm: str) -> list[float]:
        """Return the recorded values of a quantity in one arm, in the order they were added.

        Args:
            quantity: Its recorded name.
            arm: The arm; None for numbers recorded without an arm.

        Raises:
            KeyError: If nothing was recorded.
        """
        values = self._selected(quantity, [arm])["value"].tolist()
        if not values:
            arms = self._selected(quantity)["arm"].fillna("None").unique().tolist()
            recorded = f"in the arms {', '.join(arms)}" if arms else "in no arm"
            raise KeyError(f"no {quantity!r} of arm {arm!r} was recorded; it is {recorded}")
        return values

    def errors(self, quantity: str, arm: str) -> list[float]:
        """Return the errors recorded with ``values(quantity, arm)``, in the same order.

        Args:
            quantity: Its recorded name.
            arm: The arm.

        Returns:
            An error for each value, in its unit; NaN where none was recorded. Empty where the
            quantity was not recorded.
        """
        return self._selected(quantity, [arm])["error"].tolist()

    def largest_error(self, quantity: str, arms: Sequence[str] | None = None) -> float | None:
        """Return the largest error recorded with a quantity; None where none was recorded.

        Args:
            quantity: Its recorded name.
            arms: The arms to look at; None for all.
        """
        rows = self._selected(quantity, arms)
        errors = rows.loc[rows["error"].notna() | rows["error_kind"].notna(), "error"]
        return float(errors.max(skipna=False)) if len(errors) else None

    def unit(self, quantity: str) -> str:
        """Return the unit that a quantity was recorded with, or an empty text."""
        units = self._selected(quantity)["unit"].dropna().tolist()
        return next(filter(None, units), "")  # Rows of runs that diverged have no unit.

    def converged(self, quantity: str, arms: Sequence[str] | None = None) -> bool:
        """Return whether every recorded value of a quantity converged and is finite.

        Args:
            quantity: Its recorded name.
            arms: The arms to look at; None for all.

        Returns:
            False also where nothing was recorded.
        """
        rows = self._selected(quantity, arms)
        return not rows.empty and not _failed(rows).any()

    def counts(self) -> tuple[int, int]:
        """Return how many numbers were recorded, and how many of them failed.

        A number failed if it did not converge or is not finite.
        """
        return len(self._rows), int(_failed(self.frame).sum())

    def failures(self) -> dict[str, int]:
        """Return quantity -> how many of its numbers failed, for the quantities with failures."""
        rows = self.frame
        return rows[_failed(rows)].groupby("quantity", sort=False).size().to_dict()

    def reasons(self, quantity: str) -> list[str]:
        """Return the notes of a quantity's failed numbers, each once.

        Notes that say that a run diverged are left out: ``diverged_count`` tells their number.
        """
        rows = self._selected(quantity)
        notes = rows.loc[_failed(rows), "note"].dropna().unique().tolist()
        return [note for note in notes if note and "diverged" not in note]

    def diverged_count(self) -> int:
        """Return how many numbers failed because their run diverged."""
        rows = self.frame
        diverged = rows["note"].str.contains("diverged", regex=False, na=False)
        return int((diverged & ~rows["converged"].fillna(True)).sum())

    def _selected(self, quantity: str, arms: Sequence[str | None] | None = None) -> pd.DataFrame:
        rows = self.frame
        chosen = rows["quantity"] == quantity
        if arms is not None:  # The frame holds arms as text, whatever they were recorded as.
            chosen &= rows["arm"].isin([None if arm is None else str(arm) for arm in arms])
        return rows[chosen]


def _failed(rows: pd.DataFrame) -> pd.Series:
    return ~rows["converged"].fillna(True).astype(bool) | ~np.isfinite(rows["value"])


def joined(*measured: Measurements | None) -> Measurements:
    """Return all numbers together.

    Args:
        measured: Numbers; None where nothing was measured.
    """
    rows = [row for numbers in measured if numbers is not None for row in numbers.rows]
    missing = [text for numbers in measured if numbers is not None for text in numbers.missing]
    return Measurements(rows, missing=missing)
