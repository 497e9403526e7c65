"""The record of another study, read only."""

import pytest
from studies import staleness
from studies.record_folder import RecordError
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord, two_arms


@pytest.fixture
def study(tmp_path):
    record = two_arms(tmp_path, widths=[4, 8])
    points = [{"bn": bn, "t": t, "loss": t} for bn in ("frozen", "batch") for t in (0.0, 1.0)]
    record.add(labels={"pair": "0-1"}, tables={"paths": points})
    return RecordedStudy(record.write(), "01_sample")


def test_a_record_gives_numbers_tables_parameters_data_and_times(study):
    assert study.recorded and len(study.measurements.where(norm="batch").frame) == 18
    assert {row["norm"] for row in study.numbers("lambda_max")} == {"batch", "none"}
    assert [row["t"] for row in study.rows("paths")] == [0, 1, 0, 1]
    assert study.rows("paths")[0]["pair"] == "0-1"
    assert study.parameter("widths") == [4, 8] and study.parameter("widths", 1) == 8
    assert study.parameter("widths", slice(1, None)) == [8]
    assert study.train_size("d" * 64) == 500 and study.classes() == 10
    assert set(study.seconds.values()) == {1.0}


def test_blocks_of_a_table_know_which_columns_vary(study):
    blocks, varying = study.blocks("paths")
    assert [len(rows) for rows in blocks] == [4] and varying == {"bn", "t", "loss"}


def test_a_study_without_a_record_is_not_measured(tmp_path):
    study = RecordedStudy(tmp_path, "02_missing")
    assert not study.recorded and study.parameters == {} and study.datasets == {}
    for ask in (lambda: study.numbers("sam"), lambda: study.rows("paths")):
        with pytest.raises(NotMeasuredError, match="02_missing has no record in this profile"):
            ask()


def test_what_a_record_lacks_is_not_measured(study):
    assert study.numbers("sam") == []
    for ask, said in (
        (lambda: study.rows("planes"), "no planes"),
        (lambda: study.parameter("depths"), "no parameter depths"),
        (lambda: study.parameter("widths", 2), "2 values of widths"),
        (lambda: study.train_size("e" * 64), "does not know the data eeeeeeee"),
    ):
        with pytest.raises(NotMeasuredError, match=said):
            ask()


def test_a_damaged_record_is_an_error(study, tmp_path):
    path = tmp_path / "01_sample" / "measurements.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("2.02", "3.02"), encoding="utf-8")
    with pytest.raises(RecordError, match="damaged or was edited"):
        RecordedStudy(tmp_path, "01_sample")


def test_origins_of_changed_code_are_stale(tmp_path, monkeypatch):
    record = SampleRecord(tmp_path)
    record.add("sam", 1.0, labels={"seed": 0})
    study = RecordedStudy(record.write(), "01_sample")
    assert study.stale_origins == set()
    monkeypatch.setattr(staleness, "changed", lambda code, study: ["sam_sharpness"])
    assert RecordedStudy(tmp_path, "01_sample").stale_origins == {"o1"}
