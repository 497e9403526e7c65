"""Why an execution failed, in the words of a reader: which study, which cell, and what to do."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from report.errors import ReportError
from report.settings import Settings

FULL = (errno.ENOSPC, errno.EDQUOT)  # No space left on the device; no quota left for this user.
BARRED = (errno.EROFS, errno.EACCES, errno.EPERM)
AGAIN = "Make room there, then give the same command again: it continues from what is kept"


def describe(error: BaseException, node: NotebookNode, running: Path, source: Path) -> str:
    """Say which study and which cell, counted as in the source, stopped for which reason.

    Args:
        error: What ended the execution.
        node: The notebook before it was executed.
        running: What papermill wrote of it until then.
        source: The notebook's text file.
    """
    if isinstance(error, ReportError):
        return str(error)
    name, text = f"notebooks/{source.name}", source.read_text(encoding="utf-8")
    cell, reason = _stopped_at(running), f"{type(error).__name__}: {error}".strip(": ")
    if isinstance(error, papermill.PapermillExecutionError):
        cell, reason = error.source, f"{error.ename}: {error.evalue}"
    elif isinstance(error, DeadKernelError):
        reason = "the kernel died; when memory ran out, the system's log says so"
    elif isinstance(error, KeyboardInterrupt):
        reason = "interrupted"
    sources = [entry.source for entry in node.cells]
    if cell is not None and cell in sources:
        position = text.find("\n" + cell)
        line = f", line {text.count(chr(10), 0, position) + 2} of the file" if position > 0 else ""
        first = cell.strip().split("\n")[0]
        return f"{name}: cell {sources.index(cell) + 1}{line}, `{first}`: {reason}"
    return f"{name}: {reason}"


def readable(running: Path) -> NotebookNode | None:
    """Return a notebook that papermill was writing; None where there is none, or half of one."""
    try:
        return nbformat.read(running, as_version=4)
    except (OSError, ValueError):
        return None


def _stopped_at(running: Path) -> str | None:
    """Return the source of the last cell that papermill had started, if any."""
    source, executed = None, readable(running)
    for cell in executed.cells if executed is not None else ():
        if cell.metadata.get("papermill", {}).get("start_time"):
            source = cell.source
    return source


def full_disk(error: BaseException) -> str | None:
    """Return what an error says of a full disk, empty if nothing more; None for any other error.

    A cell's error comes as text; that of papermill itself may stand behind another one.
    """
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in FULL:
            return ""
        if isinstance(link, papermill.PapermillExecutionError) and link.ename == "OSError":
            match = re.match(r"\[Errno (\d+)\] (.*)", link.evalue)
            if match and int(match[1]) in FULL:
                # Of the library, a sentence of its own; else the system's, with the file.
                return match[2] if match[2].startswith("the disk") else ""
    return None


def without_room(error: BaseException, text: str, settings: Settings) -> str:
    """Say in one line which disk is full, where the study stopped, and what is kept.

    Args:
        error: One of which ``full_disk`` has something to say.
        text: Which study and cell stopped, as ``describe`` returns it.
        settings: The request.
    """
    place = text.split("`: ")[0] + ("`" if "`: " in text else "")
    said = full_disk(error) or disk_sentence(settings.build_dir)
    return f"{said} ({place.splitlines()[0]}). {AGAIN}"


def disk_sentence(folder: Path) -> str:
    """Return which disk is full, and what is kept, as a sentence without its full stop."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    real = Path(os.path.realpath(existing))
    mount = next(path for path in (real, *real.parents) if os.path.ismount(path))
    usage = shutil.disk_usage(real)
    return (
        f"the disk at {mount} is full: {usage.free / 1e6:,.1f} of {usage.total / 1e6:,.1f} MB are "
        f"free, less than what was to be written into {folder}. All that was written before is kept"
    )


def of_system(error: OSError, build_dir: Path) -> str | None:
    """Return one line for a disk that is full or a file that may not be written; else None.

    Args:
        error: The system's error.
        build_dir: The build folder, where the error names no file.
    """
    if error.errno in FULL:
        folder = Path(error.filename).parent if isinstance(error.filename, str) else build_dir
        return f"{disk_sentence(folder.absolute())}. {AGAIN}"
    if error.errno in BARRED and error.filename:
        return (
            f"{error.filename} cannot be written or read: {error.strerror}. What was measured is "
            "kept. Change its permissions, or name another folder by BUILD_DIR="
        )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
