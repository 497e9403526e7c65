"""Cells of the record's tables: what is written is what is read."""

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


def test_rows_survive_the_way_through_a_file():
    rows = [{"a": 1, "note": 'say "x"\nλ'}, {"a": 0.5, "b": "y"}]
    columns = ("a", "b", "note")
    text = "a,b,note\n" + cells.as_csv(rows, columns)
    assert cells.from_csv(text) == (list(columns), rows) and "\r" not in text


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"line 3 has 1 cells, the header 2"):
        cells.from_csv("a,b\n1,2\n3\n")
