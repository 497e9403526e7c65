"""Frames of recorded rows: columns typed by their cells."""

import math

import numpy as np
import pandas as pd
import torch
from studies import frames


def test_columns_have_the_type_of_their_cells():
    rows = [
        {"i": 1, "k": torch.tensor(2), "x": 0.5, "b": True, "c": np.bool_(True), "t": "a", "m": 1},
        {"i": 2, "k": None, "x": None, "b": False, "c": None, "t": None, "m": "0 and 1"},
    ]
    frame = frames.tidy_frame(rows, tuple(rows[0]))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "i": "int64",
        "k": "Int64",
        "x": "float64",
        "b": "bool",
        "c": "boolean",
        "t": "str",
        "m": "object",
    }
    assert frame["k"].tolist() == [2, pd.NA] and frame["b"].tolist() == [True, False]
    assert math.isnan(frame["x"][1]) and frame["t"].isna().tolist() == [False, True]


def test_named_types_hold_also_without_rows():
    dtypes = {"x": "float64", "b": "boolean", "t": "str", "n": "Int64"}
    for rows in ([], [{}], [{"x": 1, "b": True, "t": "a", "n": 3}]):
        frame = frames.tidy_frame(rows, tuple(dtypes), dtypes)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dtypes
        assert len(frame) == len(rows)
