"""One folder, one report at a time: the second waits and says for whom."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from report.errors import ReportError
from report.hold import LOCK, hold

ROOT = Path(__file__).resolve().parent.parent.parent


def holding(folder, *command):
    return subprocess.Popen(
        [sys.executable, "-m", "report.hold", str(folder), *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_held(folder, process):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        path = folder / LOCK
        if path.is_file() and path.read_text().startswith(f"{process.pid} "):
            return
        time.sleep(0.01)
    raise AssertionError("it never took the folder")


def test_a_second_command_waits_for_the_first_and_says_so(tmp_path):
    first = subprocess.Popen(
        [sys.executable, "-m", "report.hold", str(tmp_path / "p"), "cat"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    wait_until_held(tmp_path / "p", first)
    second = holding(tmp_path / "p", "echo", "begun")
    said = second.stdout.readline()
    assert f"{tmp_path / 'p'} is in use by another make report or make study, process" in said
    assert f"process {first.pid}, since " in said and said.endswith("Ctrl-C stops waiting.\n")
    assert second.poll() is None
    first.stdin.close()
    assert second.communicate(timeout=60)[0] == "begun\n" and second.returncode == 0
    first.wait()


def test_a_child_that_outlives_its_parent_still_holds_the_folder(tmp_path):
    # As studies do when make alone is killed.
    first = holding(tmp_path, "sh", "-c", "sleep 1000 & echo $!; wait")
    child = int(first.stdout.readline())
    first.kill()
    first.wait()
    second = holding(tmp_path, "true")
    assert "is in use" in second.stdout.readline()
    os.kill(child, signal.SIGKILL)
    assert second.wait(timeout=60) == 0


def test_an_interrupt_ends_the_wait_alone(tmp_path):
    file = hold(tmp_path)
    waiting = holding(tmp_path, "echo", "begun")
    waiting.stdout.readline()
    waiting.send_signal(signal.SIGINT)
    out, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, out, errors) == (130, "", "")
    os.close(file)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot be written: Not a directory. Make it writable"):
        hold(tmp_path / "file" / "smoke")
