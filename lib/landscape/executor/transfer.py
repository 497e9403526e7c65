"""Entries of a store as bytes, from the store of a worker into that of the process that asked."""

import contextlib
import io
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

from landscape.store import disk
from landscape.store.entries import Store

Entry = tuple[str, str, dict[str, bytes]]  # Kind, key, and name of a file -> its content.


class EntryReference(NamedTuple):
    """An entry of a store by kind and key.

    Attributes:
        kind: Sort of the result.
        key: Its key.
    """

    kind: str
    key: str


_NO_KINDS = ("locks", "writing", "damaged")  # Folders of a store that hold no entries.
_UNFINISHED = "training.checkpoint"  # Of use where the run goes on, and nowhere else.


def entries(store: Store) -> Iterator[tuple[str, str]]:
    """Yield kind and key of each complete entry of a store."""
    for folder in sorted(store.root.glob("*/*")):
        kind = folder.parent.name
        if kind not in (*_NO_KINDS, _UNFINISHED) and (folder / "sha256.json").is_file():
            yield kind, folder.name


def holds(store: Store, kind: str, key: str) -> bool:
    """Return whether a store has an entry."""
    return (store.root / kind / key / "sha256.json").is_file()


def size(store: Store, kind: str, key: str) -> int:
    """Return the bytes of an entry's files; 0 where there is none."""
    with contextlib.suppress(OSError):
        return sum(path.stat().st_size for path in (store.root / kind / key).iterdir())
    return 0


def taken(store: Store, kind: str, key: str) -> Entry:
    """Return an entry of a store as bytes."""
    folder = store.root / kind / key
    return kind, key, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def packed(entry: Entry) -> bytes:
    """Return an entry as one piece."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entry[2].items():
            archive.writestr(name, data)
    return file.getvalue()


def unpacked(reference: EntryReference, data: bytes) -> Entry:
    """Return the entry that ``packed`` made one piece of."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return *reference, {name: archive.read(name) for name in archive.namelist()}


def given(store: Store, entry: Entry) -> None:
    """Write an entry into a store, unless it has it.

    Its checksums are among its files: the store checks them when it reads the entry.

    Raises:
        OSError: If it cannot be written.
    """
    kind, key, contents = entry
    folder = store.root / kind / key
    if folder.is_dir():
        return
    side = store.root / "writing" / uuid.uuid4().hex
    with disk.described(store.root, lambda: sum(map(len, contents.values()))):
        try:
            side.mkdir(parents=True)
            for name, data in contents.items():
                (side / name).write_bytes(data)
            folder.parent.mkdir(parents=True, exist_ok=True)
            os.rename(side, folder)
        except OSError:
            if not folder.is_dir():  # Else another process was first: its entry is as good.
                raise
        finally:
            shutil.rmtree(side, ignore_errors=True)
