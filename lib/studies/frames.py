"""Turn recorded rows into tidy pandas frames and into CSV texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

TableRows = Sequence[Mapping[str, Any]]

# pandas would make objects of booleans with missing cells, and floats of integers.
_NULLABLE = {frozenset({bool}): "boolean", frozenset({int}): "Int64"}


def tidy_frame(
    rows: TableRows, columns: Sequence[str], dtypes: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return rows as a frame.

    Args:
        rows: Column -> cell. Tensors and numpy scalars become plain numbers; None and missing cells
            become missing values.
        columns: The columns, in the order of the frame. Other cells of the rows are left out.
        dtypes: Column -> pandas type. A column without one gets the type of its cells, where
            booleans and integers with missing cells stay booleans and integers.
    """
    return pd.DataFrame(
        {
            column: _series([_plain(row.get(column)) for row in rows], (dtypes or {}).get(column))
            for column in columns
        }
    )


def as_csv(rows: TableRows, columns: Sequence[str]) -> str:
    """Return rows as CSV text with a header.

    Args:
        rows: Column -> cell. Numbers get ten significant digits, booleans lower case; None and
            missing cells are empty, NaN is ``nan``, infinity ``inf``.
        columns: The columns, in the order of the file.

    Raises:
        ValueError: If a row has a column that is not in ``columns``.
    """
    unknown = sorted({column for row in rows for column in row} - set(columns))
    if unknown:
        raise ValueError(
            f"rows have the cells {', '.join(unknown)}, and the columns are {', '.join(columns)}. "
            "Give all rows of a table the columns of its first row."
        )
    # to_csv writes NaN and a missing cell alike and has one format for all floats: cells are text.
    texts = [[_text(row.get(column)) for column in columns] for row in rows]
    frame = pd.DataFrame(texts, columns=list(columns), dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def _series(cells: list[Any], dtype: str | None) -> pd.Series:
    kinds = frozenset(type(cell) for cell in cells if cell is not None)
    if dtype is None and any(cell is None for cell in cells):
        dtype = _NULLABLE.get(kinds)
    return pd.Series(cells, dtype=dtype)


def _plain(value: Any) -> Any:
    """Return the number in a tensor or numpy scalar, anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor | np.generic) else value


def _text(value: Any) -> str:
    value = _plain(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(value, ".10g")  # More digits than any error here, fewer than rounding noise.
    return "" if value is None else str(value)
