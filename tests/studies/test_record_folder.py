"""The record of a study: it grows, and is read as it was written."""

import pytest
from studies.record_folder import RecordFolder
from studies.recorder import Recorder

NAME = "09_tests"


def part(*values, planes=(), origin="o1"):
    recorder = Recorder(None)
    for value in values:
        recorder.add("q", value, unit="nats", rho=0.05)
    if planes:
        recorder.table("planes", [{"alpha": alpha, "loss": 2.0} for alpha in planes])
    return recorder.part(origin)


def record_in(folder):
    record = RecordFolder(folder, NAME)
    record.origins.setdefault("o1", {"commit": "abc", "code": {}})
    return record


@pytest.fixture
def written(tmp_path):
    record = record_in(tmp_path)
    for entry, seed in (("e1", 0), ("e2", 1)):
        record.ask(entry, {"arm": "BN", "seed": seed, "at": "end"})
        record.put(entry, "measurements", part(1 / 3, seed, planes=[0, 1]), seconds=2.0)
    return tmp_path


def test_a_record_is_read_as_it_was_written(written):
    record = RecordFolder(written, NAME)
    assert len(record) == 2 and "e1" in record and "e3" not in record
    assert record.part("e1").measurements[0] == {
        "quantity": "q",
        "value": 0.3333333333,
        "unit": "nats",
        "rho": 0.05,
    }
    assert record.part("e2").table("planes") == [
        {"alpha": 0, "loss": 2},
        {"alpha": 1, "loss": 2},
    ]
    assert record.kind("e1") == "measurements" and record.seconds == {"e1": 2.0, "e2": 2.0}
    assert record.asked() == [] and record.rows("measurements") == []
    rows = record.rows("measurements", used=False)
    assert [(row["seed"], row["arm"], row["origin"]) for row in rows[::2]] == [
        (0, "BN", "o1"),
        (1, "BN", "o1"),
    ]


def test_reading_and_writing_changes_no_byte(written):
    before = {path.name: path.read_bytes() for path in written.iterdir()}
    record = RecordFolder(written, NAME)
    record.write()
    assert {path.name: path.read_bytes() for path in written.iterdir()} == before


def test_labels_are_those_of_the_latest_request(written):
    record = RecordFolder(written, NAME)
    for entry, seed in (("e2", 1), ("e1", 0)):
        record.ask(entry, {"arm": "batch normalisation", "seed": seed})
    record.write()
    again = RecordFolder(written, NAME)
    rows = again.rows("measurements", used=False)
    assert {row["arm"] for row in rows} == {"batch normalisation"}
    assert [row["seed"] for row in rows] == [1, 1, 0, 0]
    assert "at" not in rows[0]


def test_an_entry_may_be_asked_for_under_several_labels(written):
    record = RecordFolder(written, NAME)
    for arm in ("a", "b", "a"):
        record.ask("e1", {"arm": arm})
    record.write()
    again = RecordFolder(written, NAME)
    assert again.part("e1") == record.part("e1")
    rows = again.rows("measurements", used=False)
    assert [row["arm"] for row in rows if row["entry"] == "e1"] == ["a", "a", "b", "b"]
    # The points of its planes stand once: labels are in entries.csv.
    planes = (written / "planes.csv").read_text(encoding="utf-8")
    assert planes.count("e1,") == 2


def test_two_machines_may_stand_in_one_record(written):
    record = record_in(written)
    record.origins["o2"] = {"commit": "abd", "hardware": {"cpu": "other"}, "code": {}}
    record.put("e3", "measurements", part(5.0, origin="o2"), seconds=1.0)
    rows = RecordFolder(written, NAME).rows("measurements", used=False)
    assert [row["origin"] for row in rows] == ["o1"] * 4 + ["o2"]


def test_rows_of_an_arm_keep_the_order_of_its_seeds_where_arms_share_entries(tmp_path):
    # Pairs are formed by this order: arm b shares its second seed with arm a, asked for earlier.
    record = record_in(tmp_path)
    for entry, arm, seed in (("e1", "a", 1), ("e2", "b", 0), ("e1", "b", 1)):
        record.ask(entry, {"arm": arm, "seed": seed})
        record.put(entry, "measurements", part(seed), seconds=1.0)
    rows = record.rows("measurements")
    assert [row["value"] for row in rows if row["arm"] == "b"] == [0, 1]
    again = RecordFolder(tmp_path, NAME)
    assert again.part("e1").measurements == record.part("e1").measurements
    assert len(again.rows("measurements", used=False)) == 3


@pytest.mark.parametrize("name", ["entry", "kind", "origin", "checksum", "quantity", "value"])
def test_a_label_called_as_a_column_of_every_record_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=rf"a label is called '{name}', as a column of every"):
        record_in(tmp_path).ask("e1", {name: 1})


def test_a_label_that_the_numbers_of_its_entry_have_as_a_column_is_refused(tmp_path):
    record = record_in(tmp_path)
    record.ask("e1", {"arm": "a", "rho": 0.1})
    with pytest.raises(ValueError, match=r"entry e1 .* label 'rho', and so have its numbers"):
        record.put("e1", "measurements", part(1.0), seconds=1.0)
    assert "e1" not in record
    record.put("e2", "measurements", part(1.0), seconds=1.0)
    with pytest.raises(ValueError, match=r"entry e2 .* Name one of the two otherwise"):
        record.ask("e2", {"rho": 0.1})
    assert len(RecordFolder(tmp_path, NAME)) == 1


def test_a_label_may_be_a_column_of_another_entry(tmp_path):
    record = record_in(tmp_path)
    lines = Recorder(None)
    lines.add("line_rise", 2.0)
    for entry, labels, content in (("e1", {}, part(1.0)), ("e2", {"rho": 3}, lines.part("o1"))):
        record.ask(entry, {"arm": "a", **labels})
        record.put(entry, "measurements", content, seconds=1.0)
    again = RecordFolder(tmp_path, NAME)
    assert again.part("e1") == part(1.0) and again.part("e2") == lines.part("o1")
    assert [row["rho"] for row in again.rows("measurements", used=False)] == [0.05, 3]
