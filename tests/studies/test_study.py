"""What a study writes: tidy, complete, the same bytes each time."""

import csv
import dataclasses
import json
import math
import types

import numpy as np
import pytest
import torch
from studies.claims import Claim, above, every, not_testable
from studies.intervals import mean_interval
from studies.measurements import COLUMNS
from studies.study import Study

from tests.sample_networks import digits

CLAIM = Claim("S9.1", "setting", "statement λ", "numbers", "rule")


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path)


def make_study(folder, **parameters):
    namespace = {
        "profile": "paper",
        "data_dir": str(folder / "data"),
        "build_dir": str(folder / "build"),
        "seeds": [0, 1],
        **parameters,
    }
    return Study("09_tests", namespace)


def read(folder, name, profile="paper"):
    return (folder / "build" / profile / "results" / "09_tests" / name).read_text(encoding="utf-8")


def rows_of(folder, name="measurements.csv"):
    return list(csv.DictReader(read(folder, name).splitlines()))


# Parameters


def test_study_takes_the_plain_values_of_the_notebook(tmp_path):
    study = make_study(
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
def test_only_the_paper_profile_is_evidence(tmp_path, profile, evidence):
    assert make_study(tmp_path, profile=profile).evidence is evidence


def test_study_resolves_its_folders_against_the_project(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path / "notebooks")
    study = Study("09_tests", {"profile": "quick", "data_dir": "data", "build_dir": "build"})
    assert study.data_dir == tmp_path / "data"
    assert study.store.root == tmp_path / "build" / "store"


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
        make_study(tmp_path, profile="full")


# Tables


def test_a_table_is_a_frame_by_its_name(study):
    study.table("points", [{"x": 1, "y": 0.5, "note": None}, {"x": 2, "y": math.inf, "note": "b"}])
    study.table("points", [{"x": 3, "y": torch.tensor(1.0)}])
    frame = study.frame("points")
    assert frame.dtypes.astype(str).to_dict() == {"x": "int64", "y": "float64", "note": "str"}
    assert frame["x"].tolist() == [1, 2, 3] and frame["y"].tolist() == [0.5, math.inf, 1.0]
    study.add("q", 1.0)
    assert study.frame("measurements").equals(study.measurements)
    with pytest.raises(
        KeyError, match=r"no table 'lines' was recorded. Ask for one of measurements"
    ):
        study.frame("lines")


# Writing


def test_files_hold_full_numbers_and_every_kind_of_cell(study, tmp_path):
    study.add("q", 1 / 3, arm="a, b", seed=1, converged=True, note='say "x"\nλ', cost=None)
    study.add("q", math.nan, error=torch.tensor(0.25), converged=False)
    study.add("q", -math.inf)
    study.write("title", [], [])
    text = read(tmp_path, "measurements.csv")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    first, second, third = list(csv.DictReader(text.splitlines(keepends=True)))
    assert (first["value"], first["arm"], first["note"]) == ("0.3333333333", "a, b", 'say "x"\nλ')
    assert (first["converged"], first["cost"], first["seed"]) == ("true", "", "1")
    assert (second["value"], second["error"], second["converged"]) == ("nan", "0.25", "false")
    assert third["value"] == "-inf" and "\r" not in text


def judged(study):
    study.add("q", 1.0, arm="a")
    study.table("points", [{"x": 1, "y": 0.5}, {"x": 2, "y": math.inf}])
    good = every(
        CLAIM, [above("ratio", mean_interval([1.0, 1.2])), above("b", mean_interval([1, 2]))]
    )
    bad = every(CLAIM, [above("nan", mean_interval([math.nan, 1.0]))])
    return [good, bad, not_testable(CLAIM, "no data")]


def test_claims_file_holds_verdicts_and_null_where_there_is_no_number(study, tmp_path):
    verdicts = judged(study)
    names = study.write("title", verdicts, [])
    assert names == ["claims.json", "measurements.csv", "points.csv"]
    found = json.loads(read(tmp_path, "claims.json"))
    assert (found["study"], found["title"], found["profile"]) == ("09_tests", "title", "paper")
    assert found["evidence"] is True
    good, bad, none = found["claims"]
    assert good["verdict"] == "inconclusive"
    assert (good["id"], good["n"], good["label"]) == ("S9.1", 2, "verdict-S9.1")
    assert good["estimate"] == pytest.approx(1.1) and len(good["findings"]) == 2
    assert good["finding"] == "; ".join(finding.text for finding in verdicts[0].findings)
    assert [(one["text"], one["check"]) for one in good["findings"]] == [
        (finding.text, False) for finding in verdicts[0].findings
    ]
    assert (bad["estimate"], bad["low"], bad["high"]) == (None, None, None)
    assert (none["verdict"], none["finding"], none["n"]) == ("not testable", "no data", 0)


def test_the_same_study_writes_the_same_bytes(tmp_path):
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        study = make_study(tmp_path / name)
        files = study.write("title", judged(study), [digits()])
        study.store.seconds += 5.0
        texts.append([read(tmp_path / name, file) for file in files])
    assert texts[0] == texts[1]
    assert not any(str(tmp_path) in text for text in texts[0])


def test_a_second_write_removes_what_is_no_longer_written(study, tmp_path):
    study.write("title", judged(study), [])
    make_study(tmp_path).write("title", [], [])
    folder = tmp_path / "build" / "paper" / "results" / "09_tests"
    assert {path.name for path in folder.iterdir()} == {"claims.json", "measurements.csv"}


def test_a_table_cannot_replace_the_measurements(study, tmp_path):
    study.add("q", 1.0)
    with pytest.raises(ValueError, match=r"measurements"):
        study.table("measurements", [{"x": 1}])
        study.write("title", [], [])


def test_provenance_names_every_size_of_a_data_set(tmp_path):
    study = make_study(tmp_path)
    whole = digits()
    few = dataclasses.replace(whole, x_train=whole.x_train[:20], y_train=whole.y_train[:20])
    study.write("title", [], [whole, few])
    path = tmp_path / "build" / "paper" / "provenance" / "09_tests.json"
    found = json.loads(path.read_text(encoding="utf-8"))["data"]
    assert {name: of["train"] for name, of in found.items()} == {
        "digits (48)": 48,
        "digits (20)": 20,
    }


def test_provenance_says_where_the_numbers_come_from(tmp_path):
    study = make_study(tmp_path, rate=0.5)
    study.store.seconds = 12.34
    study.write("title", [], [digits()])
    path = tmp_path / "build" / "paper" / "provenance" / "09_tests.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["parameters"] == {"profile": "paper", "seeds": [0, 1], "rate": 0.5}
    assert (found["seeds"], found["compute_seconds"]) == ([0, 1], 12.3)
    want = {"sha256": digits().sha256, "train": 48, "test": 24}
    assert found["data"] == {"digits (48)": want}
    assert isinstance(found["dirty"], bool) and found["commit"]
    assert {"versions", "hardware"} <= set(found)
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
