"""Recorded measurements of a study as a tidy frame, and the queries on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from studies import frames
from studies.intervals import Interval, paired_difference, paired_ratio

# A seed is a number, or the text of several, and has the type of the seeds recorded.
_TYPES = {
    "quantity": "str",
    "arm": "str",
    "seed": None,
    "value": "float64",
    "unit": "str",
    "error": "float64",
    "error_kind": "str",
    "converged": "boolean",
    "cost": "float64",
    "cost_unit": "str",
    "bn": "str",
    "examples": "Int64",
    "examples_hash": "str",
    "dtype": "str",
    "note": "str",
}
COLUMNS = tuple(_TYPES)


class RecordedMeasurements:
    """Record numbers one by one, and answer questions about them."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._measurements: pd.DataFrame | None = None

    @property
    def measurements(self) -> pd.DataFrame:
        """The recorded numbers as a tidy frame: a row per number, in the order they were added.

        Its columns are ``COLUMNS``. A missing ``converged`` means that the number is exact or
        converged; an ``error`` that is NaN, with an ``error_kind``, is unknown.
        """
        # Adding a number must stay cheap: the frame is built when it is asked for.
        if self._measurements is None or len(self._measurements) != len(self._rows):
            self._measurements = frames.tidy_frame(self._rows, COLUMNS, _TYPES)
        return self._measurements.copy(deep=False)

    def add(self, quantity: str, value: float, **labels: Any) -> None:
        """Record one number.

        Args:
            quantity: Name of the quantity, such as ``lambda_max``.
            value: The number, in ``unit``. NaN and infinity are allowed: they say that a
                measurement failed.
            labels: Any of the other columns: ``arm``, ``seed``, ``unit``, ``error`` (in ``unit``),
                ``error_kind``, ``converged`` (True if not given), ``cost`` (in ``cost_unit``),
                ``cost_unit``, ``bn``, ``examples``, ``examples_hash``, ``dtype``, ``note``.

        Raises:
            ValueError: If a label is not a column.
        """
        unknown = sorted(set(labels) - set(COLUMNS))
        if unknown:
            raise ValueError(
                f"{quantity}: {', '.join(unknown)} is no column of measurements.csv. "
                f"Pass only {', '.join(COLUMNS[1:])}."
            )
        self._rows.append({"quantity": quantity, "value": float(value), **labels})

    def add_measurement(self, quantity: str, value: float, source: Any, **labels: Any) -> None:
        """Record one number with the labels that its source carries.

        Args:
            quantity: Name of the quantity.
            value: The number; see ``add``.
            source: A ``Measurement``, an ``Objective``, eigenpairs, ...: its attributes
                ``converged``, ``bn``, ``examples`` or ``num_examples``, ``examples_hash`` and
                ``dtype`` are recorded where it has them. ``converged`` may be a tensor: the number
                converged if all its entries are true.
            labels: Further columns; they replace labels of the source.

        Raises:
            ValueError: If a label is not a column.
        """
        carried = {
            column: getattr(source, name)
            for column, name in (
                ("converged", "converged"),
                ("bn", "bn"),
                ("examples", "examples"),
                ("examples", "num_examples"),
                ("examples_hash", "examples_hash"),
                ("dtype", "dtype"),
            )
            if hasattr(source, name)
        }
        if "dtype" in carried:
            carried["dtype"] = str(carried["dtype"]).removeprefix("torch.")
        if "converged" in carried:
            carried["converged"] = bool(torch.as_tensor(carried["converged"]).all())
        self.add(quantity, value, **{**carried, **labels})

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
        return len(self._rows), int(_failed(self.measurements).sum())

    def failures(self) -> dict[str, int]:
        """Return quantity -> how many of its numbers failed, for the quantities with failures."""
        rows = self.measurements
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
        rows = self.measurements
        diverged = rows["note"].str.contains("diverged", regex=False, na=False)
        return int((diverged & ~rows["converged"].fillna(True)).sum())

    def _selected(self, quantity: str, arms: Sequence[str | None] | None = None) -> pd.DataFrame:
        rows = self.measurements
        chosen = rows["quantity"] == quantity
        if arms is not None:  # The frame holds arms as text, whatever they were recorded as.
            chosen &= rows["arm"].isin([None if arm is None else str(arm) for arm in arms])
        return rows[chosen]


def _failed(rows: pd.DataFrame) -> pd.Series:
    return ~rows["converged"].fillna(True).astype(bool) | ~np.isfinite(rows["value"])
