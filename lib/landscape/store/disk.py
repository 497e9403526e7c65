"""What to say when a disk is full: how much was to be written, how much is free, what is kept."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)  # No space left on the device; no quota left for this user.


@contextlib.contextmanager
def described(folder: Path, size: Callable[[], int]) -> Iterator[None]:
    """Turn the error of a full disk into one that says what is missing; other errors pass.

    Args:
        folder: The folder that is written to.
        size: Returns the bytes that were to be written; called only when the disk is full.

    Raises:
        OSError: If the disk is full, with the same number and a text of its own.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, sentence(folder, size())) from None


def sentence(folder: Path, size: int) -> str:
    """Return which disk is full, what is missing, and what is kept.

    Args:
        folder: The folder that was to be written to; it may be missing.
        size: Bytes that were to be written.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        free = shutil.disk_usage(existing).free
    except OSError:
        free = 0
    # Of an account with a quota, the disk may have room.
    missing = f"{megabytes(size - free)} are missing" if size > free else "the account has no more"
    return (
        f"the disk at {mount(existing)} is full: {megabytes(size)} were to be written into "
        f"{folder}, {megabytes(free)} are free, {missing}. All that was written before is kept"
    )


def mount(path: Path) -> Path:
    """Return where the disk that holds an existing path is mounted."""
    path = Path(os.path.realpath(path))
    return next(folder for folder in (path, *path.parents) if os.path.ismount(folder))


def megabytes(size: int) -> str:
    """Return a number of bytes in megabytes, with one digit after the point."""
    return f"{size / 1e6:,.1f} MB"
