"""Recorded steps: measured once, on whatever machine, and never again unless asked."""

import csv
import json
import math

import pytest
import torch
from landscape.training import SGD
from studies import staleness
from studies.arms import Arm, factorial
from studies.recorder import Recorder
from studies.recording import NotRecordedError, Recording, Request
from studies.study import PUBLISHED

from tests.sample_study import config_of, digits_task, study_in


class Counting:
    """Records a number, and counts how often it was asked to."""

    def __init__(self, value=1.0):
        self.value, self.calls = value, 0

    def __call__(self, recorder):
        self.calls += 1
        recorder.add("q", self.value)


def request(compute, *, x=1, seed=0, **options):
    return Request({"x": x}, {"arm": "a", "seed": seed}, compute, **options)


def reading(folder):
    """Return a recording that may compute nothing."""
    place = folder / "build" / "paper" / "record" / "09_tests"
    return Recording("09_tests", source=place, target=folder / "read", store=None)


def test_an_entry_is_measured_once(tmp_path):
    compute = Counting()
    for _ in range(2):
        study = study_in(tmp_path)
        (part,) = study.step("kind", [request(compute)])
        assert part.measurements[0]["value"] == 1.0
    assert compute.calls == 1


def test_other_inputs_or_another_kind_are_another_entry(tmp_path):
    study, compute = study_in(tmp_path), Counting()
    study.step("kind", [request(compute), request(compute, x=2)])
    study.step("other", [request(compute)])
    study.step("kind", [request(compute, seed=5)])  # A label decides nothing.
    assert compute.calls == 3


def test_a_record_travels_to_another_folder_and_store(tmp_path):
    compute, (there, here) = Counting(), (tmp_path / "there", tmp_path / "here")
    study_in(there).step("kind", [request(compute)])
    (here / "build").mkdir(parents=True)
    (there / "build" / "paper").rename(here / "build" / "paper")
    study_in(here).step("kind", [request(compute)])
    assert compute.calls == 1


def test_what_is_not_recorded_is_missing_where_nothing_may_be_computed(tmp_path):
    study_in(tmp_path).step("kind", [request(Counting())])
    recording, compute = reading(tmp_path), Counting()
    parts = recording.step("kind", [request(compute), request(compute, x=2, seed=1)])
    assert parts[0].measurements[0]["value"] == 1.0 and parts[1] is None
    assert recording.missing == {"kind": [{"arm": "a", "seed": 1}]} and compute.calls == 0


def test_what_is_derived_from_the_record_is_computed_anywhere(tmp_path):
    study_in(tmp_path).step("kind", [request(Counting())])
    (part,) = reading(tmp_path).step("derived", [request(Counting(3.0), derived=True)])
    assert part.measurements[0]["value"] == 3.0


def test_an_interruption_keeps_what_was_measured(tmp_path):
    def interrupted(recorder):
        raise KeyboardInterrupt

    first = Counting()
    with pytest.raises(KeyboardInterrupt):
        study_in(tmp_path).step("kind", [request(first), request(interrupted, x=2)])
    study_in(tmp_path).step("kind", [request(first), request(Counting(), x=2)])
    assert first.calls == 1


def stale(monkeypatch, names):
    monkeypatch.setattr(staleness, "changed", lambda code, study: list(names))


def test_an_entry_of_changed_code_is_listed_and_measured_again_only_when_asked(
    tmp_path, monkeypatch
):
    compute = Counting()
    study_in(tmp_path).step("kind", [request(compute)])
    stale(monkeypatch, ["train"])
    study = study_in(tmp_path)
    study.step("kind", [request(compute)])
    assert compute.calls == 1 and list(study.stale.values()) == [["train"]]
    study = study_in(tmp_path, remeasure="stale")
    for _ in range(2):
        study.step("kind", [request(compute)])
    assert compute.calls == 2 and study.stale == {}


def grid():
    return factorial(config_of(), rate={"slow": {"learning_rate": 0.01}, "fast": {}})


@pytest.mark.slow
def test_runs_and_measurements_do_not_depend_on_interruptions(tmp_path):
    def whole(folder):
        study, task = study_in(folder), digits_task()
        runs = study.train(grid(), task, seeds=[0, 1])
        study.measure(runs.solutions(task.first(20)), ["lambda_max", "sam"], rho=0.05)
        study.close("title")
        return folder / "build" / "paper" / "record" / "09_tests"

    one = whole(tmp_path / "one")
    study, task = study_in(tmp_path / "two"), digits_task()
    study.train(dict(list(grid().items())[:1]), task, seeds=[1])
    study = study_in(tmp_path / "two")
    runs = study.train(grid(), task, seeds=[0])
    study.measure(runs.solutions(task.first(20)), ["sam"], rho=0.05)
    two = whole(tmp_path / "two")
    for name in ("entries.csv", "measurements.csv", "curves.csv", "gradients.csv", "runs.csv"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_an_origin_names_machine_commit_and_code_without_paths(tmp_path):
    study, task = study_in(tmp_path), digits_task()
    runs = study.train({Arm("a"): config_of()}, task, seeds=[0])
    study.measure(runs.solutions(task.first(20)), ["sam"], rho=0.05)
    folder = tmp_path / "build" / "paper" / "record" / "09_tests"
    text = (folder / "origins.json").read_text(encoding="utf-8")
    trained, measured = sorted(json.loads(text).values(), key=lambda origin: len(origin["code"]))
    assert {"commit", "dirty", "versions", "hardware", "code"} <= set(trained)
    assert "train" in trained["code"] and "sam" not in trained["code"]
    # What is measured on a network depends on the code that trained it.
    assert {"train", "sam", "Objective"} <= set(measured["code"])
    assert str(tmp_path) not in text


def test_weights_are_refused_in_words_where_nothing_is_trained(tmp_path):
    task = digits_task()
    study_in(tmp_path).train({Arm("a"): config_of()}, task, seeds=[0])
    recording = reading(tmp_path)
    with pytest.raises(NotRecordedError, match=r"holds no weights.* make study STUDY=09_tests"):
        recording.run(config_of(), task)


def test_a_study_may_ask_for_more_snapshots_later_and_keeps_its_runs(tmp_path):
    task = digits_task()
    measured = study_in(tmp_path).train({Arm("a"): config_of()}, task, seeds=[0])
    study = study_in(tmp_path)
    runs = study.train({Arm("a"): config_of(snapshots=(0, 2))}, task, seeds=[0])
    assert len(study.record) == 1 and runs["a", 0].history.keys() == measured["a", 0].history.keys()
    # Shown: which snapshots are kept changes no bit of a run.
    with_snapshots, without = runs["a", 0].live(), measured["a", 0].live()
    assert with_snapshots is not without
    for name, values in without.history.items():
        same = {"rtol": 0, "atol": 0, "equal_nan": True}
        torch.testing.assert_close(with_snapshots.history[name], values, **same)
    models = [run.model().state_dict() for run in (with_snapshots, without)]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[1])
    start = study.measure(runs.solutions(task.first(20), step=0), ["sam"], rho=0.05)
    assert len(start) == 1


def test_what_is_derived_follows_an_entry_that_was_measured_again(tmp_path, monkeypatch):
    source = Counting(1.0)

    def derive(study):
        (part,) = study.step("kind", [request(source)])
        value = part.measurements[0]["value"]
        (derived,) = study.step("derived", [request(Counting(10 * value), derived=True)])
        return derived.measurements[0]["value"]

    assert derive(study_in(tmp_path)) == 10
    before = (tmp_path / "build/paper/record/09_tests/entries.csv").read_bytes()
    assert derive(study_in(tmp_path)) == 10  # Derived again, and the same: it stays as it is.
    assert (tmp_path / "build/paper/record/09_tests/entries.csv").read_bytes() == before
    source.value = 2.0
    stale(monkeypatch, ["train"])
    assert derive(study_in(tmp_path)) == 10  # The source is stale, and kept.
    assert derive(study_in(tmp_path, remeasure="stale")) == 20
    monkeypatch.undo()
    assert derive(study_in(tmp_path)) == 20
    # Where nothing may be computed the recorded number stays.
    (kept,) = reading(tmp_path).step("derived", [request(Counting(0.0), derived=True)])
    assert kept.measurements[0]["value"] == 20


def test_measuring_again_twice_or_where_nothing_may_be_computed_changes_nothing(
    tmp_path, monkeypatch
):
    compute = Counting()
    study_in(tmp_path).step("kind", [request(compute)])
    stale(monkeypatch, ["train"])
    study_in(tmp_path, remeasure="stale").step("kind", [request(compute)])
    monkeypatch.undo()
    study = study_in(tmp_path, remeasure="stale")
    study.step("kind", [request(compute)])  # It is of today's code now.
    assert compute.calls == 2 and study.stale == {}
    stale(monkeypatch, ["train"])
    place = tmp_path / "build" / "paper" / "record" / "09_tests"
    for remeasure in ("stale", "all"):
        recording = Recording(
            "09_tests", source=place, target=tmp_path / "r", store=None, remeasure=remeasure
        )
        (part,) = recording.step("kind", [request(compute)])
        assert part.measurements[0]["value"] == 1.0 and len(recording.stale) == 1
    assert compute.calls == 2


def test_two_open_studies_measure_each_entry_once(tmp_path):
    compute = Counting()
    first, second = study_in(tmp_path), study_in(tmp_path)
    first.step("kind", [request(compute)])
    (part,) = second.step("kind", [request(compute)])
    assert compute.calls == 1 and part.measurements[0]["value"] == 1.0


def test_a_diverged_run_is_recorded_as_such(tmp_path):
    study, task = study_in(tmp_path), digits_task()
    runs = study.train({Arm("a"): config_of(optimizer=SGD(1e30))}, task, seeds=[0])
    (run,) = runs.values()
    assert run.diverged and run.diverged_at == 1 and not run.learned
    numbers = study.measurements
    assert not numbers.converged("train_loss") and numbers.diverged_count() == 6
    sharp = study.measure(runs.solutions(task.first(20)), ["lambda_max", "sam"], rho=0.05)
    assert math.isnan(sharp.values("lambda_max", "a")[0]) and not sharp.converged("sam")
    assert set(sharp.frame["note"]) == {"the run diverged"}


def test_published_records_lie_in_the_repository():
    assert PUBLISHED == "report/published/record"


def test_entries_of_other_settings_are_set_aside_and_found_again(tmp_path):
    folder = tmp_path / "build" / "paper" / "record" / "09_tests"
    old, new = Counting(1.0), Counting(2.0)
    study = study_in(tmp_path)
    study.step("kind", [request(old), request(new, x=2)])
    study.close("title")
    study = study_in(tmp_path)
    study.step("kind", [request(new, x=2)])
    study.close("title")
    # What a study shows and others judge is what it asked for last.
    assert [row["value"] for row in csv_of(folder)] == ["2"]
    assert [row["value"] for row in csv_of(folder / "superseded")] == ["1"]
    study = study_in(tmp_path)
    study.step("kind", [request(old)])
    study.close("title")
    assert old.calls == new.calls == 1
    assert [row["value"] for row in csv_of(folder)] == ["1"]
    assert {row["value"] for row in csv_of(folder / "superseded")} == {"1", "2"}


def csv_of(folder):
    text = (folder / "measurements.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_everything_is_measured_again_when_asked(tmp_path):
    compute = Counting()
    study_in(tmp_path).step("kind", [request(compute)])
    study = study_in(tmp_path, remeasure="all")
    for _ in range(2):
        study.step("kind", [request(compute)])
    assert compute.calls == 2


def test_a_paper_run_continues_what_is_published(tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "notebooks").mkdir(parents=True)
    (project / "pyproject.toml").write_text("")
    compute = Counting()
    study_in(tmp_path).step("kind", [request(compute)])
    (project / PUBLISHED).mkdir(parents=True)
    (tmp_path / "build/paper/record/09_tests").rename(project / PUBLISHED / "09_tests")
    monkeypatch.chdir(project)
    study_in(project).step("kind", [request(compute), request(Counting(2.0), x=2)])
    assert compute.calls == 1
    # The next run goes on with its own record, and the published one stays as it was.
    assert len(study_in(project).record) == 2
    assert len(csv_of(project / PUBLISHED / "09_tests")) == 1


def test_what_comes_from_the_record_alone_has_no_store():
    with pytest.raises(RuntimeError, match=r"measurement asks for the store. Make its request"):
        Recorder(None).store  # noqa: B018
