"""Damaged records: each one clear error, and nothing is overwritten."""

import json
import re

import pytest
from studies.record_folder import RecordError, RecordFolder

from tests.studies.test_record_folder import NAME, part, record_in


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "record"
    record = record_in(folder)
    for entry, seed in (("e1", 0), ("e2", 1)):
        for arm in ("a", "b"):
            record.ask(entry, {"arm": arm, "seed": seed, "at": "end"})
        record.put(entry, "measurements", part(1 / 3, seed, planes=[0, 1]), seconds=2.0)
    return folder


def refused(folder, match, *, study=NAME):
    """Check that a record is refused in words, by readers and writers, and is left as it is."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RecordError, match=match) as caught:
        RecordFolder(folder, study)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    return str(caught.value)


def replaced(folder, name, old, new):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def test_an_edited_number_is_refused(written):
    replaced(written, "measurements.csv", "0.3333333333", "0.4")
    said = refused(written, r"rows of entry 'e1' .measurements. are not the ones")
    assert "in measurements.csv (4), planes.csv (2)" in said
    assert "sed -i '/^e1,/d' record/*.csv" in said


@pytest.mark.parametrize(("old", "new"), [("e1,a,0,", "e1,a,5,"), (",o1\n", ",o2\n")])
def test_an_edited_label_or_origin_of_a_number_is_refused(written, old, new):
    replaced(written, "measurements.csv", old, new)
    refused(written, r"rows of entry 'e1' .measurements. are not the ones")


def test_a_lost_row_is_refused(written):
    path = written / "planes.csv"
    path.write_text("".join(lines_of(path)[:-1]), encoding="utf-8")
    refused(written, r"'e2' .* planes.csv .1.\. There a table is damaged or was edited")


@pytest.mark.parametrize("name", ["measurements.csv", "planes.csv", "entries.csv"])
def test_a_line_that_stands_twice_is_refused(written, name):
    lines = lines_of(written / name)
    (written / name).write_text("".join([*lines, lines[1]]), encoding="utf-8")
    refused(written, r"entries.csv holds the same line twice: entry 'e1'|rows of entry 'e1'")


def test_a_cut_off_line_is_refused(written):
    path = written / "measurements.csv"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    refused(written, r"measurements.csv cannot be read: line 9 has .* cells.* Restore it")


@pytest.mark.parametrize(
    "name", ["record.json", "origins.json", "entries.csv", "measurements.csv", "planes.csv"]
)
def test_a_file_cut_off_anywhere_or_missing_is_refused(written, name):
    whole = (written / name).read_bytes()
    # Without the last line feed alone nothing is lost.
    for length in range(0, len(whole) - 1, 7):
        (written / name).write_bytes(whole[:length])
        refused(written, rf"{name}|'e[12]'")
    (written / name).unlink()
    said = refused(written, rf"{name} is missing|measurements.csv|planes.csv|rows of entry 'e1'")
    assert "Restore it from its commit or a copy" in said


def test_a_process_that_has_a_record_open_does_not_overwrite_a_damaged_file(written):
    record = record_in(written)
    replaced(written, "planes.csv", "e1,0,2", "e1,0,3")
    before = (written / "planes.csv").read_bytes()
    with pytest.raises(RecordError, match=r"rows of entry 'e1'"):
        record.put("e3", "measurements", part(1.0), seconds=1.0)
    assert (written / "planes.csv").read_bytes() == before
    replaced(written, "planes.csv", "e1,0,3", "e1,0,2")
    record.write()  # What was computed meanwhile is not lost.
    assert "e3" in RecordFolder(written, NAME)


@pytest.mark.parametrize("name", ["entries.csv", "measurements.csv", "record.json"])
def test_marks_of_a_conflict_are_named(written, name):
    lines = lines_of(written / name)
    marked = [lines[0], "<<<<<<< HEAD\n", lines[1], "=======\n", lines[1], ">>>>>>> other\n"]
    (written / name).write_text("".join([*marked, *lines[2:]]), encoding="utf-8")
    refused(written, rf"{name} holds two versions with git's marks of a conflict.* report merge")


def test_line_ends_of_windows_and_byte_order_marks_change_nothing(written):
    record, files = RecordFolder(written, NAME), list(written.iterdir())
    for path in files:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    again = RecordFolder(written, NAME)
    assert again.part("e1") == record.part("e1") and again.header == record.header
    again.write()
    assert not any(b"\r" in path.read_bytes() for path in files)


def test_a_lost_table_of_times_costs_only_the_times(written):
    (written / "times.csv").unlink()
    assert len(RecordFolder(written, NAME)) == 2 and RecordFolder(written, NAME).seconds == {}
    (written / "times.csv").write_text("entry,seconds\ne1,two\n", encoding="utf-8")
    refused(written, r"times.csv cannot be read: could not convert string to float: 'two'")


def test_rows_of_an_entry_that_is_not_listed_are_refused(written):
    # A list of entries that was cut off between two lines: writing would drop the others.
    path = written / "entries.csv"
    path.write_text("".join(lines_of(path)[:-2]), encoding="utf-8")
    refused(written, r"measurements.csv holds rows of the entry 'e2', which entries.csv lacks")


def test_an_entry_whose_lines_are_removed_from_all_tables_is_measured_again(written):
    for path in written.glob("*.csv"):
        kept = [line for line in lines_of(path) if not re.match("e1,", line)]
        path.write_text("".join(kept), encoding="utf-8")
    record = RecordFolder(written, NAME)
    assert len(record) == 1 and "e2" in record


def test_a_foreign_table_is_named(written):
    (written / "notes.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    refused(written, r"notes.csv has no column 'entry', so it is no table of a record. Move it")
    (written / "notes.csv").write_text("", encoding="utf-8")
    refused(written, r"notes.csv cannot be read: it is empty")


def test_a_repeated_or_missing_column_is_refused(written):
    replaced(written, "planes.csv", "entry,alpha,loss", "entry,alpha,alpha")
    refused(written, r"planes.csv cannot be read: column 'alpha' stands twice")
    replaced(written, "entries.csv", "kind", "sort")
    refused(written, r"entries.csv has no column 'kind'")


def test_the_record_of_another_study_is_refused(written):
    refused(written, r"is the record of '09_tests', not of '01_other'", study="01_other")


def test_an_unknown_schema_is_refused(written):
    replaced(written, "record.json", '"schema": 1', '"schema": 7')
    refused(written, r"has schema 7; this version reads schema 1")


def test_a_header_that_is_no_object_is_refused(written):
    (written / "record.json").write_text("[]", encoding="utf-8")
    refused(written, r"record.json holds no names and values")


def test_two_entries_of_one_id_that_differ_are_refused(written):
    path = written / "entries.csv"
    other = lines_of(path)[1].split(",")
    other[3] = "0" * 16
    path.write_text(path.read_text(encoding="utf-8") + ",".join(other), encoding="utf-8")
    refused(written, r"two different entries 'e1': its rows contradict")


def test_an_unknown_origin_is_refused(written):
    (written / "origins.json").write_text(json.dumps({"o2": {}}), encoding="utf-8")
    refused(written, r"names the origin 'o1', which origins.json lacks")
