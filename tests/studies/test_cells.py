"""Cells of the record's tables: what is written is what is read."""

import csv
import io
import math

import numpy as np
import pytest
import torch
from studies import cells


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (1 / 3, "0.3333333333"),
        (torch.tensor(0.25), "0.25"),
        (np.float32(2.0), "2"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (7, "7"),
        ("λ, no BN", "λ, no BN"),
    ],
)
def test_a_cell_is_text_of_ten_digits(value, want):
    assert cells.text(value) == want


@pytest.mark.parametrize(
    "value", [0.3333333333, 1.5e-7, -2.0, 12, 0, True, False, "MLP, SGD", "0-1", math.inf]
)
def test_what_is_written_is_read_back(value):
    read = cells.parse("x", cells.text(value))
    assert read == value


def test_a_column_of_text_stays_text_whatever_it_looks_like():
    assert cells.parse("examples_hash", "123456") == "123456"
    assert cells.parse("note", "true") == "true"
    assert cells.parse("x", "123456") == 123456 and cells.parse("x", "true") is True


def test_a_kept_row_is_rounded_and_has_no_empty_cells():
    row = cells.kept({"value": 1 / 3, "note": "", "error": None, "nan": math.nan})
    assert row["value"] == 0.3333333333 and set(row) == {"value", "nan"}
    again = cells.kept(row)
    assert again["value"] == row["value"] and math.isnan(again["nan"])


def read_back(text):
    """Return columns and rows of a CSV text, empty cells left out."""
    columns, lines = cells.lines(text)
    pairs = (zip(columns, line, strict=True) for line in lines)
    return columns, [{c: cells.parse(c, cell) for c, cell in row if cell} for row in pairs]


def test_rows_survive_the_way_through_a_file():
    rows = [{"a": 1, "note": 'say "x"\nλ'}, {"a": 0.5, "b": "y"}]
    columns = ("a", "b", "note")
    text = "a,b,note\n" + cells.as_csv(rows, columns)
    assert read_back(text) == (list(columns), rows) and "\r" not in text


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"line 3 has 1 cells, the header 2"):
        cells.lines("a,b\n1,2\n3\n")


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
    assert cells.as_csv(rows, ("a", "b", "c")) == f"{text},1,{text}\n0.5,,\n,,{text}\n"


def test_a_column_of_all_kinds_of_cells_keeps_each():
    rows = [{"i": i, "cell": cell} for i, (cell, _) in enumerate(CELLS)]
    text = "i,cell\n" + cells.as_csv(rows, ["i", "cell"])
    assert text == "i,cell\n" + "".join(f"{i},{want}\n" for i, (_, want) in enumerate(CELLS))
    read = [row["cell"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert read[CELLS.index(('say "x"', '"say ""x"""'))] == 'say "x"'


def test_a_lonely_empty_cell_is_no_empty_line():
    assert cells.as_csv([{"a": None}, {"a": 1}], ["a"]) == '""\n1\n'
    assert cells.as_csv([], ("a", "b")) == ""
