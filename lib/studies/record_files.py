"""The files of one record: written all together or not at all, by one process at a time."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import filelock
from landscape.store import disk

Signature = tuple[tuple[str, int, int, int], ...]
Content = TypeVar("Content")

SUPERSEDED = "superseded"  # Folder in a record for entries that its study no longer asks for.
_UNFINISHED, _NEXT, _REMOVED = ".writing", ".next", ".removed"
_READINGS = 3  # Without the lock, beside a process that writes; then with it.
_PATIENCE = 600.0  # Seconds to wait for the lock; writing takes less than one.
_CONFLICT_MARKS = ("<<<<<<< ", ">>>>>>> ")


class RecordError(ValueError):
    """The files of a record cannot be used."""


class RecordFiles:
    """A folder of files that change together.

    New texts are written into a side folder, which is then renamed: from then on they count, and
    whoever comes next moves them to their places if their writer was killed. Readers see the files
    before or after a change, never between. The lock is a file beside the folder.

    Args:
        folder: The folder; it need not exist.

    Attributes:
        folder: The same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def names(self) -> list[str]:
        """Return the names of the files, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(
            path.name
            for path in self.folder.iterdir()
            if path.suffix in (".csv", ".json") and not path.name.startswith(".")
        )

    def signature(self) -> Signature:
        """Return what changes whenever a file does, without reading any."""
        marks = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name == _NEXT or entry.name.endswith((".csv", ".json")):
                    stat = entry.stat()
                    marks.append((entry.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(sorted(marks))

    def consistent(self, read: Callable[[], Content]) -> tuple[Content, Signature]:
        """Return what a function reads while nobody writes, and the signature of what it read.

        Raises:
            RecordError: If the function raises it, or another process holds the lock for long.
        """
        for _ in range(_READINGS):
            before = self.signature()
            if any(name == _NEXT for name, *_ in before):
                break
            try:
                content = read()
            except RecordError:
                if self.signature() == before:
                    raise
                continue
            if self.signature() == before:
                return content, before
        with self.lock():
            return read(), self.signature()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the files against other processes, as a context; finish what a killed one wrote.

        Raises:
            RecordError: If another process holds the lock for ten minutes.
        """
        whole = self.folder.parent if self.folder.name == SUPERSEDED else self.folder
        path = whole.with_name(f".{whole.name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(path, timeout=_PATIENCE):
                shutil.rmtree(self.folder / _UNFINISHED, ignore_errors=True)
                self._finish()
                yield
        except filelock.Timeout:
            raise RecordError(
                f"another process has been writing {self.folder.name} for ten minutes. End it, "
                "then run this again: what is written is kept."
            ) from None

    def read(self, name: str) -> str:
        """Return the text of a file; a byte-order mark and the line ends of Windows do not count.

        Raises:
            RecordError: If it cannot be read, or git left a conflict in it.
        """
        try:
            text = (self.folder / name).read_bytes().decode("utf-8-sig")
        except (OSError, ValueError) as error:
            raise RecordError(
                f"{self.named(name)} cannot be read: {error}. {self.remedy()}"
            ) from None
        for mark in _CONFLICT_MARKS:
            if text.startswith(mark) or f"\n{mark}" in text:
                raise RecordError(
                    f"{self.named(name)} holds two versions with git's marks of a conflict. Take "
                    "the folder of one side (git checkout --ours or --theirs), and the entries of "
                    "the other by `python -m report merge`."
                )
        return text.replace("\r\n", "\n") if "\r" in text else text

    def commit(self, contents: Mapping[str, bytes], removed: Iterable[str] = ()) -> None:
        """Write files and remove others, all or nothing; call it with the lock.

        Args:
            contents: Name -> content. A file that holds its content already is left as it is.
            removed: Names of files to remove.
        """
        contents = {name: data for name, data in contents.items() if not self._holds(name, data)}
        contents |= {name + _REMOVED: b"" for name in removed if (self.folder / name).exists()}
        if not contents:
            return
        unfinished = self.folder / _UNFINISHED
        with disk.described(self.folder, lambda: sum(map(len, contents.values()))):
            try:
                unfinished.mkdir(parents=True)
                for name, data in contents.items():
                    (unfinished / name).write_bytes(data)
            except OSError:
                shutil.rmtree(unfinished, ignore_errors=True)  # It holds room that may be needed.
                raise
        os.replace(unfinished, self.folder / _NEXT)
        self._finish()

    def named(self, name: str) -> str:
        """Return the name of a file for messages, with its folder's."""
        return f"{self.folder.name}/{name}"

    def remedy(self) -> str:
        """Return what to do about a damaged file, as sentences."""
        return (
            f"Restore it from its commit or a copy (git checkout -- {self.folder}). Without "
            "either, move the folder away: then all of it is measured again."
        )

    def _holds(self, name: str, data: bytes) -> bool:
        path = self.folder / name
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data

    def _finish(self) -> None:
        """Move files that count already to their places."""
        waiting = self.folder / _NEXT
        if not waiting.is_dir():
            return
        for path in sorted(waiting.iterdir()):
            if path.suffix == _REMOVED:
                (self.folder / path.stem).unlink(missing_ok=True)
                path.unlink()
            else:
                os.replace(path, self.folder / path.name)
        waiting.rmdir()
