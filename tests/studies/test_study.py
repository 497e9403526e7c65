"""What a study reads and writes: parameters, data, record, provenance."""

import json
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from landscape import data
from studies.arms import Arm
from studies.recording import NotRecordedError
from studies.study import PUBLISHED, Study

from tests.sample_study import config_of, rows_of, study_in

# Parameters


def test_study_takes_the_plain_values_of_the_notebook(tmp_path):
    study = study_in(
        tmp_path,
        _hidden=1,
        In=["cells"],
        Out=[],
        module=types,
        array=np.zeros(2),
        mapping={},
        mixed=[1, object()],
        rates=(0.1, 0.2),
        name="x",
        flag=None,
        remeasure="",
    )
    assert study.parameters == {
        "profile": "paper",
        "seeds": [0, 1],
        "rates": (0.1, 0.2),
        "name": "x",
        "flag": None,
    }


@pytest.mark.parametrize(
    ("profile", "evidence"), [("smoke", False), ("quick", False), ("paper", True)]
)
def test_only_the_paper_profile_and_its_record_are_evidence(tmp_path, profile, evidence):
    assert study_in(tmp_path, profile=profile).evidence is evidence


def test_study_resolves_its_folders_against_the_project(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "notebooks")
    study = Study("09_tests", {"profile": "quick", "data_dir": "data", "build_dir": "build"})
    assert study.data_dir == tmp_path / "data"
    assert study.store.root == tmp_path / "build" / "store"
    assert study.record.folder == tmp_path / "build" / "quick" / "record" / "09_tests"


@pytest.mark.parametrize("missing", ["profile", "data_dir", "build_dir"])
def test_study_without_a_needed_parameter_is_refused(missing):
    names = {"profile": "quick", "data_dir": "data", "build_dir": "build"}
    del names[missing]
    with pytest.raises(ValueError, match=rf"study '09_tests' got .*lacks \['{missing}'\]"):
        Study("09_tests", names)


def test_study_of_an_unknown_profile_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"profile='full' and lacks nothing. Give profile .one of smoke"
    ):
        study_in(tmp_path, profile="full")


def test_an_unknown_wish_to_measure_again_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"remeasure='some'. Give 'stale' to measure again"):
        study_in(tmp_path, remeasure="some")


# Data


def test_data_are_loaded_and_described_in_the_record(study):
    task = study.load("digits", max_train=48, max_test=24)
    want = data.load("digits", max_train=48, max_test=24)
    assert (task.sha256, task.train_size, task.test_size) == (want.sha256, 48, 24)
    assert task.chance == 0.1 and task.shape == (1, 8, 8)
    assert torch.equal(task.first(5).tensors[0], want.x_train[:5])
    assert task.first(1000).count == 48 and task.test.count == 24
    described = study.record.header["datasets"]
    assert described["digits, max_train=48, max_test=24"]["sha256"] == want.sha256


def test_examples_that_cannot_be_are_refused(study):
    with pytest.raises(ValueError, match=r"first\(0, split='train'\): pass a count >= 1"):
        study.load("digits").first(0)


# Writing


@pytest.fixture
def small(study):
    task = study.load("digits", max_train=48, max_test=24)
    runs = study.train({Arm("BN", norm="batch"): config_of()}, task, seeds=[0, 1])
    study.measure(runs.solutions(task.first(20)), ["sam"], rho=0.05)
    study.close("Title")
    return study


def test_tables_carry_labels_and_every_number_its_radius(small, tmp_path):
    sam = [row for row in rows_of(tmp_path) if row["quantity"] == "sam"]
    assert [(row["arm"], row["norm"], row["seed"], row["at"]) for row in sam] == [
        ("BN", "batch", "0", "end"),
        ("BN", "batch", "1", "end"),
    ]
    assert {row["rho"] for row in sam} == {"0.05"} and all(row["origin"] for row in sam)
    curves = small.frame("curves")
    assert curves["epoch"].tolist() == [0, 1, 2] * 2 and set(curves["norm"]) == {"batch"}
    with pytest.raises(KeyError, match=r"the record of 09_tests has no rows of a table 'lines'"):
        small.frame("lines")


def test_networks_that_learned_are_told_from_values_that_converged(small):
    rows = small.measurements.where(quantity="test_accuracy").frame
    assert rows["converged"].all()
    assert rows["learned"].tolist() == [bool(value > 0.2) for value in rows["value"]]


def test_header_and_provenance_say_where_the_numbers_come_from(small, tmp_path):
    folder = tmp_path / "build" / "paper"
    header = json.loads((folder / "record/09_tests/record.json").read_text(encoding="utf-8"))
    assert (header["schema"], header["study"], header["title"]) == (1, "09_tests", "Title")
    assert header["parameters"] == {"profile": "paper", "seeds": [0, 1]}
    text = (folder / "provenance/09_tests.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert (found["entries"], found["missing"], found["stale"]) == (4, {}, 0)
    assert found["seeds"] == [0, 1] and found["commit"] and isinstance(found["dirty"], bool)
    assert {"train", "sam"} <= {name for o in found["origins"].values() for name in o["code"]}
    assert found["compute_seconds"] > 0 and str(tmp_path) not in text


# The published record


@pytest.fixture
def published(small, tmp_path, monkeypatch):
    """A project whose repository holds the record of ``small``, and no data."""
    project = tmp_path / "project"
    (project / "notebooks").mkdir(parents=True)
    (project / "pyproject.toml").write_text("")
    target = project / PUBLISHED / "09_tests"
    target.parent.mkdir(parents=True)
    (tmp_path / "build" / "paper" / "record" / "09_tests").rename(target)
    monkeypatch.chdir(project)
    return study_in(project, profile="published")


def test_the_published_record_is_the_study_again_without_data_or_training(published):
    before = {path.name: path.read_bytes() for path in published_files()}
    task = published.load("digits", max_train=48, max_test=24)
    runs = published.train({Arm("BN", norm="batch"): config_of()}, task, seeds=[0, 1])
    sharp = published.measure(runs.solutions(task.first(20)), ["sam"], rho=0.05)
    assert len(sharp.values("sam", "BN")) == 2 and not published.missing
    assert runs["BN", 1].history["train_loss"].shape == (3,) and published.evidence
    published.close("Title")
    written = {path.name: path.read_bytes() for path in published.record.folder.iterdir()}
    assert written == before


def published_files():
    return list((Path.cwd() / PUBLISHED / "09_tests").iterdir())


def test_what_the_published_record_lacks_is_said(published):
    task = published.load("digits", max_train=48, max_test=24)
    runs = published.train({Arm("BN", norm="batch"): config_of()}, task, seeds=[0, 2])
    assert runs.seeds == [0]
    numbers = published.measure(runs.solutions(task.first(20)), ["lambda_max", "sam"], rho=0.05)
    assert numbers.missing == ["lambda_max of 1 of 1 networks"] and "sam" in numbers
    assert set(published.missing) == {"runs", "measurements"}
    with pytest.raises(NotRecordedError, match=r"profile published reads no data"):
        _ = task.first(3).tensors
    with pytest.raises(NotRecordedError, match=r"was not made on mnist, but on digits"):
        published.load("mnist")


def test_a_study_without_published_record_is_refused(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotRecordedError, match=r"report/published/record/09_tests holds no record"):
        study_in(tmp_path, profile="published")
