"""What a study writes: tidy, complete, the same bytes each time."""

import csv
import dataclasses
import json
import math
import types

import numpy as np
import pandas as pd
import pytest
import torch
from landscape import sharpness, spectrum
from studies import frames
from studies.claims import Claim, above, every, not_testable
from studies.intervals import mean_interval, paired_difference, paired_ratio
from studies.measurements import COLUMNS
from studies.study import Study

from tests.sample_networks import diagonal_operator, digits, small_objective

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


# Recording


def test_values_come_back_in_the_order_they_were_added(study):
    for seed, value in enumerate((3.0, 1.0, 2.0)):
        study.add("lambda_max", value, arm="batch", seed=seed)
        study.add("lambda_max", -value, arm="none", seed=seed)
    assert study.values("lambda_max", "batch") == [3.0, 1.0, 2.0]
    assert study.values("lambda_max", "none") == [-3.0, -1.0, -2.0]


def test_differences_and_ratios_are_those_of_the_recorded_pairs(study):
    first, second = [3.0, 1.0, 2.5], [1.0, 0.5, 2.0]
    for a, b in zip(first, second, strict=True):
        study.add("loss", a, arm="a")
        study.add("loss", b, arm="b")
    assert study.ratio("loss", ["a", "b"]) == paired_ratio(first, second)
    assert study.ratios("loss", ["a", "b"]) == [3.0, 2.0, 1.25]
    found = study.difference("loss", ["a", "b"], factor=100.0)
    want = paired_difference([300.0, 100.0, 250.0], [100.0, 50.0, 200.0])
    assert found == want


def test_negative_values_have_the_ratio_of_their_magnitudes(study):
    for a, b in ((-3.0, -1.0), (-1.0, -0.5)):
        study.add("lambda_min", a, arm="a")
        study.add("lambda_min", b, arm="b")
    found = study.ratio("lambda_min", ["a", "b"], sign=-1)
    assert found == paired_ratio([3.0, 1.0], [1.0, 0.5])
    assert study.ratio("lambda_min", ["a", "b"]).invalid == 2


def test_values_that_were_not_recorded_are_refused(study):
    study.add("loss", 1.0, arm="a")
    with pytest.raises(KeyError, match=r"no 'loss' of arm 'b' was recorded; it is in the arms a"):
        study.values("loss", "b")
    with pytest.raises(KeyError, match=r"no 'gain' of arm 'a' was recorded; it is in no arm"):
        study.values("gain", "a")


def test_a_label_that_is_no_column_is_refused(study):
    with pytest.raises(
        ValueError, match=r"loss: colour is no column of measurements.csv. Pass only arm"
    ):
        study.add("loss", 1.0, colour="red")


def test_convergence_needs_every_value_converged_and_finite(study):
    for quantity, value, labels in (
        ("good", 1.0, {}),
        ("good", 2.0, {"converged": True}),
        ("open", 1.0, {"converged": True}),
        ("open", 1.0, {"converged": False}),
        ("nan", math.nan, {}),
        ("inf", math.inf, {"converged": True}),
    ):
        study.add(quantity, value, **labels)
    found = [study.converged(name) for name in ("good", "open", "nan", "inf", "absent")]
    assert found == [True, False, False, False, False]
    assert study.counts() == (6, 3)
    assert study.failures() == {"open": 1, "nan": 1, "inf": 1}


def test_convergence_can_be_asked_of_some_arms(study):
    study.add("loss", 1.0, arm="a")
    study.add("loss", math.nan, arm="b")
    assert study.converged("loss", ["a"]) and not study.converged("loss", ["a", "b"])
    assert not study.converged("loss", ["c"])


def test_measurement_carries_what_it_was_measured_on(study, tmp_path):
    at = small_objective(13, bn="batch", dtype=torch.float32)
    rise = sharpness.sam(at, at.theta)
    study.add_measurement("sam", rise.value, rise, arm="a", cost=4)
    study.add_measurement("loss", at.loss(at.theta), at, dtype="other")
    study.write("title", [], [])
    sam, loss = rows_of(tmp_path)
    for row in (sam, loss):
        assert (row["bn"], row["examples"], row["examples_hash"]) == (
            "batch",
            "13",
            at.examples_hash,
        )
    assert (sam["converged"], sam["dtype"], sam["arm"]) == ("true", "float32", "a")
    assert loss["dtype"] == "other"


def test_measurement_of_several_eigenpairs_converged_if_all_did(study, tmp_path):
    pairs = spectrum.eigenpairs(diagonal_operator([1.0, 2.0, -3.0]), which="both ends")
    study.add_measurement("lambda_max", pairs.largest, pairs)
    assert study.converged("lambda_max")
    study.write("title", [], [])
    assert rows_of(tmp_path)[0]["converged"] == "true"


def test_an_unknown_error_is_the_largest_wherever_it_stands(study):
    for arm, errors in (("a", [0.1, math.nan]), ("b", [math.nan, 0.1]), ("c", [0.1, 0.3])):
        for seed, error in enumerate(errors):
            study.add("q", 1.0, arm=arm, seed=seed, error=error, error_kind="standard error")
    study.add("q", 1.0, arm="c", seed=2)
    assert math.isnan(study.largest_error("q", ["a"])) and math.isnan(study.largest_error("q"))
    assert math.isnan(study.largest_error("q", ["b"]))
    assert study.largest_error("q", ["c"]) == 0.3 and study.largest_error("q", ["d"]) is None
    assert study.errors("q", "c")[:2] == [0.1, 0.3] and math.isnan(study.errors("q", "c")[2])
    assert study.errors("q", "d") == []


def test_failures_have_their_reasons_and_those_of_diverged_runs_are_counted(study):
    study.add("q", 1.0, arm="a", unit="nats")
    for note in ("no gap", "the run diverged", "no gap", ""):
        study.add("q", math.nan, arm="a", converged=False, note=note)
    study.add("p", math.inf, note="the run diverged")  # Not said to have failed by that.
    assert study.reasons("q") == ["no gap"] and study.reasons("p") == []
    assert study.diverged_count() == 1 and study.failures() == {"q": 4, "p": 1}
    assert (study.unit("q"), study.unit("p"), study.unit("absent")) == ("nats", "", "")


def test_values_without_arm_are_those_of_no_arm(study):
    study.add("q", 1.0)
    study.add("q", 2.0, arm="a")
    assert study.values("q", None) == [1.0]
    with pytest.raises(KeyError, match="in the arms None, a"):
        study.values("q", "b")


# Frames

TYPES = {
    **dict.fromkeys(COLUMNS, "str"),
    **dict.fromkeys(("value", "error", "cost"), "float64"),
    "converged": "boolean",
    "examples": "Int64",
}


def types_of(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_measurements_are_a_tidy_frame_with_typed_columns(study):
    assert study.measurements.empty and types_of(study.measurements) == {**TYPES, "seed": "object"}
    study.add("q", 1, arm="a", seed=0, error=torch.tensor(0.5), converged=True, examples=13, cost=4)
    study.add("p", math.nan, seed=1, note="lost")
    frame = study.measurements
    assert tuple(frame.columns) == COLUMNS and len(frame) == 2
    assert types_of(frame) == {**TYPES, "seed": "int64"}
    assert frame["converged"].tolist() == [True, pd.NA] and frame["examples"][0] == 13
    assert frame["error"][0] == 0.5 and math.isnan(frame["value"][1])
    study.add("q", 2.0, seed="0 and 1")
    assert study.measurements["seed"].tolist() == [0, 1, "0 and 1"]
    assert study.measurements.groupby("quantity")["value"].count().to_dict() == {"p": 0, "q": 2}


def test_the_frame_is_built_when_asked_for_and_not_for_each_number(study, monkeypatch):
    built = []
    real = frames.tidy_frame
    monkeypatch.setattr(frames, "tidy_frame", lambda *given: built.append(1) or real(*given))
    for seed in range(50):
        study.add("q", seed, arm="a", seed=seed)
    assert not built
    assert study.values("q", "a") == list(range(50)) and study.converged("q") and len(built) == 1
    study.add("q", 50, arm="a", seed=50)
    assert len(study.values("q", "a")) == 51 and len(built) == 2


def test_a_change_of_the_frame_does_not_reach_the_study(study):
    study.add("q", 1.0, arm="a")
    frame = study.measurements
    frame.loc[0, "value"] = 5.0
    frame["new"] = 1
    assert study.values("q", "a") == [1.0] and tuple(study.measurements.columns) == COLUMNS


def test_a_table_is_a_frame_by_its_name(study):
    study.table("points", [{"x": 1, "y": 0.5, "note": None}, {"x": 2, "y": math.inf, "note": "b"}])
    study.table("points", [{"x": 3, "y": torch.tensor(1.0)}])
    frame = study.frame("points")
    assert types_of(frame) == {"x": "int64", "y": "float64", "note": "str"}
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
