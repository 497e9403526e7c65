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
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_TRUTH = {"true": True, "false": False}


def text(value: Any) -> str:
    """Return a cell as text: ten significant digits, ``true`` and ``false``, empty for None.

    Args:
        value: A number, truth value, text, or None; tensors and numpy scalars hold one number.
    """
    if isinstance(value, torch.Tensor | np.generic):
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(value, ".10g")  # More digits than any error here, fewer than rounding noise.
    return "" if value is None else str(value)


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
    """
    cells = {column: parse(column, text(value)) for column, value in row.items()}
    return {column: value for column, value in cells.items() if value is not None}


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


def from_csv(content: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the columns and the rows of a CSV text with a header; empty cells are left out.

    Raises:
        ValueError: If a row has another number of cells than the header.
    """
    lines = csv.reader(io.StringIO(content))
    columns = next(lines, [])
    rows = []
    for number, line in enumerate(lines, start=2):
        if len(line) != len(columns):
            raise ValueError(f"line {number} has {len(line)} cells, the header {len(columns)}")
        rows.append(
            {
                column: parse(column, cell)
                for column, cell in zip(columns, line, strict=True)
                if cell != ""
            }
        )
    return columns, rows
