"""A record beside other processes, and after processes that were killed at any moment."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from studies.record_files import RecordFiles
from studies.record_folder import RecordFolder
from studies.recorder import Recorder
from studies.recording import Request

from tests.sample_study import study_in

pytestmark = pytest.mark.slow

NAME = "09_tests"
KILLED = 9


def opened(folder):
    record = RecordFolder(folder, NAME)
    record.origins.setdefault("o1", {"commit": "abc", "code": {}})
    record.origins.setdefault("o2", {"commit": "abd", "code": {}})
    return record


def part(*values, origin="o1", **tables):
    recorder = Recorder(None)
    for value in values:
        recorder.add("q", value, unit="nats")
    for name, rows in tables.items():
        recorder.table(name, rows)
    return recorder.part(origin)


def forked(function, *arguments):
    """Run a function in a process of its own, and return the process's id."""
    child = os.fork()
    if not child:
        try:
            function(*arguments)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def ended(child):
    """Return the exit code of a process: 0 if its function returned."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def grow(folder, seeds):
    record = opened(folder)
    for seed in seeds:
        record.ask(f"e{seed}", {"arm": "BN", "seed": seed})
    for seed in seeds:
        if f"e{seed}" not in record:
            rows = [{"alpha": k, "loss": seed} for k in range(3)]
            record.put(f"e{seed}", "measurements", part(seed, planes=rows), seconds=1.0)
            time.sleep(0.001)


def test_two_processes_lose_no_entry_of_each_other(tmp_path):
    children = [forked(grow, tmp_path / "r", range(first, 60, 3)) for first in range(3)]
    children.append(forked(grow, tmp_path / "r", range(20)))
    # Readers see a record before or after a change, never between.
    sizes = [len(RecordFolder(tmp_path / "r", NAME)) for _ in range(20)]
    assert [ended(child) for child in children] == [0, 0, 0, 0] and sizes == sorted(sizes)
    record = RecordFolder(tmp_path / "r", NAME)
    rows = record.rows("measurements", used=False)
    assert sorted(row["value"] for row in rows) == list(range(60))
    assert len(record.rows("planes", used=False)) == 180


def test_a_record_left_open_takes_over_what_others_wrote(tmp_path):
    left_open = opened(tmp_path)
    left_open.put("e0", "kind", part(0), seconds=1.0)
    other = opened(tmp_path)
    other.header["datasets"] = {"digits": {"sha256": "1"}}
    other.ask("e1", {"arm": "a"})
    other.put("e1", "kind", part(1), seconds=5.0)
    assert "e1" not in left_open
    left_open.take_over()
    assert left_open.part("e1") == part(1) and left_open.seconds == {"e0": 1.0, "e1": 5.0}
    other.put("e2", "kind", part(2, planes=[{"alpha": 1}]), seconds=1.0)
    left_open.header["datasets"] = {"mnist": {"sha256": "2"}}
    left_open.put("e3", "kind", part(3), seconds=1.0)
    last = RecordFolder(tmp_path, NAME)
    assert [last.part(f"e{k}").measurements[0]["value"] for k in range(4)] == [0, 1, 2, 3]
    assert last.header["datasets"].keys() == {"digits", "mnist"}
    arms = {row["entry"]: row.get("arm") for row in last.rows("measurements", used=False)}
    assert arms == {"e0": None, "e1": "a", "e2": None, "e3": None}


def test_of_two_contents_of_one_entry_the_first_stays_and_both_processes_go_on(
    tmp_path, capfd, monkeypatch
):
    first, second = opened(tmp_path), opened(tmp_path)
    first.put("e1", "kind", part(1), seconds=1.0)
    monkeypatch.setenv("LANDSCAPE_PROGRESS", "log")
    second.put("e1", "kind", part(2, origin="o2"), seconds=1.0)
    second.put("e2", "kind", part(3, origin="o2"), seconds=1.0)
    assert second.refused == ["e1"] and second.part("e1") == part(1)
    said = "".join(capfd.readouterr())
    assert "another process had measured e1 before and found other numbers, which stay" in said
    assert RecordFolder(tmp_path, NAME).part("e1") == part(1)
    first.put("e3", "kind", part(4), seconds=1.0)
    assert first.refused == [] and len(RecordFolder(tmp_path, NAME)) == 3


def test_equal_contents_of_two_processes_are_no_contradiction(tmp_path):
    first, second = opened(tmp_path), opened(tmp_path)
    first.put("e1", "kind", part(1), seconds=1.0)
    second.put("e1", "kind", part(1, origin="o2"), seconds=2.0)
    assert second.refused == [] and RecordFolder(tmp_path, NAME).part("e1").origin == "o1"


def test_an_entry_measured_again_replaces_the_one_that_was_read(tmp_path):
    opened(tmp_path).put("e1", "kind", part(1, planes=[{"alpha": 1}]), seconds=1.0)
    left_open, again = opened(tmp_path), opened(tmp_path)
    opened(tmp_path).put("e2", "kind", part(5), seconds=1.0)
    # Other numbers, the same numbers of new code, fewer tables: all replace the former entry.
    again.put("e1", "kind", part(2, origin="o2"), seconds=1.0)
    assert again.refused == [] and "e2" in again
    left_open.put("e3", "kind", part(6), seconds=1.0)
    last = RecordFolder(tmp_path, NAME)
    assert last.part("e1") == part(2, origin="o2") and not (tmp_path / "planes.csv").exists()
    last.origins["o1"] = {}
    last.put("e1", "kind", part(2), seconds=1.0)
    assert RecordFolder(tmp_path, NAME).part("e1").origin == "o1"


def test_a_record_whose_files_were_removed_meanwhile_is_written_whole(tmp_path):
    record = opened(tmp_path / "r")
    for k in range(3):
        record.put(f"e{k}", "kind", part(k, planes=[{"alpha": k}]), seconds=1.0)
    (tmp_path / "r").rename(tmp_path / "elsewhere")
    record.put("e3", "kind", part(3), seconds=1.0)
    assert len(RecordFolder(tmp_path / "r", NAME)) == 4


def test_a_copy_replaces_what_its_folder_held(tmp_path):
    opened(tmp_path / "a").put("e1", "kind", part(1), seconds=1.0)
    opened(tmp_path / "b").put("e2", "kind", part(2, planes=[{"alpha": 1}]), seconds=1.0)
    RecordFolder(tmp_path / "b", NAME, source=tmp_path / "a", replace=True).write()
    a, b = ({p.name: p.read_bytes() for p in (tmp_path / x).iterdir()} for x in "ab")
    assert a == b


def test_processes_that_start_from_one_published_record_lose_no_entry_of_each_other(tmp_path):
    opened(tmp_path / "published").put("e0", "kind", part(0), seconds=1.0)
    records = [RecordFolder(tmp_path / "mine", NAME, source=tmp_path / "published") for _ in "ab"]
    for k, record in enumerate(records, start=1):
        record.put(f"e{k}", "kind", part(k), seconds=1.0)
    assert len(RecordFolder(tmp_path / "mine", NAME)) == 3
    assert len(RecordFolder(tmp_path / "published", NAME)) == 1


def test_a_study_that_closes_beside_a_running_one_loses_none_of_its_entries(tmp_path):
    calls = []

    def step(study, *xs):
        def measured(recorder):
            calls.append(1)
            recorder.add("q", 1.0)

        return study.step("kind", [Request({"x": x}, {"seed": x}, measured) for x in xs])

    closing, running = study_in(tmp_path), study_in(tmp_path)
    step(closing, 1)
    step(running, 2, 3)
    step(closing, 1)
    closing.close("title")  # Sets aside what it did not ask for.
    step(running, 4)
    running.close("title")
    again = study_in(tmp_path)
    parts = step(again, 1, 2, 3, 4)
    assert None not in parts and len(calls) == 4 and len(again.record) == 4


# A run of a study, as a record sees it: requests of one entry under several labels, entries of
# other columns, one measured again with fewer tables, and labels that change from run to run.
def study(folder):
    former = opened(folder)
    if not len(former):
        former.ask("e0", {"arm": "former", "seed": 7})
        former.put("e0", "runs", part(0.5, planes=[{"alpha": 1}]), seconds=1.0)
    record = opened(folder)
    entries = [f"e{k}" for k in range(6)]
    for arm in ("a", "b"):
        for seed, entry in enumerate(entries):
            record.ask(entry, {"arm": arm, "seed": seed, **({"rate": 0.1} if seed > 3 else {})})
    for seed, entry in enumerate(entries):
        if entry not in record or (entry == "e0" and record.part(entry).origin == "o1"):
            rows = [{"alpha": 0.5 * k, "loss": seed, "note": 'say "x"\n'} for k in range(seed)]
            new = part(seed, seed / 3, origin="o2", **{f"lines{seed % 2}": rows})
            record.put(entry, "runs", new, seconds=1.0)
    record.header["title"] = "whole"
    record.write()


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "times.csv"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "r"
    assert ended(forked(study, folder)) == 0
    return contents(folder)


def dying(folder, operation):
    """Run the study, and die at one of its operations on files."""
    count = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == operation:
                os._exit(KILLED)
            return function(*arguments, **options)

        return call

    for owner, name in ((os, "replace"), (Path, "write_bytes"), (Path, "rmdir"), (Path, "unlink")):
        setattr(owner, name, counted(getattr(owner, name)))
    study(folder)


def test_whichever_operation_on_files_is_the_last_the_record_reads_and_continues(tmp_path, whole):
    operation = code = KILLED
    for operation in range(1, 200):
        folder = tmp_path / str(operation)
        code = ended(forked(dying, folder, operation))
        if code == 0:
            break
        assert code == KILLED
        before = len(RecordFolder(folder, NAME))
        assert ended(forked(study, folder)) == 0
        assert contents(folder) == whole and before <= 6, operation
    assert code == 0 and operation > 40  # All operations had their turn.


def test_a_process_killed_again_and_again_writes_what_an_undisturbed_one_does(tmp_path, whole):
    delays, kills = random.Random(0), 0
    while True:
        child = forked(study, tmp_path / "r")
        time.sleep(delays.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        if ended(child) == 0:
            break
        kills += 1
        RecordFolder(tmp_path / "r", NAME)
        assert kills < 2000
    assert contents(tmp_path / "r") == whole


def test_reading_writes_nothing(tmp_path):
    opened(tmp_path / "r").put("e1", "kind", part(1), seconds=1.0)
    (tmp_path / ".r.lock").unlink()
    record = RecordFolder(tmp_path / "r", NAME)
    record.take_over()
    assert len(record) == 1 and [path.name for path in tmp_path.iterdir()] == ["r"]


def test_what_a_killed_process_had_finished_counts_and_half_files_do_not(tmp_path):
    files = RecordFiles(tmp_path / "r")
    with files.lock():
        files.commit({"a.csv": b"1", "b.csv": b"2"})
    (tmp_path / "r" / ".writing").mkdir()
    (tmp_path / "r" / ".writing" / "a.csv").write_bytes(b"half")
    (tmp_path / "r" / ".next").mkdir()
    (tmp_path / "r" / ".next" / "a.csv").write_bytes(b"new")
    (tmp_path / "r" / ".next" / "b.csv.removed").write_bytes(b"")
    assert files.consistent(lambda: files.read("a.csv"))[0] == "new"
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["a.csv"]
