"""Frames of recorded rows, and the bytes of results files."""

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
import torch
from studies import frames

# Every kind of cell that a study has written, beside its bytes.
CELLS = [
    (1 / 3, "0.3333333333"),
    (-0.0, "-0"),
    (2.0, "2"),
    (123456789012.0, "1.23456789e+11"),
    (1e-300, "1e-300"),
    (1e22, "1e+22"),
    (5e-324, "4.940656458e-324"),
    (math.nan, "nan"),
    (math.inf, "inf"),
    (-math.inf, "-inf"),
    (7, "7"),
    (-(2**62), "-4611686018427387904"),
    (True, "true"),
    (False, "false"),
    (None, ""),
    ("", ""),
    ("text λ, −1", '"text λ, −1"'),
    ('say "x"', '"say ""x"""'),
    ("two\nlines", '"two\nlines"'),
    (" spaces ", " spaces "),
    ("nan", "nan"),
    ("NA", "NA"),
    ("None", "None"),
    ("0 and 1", "0 and 1"),
    (np.float32(0.1), "0.1000000015"),
    (np.float64(1e-7), "1e-07"),
    (np.int64(3), "3"),
    (np.bool_(False), "false"),
    (torch.tensor(0.25), "0.25"),
    (torch.tensor(4), "4"),
    (torch.tensor(True), "true"),
    (torch.tensor(math.nan, dtype=torch.float64), "nan"),
]


@pytest.mark.parametrize(("cell", "text"), CELLS)
def test_a_cell_has_these_bytes_in_any_column_and_row(cell, text):
    rows = [{"a": cell, "b": 1, "c": cell}, {"a": 0.5, "c": None}, {"b": None, "c": cell}]
    assert frames.as_csv(rows, ("a", "b", "c")) == (f"a,b,c\n{text},1,{text}\n0.5,,\n,,{text}\n")


def test_a_column_of_all_kinds_of_cells_keeps_each():
    text = frames.as_csv(
        [{"i": i, "cell": cell} for i, (cell, _) in enumerate(CELLS)], ["i", "cell"]
    )
    assert text == "i,cell\n" + "".join(f"{i},{want}\n" for i, (_, want) in enumerate(CELLS))
    read = [row["cell"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert read[CELLS.index(('say "x"', '"say ""x"""'))] == 'say "x"'


def test_no_rows_leave_the_header_alone():
    assert frames.as_csv([], ("a", "b")) == "a,b\n"
    assert frames.as_csv([], ()) == "\n"


def test_a_lonely_empty_cell_is_no_empty_line():
    assert frames.as_csv([{"a": None}, {"a": 1}], ["a"]) == 'a\n""\n1\n'


def test_a_cell_without_column_is_refused():
    with pytest.raises(
        ValueError, match=r"the cells x, y, and the columns are a, b. Give all rows"
    ):
        frames.as_csv([{"a": 1}, {"y": 1, "x": 2}], ("a", "b"))


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
