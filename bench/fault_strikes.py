"""Kill the processes of a report: which there are, what they have computed, and which is hit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Words in the command of a process -> what it is in a report.
VICTIMS = {
    "ipykernel_launcher": "kernel",
    "report execute": "driver",
    "spawn_main": "worker",
    "report.hold": "make",
    "report-held": "make",
}


def tree(root: int) -> dict[int, float]:
    """Return the processes that descend from one, and itself -> processor seconds until now."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(path.parent.name)
        parents[process] = int(fields[1])
        seconds[process] = sum(map(int, fields[11:15])) / _TICKS
    members = {root}
    while more := {x for x, parent in parents.items() if parent in members} - members:
        members |= more
    return {process: seconds[process] for process in members if process in seconds}


def kinds(processes: Iterable[int]) -> dict[str, list[int]]:
    """Return kind of process -> the processes."""
    sorted_out: dict[str, list[int]] = {}
    for process in processes:
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        kind = next((kind for text, kind in VICTIMS.items() if text in words), None)
        if kind:
            sorted_out.setdefault(kind, []).append(process)
    return sorted_out


def strike(process: subprocess.Popen[str], after: float, draw: random.Random) -> tuple[float, str]:
    """Kill a process of a report when it has computed for so many seconds.

    Returns:
        Processor seconds of the report until then, and what was killed; ``nothing`` if it had
        ended before.
    """
    while process.poll() is None:
        members = tree(process.pid)
        spent = sum(members.values())
        if spent >= after:
            candidates = kinds(members)
            if candidates:
                kind = draw.choice(sorted(candidates))
                os.kill(draw.choice(candidates[kind]), signal.SIGKILL)
                return spent, kind
        time.sleep(0.02)
    return 0.0, "nothing"


def end(process: subprocess.Popen[str], patience: float = 60.0) -> str:
    """Wait for what is left of a report, and return what it said."""
    try:
        return process.communicate(timeout=patience)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]
