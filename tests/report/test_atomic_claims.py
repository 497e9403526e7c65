"""The atomic claims cover every claim of the sources, each with one id, one number, one reason."""

import csv
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = "id source claim statement source_number source_text setting reason".split()
COLUMNS += "name evidence former changed".split()
STUDIES = {path.stem for path in (ROOT / "notebooks").glob("0*.py")}
PLANNED_STUDIES = {"05_dynamics", "06_connectivity", "07_theory", "08_prediction"}


def _rows(path):
    with open(ROOT / path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


ROWS = _rows("report/claims.csv")
IDS = [row["id"] for row in ROWS]


# How many claims each source makes: S1.1 to S1.6, and so on.
SOURCES = {"S1": 6, "S2": 9, "S3": 7, "S4": 4, "S5": 9}


def test_every_claim_of_the_sources_has_an_atomic_claim_and_no_other_has():
    claims = {f"{name}.{n}" for name, count in SOURCES.items() for n in range(1, count + 1)}
    assert {row["claim"] for row in ROWS} == claims


def test_ids_stand_once_and_in_order():
    assert len(IDS) == len(set(IDS))
    parts = [re.fullmatch(r"S(\d)\.(\d+)([a-z]?)", id).groups() for id in IDS]
    assert parts == sorted(parts, key=lambda part: (int(part[0]), int(part[1]), part[2]))


def test_the_parts_of_a_claim_are_lettered_from_a_and_a_claim_of_one_part_keeps_its_id():
    for claim in {row["claim"] for row in ROWS}:
        letters = "".join(row["id"].removeprefix(claim) for row in ROWS if row["claim"] == claim)
        assert letters == "" or (len(letters) > 1 and "abcdefgh".startswith(letters))


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_row_is_complete_and_its_number_is_one(row):
    assert list(row) == COLUMNS
    assert row["claim"].startswith(f"{row['source']}.") and row["id"].startswith(row["claim"])
    assert row["statement"].endswith(".") and len(row["statement"]) < 110
    assert row["source_text"] and row["setting"]
    # The headline of a claim says of each name what became of it.
    assert row["name"] and len(row["name"].split()) <= 6 and not row["name"].endswith(".")
    assert not row["source_number"] or math.isfinite(float(row["source_number"]))


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["reason"]], ids=[r["id"] for r in ROWS if r["reason"]]
)
def test_a_claim_that_is_not_judged_names_the_study_that_will(row):
    assert re.search(r"the planned study of [a-z ]+ will( [a-z ]+)?\.$", row["reason"])
