"""Benches of executors and of an earlier commit: what they compute from what they measured."""

import csv
import json
import math

from landscape import executor
from landscape.executor.timed import Timed

from bench import before, units


def test_ratios_are_of_medians():
    seconds = {
        units.DASK: [3.0, 1.0, 2.0],
        "two processes": [2.0, 4.0, 1.0],
        "one process, two threads": [4.0, 4.0, 9.0],
    }
    assert units.ratios(seconds) == {"two processes": 1.0, "one process, two threads": 0.5}


def test_a_timed_executor_writes_a_line_for_each_map(store, tmp_path):
    timed = Timed(executor.Serial(), tmp_path / "times")
    work = [executor.Unit(f"n-{i}", units.nothing, (i,)) for i in range(3)]
    assert [value for _, value in timed.map(work, store, threads=1)] == [0, 1, 2]
    list(timed.map(work[:1], store, threads=1))
    lines = [json.loads(line) for line in (tmp_path / "times").read_text().splitlines()]
    assert [line["units"] for line in lines] == [3, 1]
    assert all(0 <= line["seconds"] < 5 for line in lines)


def write(folder, rows):
    place = folder / "quick" / "record" / "01_x"
    place.mkdir(parents=True)
    with open(place / "entries.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerows(
            [["entry", "arm", "seed"], *([f"e{i}", a, 0] for i, (a, _) in enumerate(rows))]
        )
    with open(place / "measurements.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerows(
            [["entry", "quantity", "value"], *([f"e{i}", "q", v] for i, (_, v) in enumerate(rows))]
        )


def test_numbers_of_two_records_are_compared_by_what_names_them(tmp_path):
    write(tmp_path / "a", [("x", 1.0), ("y", 2.0), ("z", math.nan), ("twice", 1), ("twice", 2)])
    write(tmp_path / "b", [("y", 2.0 + 2e-6), ("x", 1.0), ("z", math.nan), ("new", 5.0)])
    found = before.differences(*(before.numbers(tmp_path / x, "quick") for x in "ab"))
    assert len(found) == 3
    assert abs(found[0][0] - 1e-6) < 1e-9 and found[0][1][1][1] == "y"
    assert [difference for difference, _ in found[1:]] == [0.0, 0.0]
