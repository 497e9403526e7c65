"""Merging records of two machines: nothing is lost, and contradictions are told, not written."""

import re

import pytest
from studies import record_merge
from studies.record_files import RecordError
from studies.record_folder import RecordFolder
from studies.recorder import Recorder

from report import __main__ as report

pytestmark = pytest.mark.slow

NAME = "01_tests"


def part(value, origin):
    recorder = Recorder(None)
    recorder.add("q", value, unit="nats")
    recorder.table("curves", [{"epoch": 0, "loss": value}])
    return recorder.part(origin)


def machine(folder, seeds, *, origin, study=NAME, value=float, **header):
    """Write the record of a machine that measured some seeds."""
    record = RecordFolder(folder / study, study)
    record.header = {"profile": "paper", "parameters": {"seeds": [*seeds], "lr": 0.1}, **header}
    record.origins[origin] = {"commit": origin * 7, "hardware": {"cpu": origin}}
    for seed in seeds:
        record.ask(f"e{seed}", {"arm": "BN", "seed": seed})
        record.put(f"e{seed}", "runs", part(value(seed), origin), seconds=seed + 0.5)
    return folder


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()}


def test_seeds_of_two_machines_come_together_with_labels_origins_and_times(tmp_path):
    here = machine(tmp_path / "here", [0, 1], origin="o1", datasets={"a": {"sha256": "1"}})
    there = machine(tmp_path / "there", [1, 2], origin="o2", datasets={"b": {"sha256": "2"}})
    (line,) = record_merge.merge(there, here)
    assert line == (
        "01_tests: 1 entries added, 1 were there already; parameters differ, kept are those of "
        f"{here / NAME}: seeds [0, 1], not [1, 2]"
    )
    merged = RecordFolder(here / NAME, NAME)
    rows = merged.rows("measurements", used=False)
    assert [(row["seed"], row["value"], row["origin"]) for row in rows] == [
        (0, 0, "o1"),
        (1, 1, "o1"),
        (2, 2, "o2"),
    ]
    assert merged.part("e2") == part(2.0, "o2") and merged.seconds["e2"] == 2.5
    assert merged.origins.keys() == {"o1", "o2"} and merged.header["datasets"].keys() == {"a", "b"}
    before = contents(here)
    assert record_merge.merge(there, here)[0].startswith("01_tests: 0 entries added, 2 were")
    assert contents(here) == before


def test_a_study_that_lacks_here_is_taken_whole(tmp_path):
    here = machine(tmp_path / "here", [0], origin="o1")
    there = machine(tmp_path / "there", [0], origin="o2", study="02_tests")
    record = RecordFolder(there / "02_tests", "02_tests")
    record.seconds["former runs"] = 100.0
    record.write()
    assert record_merge.merge(there, here) == ["02_tests: 1 entries added, 0 were there already"]
    merged, source = contents(here / "02_tests"), contents(there / "02_tests")
    assert merged == source and len(RecordFolder(here / NAME, NAME)) == 1


def test_the_record_of_one_study_and_what_it_set_aside_can_be_merged(tmp_path):
    here = machine(tmp_path / "here", [0], origin="o1")
    there = machine(tmp_path / "there", [1], origin="o2")
    machine(tmp_path / "aside", [2], origin="o2")
    (tmp_path / "aside" / NAME).rename(there / NAME / "superseded")
    lines = record_merge.merge(there / NAME, here)
    assert [line.split(" entries")[0] for line in lines] == [
        "01_tests: 1",
        "01_tests/superseded: 1",
    ]
    assert "e1" in RecordFolder(here / NAME, NAME)
    assert "e2" in RecordFolder(here / NAME / "superseded", NAME)


def test_what_one_machine_set_aside_and_the_other_uses_is_not_added_again(tmp_path):
    here = machine(tmp_path / "here", [0, 1], origin="o1")
    there = machine(tmp_path / "there", [2], origin="o2")
    machine(tmp_path / "aside", [0, 1], origin="o1")
    (tmp_path / "aside" / NAME).rename(there / NAME / "superseded")
    lines = record_merge.merge(there, here)
    assert lines[1] == "01_tests/superseded: 0 entries added, 2 were there already"
    assert len(RecordFolder(here / NAME, NAME)) == 3
    assert not (here / NAME / "superseded").exists()


def test_all_contradictions_are_listed_and_nothing_is_written(tmp_path):
    here = machine(tmp_path / "here", [0, 1, 2], origin="o1", datasets={"a": {"sha256": "1"}})
    there = machine(
        tmp_path / "there",
        [1, 2, 3],
        origin="o2",
        value=lambda seed: seed + 1e-6,
        datasets={"a": {"sha256": "2"}},
    )
    machine(there, [7], origin="o2", study="02_tests")
    machine(here, [8], origin="o1", study="02_tests", profile="quick")
    before = contents(here)
    with pytest.raises(RecordError) as caught:
        record_merge.merge(there, here)
    first, *problems = str(caught.value).splitlines()
    assert first == "the records contradict each other, so nothing was merged:"
    wanted = [
        r"01_tests: a is not the same data on both machines: its hashes are 2 and 1\.",
        r"01_tests: entry e1 \(runs; arm BN, seed 1\) has other numbers in .*there.* Remove it",
        r"01_tests: entry e2 .*sed -i '/\^e2,/d' FOLDER/\*\.csv",
        r"02_tests: one is of profile paper, the other of quick\. Merge records of one profile",
    ]
    assert len(problems) == len(wanted)
    assert all(re.match(want, said) for want, said in zip(wanted, problems, strict=True))
    assert contents(here) == before


def test_a_folder_without_a_record_and_a_damaged_one_are_refused(tmp_path):
    here = machine(tmp_path / "here", [0], origin="o1")
    with pytest.raises(RecordError, match=r"nowhere holds no record. Give a folder of records"):
        record_merge.merge(tmp_path / "nowhere", here)
    there = machine(tmp_path / "there", [1], origin="o2")
    path = there / NAME / "curves.csv"
    path.write_text(path.read_text().replace("e1,0,1", "e1,0,2"))
    before = contents(here)
    with pytest.raises(RecordError, match=r"rows of entry 'e1'"):
        record_merge.merge(there, here)
    (there / NAME / "record.json").write_text("{}")
    with pytest.raises(RecordError, match=r"record.json cannot be read"):
        record_merge.merge(there, here)
    assert contents(here) == before


def test_the_verb_merges_in_a_process_of_its_own(tmp_path, capsys):
    here = machine(tmp_path / "here", [0], origin="o1")
    there = machine(tmp_path / "there", [1], origin="o2")
    assert report.main(["merge", "--from", str(there), "--into", str(here)]) == 0
    assert capsys.readouterr().out.startswith("01_tests: 1 entries added, 0 were there already")
    assert len(RecordFolder(here / NAME, NAME)) == 2
    assert report.main(["merge", "--from", str(tmp_path / "x"), "--into", str(here)]) == 1
    assert "error: " in (said := capsys.readouterr().err) and "x holds no record" in said
