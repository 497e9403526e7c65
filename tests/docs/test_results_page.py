"""docs/concepts/results.md: its table says of each result what the class has."""

import dataclasses
import inspect
import re
from pathlib import Path

import landscape
import pytest

PAGE = (Path(__file__).parents[2] / "docs/concepts/results.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \{class\}`~landscape\.(\w+)\.(\w+)` \|(.*)\|$", flags=re.MULTILINE)
ROWS = {
    (room, name): [cell.strip() for cell in rest.split("|")]
    for room, name, rest in ROW.findall(PAGE)
}
ROOMS = ("spectrum", "sharpness", "slices", "connectivity", "dynamics", "diagnostics")
# What is a part or a setting of a result, or a base of several.
PARTS = {
    "Mass",
    "DensityCurve",
    "Rise",
    "Agreement",
    "PlaneRows",
    "CurveConfig",
    "TrajectoryRecorder",
    "Units",
    "Repaired",
}
ERRORS = {"residuals", "known_residuals", "low", "high", "error", "spread"}
COSTS = {"products", "passes"}
CONDITIONS = {"bn", "examples", "examples_hash", "dtype"}


def names_of(kind):
    """Fields and properties of a result."""
    fields = {field.name for field in dataclasses.fields(kind)}
    return fields | {name for name, x in inspect.getmembers(kind) if isinstance(x, property)}


def quoted(cell):
    return set(re.findall(r"`(\w+)`", cell))


def test_every_result_has_a_row():
    results = {
        (room, name)
        for room in ROOMS
        for name in getattr(landscape, room).__all__
        if dataclasses.is_dataclass(getattr(getattr(landscape, room), name))
    }
    assert {name for _, name in results} >= PARTS
    expected = {key for key in results if key[1] not in PARTS} | {("training", "Run")}
    assert set(ROWS) == expected and len(ROWS) > 20


@pytest.mark.parametrize("key", ROWS)
def test_a_row_says_what_the_class_has(key):
    kind = getattr(getattr(landscape, key[0]), key[1])
    names = names_of(kind)
    error, cost, converged, conditions, plot = ROWS[key]
    assert quoted(error) == {x for x in names if x in ERRORS or x.endswith("stderr")}
    assert quoted(cost) == names & COSTS
    assert converged == ("yes" if "converged" in names else "–")
    assert conditions == ("yes" if names >= CONDITIONS else "–")
    assert plot == ("yes" if hasattr(kind, "plot") else "–")
