"""docs/record.md: what it says about files is so, and its examples run."""

import re
from pathlib import Path

import pandas as pd
import pytest
from studies.recorder import NUMBER_COLUMNS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
FOLDER = ROOT / "report" / "published" / "record" / "01_bn_ablation"


@pytest.fixture
def example(monkeypatch):
    """What the page's examples in Python leave behind."""
    monkeypatch.chdir(ROOT)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block, names)
    return names


def test_the_five_lines_give_a_table_of_seeds_and_arms(example):
    table = example["table"]
    assert list(table.columns) == ["BN", "no BN"] and len(table) >= 6
    assert table.notna().all().all() and (table["BN"] > table["no BN"]).mean() > 0.5
    first = re.search(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    assert len([line for line in first.splitlines() if line]) == 5


def test_points_are_joined_with_labels(example):
    curves = example["curves"]
    assert {"arm", "seed", "epoch", "test_accuracy"} <= set(curves.columns)
    assert len(curves) >= len(pd.read_csv(FOLDER / "curves.csv"))


def test_the_files_and_columns_that_it_names_exist():
    named = set(re.findall(r"`([a-z]+\.(?:csv|json))`", PAGE))
    assert named - {path.name for path in FOLDER.iterdir()} == set()
    columns = set(pd.read_csv(FOLDER / "measurements.csv", nrows=1).columns)
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+)", PAGE, flags=re.MULTILINE)
    words = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert {"value", "bn", "rho", "estimator"} <= words and words <= columns | set(NUMBER_COLUMNS)
    # Every column of a number is explained.
    assert set(NUMBER_COLUMNS) - {"quantity", "note"} <= words
