"""Turn recorded rows into tidy pandas frames."""

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


def _series(cells: list[Any], dtype: str | None) -> pd.Series:
    kinds = frozenset(type(cell) for cell in cells if cell is not None)
    if dtype is None and any(cell is None for cell in cells):
        dtype = _NULLABLE.get(kinds)
    return pd.Series(cells, dtype=dtype)


def _plain(value: Any) -> Any:
    """Return the number in a tensor or numpy scalar, anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor | np.generic) else value
