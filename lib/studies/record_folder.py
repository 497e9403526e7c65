"""The record of a study: entries that grow in tidy tables, beside other processes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.progress import say

from studies import files, garbage_collection
from studies.record_content import SCHEMA, Content, Entry, LabelledUse, checksum
from studies.record_entries import Entries
from studies.record_files import RecordError, RecordFiles, Signature
from studies.record_reading import read_content
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
        source: Folder of a record to start from in place of ``folder``.
        replace: Whether what ``folder`` held is replaced, not taken over.

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

    def __init__(
        self, folder: Path, study: str, *, source: Path | None = None, replace: bool = False
    ) -> None:
        self.folder, self.study = Path(folder), study
        self.header: dict[str, Any] = {}
        self.origins: dict[str, dict[str, Any]] = {}
        self.seconds: dict[str, float] = {}
        self.refused: list[str] = []
        self._replace = replace
        self._entries = Entries()
        self._seen: Signature | None = None
        begun = RecordFiles(self.folder if source is None else Path(source))
        content, signature = begun.consistent(lambda: read_content(begun, study))
        self._take(content)
        if begun.folder == self.folder:
            self._seen = signature

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

    def checksums(self) -> dict[str, str]:
        """Return the hash of each entry's content, in their order."""
        return {entry: content.checksum for entry, content in self._entries.items()}

    def labels(self, entry: str) -> list[dict[str, Any]]:
        """Return the labels of each request for an entry: of this process, or else former ones."""
        return self._entries.labels(entry)

    def ask(self, entry: str, labels: Mapping[str, Any]) -> None:
        """Note that a study uses an entry under these labels; the order of calls is kept.

        Args:
            entry: Id of the entry.
            labels: Column -> value.

        Raises:
            ValueError: If a label has the name of a column that the entry has itself, or its text
                would be read back as a number.
        """
        self._entries.ask(entry, labels)

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
        self._entries.put(entry, Entry(kind, part, checksum(part)))
        self.seconds[entry] = round(seconds, 3)
        if write:
            self.write()

    def take(self, entry: str, other: "RecordFolder") -> None:
        """Take over an entry of another record of the study, without writing files.

        Args:
            entry: Id of the entry.
            other: The record that has it.
        """
        content = other._entries[entry]
        self.origins[content.part.origin] = other.origins[content.part.origin]
        self._entries.put(entry, content, other.labels(entry))
        if entry in other.seconds:
            self.seconds[entry] = other.seconds[entry]

    def drop(self, entries: Sequence[str]) -> None:
        """Remove entries, without writing files.

        Args:
            entries: Their ids.
        """
        for entry in entries:
            self._entries.drop(entry)
            self.seconds.pop(entry, None)

    def asked(self) -> list[str]:
        """Return the entries that the study asked for and the record has, in the order asked."""
        return list(dict.fromkeys(use.entry for use in self._entries.uses(asked=True)))

    def unasked(self) -> list[str]:
        """Return the entries that the study did not ask for."""
        asked = set(self.asked())
        return [entry for entry in self._entries if entry not in asked]

    def rows(self, table: str, *, used: bool = True) -> Rows:
        """Return the rows of a table with labels, entry and origin.

        Args:
            table: ``measurements`` or the name of another table.
            used: Whether to leave out entries that the study did not ask for.
        """
        rows = []
        for use in self._entries.uses(asked=used):
            part = self.part(use.entry)
            content = part.measurements if table == "measurements" else part.table(table)
            origin = {"entry": use.entry, "origin": part.origin}
            rows += [{**use.labels, **row, **origin} for row in content]
        return rows

    def take_over(self) -> None:
        """Take over the entries that other processes wrote since this one last used the files.

        Raises:
            RecordError: If the files were damaged since.
        """
        on_disk = RecordFiles(self.folder)
        if not self._replace and on_disk.signature() != self._seen:
            content, self._seen = on_disk.consistent(lambda: read_content(on_disk, self.study))
            self._take(content)

    def write(self) -> None:
        """Write all files; of an unchanged record the same bytes.

        Raises:
            RecordError: If the files were damaged since they were read; they are left as they are.
        """
        on_disk = RecordFiles(self.folder)
        with on_disk.lock(), garbage_collection.paused():
            if not self._replace and on_disk.signature() != self._seen:
                self._take(read_content(on_disk, self.study))
            uses = self._entries.uses(asked=False)
            contents = {**self._entries.texts(uses), **self._other_texts(uses)}
            known = {f"{table}.csv" for table in self._entries.tables} | contents.keys()
            tables = [name for name in on_disk.names() if name.endswith(".csv")]
            on_disk.commit(contents, [name for name in tables if name not in known])
            self._seen = on_disk.signature()
        self._entries.written()

    def _other_texts(self, uses: Sequence[LabelledUse]) -> dict[str, bytes]:
        """Return the files beside the tables: name -> content."""
        entries = dict.fromkeys([use.entry for use in uses])
        known = [entry for entry in entries if entry in self.seconds]
        # Seconds of no entry are those of former runs as a whole.
        known += [name for name in self.seconds if name not in entries]
        times = [f"{name},{self.seconds[name]:.10g}\n" for name in known]
        origins = sorted({entry.part.origin for entry in self._entries.values()})
        header = {"schema": SCHEMA, "study": self.study, **self.header}
        return {
            "times.csv": "".join(["entry,seconds\n", *times]).encode(),
            "origins.json": files.as_json({name: self.origins[name] for name in origins}).encode(),
            "record.json": files.as_json(header).encode(),
        }

    def _take(self, content: Content | None) -> None:
        former = {entry: mine.stamp for entry, mine in self._entries.items()}
        refused = self._entries.take_over(content)
        if content is None:
            return
        if refused:
            self.refused += refused
            say(
                f"record of {self.study}: another process had measured {', '.join(refused)} before "
                "and found other numbers, which stay; those of this process are left out"
            )
        for entry, seconds in content.seconds.items():
            replaced = entry in former and former[entry] != self._entries[entry].stamp
            if replaced or entry not in self.seconds:
                self.seconds[entry] = seconds
        self.origins = {**content.origins, **self.origins}
        datasets = {**content.header.get("datasets", {}), **self.header.get("datasets", {})}
        self.header = {**content.header, **self.header}
        if datasets:
            self.header["datasets"] = datasets
