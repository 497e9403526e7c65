"""The table of speed: its parts on tiny networks, its goals, and what an interrupted run keeps."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from bench import limits, ours, speed, speed_parts, speed_tables, tables
from bench.attempts import Record
from bench.grids import PEER
from bench.tools import Answer, Rung

pytestmark = pytest.mark.slow

TITLES = {"mlp": "MLP", "cnn": "CNN", "resnet": "ResNet"}


def part(row, subject, folder, **options):
    where = {"data_dir": str(folder), "build_dir": str(folder), "peers": str(folder / "peers")}
    return speed_parts.Part(row, subject, 1, **where, quick=True, **options)


def record(row, subject, tool, seconds, **options):
    return Record(row, subject, tool, seconds=(seconds,), **options)


@pytest.mark.parametrize("row", ["product", "smallest", "density", "block", "plane"])
def test_a_part_measures_this_library_also_without_peers(row, tmp_path):
    records = speed_parts.measured(part(row, "mlp", tmp_path))
    assert records and {r.tool for r in records} == {ours.NAME}
    assert all(r.seconds and not r.failed for r in records)
    if row == "smallest":
        assert [r.note for r in records] == ["start 0", "start 1", "start 2"]
        assert all(r.counts and r.error <= 1e-3 for r in records)


def test_a_run_writes_its_tables_and_keeps_its_rows(tmp_path, monkeypatch):
    calls = []

    def process(part, *, kept):
        calls.append((part.row, kept))
        times = {True: 1.0, False: 2.0}[kept]
        named = ("16 at once", "16 single ones")
        return [record("block", "mlp", ours.NAME, times, setting=name) for name in named]

    monkeypatch.setattr(speed_parts, "process", process)
    arguments = ["--quick", "--rows", "block", "--subjects", "mlp", "--build-dir", str(tmp_path)]
    assert speed.main(arguments) == speed.main([*arguments, "--resume"]) == 0
    assert calls == [("block", True), ("block", False)]
    assert "| block of 16 products over 16 single ones |" in (
        tmp_path / "bench" / "speed.md"
    ).read_text(encoding="utf-8")


def test_a_part_that_fails_is_said_and_not_kept(tmp_path):
    broken = dataclasses.replace(part("block", "mlp", tmp_path), threads=0)
    (failed,) = speed_parts.process(broken, kept=True)
    assert failed.failed and "positive" in failed.note
    speed._keep(tmp_path / "x.json", "commit", [failed], 0.0)
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("peer", "limit", "reached"), [(3.1, 0.5, "yes"), (2.9, 0.5, "**no**"), (2.9, 0.91, "yes")]
)
def test_a_goal_is_reached_by_its_ratio_or_at_the_limit(peer, limit, reached):
    records = [
        record("plane", "cnn", ours.NAME, 1.0),
        record("plane", "cnn", PEER, peer, setting="all at once"),
        record("plane", "cnn", PEER, 1.5, setting="all at once, channels_last"),
        record("plane", "cnn", limits.NAME, limit),
    ]
    table = speed_tables.goals({"plane cnn kept": records}, TITLES)
    (line,) = [line for line in table.splitlines() if line.startswith("| plane")]
    assert line.endswith(f"| {reached} |")
    assert f"{peer:.2f}, peer at its fastest setting 1.50, ours {1 / limit:.2f} x" in line


def test_medians_are_over_starts_and_a_miss_is_infinite():
    seconds = {ours.NAME: (1.0, 2.0, 9.0), "hessian-eigenthings": (4.0, 6.0, 8.0)}
    records = [record("largest", "mlp", tool, time) for tool, of in seconds.items() for time in of]
    goal = next(g for g in speed_tables.GOALS if (g.row, g.subject) == ("largest", "mlp"))
    assert speed_tables.ratio(goal, records) == 3.0
    missed = [dataclasses.replace(r, counts=r.time < 2) for r in records[:3]] + records[3:]
    assert speed_tables.ratio(goal, missed) == 0.0
    assert speed_tables.ratio(goal, records[:3]) is None


def test_the_cheapest_rung_is_the_lowest_that_reaches_the_error():
    errors = [1.5, 1.2, 1.0005, 1.0, 1.0]
    ladder = [
        Rung(f"r{i}", lambda e=error: Answer((e,), products=1)) for i, error in enumerate(errors)
    ]
    blank = Record("largest", "mlp", "tool", note="start 0")
    for first in (None, "r0", "r2", "r4"):
        best = speed_parts._cheapest(blank, ladder, first, [1.0], sure=False)
        assert (best.setting, best.counts) == ("r2", True)
    short = speed_parts._cheapest(blank, ladder[:2], None, [1.0], sure=False)
    assert not short.counts and "1e-3 not reached" in short.note
    assert not speed_parts._cheapest(blank, ladder, "r1", [1.0], sure=True).counts


def test_operations_of_convolutions_are_counted():
    network = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 3, 3, stride=2))
    shapes = limits.convolutions(network, torch.zeros(4, 2, 7, 7))
    assert [s.operations for s in shapes] == [2 * 54 * 49, 2 * 81 * 9]
    assert [s.count for s in shapes] == [1, 1] and shapes[1].inputs == (3, 7, 7)
    assert all(math.isfinite(s) and s > 0 for s in limits._seconds(shapes[0], 4, repeats=3))


def test_publishing_needs_the_whole_table(tmp_path):
    with pytest.raises(SystemExit):
        speed.main(["--rows", "block", "--publish", str(tmp_path / "README.md")])


def test_the_readme_has_the_section():
    text = (tables.ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert all(text.count(marker.format(section="speed")) == 1 for marker in tables.MARKERS)
