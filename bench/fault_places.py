"""Faults of the folders of a report: damaged entries, a full disk, no permission, two at once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.fault_rows import Row
from bench.fault_strikes import end, strike

if TYPE_CHECKING:
    from bench.faults import Trials


def tries(trials: Trials, data_dir: str) -> list[Callable[[], Row]]:
    """Return what is tried on folders."""
    return [
        *(lambda kind=kind: damaged(trials, kind) for kind in DAMAGE),  # type: ignore[misc]  # bound by default
        lambda: full_disk(trials),
        lambda: read_only_build(trials),
        lambda: read_only_data(trials, data_dir),
        lambda: two_at_once(trials),
        lambda: moved(trials),
    ]


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _empty(path: Path) -> None:
    os.truncate(path, 0)


DAMAGE = {"truncated": _truncate, "with one bit flipped": _flip, "emptied": _empty}


def damaged(trials: Trials, kind: str) -> Row:
    """Damage a file of five entries of the store, remove the record, and make it again."""
    row = Row(f"Five entries of the store {kind}, no record")
    with trials.place() as place:
        trials.report.make(place)
        shutil.rmtree(place / "smoke")
        entries = sorted((place / "store").glob("*/*/sha256.json"))
        for entry in trials.draw.sample(entries, min(5, len(entries))):
            DAMAGE[kind](trials.draw.choice(sorted(entry.parent.iterdir())))
            row.moments += 1
        right, _ = trials.is_right(place)
        row.wrong += not right
        row.note = f"{len(list((place / 'store' / 'damaged').glob('*')))} set aside"
    return row


@contextmanager
def _mounted(place: Path, *options: str) -> Iterator[bool]:
    """Mount something at a folder as a context; say whether that was possible."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(place)], capture_output=True)
    yield done.returncode == 0
    if done.returncode == 0:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def full_disk(trials: Trials) -> Row:
    """Fill the disk of the build folder at five points of the report, then give it room."""
    row = Row("Disk full, then room again")
    most = 0
    for part in range(1, 6):
        size = f"size={trials.size * part // 6}"
        with (
            trials.place() as place,
            _mounted(place, "-t", "tmpfs", "-o", size, "tmpfs") as mounted,
        ):
            if not mounted:
                row.note = "not tried: this user may not mount"
                return row
            status, output, _ = trials.report.make(place)
            most = max(most, len(said(output)))
            full = status != 0 and any(" is full: " in line for line in said(output))
            row.note += "" if full else f" not full at {size};"
            subprocess.run(["mount", "-o", "remount,size=1g", str(place)], check=True)
            right, _ = trials.is_right(place)
            row.wrong += not right
            row.moments += full
    row.note = f"lines of error, at most: {most};{row.note}".rstrip(";")
    return row


def said(output: str) -> list[str]:
    """Return the lines of an output that tell of an error, without what make adds."""
    lines = output.splitlines()
    begun = next((i for i, line in enumerate(lines) if line.startswith("error: ")), None)
    begun = next((i for i, x in enumerate(lines) if x.startswith("Traceback")), begun)
    return [] if begun is None else [x for x in lines[begun:] if not x.startswith("make")]


def read_only_build(trials: Trials) -> Row:
    """Make a report in a folder that cannot be written, then in one that can."""
    row = Row("Build folder read-only, then writable")
    with trials.place() as place:
        place.mkdir(parents=True)
        (place / ".landscape-report").write_text("Made by landscape-report: build folder.\n")
        with _mounted(place, "--bind", str(place)) as mounted:
            command = ["mount", "-o", "remount,ro,bind", str(place)]
            if not mounted or subprocess.run(command, capture_output=True).returncode:
                row.note = "not tried: this user may not mount"
                return row
            status, output, _ = trials.report.make(place)
        row.note = f"{len([x for x in output.splitlines() if not x.startswith('make')])} lines"
        if "refused" in output:
            row.note = "refused in one line"
        right, _ = trials.is_right(place)
        row.wrong, row.moments = int(status == 0 or not right), 1
    return row


def read_only_data(trials: Trials, data_dir: str) -> Row:
    """Make a report from a data folder that cannot be written."""
    row = Row("Data folder read-only")
    folder = Path(data_dir).absolute()
    if not folder.is_dir():
        row.note = "not tried: no data folder"
        return row
    with trials.place() as place, _mounted(folder, "--bind", str(folder)) as mounted:
        command = ["mount", "-o", "remount,ro,bind", str(folder)]
        if not mounted or subprocess.run(command, capture_output=True).returncode:
            row.note = "not tried: this user may not mount"
            return row
        right, _ = trials.is_right(place)
        row.wrong, row.moments = int(not right), 1
    return row


def two_at_once(trials: Trials) -> Row:
    """Make two reports at once in one build folder."""
    row = Row("Two reports at once in one build folder")
    with trials.place() as place:
        both = [trials.report.start(place) for _ in range(2)]
        outputs = [process.communicate()[0] for process in both]
        right, _ = trials.is_right(place)
        waited = sum("is in use by another" in output for output in outputs)
        failed = any(process.returncode for process in both)
        row.wrong, row.moments = int(failed or not right or waited != 1), 1
        row.note = "the second waited, and said for which process"
    return row


def moved(trials: Trials) -> Row:
    """Kill a report, move its build folder, and let it go on there."""
    row = Row("SIGKILL, then the build folder moved")
    with trials.place() as place, trials.place() as other:
        process = trials.report.start(place)
        spent, _ = strike(process, trials.seconds / 2, trials.draw)
        end(process)
        if place.is_dir():
            shutil.move(place, other)
        right, seconds = trials.is_right(other)
        row.lost.append(spent + seconds - trials.seconds)
        row.wrong, row.moments = int(not right), 1
    return row
