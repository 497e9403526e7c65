"""The record of a study: entries that grow in tidy tables, beside other processes."""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape.progress import say

from studies import cells, files, garbage_collection
from studies.record_content import SCHEMA, Content, Entry, Stamp, Use, checksum
from studies.record_files import RecordError, RecordFiles, Signature
from studies.record_reading import read_content
from studies.record_writing import entries_text, label_columns, table_text
from studies.recorder import Part, Rows

__all__ = ["RecordError", "RecordFolder"]


class RecordFolder:
    """The record of one study as files.

    ``record.json`` holds schema, study, parameters and data sets; ``entries.csv`` a row for each
    request for an entry, with its labels; ``measurements.csv`` a row for each number; further
    tables the points of curves, planes and the like; ``origins.json`` the machine, commit and
    versions of code behind each origin; ``times.csv`` the seconds that entries took. All files
    change together: whatever interrupts, the record stays usable.

    An entry is found by its id, which its inputs decide. Labels (arm, factors, seed, ...) are those
    of the latest request, and an entry may be asked for under several.

    Several processes may write one folder: each takes over the entries of the others before it
    writes. Where two measured one entry and differ, the first that was written stays.

    Args:
        folder: The folder of the record; it need not exist.
        study: Name of the study.
        target: Folder to write to; None writes to ``folder``. Another folder becomes a copy: what
            it held is replaced.

    Raises:
        RecordError: If the files are damaged, of another study, of an unknown schema, or contradict
            each other. Nothing is written then.

    Attributes:
        folder: Folder to write to.
        study: Name of the study.
        header: The content of ``record.json`` without schema and study.
        origins: Origin -> machine, commit, versions.
        seconds: Entry -> computing time.
        refused: Entries of this process that gave way to different ones of another process.
    """

    def __init__(self, folder: Path, study: str, *, target: Path | None = None) -> None:
        self._source, self.study = Path(folder), study
        self.folder = self._source if target is None else Path(target)
        self.header: dict[str, Any] = {}
        self.origins: dict[str, dict[str, Any]] = {}
        self.seconds: dict[str, float] = {}
        self.refused: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._asked: dict[tuple[Any, ...], Use] = {}
        self._others: dict[tuple[Any, ...], Use] = {}  # Former requests.
        self._uses_of: dict[str, list[Use]] = {}  # Entry -> its requests, former ones too.
        self._former: dict[str, Stamp | None] = {}  # Entries changed here, as the files had them.
        self._tables: collections.Counter[str] = collections.Counter()  # Entries with rows.
        self._changed: set[str] | None = None  # Tables that differ from the files; None is all.
        self._labels: tuple[str, ...] = ()
        self._seen: Signature | None = None
        self._take_over(RecordFiles(self._source))

    def __contains__(self, entry: str) -> bool:
        return entry in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def part(self, entry: str) -> Part:
        """Return the content of an entry.

        Raises:
            KeyError: If there is none.
        """
        return self._entries[entry].part

    def kind(self, entry: str) -> str:
        """Return the kind of an entry, such as ``runs``."""
        return self._entries[entry].kind

    def ask(self, entry: str, labels: Mapping[str, Any]) -> None:
        """Note that a study uses an entry under these labels; the order of calls is kept.

        Args:
            entry: Id of the entry.
            labels: Column -> value.

        Raises:
            ValueError: If a label has the name of a column that the entry has itself, or its text
                would be read back as a number.
        """
        use = Use(entry, cells.kept(labels))
        key = use.key
        if key in self._asked:
            return
        use.check(self._entries.get(entry))
        if entry in self._entries:
            self._changed = None
        self._asked[key] = use
        self._uses_of.setdefault(entry, []).append(use)

    def put(self, entry: str, kind: str, part: Part, *, seconds: float, write: bool = True) -> None:
        """Add an entry and write the files, so that an interruption loses nothing.

        Args:
            entry: Its id.
            kind: Its kind, such as ``runs``.
            part: Its content.
            seconds: Computing time.
            write: Whether to write the files now; derived numbers are written together.

        Raises:
            ValueError: If its rows have a column that is a label of a request for it.
            RecordError: If the files were damaged since they were read.
        """
        old = self._entries.get(entry)
        self._replace(entry, Entry(kind, part, checksum(part)))
        self._former.setdefault(entry, None if old is None else old.stamp)
        if entry not in self._uses_of:
            use = Use(entry, {})
            self._others[use.key], self._uses_of[entry] = use, [use]
        self.seconds[entry] = round(seconds, 3)
        if write:
            self.write()

    def asked(self) -> list[str]:
        """Return the entries that the study asked for and the record has, in the order asked."""
        asked = dict.fromkeys(use.entry for use in self._asked.values())
        return [entry for entry in asked if entry in self._entries]

    def rows(self, table: str, *, used: bool = True) -> Rows:
        """Return the rows of a table with labels, entry and origin.

        Args:
            table: ``measurements`` or the name of another table.
            used: Whether to leave out entries that the study did not ask for.
        """
        rows = []
        for use in self._uses(used=used):
            part = self._entries[use.entry].part
            content = part.measurements if table == "measurements" else part.table(table)
            origin = {"entry": use.entry, "origin": part.origin}
            rows += [{**use.labels, **row, **origin} for row in content]
        return rows

    def take_over(self) -> None:
        """Take over the entries that other processes wrote since this one last used the files.

        Raises:
            RecordError: If the files were damaged since.
        """
        if self.folder == self._source:
            self._take_over(RecordFiles(self.folder))

    def write(self) -> None:
        """Write all files; of an unchanged record the same bytes.

        Raises:
            RecordError: If the files were damaged since they were read; they are left as they are.
        """
        on_disk = RecordFiles(self.folder)
        with on_disk.lock(), garbage_collection.paused():
            if self.folder == self._source:
                self._take_over(on_disk, locked=True)
            texts = self._texts()
            known = {f"{table}.csv" for table in (*+self._tables, "measurements")} | texts.keys()
            tables = [name for name in on_disk.names() if name.endswith(".csv")]
            on_disk.commit(texts, [name for name in tables if name not in known])
            self._seen = on_disk.signature()
        self._former.clear()
        self._changed = set()

    def _texts(self) -> dict[str, bytes]:
        """Return name -> content of the files that may have changed."""
        uses = self._uses(used=False)
        labels = label_columns(uses)
        if labels != self._labels:
            self._labels, self._changed = labels, None
        texts = {
            f"{table}.csv": table_text(table, uses, self._entries, labels)
            for table in {*+self._tables, "measurements"}
            if self._changed is None or table in self._changed
        }
        texts["entries.csv"] = entries_text(uses, self._entries, labels)
        # Seconds of no entry are those of former runs as a whole.
        times = [f"{name},{seconds:.10g}\n" for name, seconds in self.seconds.items()]
        texts["times.csv"] = "".join(["entry,seconds\n", *times]).encode()
        origins = {entry.part.origin for entry in self._entries.values()}
        known = {name: self.origins[name] for name in sorted(origins)}
        texts["origins.json"] = files.as_json(known).encode()
        header = {"schema": SCHEMA, "study": self.study, **self.header}
        return {**texts, "record.json": files.as_json(header).encode()}

    def _uses(self, *, used: bool) -> list[Use]:
        """Return the requests in the order asked; then, unless ``used``, those of other entries."""
        # By request, not by entry: seeds of an arm keep their order where two arms share entries.
        uses = [use for use in self._asked.values() if use.entry in self._entries]
        if not used:
            asked = {use.entry for use in uses}
            uses += [use for use in self._others.values() if use.entry not in asked]
        return uses

    def _take_over(self, on_disk: RecordFiles, *, locked: bool = False) -> None:
        if self._seen is not None and on_disk.signature() == self._seen:
            return
        if locked:
            content, self._seen = read_content(on_disk, self.study), on_disk.signature()
        else:
            content, self._seen = on_disk.consistent(lambda: read_content(on_disk, self.study))
        self._changed = None
        if content is None:
            return
        refused = [entry for entry, theirs in content.entries.items() if self._meet(entry, theirs)]
        if refused:
            self.refused += refused
            say(
                f"record of {self.study}: another process had measured {', '.join(refused)} before "
                "and found other numbers, which stay; those of this process are left out"
            )
        self.seconds = {**content.seconds, **self.seconds}
        self.origins = {**content.origins, **self.origins}
        datasets = {**content.header.get("datasets", {}), **self.header.get("datasets", {})}
        self.header = {**content.header, **self.header}
        if datasets:
            self.header["datasets"] = datasets
        self._former_requests(content)

    def _meet(self, entry: str, theirs: Entry) -> bool:
        """Take an entry of the files unless this process changed it; return whether both did."""
        mine = self._entries.get(entry)
        stamp, known = theirs.stamp, self._former.get(entry)
        if mine is not None and stamp == known:
            return False  # This process alone measured it again.
        if mine is not None and stamp == mine.stamp:
            self._former.pop(entry, None)
            return False
        both = entry in self._former and mine.checksum != theirs.checksum
        self._former.pop(entry, None)
        self.seconds.pop(entry, None)
        self._replace(entry, theirs)
        return both

    def _former_requests(self, content: Content) -> None:
        """Take the requests of the files; of entries that the files lack, keep those known."""
        former = {}
        for entry, labels in content.requests:
            use = Use(entry, labels)
            key = use.key
            former[key] = self._others.get(key, use)
        kept = {k: use for k, use in self._others.items() if use.entry not in content.entries}
        self._others, self._uses_of = former | kept, {}
        for use in (*self._asked.values(), *self._others.values()):
            self._uses_of.setdefault(use.entry, []).append(use)

    def _replace(self, entry: str, new: Entry) -> None:
        """Set the content of an entry."""
        old = self._entries.get(entry)
        for use in self._uses_of.get(entry, []):
            use.check(new)
        for use in self._uses_of.get(entry, []):
            use.texts.clear()
        self._entries[entry] = new
        tables = [] if old is None else [*old.columns]
        self._tables.subtract(tables)
        self._tables.update([*new.columns])
        if self._changed is not None:
            self._changed |= {*tables, *new.columns}
