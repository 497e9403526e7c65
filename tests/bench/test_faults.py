"""A report that is killed five times ends with the record of one that was left alone."""

import random
import subprocess
import sys
import time

import pytest

from bench import fault_places, fault_rows, fault_strikes, faults

pytestmark = pytest.mark.slow

STUDY = "07_theory"


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    return faults.Trials(faults.Report(STUDY, "data"), tmp_path_factory.mktemp("faults"), seed=0)


def test_after_five_kills_the_record_is_the_undisturbed_one(trials):
    row = trials.kills(fault_rows.Row("killed"), 1, each=5)
    assert trials.want and any(name.endswith("measurements.csv") for name in trials.want)
    assert (row.moments, row.wrong) == (5, 0)


def test_a_strike_hits_the_process_that_is_a_kernel_and_not_its_parent(tmp_path, monkeypatch):
    kernel = tmp_path / "ipykernel_launcher.py"
    kernel.write_text("import time; time.sleep(100)")
    monkeypatch.setenv("KERNEL", str(kernel))  # So that the parent's command does not name it.
    code = "import os, subprocess, sys; subprocess.run([sys.executable, os.environ['KERNEL']])"
    process = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 30
    while len(fault_strikes.tree(process.pid)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    (child,) = set(fault_strikes.tree(process.pid)) - {process.pid}
    seconds, kind = fault_strikes.strike(process, 0.0, random.Random(0))
    assert kind == "kernel" and seconds >= 0
    process.wait(timeout=30)
    assert child not in fault_strikes.tree(child)


def test_damage_changes_the_file_and_errors_are_counted_without_those_of_make(tmp_path):
    path = tmp_path / "file"
    for damage, size in (("truncated", 5), ("with one bit flipped", 10), ("emptied", 0)):
        path.write_bytes(b"0123456789")
        fault_places.DAMAGE[damage](path)
        assert path.stat().st_size == size and path.read_bytes() != b"0123456789"
    output = "01: x\nerror: the disk is full\nmake[1]: *** Error 1\nmake: *** Error 2\n"
    assert fault_places.said(output) == ["error: the disk is full"]
    assert len(fault_places.said("fine\nTraceback (most\n  File\nOSError\n")) == 3
    assert fault_places.said("fine\n") == []


def test_a_row_says_the_median_and_the_most_that_was_lost():
    row = fault_rows.Row("fault", 3, 0, [1.0, 2.0, 9.0], "seen")
    assert row.cells() == ["fault", "3", "0", "2.0 (9.0)", "seen"]
    assert fault_rows.table([row]).splitlines()[-1] == "| fault | 3 | 0 | 2.0 (9.0) | seen |"
