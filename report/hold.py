"""Hold a folder while a command runs in it: a second report in the same folder waits for the first.

``python -m report.hold FOLDER COMMAND...`` becomes the command. The lock is an open file that the
command and its children inherit: it ends with the last of them, also when they are killed, and
leaves nothing to clear away. Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

from report.errors import ReportError

LOCK = ".in-use"  # in the folder of a profile: who uses it, or used it last


def hold(folder: Path) -> int:
    """Take the folder for this process and its children; wait while another has it, and say so.

    Args:
        folder: The folder of a profile; it is made where it is missing.

    Returns:
        The open file: the folder is held until the last process that has it ends.

    Raises:
        ReportError: If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ReportError(
            f"{folder} cannot be written: {error.strerror}. Make it writable, or name another "
            "folder by BUILD_DIR="
        ) from error
    os.set_inheritable(file, True)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{_holder(file, folder)} Waiting for its end; Ctrl-C stops waiting.", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return file  # A file system without locks: as before there was one.
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {time.strftime('%H:%M')}".encode(), 0)
    except OSError:  # Of a full disk the report itself will say what is missing.
        pass
    return file


def _holder(file: int, folder: Path) -> str:
    """Return who holds a folder, as a sentence."""
    process, _, since = os.pread(file, 100, 0).decode(errors="replace").partition(" ")
    who = f", process {process}, since {since}" if since else ""
    return f"{folder} is in use by another make report or make study{who}."


def main(arguments: list[str]) -> int:
    """Take the folder, then become the command."""
    folder, *command = arguments
    try:
        hold(Path(folder))
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
