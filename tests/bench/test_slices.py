"""The bench of planes and lines: a quick run, the tools' grids, the tables."""

import json
import math
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from landscape import models

from bench import grid_memory, grid_tables, grids, ours, slices, subjects, tables
from bench.attempts import Record
from bench.grids import FLOOR, LOOP, PEER

pytestmark = pytest.mark.slow

TINY = subjects.untrained(models.CNN(channels=(2,), hidden=3), (1, 4, 4), 6)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Results of a quick run in a folder without peers, memory without processes."""
    folder = tmp_path_factory.mktemp("bench")
    arguments = ["--quick", "--threads", "1", "--repeats", "2", "--build-dir", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANDSCAPE_PROGRESS", "off")
        patch.setattr(grid_memory, "measured", lambda case: float(case.steps))
        assert slices.main(arguments) == 0
    run = json.loads((folder / "bench" / "slices.json").read_text())
    return run, (folder / "bench" / "slices.md").read_text()


def test_a_quick_run_measures_every_tool_that_is_there(quick):
    measured = {
        (record["row"], record["subject"], record["tool"])
        for record in quick[0]["records"]
        if len(record["seconds"]) == 2
    }
    planes = {("plane", name) for name in slices.TIMED}
    for row in planes | {("line", "cnn")}:
        assert {(*row, tool) for tool in (ours.NAME, FLOOR, LOOP)} <= measured
    assert not any(record["failed"] for record in quick[0]["records"])


def test_a_quick_run_finds_the_losses_right(quick):
    errors = [
        r["error"] for r in quick[0]["records"] if r["tool"] in (ours.NAME, LOOP) and r["error"]
    ]
    assert len(errors) == 4 * 3 and max(errors) < 1e-5


def test_times_are_scaled_to_the_whole_grid_and_say_so(quick):
    notes = {(r["row"], r["note"]) for r in quick[0]["records"] if r["row"] != "memory"}
    assert notes == {("plane", "9 of 625 points timed"), ("line", "5 of 51 points timed")}


def test_a_peer_that_is_not_there_is_skipped_with_a_reason(quick):
    run, document = quick
    assert "cannot be imported (ModuleNotFoundError" in run["missing"][PEER]
    assert f"Skipped: {PEER}, cannot be imported" in document
    assert "A quick run on tiny networks" in document
    assert not any(record["tool"] == PEER for record in run["records"])


def test_memory_of_a_plane_does_not_grow_with_its_points():
    config = {"hidden": (8,), "activation": "relu"}
    found = [
        grid_memory.work(grid_memory.Case("MLP", config, (1, 8, 8), 64, 1, steps))
        for steps in (3, 12)
    ]
    assert 0 <= found[0] < 64 and found[1] < found[0] + 4


def test_a_plane_of_another_process_that_fails_says_why():
    case = grid_memory.Case("MLP", {"hidden": (0,)}, (1, 8, 8), 64, 1, 3)
    with pytest.raises(RuntimeError, match=r"the plane's process failed: .*MLP"):
        grid_memory.measured(case)


# What the tools compute


@pytest.fixture
def peer(monkeypatch):
    """A peer that walks as it is documented: start + i·(end1 - start)/steps + j·(...)."""

    def point(networks, shares):
        start = {k: v.clone() for k, v in networks[0].state_dict().items()}
        ends = [network.state_dict() for network in networks[1:]]
        moved = {
            name: tensor + sum(c * (e[name] - tensor) for c, e in zip(shares, ends, strict=True))
            if tensor.is_floating_point()
            else tensor
            for name, tensor in start.items()
        }
        networks[0].load_state_dict(moved)
        loss = networks[0].metric(networks[0])
        networks[0].load_state_dict(start)
        return loss

    def planar(*arguments, steps):
        *networks, metric = arguments
        networks[0].metric = metric
        shares = [k / steps for k in range(steps)]
        return np.array([[point(networks, (a, b)) for b in shares] for a in shares])

    class Loss:
        def __init__(self, function, inputs, targets):
            self.parts = function, inputs, targets

        def __call__(self, network):
            function, inputs, targets = self.parts
            with torch.no_grad():
                return function(network(inputs), targets).item()

    package = types.ModuleType("loss_landscapes")
    package.planar_interpolation = planar
    package.linear_interpolation = lambda start, end, metric, steps: np.full(steps, metric(start))
    metrics = types.ModuleType("loss_landscapes.metrics")
    metrics.Loss = Loss
    monkeypatch.setitem(sys.modules, "loss_landscapes", package)
    monkeypatch.setitem(sys.modules, "loss_landscapes.metrics", metrics)
    assert grids.load_peer(Path("nowhere")) is None


def test_all_tools_measure_the_same_grid(peer):
    plane = grids.Plane(TINY, 3)
    tools, exact = grids.plane_tools(plane, peer=True), plane.exact()
    assert exact.shape == (3, 3) and len(tools) == 6
    centre = TINY.exact.loss(TINY.exact.theta)
    assert float(exact[1, 1]) == pytest.approx(centre, rel=1e-12)
    for (tool, _), run in tools.items():
        found = run()
        if tool == FLOOR:
            assert found.numel() == 0
        else:
            assert grids.relative_error(found, exact) < 1e-5, tool


def test_all_tools_measure_the_same_line(peer):
    ends = (TINY, subjects.untrained(models.CNN(channels=(2,), hidden=3), (1, 4, 4), 6))
    with torch.no_grad():
        for parameter in ends[1].model.parameters():
            parameter.mul_(-0.5)
        for name, buffer in ends[1].model.named_buffers():
            if "running" in name:
                buffer.add_(0.5)
    exact = grids.exact_line(ends, 4)
    for (tool, _), run in grids.line_tools(ends, 4, peer=True).items():
        if tool in (ours.NAME, LOOP):
            assert grids.relative_error(run(), exact) < 1e-5, tool
    assert float(exact[-1]) == pytest.approx(ends[1].exact.loss(ends[1].exact.theta), rel=1e-12)


def test_a_loss_that_is_no_number_is_an_infinite_error():
    exact = torch.tensor([1.0, 2.0])
    assert grids.relative_error(np.array([1.0, math.nan]), exact) == math.inf
    assert grids.relative_error(torch.tensor([1.0, 2.2]), exact) == pytest.approx(0.1)


# Tables


def records(*, library=1.0, line=1.0):
    def record(row, tool, *seconds, **fields):
        return Record(row, "cnn", tool, "", seconds, **fields)

    return [
        record("plane", ours.NAME, 2.0, 8.0 * library, 3.0),
        record("plane", FLOOR, 2.0, 8.0, 3.0),
        record("plane", PEER, 12.0, 48.0, 18.0),
        record("line", ours.NAME, line),
        record("line", FLOOR, 1.0),
        Record("memory", "mlp", ours.NAME, "25 x 25", (1.0,), memory=1.0),
        Record("memory", "mlp", ours.NAME, "251 x 251", (1.0,), memory=1.0 + 2 / 1024),
    ]


TITLES = {"resnet": "R", "cnn": "C", "mlp": "M"}


def test_goals_are_medians_of_ratios_of_one_round():
    text = grid_tables.goals(records(), TITLES)
    assert "| plane over the floor | C | <= 1 | 1.00 | yes |" in text
    assert "| loss-landscapes as published over ours | C | >= 3 | 6.00 | yes |" in text
    assert "| memory that the larger grid takes more (MiB) | M | <= 16 | 2.00 | yes |" in text
    assert "| R |" not in text


def test_a_goal_that_is_missed_says_so():
    text = grid_tables.goals(records(line=1.2), TITLES)
    assert "| line over the floor | C | <= 1 | 1.20 | **no** |" in text


def test_goals_of_nothing_say_that_nothing_was_run():
    assert grid_tables.goals([], TITLES) == "None of the goals' rows were run."


def test_a_row_that_fails_is_said_and_loses_no_other(monkeypatch, tmp_path, capsys):
    def broken(plane, peer):
        raise RuntimeError("no grid")

    monkeypatch.setattr(grids, "plane_tools", broken)
    monkeypatch.setattr(grid_memory, "measured", lambda case: 1.0)
    arguments = ["--quick", "--threads", "1", "--subjects", "mlp", "--build-dir", str(tmp_path)]
    assert slices.main(arguments) == 1
    document = capsys.readouterr().out
    assert "RuntimeError: no grid" in document and "9 x 9 points" in document


def test_a_part_of_the_bench_is_not_published(capsys):
    for part in (["--quick"], ["--subjects", "mlp"]):
        with pytest.raises(SystemExit):
            slices.main([*part, "--publish", "README.md"])
        assert "--publish needs the whole bench" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--repeats", "0"], ["--threads", "0"]])
def test_no_times_and_no_threads_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        slices.main(option)
    assert "--repeats and --threads must be >= 1" in capsys.readouterr().err


def test_the_readme_has_a_place_for_the_tables():
    text = (tables.ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- slices:begin -->") == text.count("<!-- slices:end -->") == 1
