"""Cells of the record's tables: numbers, truth values and texts as CSV, the same both ways."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

# Columns that hold text, whatever it looks like: a hash may consist of digits alone.
_TEXT = frozenset(
    {
        "entry",
        "kind",
        "origin",
        "checksum",
        "quantity",
        "arm",
        "unit",
        "error_kind",
        "cost_unit",
        "bn",
        "examples_hash",
        "dtype",
        "note",
        "at",
        "split",
        "pair",
        "path",
        "estimator",
    }
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TRUTH = {"true": True, "false": False}
_LONGEST = 100_000  # Characters in a cell: Python's csv reads at most 131,072.


def text(value: Any) -> str:
    """Return a cell as text: ten significant digits, ``true`` and ``false``, empty for None.

    Lines of a text end in a line feed, whatever they ended in.

    Args:
        value: A number, truth value, text, or None; tensors and numpy scalars hold one number.
    """
    if isinstance(value, torch.Tensor | np.generic):
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(value, ".10g")  # More digits than any error here, fewer than rounding noise.
    written = "" if value is None else str(value)
    # Systems and git change line ends, so a record tells none apart.
    return written.replace("\r\n", "\n").replace("\r", "\n") if "\r" in written else written


def parse(column: str, cell: str) -> Any:
    """Return the value of a cell's text: ``parse(column, text(value))`` is what a record keeps.

    Args:
        column: Its column; some hold text whatever the text looks like.
        cell: Its text.
    """
    if cell == "":
        return None
    if column in _TEXT:
        return cell
    if cell in _TRUTH:
        return _TRUTH[cell]
    if cell in _NOT_FINITE:
        return _NOT_FINITE[cell]
    if _NUMBER.fullmatch(cell):
        return int(cell) if cell.lstrip("+-").isdigit() else float(cell)
    return cell


def kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a record keeps it: rounded to ten digits, without empty cells.

    What a study computes and what it reads back are then the same.

    Args:
        row: Column -> cell.

    Raises:
        ValueError: If a text would be read back as a number or truth value, or cannot be written.
    """
    cells = {}
    for column, value in row.items():
        written = text(value)
        if (cell := parse(column, written)) is not None:
            cells[column] = cell
        if isinstance(value, str):
            _check_text(column, written, cell)
    return cells


def _check_text(column: str, written: str, cell: Any) -> None:
    if written and not isinstance(cell, str):
        raise ValueError(
            f"column {column!r} got the text {written!r}, which a record would read back as "
            f"{cell!r}. Pass {cell!r} itself, or a text with a word, such as '{column} {written}'."
        )
    if len(written) > _LONGEST:
        raise ValueError(
            f"column {column!r} got a text of {len(written)} characters. A cell holds at most "
            f"{_LONGEST}: shorten it."
        )
    try:
        written.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"column {column!r} got the text {written!r}, which no file can hold: {error}."
        ) from None


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV text without a header.

    Args:
        rows: Column -> cell; missing cells are empty.
        columns: The columns in their order.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([text(row.get(column)) for column in columns] for row in rows)
    return buffer.getvalue()


def csv_line(values: Sequence[str]) -> str:
    """Return texts as a line of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def lines(content: str) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a CSV text with a header, and the texts of each row's cells.

    Raises:
        ValueError: If the text is empty or no CSV, a column stands twice, or a row has another
            number of cells than the header.
    """
    reader = csv.reader(io.StringIO(content))
    try:
        columns, *rows = reader
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
    except ValueError:
        raise ValueError("it is empty") from None
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise ValueError(f"column {twice[0]!r} stands twice in its header")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise ValueError(f"line {number} has {len(row)} cells, the header {len(columns)}")
    return columns, rows
