"""The bench of training: a quick run, what it works out of costs, its table."""

import dataclasses
import json

import pytest
import torch
from landscape import training
from landscape.store.entries import Store

from bench import tables
from bench import training as bench
from bench.attempts import Record
from bench.training import BARE, CASES, FULL, OURS, PART, QUICK

TINY = dataclasses.replace(QUICK["resnet"], steps=2)


def test_a_quick_run_measures_all_four_costs_and_whole_runs(tmp_path, capsys):
    arguments = ["--quick", "--threads", "1", "--repeats", "2", "--build-dir", str(tmp_path)]
    assert bench.main([*arguments, "--whole", "60"]) == 0
    records = json.loads((tmp_path / "bench" / "training.json").read_text())["records"]
    assert [(r["row"], r["tool"], len(r["seconds"])) for r in records] == [
        ("step", OURS, 2),
        ("step", BARE, 2),
        ("evaluation", FULL, 2),
        ("evaluation", PART, 2),
        ("run", FULL, 1),
        ("run", PART, 1),
    ]
    assert all(min(r["seconds"]) > 0 for r in records)
    text = capsys.readouterr().out
    assert "**A quick run" in text and "20 epochs on 60 images" in text


def test_the_bare_loop_takes_the_steps_of_the_library(tmp_path, monkeypatch):
    ends = {}

    def seconds(train):
        train()
        return 1.0

    built = bench.OPTIMIZER.build
    monkeypatch.setattr(bench, "_step_seconds", seconds)
    monkeypatch.setattr(
        bench.Clocked, "build", lambda self, p: built(ends.setdefault("bare", list(p)))
    )
    bench.bare_step(TINY)
    config = training.TrainConfig(TINY.model, training.SGD(0.01, 0.9, 1e-4), epochs=1)
    run = training.train(config, TINY.dataset(2 * bench.BATCH, 10), Store(tmp_path))
    names = [name for name, _ in run.model().named_parameters()]
    for name, tensor in zip(names, ends["bare"], strict=True):
        assert torch.equal(run.weights[name], tensor)


def test_whole_runs_are_worked_out_from_the_costs_of_their_round():
    records = [
        Record("step", "resnet", OURS, seconds=(4.0, 8.0)),
        Record("evaluation", "resnet", FULL, seconds=(1.0, 2.0)),
        Record("evaluation", "resnet", PART, seconds=(0.5, 0.5)),
        Record("run", "resnet", PART, "20 epochs on 60 images", seconds=(1.0,)),
    ]
    steps, both, curve = 20 * 5000 * 4, 15_000, 19 * 4000 * 0.5
    want = (steps + 2 * both + curve) / (steps + 21 * both)
    first, second = bench.shares(records, 5000, 2000)
    assert first == pytest.approx(want, rel=1e-12) and second < first
    # Of fewer training images than the part has, all are evaluated.
    few = (20 * 40 * 4 + 2 * 10_040 + 19 * 2040 * 0.5) / (20 * 40 * 4 + 21 * 10_040)
    assert bench.shares(records, 40, 2000)[0] == pytest.approx(few, rel=1e-12)


def test_evaluation_of_a_part_covers_its_examples(monkeypatch):
    seen = []
    monkeypatch.setattr(bench, "clock", lambda function: (seen.append(function()), 8.0))
    in_full, part = (bench.evaluation(TINY, in_full=full)() for full in (True, False))
    assert (in_full, part) == (8.0 / 100, 8.0 / 80)
    assert [errors["test_loss"] > 0 for _, errors in seen] == [False, True]


def test_a_part_of_the_bench_is_not_published(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--quick", "--publish", "README.md"])
    assert "--publish needs the whole bench" in capsys.readouterr().err


def test_the_case_is_that_of_the_goals():
    case = CASES["resnet"]
    assert (case.model.depth, case.model.width, case.shape) == (20, 1.0, (3, 32, 32))
    assert case.part == 2000 and bench.GOALS == {5_000: 0.6, 50_000: 0.8}


def test_the_readme_has_its_section():
    text = (tables.__file__).replace("tables.py", "README.md")
    with open(text, encoding="utf-8") as file:
        assert file.read().count("<!-- training:begin -->") == 1
