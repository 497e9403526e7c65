"""The bench: its method on known functions, its tables, and a quick run without peers."""

import itertools
import json
import math
import sys
from types import SimpleNamespace

import pytest
import torch
from landscape import models

from bench import growth, install, ours, peers, spectrum, subjects, tables, timing
from bench.attempts import Record, attempt, climb, failure, relative_error
from bench.rows import Choice, screen
from bench.tools import Answer, Rung, Setting, Tool
from report import environment

pytestmark = pytest.mark.slow

TINY = subjects.untrained(models.MLP(hidden=(3,)), (1, 4, 4), 6)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Results of a quick run in a folder without peers."""
    folder = tmp_path_factory.mktemp("bench")
    arguments = ["--quick", "--threads", "1", "--repeats", "1", "--build-dir", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANDSCAPE_PROGRESS", "off")
        assert spectrum.main(arguments) == 0
    run = json.loads((folder / "bench" / "spectrum.json").read_text())
    return run, (folder / "bench" / "spectrum.md").read_text()


def test_a_quick_run_measures_this_library_in_every_row(quick):
    run, _ = quick
    measured = {
        (record["row"], record["subject"])
        for record in run["records"]
        if record["tool"] == ours.NAME and record["seconds"] and record["counts"]
    }
    planned = {(row, name) for row, names in spectrum.PLAN.items() for name in names}
    assert planned <= measured
    assert not any(record["failed"] for record in run["records"])


def test_a_quick_run_finds_the_errors_within_their_bounds(quick):
    bounds = {
        "product": 1e-5,
        "largest": 1e-3,
        "smallest": 1e-3,
        "largest, by default": 1e-3,
        "smallest, by default": 1e-3,
        "trace": 1e-5,
    }
    errors = {}
    for record in quick[0]["records"]:
        if record["tool"] == ours.NAME and record["counts"] and record["row"] in bounds:
            errors.setdefault(record["row"], []).append(record["error"])
    assert {row: len(found) for row, found in errors.items()} == {
        row: 3 if row == "product" else 2 for row in bounds
    }
    for row, found in errors.items():
        assert max(found) <= bounds[row], row


def test_peers_that_are_not_there_are_skipped_with_a_reason(quick):
    run, document = quick
    for name in ("PyHessian", "hessian-eigenthings", "curvlinops"):
        assert "cannot be imported (ModuleNotFoundError" in run["missing"][name]
        assert f"Skipped: {name}, cannot be imported" in document
    assert "no peer does it" in document and "A quick run on tiny networks" in document


def test_a_growth_case_measures_memory(quick):
    grown = [record for record in quick[0]["records"] if record["row"] in ("width", "examples")]
    assert len(grown) == 2
    if sys.platform == "linux":
        assert all(0 < record["memory"] < 1 for record in grown)


# Times


def test_times_are_taken_in_turn_after_a_warm_up():
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "AB"}
    times = timing.interleaved(functions, repeats=3)
    assert "".join(calls) == "AB" + "ABABAB"
    assert {name: len(found) for name, found in times.items()} == {"A": 3, "B": 3}


def test_a_function_beyond_its_budget_sits_out_the_further_rounds(monkeypatch):
    seconds = {"slow": 30.0, "fast": 1.0}
    monkeypatch.setattr(timing, "clock", lambda function: (None, seconds[function()]))
    functions = {name: lambda name=name: name for name in seconds}
    times = timing.interleaved(functions, repeats=4, budget=40.0, warm_up=False)
    assert times == {"slow": [30.0, 30.0], "fast": [1.0] * 4}


def test_a_deadline_ends_a_loop_and_leaves_no_alarm_behind():
    with pytest.raises(timing.OutOfTime, match=r"more than 0.01 s"), timing.deadline(0.01):
        while True:
            pass
    with timing.deadline(0.01):
        pass
    assert timing.signal.getitimer(timing.signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_deadline_holds_where_its_exception_is_turned_into_another():
    with pytest.raises(timing.OutOfTime), timing.deadline(0.01):
        try:
            while True:
                pass
        except BaseException:
            raise RuntimeError("the interpreter failed") from None


def test_an_error_within_the_deadline_stays_what_it_is():
    with pytest.raises(ZeroDivisionError), timing.deadline(60.0):
        raise ZeroDivisionError


# Attempts

BEGIN, END = (marker.format(section="results") for marker in tables.MARKERS)

BLANK = Record("largest", "mlp", "a tool")


def rung(name, *values, default=False):
    def run():
        if not values:
            raise RuntimeError("no convergence\nand more")
        return Answer(values, 7)

    return Rung(name, run, default)


def test_relative_error_is_the_largest_over_both_sides_in_descending_order():
    assert relative_error(Answer((1.0, 10.0)), [10.0, 2.0]) == 0.5
    assert relative_error(Answer((-3.0,)), [-2.0]) == 0.5


def test_a_ladder_is_climbed_to_the_first_rung_that_reaches_the_error():
    ladder = [rung("loose", 3.0), rung("right", 2.0), rung("tight", 2.0)]
    best, attempts = climb(BLANK, [ladder], [2.0], limit=60.0)
    assert best[1].name == "right" and best[0].error == 0 and best[0].products == 7
    assert [record.setting for record in attempts] == ["loose", "right"]
    assert not any(record.counts for record in attempts)


def test_the_fastest_ladder_counts(monkeypatch):
    seconds = iter([5.0, 2.0, 9.0, 3.0])
    monkeypatch.setattr("bench.attempts.clock", lambda run: (run(), next(seconds)))
    ladders = [[rung("a1", 3.0), rung("a2", 2.0)], [rung("b1", 2.0)], [rung("c1", 2.0)]]
    best, _ = climb(BLANK, ladders, [2.0], limit=60.0)
    assert best[1].name == "a2"


def test_a_default_is_tried_even_where_a_looser_rung_was_enough():
    ladder = [rung("loose", 2.0), rung("usual", 2.0, default=True)]
    best, attempts = climb(BLANK, [ladder], [2.0], limit=60.0)
    assert best[1].name == "loose"
    assert (attempts[1].row, attempts[1].counts) == ("largest, by default", True)


def test_a_ladder_that_fails_says_how_close_it_came_and_why():
    best, attempts = climb(BLANK, [[rung("near", 2.5), rung("broken")]], [2.0], limit=60.0)
    assert best is None
    record = failure(BLANK, attempts)
    assert record.setting == "near" and record.error == 0.25 and not record.seconds
    assert record.note == (
        "1e-3 not reached, this is the closest (broken: RuntimeError: no convergence)"
    )


def test_an_attempt_out_of_time_is_a_record_and_no_error():
    def forever():
        while True:
            pass

    record = attempt(BLANK, Rung("slow", forever), [1.0], limit=0.01)
    assert record.note == "more than 0.01 s" and record.time == math.inf


# Products


class Fake(Tool):
    """Products by this library's operator, with the error of each setting written in its mode."""

    name = "fake"

    def settings(self, examples):
        return [Setting(examples, mode="0.0"), Setting(examples, mode="0.5"), Setting(1, mode="x")]

    def product(self, subject, setting):
        operator = subject.objective.hessian(subject.objective.theta)
        return lambda v: (1 + float(setting.mode)) * (operator @ v)


def screened(subject):
    exact = subject.exact.hessian(subject.exact.theta) @ subject.vector().double()
    return screen(subject, Fake(), exact)


def test_screening_refuses_a_product_that_is_wrong_or_fails():
    choice, records = screened(TINY)
    assert choice.published.mode == choice.best.mode == "0.0"
    notes = {record.setting: record.note for record in records}
    assert notes["0.5, 6 at once"] == "wrong by more than 1e-3: does not count"
    assert notes["x, 1 at once"].startswith("ValueError: could not convert")
    assert notes["0.0, 6 at once"] == "" and len(records) == 3


def test_channels_last_is_tried_where_there_are_convolutions():
    subject = subjects.untrained(models.CNN(channels=(2,), hidden=3), (1, 6, 6), 4)
    choice, records = screened(subject)
    assert records[-1].setting == "0.0, 4 at once, channels_last" and records[-1].error < 1e-5
    assert not choice.published.channels_last


def test_the_plain_loop_computes_the_gradient():
    subject = subjects.untrained(models.CNN(channels=(2,), hidden=3), (1, 6, 6), 10)
    parts = ours.plain_gradient(subject, batch=5)()
    found = torch.cat([part.reshape(-1) for part in parts]).double()
    want = subject.objective.gradient(subject.objective.theta)
    torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-7)


# Growth


def replies(*answers):
    left = iter(answers)
    return SimpleNamespace(product=lambda: next(left), end=lambda: None)


def test_growth_leaves_out_the_first_product_and_keeps_a_failure():
    pair = {
        "A": (
            BLANK,
            replies(*({"seconds": float(t), "memory": 0.1 * t} for t in (9, 1, 2))),
        ),
        "B": (BLANK, replies({"seconds": 1.0, "memory": 1.0}, {"failed": "needs more"})),
    }
    found = growth._in_turn(pair, 2)
    assert found["A"].seconds == (1.0, 2.0) and found["A"].memory == 0.2
    assert found["B"].seconds == () and found["B"].note == "needs more"


def test_all_at_once_stays_all_at_once_when_examples_grow():
    def fitted(batch, examples):
        return growth._fitted(Choice(None, Setting(batch), 1.0, 1024, {}), examples).batch

    assert (fitted(1024, 4096), fitted(128, 4096), fitted(128, 64)) == (4096, 128, 64)


# Tables


def record(row, subject, tool, seconds, error=None, setting=""):
    return Record(row, subject, tool, setting, (seconds,), error=error)


def goal(records, what):
    titles = {name: name for name in subjects.RECIPES}
    lines = tables.goals(records, titles).splitlines()
    return [line.split(" | ")[3:] for line in lines if what in line]


def test_goals_compare_with_the_fastest_peer_as_published():
    records = [
        record("product", "cnn", ours.NAME, 1.0),
        record("product", "cnn", "slow", 4.0),
        record("product", "cnn", "quick", 2.0),
        record("product", "cnn", "quick", 1.2, setting="128 at once, channels_last"),
    ]
    assert goal(records, "as published") == [["2.00 (quick)", "yes |"]]
    assert goal(records, "channels_last given") == [["1.20 (quick)", " |"]]


def test_a_goal_is_missed_by_a_small_ratio_and_by_a_large_error():
    peer = record("trace", "mlp", "peer", 30.0, error=0.01)
    slow = record("trace", "mlp", ours.NAME, 1.0, error=1e-6)
    assert goal([slow, peer], "100 probes") == [["30.00 (peer)", "**no** |"]]
    wrong = record("trace", "mlp", ours.NAME, 0.1, error=1e-4)
    assert goal([wrong, peer], "100 probes")[0][1] == "**no** |"


def test_a_product_is_compared_with_both_gradients():
    records = [
        record("product", "resnet", ours.NAME, 1.7),
        record("gradient", "resnet", ours.NAME, 1.0, setting="L.gradient"),
        record("gradient", "resnet", "plain PyTorch", 0.9, setting="a loop"),
    ]
    assert [cells[0] for cells in goal(records, "over one gradient")] == ["1.70", "1.89"]


def test_publishing_replaces_what_stands_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for text in ("new \\1\n", "newer\n"):
        tables.publish(readme, text)
    assert readme.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_publishing_without_markers_is_an_error(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("no markers")
    with pytest.raises(ValueError, match=r"README.md needs one line <!-- results:begin -->"):
        tables.publish(readme, "text")


def test_the_readme_has_its_markers():
    text = (tables.ROOT / "bench" / "README.md").read_text()
    for section, marker in itertools.product(
        ("results", "trace", "coverage", "verdicts"), tables.MARKERS
    ):
        assert text.count(marker.format(section=section)) == 1


@pytest.mark.parametrize("part", [["--quick"], ["--rows", "trace"], ["--subjects", "mlp"]])
def test_a_part_of_the_bench_is_not_published(part, capsys):
    with pytest.raises(SystemExit):
        spectrum.main([*part, "--publish", "README.md"])
    assert "--publish needs the whole bench" in capsys.readouterr().err


# Peers


def test_the_pins_of_the_peers_replace_nothing_of_the_environment():
    pins = environment.pinned(install.PINS)
    assert {"pyhessian", "hessian-eigenthings", "curvlinops-for-pytorch"} <= set(pins)
    assert not set(pins) & set(environment.pinned(tables.ROOT / "requirements.lock"))


def test_peers_are_installed_once_for_their_pins(tmp_path, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(install.subprocess, "run", run)
    pins, folder = tmp_path / "peers.txt", tmp_path / "peers"
    pins.write_text("a==1\n")
    assert install.install(folder, pins) is None and install.install(folder, pins) is None
    assert len(commands) == 1 and "--no-deps" in commands[0] and str(folder) in commands[0]
    pins.write_text("a==2\n")
    assert install.install(folder, pins) is None and len(commands) == 2


def test_peers_that_cannot_be_installed_say_why_and_are_tried_again(tmp_path, monkeypatch):
    failed = SimpleNamespace(returncode=1, stderr="WARNING: x\nERROR: no network\n\n")
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: failed)
    for _ in range(2):
        assert install.install(tmp_path / "peers") == "ERROR: no network"


def test_a_peer_whose_import_fails_is_missing_and_the_path_is_searched_last(tmp_path, monkeypatch):
    (tmp_path / "pyhessian").mkdir()
    (tmp_path / "pyhessian" / "__init__.py").write_text("raise RuntimeError('needs a GPU')")
    monkeypatch.setattr(sys, "path", list(sys.path))
    found, missing = peers.load(tmp_path)
    assert sys.path[-1] == str(tmp_path)
    assert missing["PyHessian"] == "cannot be imported (RuntimeError: needs a GPU)"
    assert not found and len(missing) == 3


def test_an_interrupted_bench_goes_on_with_the_rows_that_are_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tables, "commit", lambda: "abc")
    options = ["--quick", "--threads", "1", "--repeats", "1", "--build-dir", str(tmp_path)]
    options += ["--peers", str(tmp_path / "none"), "--subjects", "mlp", "--rows"]
    assert spectrum.main([*options, "product"]) == 0
    first = json.loads((tmp_path / "bench" / "parts.json").read_text())["parts"]["mlp product"]
    assert spectrum.main([*options, "product", "trace", "--resume"]) == 0
    parts = json.loads((tmp_path / "bench" / "parts.json").read_text())["parts"]
    assert parts["mlp product"] == first and "mlp trace" in parts
    rows = {record["row"] for record in json.loads(_results(tmp_path))["records"]}
    assert {"product", "trace", "screening"} <= rows
    monkeypatch.setattr(tables, "commit", lambda: "another")
    assert spectrum.main([*options, "trace", "--resume"]) == 0
    assert "mlp product" not in json.loads((tmp_path / "bench" / "parts.json").read_text())["parts"]


def _results(folder):
    return (folder / "bench" / "spectrum.json").read_text()
