"""Merge records that were measured elsewhere into those of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from report.errors import ReportError


def merge(root: Path, source: Path, target: Path) -> list[str]:
    """Add the entries of all records in a folder to those in another folder.

    The library does it, in a process of its own; see ``studies.record_merge``.

    Args:
        root: The project's folder.
        source: A folder of records, or the record of one study.
        target: A folder of records.

    Returns:
        A line for each study.

    Raises:
        ReportError: If there is no record, one cannot be read, or records contradict each other.
            Nothing is merged then.
    """
    command = [sys.executable, "-m", "studies.record_merge", str(source), str(target)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or "no message"
        raise ReportError(said.splitlines()[-1] if "Traceback" in said else said)
    return done.stdout.splitlines()
