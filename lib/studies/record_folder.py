"""The files of a study's record: tidy tables that grow entry by entry and are checked when read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studies import cells, files
from studies.recorder import NUMBER_COLUMNS, Part, Rows

SCHEMA = 1
_ENTRY_COLUMNS = ("entry", "kind", "origin", "checksum")


class RecordError(ValueError):
    """The files of a record cannot be used."""


class RecordFolder:
    """The record of one study as files.

    ``record.json`` holds schema, study, parameters and data sets; ``entries.csv`` a row for each
    entry, with its labels; ``measurements.csv`` a row for each number; further tables the points of
    curves, planes and the like; ``origins.json`` the machine, commit and versions of code behind
    each origin; ``times.csv`` the seconds that entries took. A file is replaced whole, and an entry
    counts once its row stands in ``entries.csv``: whatever interrupts, the record stays usable.

    An entry is found by its id, which its inputs decide. Labels (arm, factors, seed, ...) are those
    of the latest request, and an entry may be asked for under several.

    Args:
        folder: The folder of the record; it need not exist.
        study: Name of the study.

    Raises:
        RecordError: If the files are damaged, of another study, of an unknown schema, or contradict
            each other.

    Attributes:
        header: The content of ``record.json`` without schema and study.
        origins: Origin -> machine, commit, versions.
        seconds: Entry -> computing time.
    """

    def __init__(self, folder: Path, study: str) -> None:
        self.folder, self.study = Path(folder), study
        self.header: dict[str, Any] = {}
        self.origins: dict[str, dict[str, Any]] = {}
        self.seconds: dict[str, float] = {}
        self._parts: dict[str, Part] = {}
        self._kinds: dict[str, str] = {}
        self._labels: dict[str, list[dict[str, Any]]] = {}
        self._asked: dict[tuple[Any, ...], tuple[str, dict[str, Any]]] = {}
        # Texts and checksums of entries, so that adding one does not format all others again.
        self._texts: dict[tuple[str, str], tuple[Any, str]] = {}
        self._checksums: dict[str, str] = {}
        if (self.folder / "record.json").is_file():
            self._read()

    def __contains__(self, entry: str) -> bool:
        return entry in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    def part(self, entry: str) -> Part:
        """Return the content of an entry.

        Raises:
            KeyError: If there is none.
        """
        return self._parts[entry]

    def kind(self, entry: str) -> str:
        """Return the kind of an entry, such as ``runs``."""
        return self._kinds[entry]

    def ask(self, entry: str, labels: Mapping[str, Any]) -> None:
        """Note that a study uses an entry under these labels; the order of calls is kept.

        Args:
            entry: Id of the entry.
            labels: Column -> value.
        """
        row = cells.kept(labels)
        self._asked.setdefault((entry, *row.items()), (entry, row))

    def put(self, entry: str, kind: str, part: Part, *, seconds: float, write: bool = True) -> None:
        """Add an entry and write the files, so that an interruption loses nothing.

        Args:
            entry: Its id.
            kind: Its kind, such as ``runs``.
            part: Its content.
            seconds: Computing time.
            write: Whether to write the files now; derived numbers are written together.
        """
        self._parts[entry], self._kinds[entry] = part, kind
        self.seconds[entry] = round(seconds, 3)
        self._checksums[entry] = _checksum(part)
        for known in [key for key in self._texts if key[1] == entry]:
            del self._texts[known]
        if write:
            self.write()

    def take(self, entry: str, other: "RecordFolder") -> None:
        """Take over an entry of another record of the study, without writing files.

        Args:
            entry: Id of the entry.
            other: The record that has it.
        """
        part = other.part(entry)
        self.origins[part.origin] = other.origins[part.origin]
        seconds = other.seconds.get(entry)
        self.put(entry, other.kind(entry), part, seconds=seconds or 0.0, write=False)
        if seconds is None:
            del self.seconds[entry]
        self._labels[entry] = [labels for _, labels in other.labels(entry)]

    def labels(self, entry: str) -> list[tuple[str, dict[str, Any]]]:
        """Return (entry, labels) for each label row that an entry has: asked, or as read."""
        asked = [row for row in self._asked.values() if row[0] == entry]
        return asked or [(entry, labels) for labels in self._labels.get(entry, [{}])]

    def unasked(self) -> list[str]:
        """Return the entries that the study did not ask for."""
        return [entry for entry in self._parts if entry not in set(self.asked())]

    def drop(self, entries: Sequence[str]) -> None:
        """Remove entries, without writing files; tables that nothing is left of are removed.

        Args:
            entries: Their ids.
        """
        for entry in entries:
            self.seconds.pop(entry, None)
            del self._parts[entry], self._kinds[entry], self._checksums[entry]
        kept = {name for part in self._parts.values() for name in part.tables}
        for path in self.folder.glob("*.csv"):
            if path.stem not in kept | {"entries", "measurements", "times"}:
                path.unlink()
        used = {part.origin for part in self._parts.values()}
        self.origins = {name: value for name, value in self.origins.items() if name in used}

    def asked(self) -> list[str]:
        """Return the entries that the study asked for and the record has, in the order asked."""
        asked = dict.fromkeys(entry for entry, _ in self._asked.values())
        return [entry for entry in asked if entry in self._parts]

    def rows(self, table: str, *, used: bool = True) -> Rows:
        """Return the rows of a table with labels, entry, origin and kind.

        Args:
            table: ``measurements`` or the name of another table.
            used: Whether to leave out entries that the study did not ask for.
        """
        rows = []
        for entry, labels in self._requests(used=used):
            part = self._parts[entry]
            content = part.measurements if table == "measurements" else part.table(table)
            origin = {"entry": entry, "origin": part.origin}
            rows += [{**labels, **row, **origin} for row in content]
        return rows

    def write(self) -> None:
        """Write all files; of an unchanged record the same bytes."""
        requests = self._requests(used=False)
        tables = {
            "measurements": {e: p.measurements for e, p in self._parts.items() if p.measurements}
        }
        for entry, part in self._parts.items():
            for name, rows in part.tables.items():
                tables.setdefault(name, {})[entry] = rows
        label_columns = list(dict.fromkeys(key for _, labels in requests for key in labels))
        for name, contents in sorted(tables.items()):
            leading = NUMBER_COLUMNS if name == "measurements" else ()
            self._write_table(name, contents, requests, label_columns, leading)
        self._write("origins.json", files.as_json(dict(sorted(self.origins.items()))))
        known = [e for e in dict.fromkeys(e for e, _ in requests) if e in self.seconds]
        # Seconds of no entry are those of former runs as a whole.
        known += [name for name in self.seconds if name not in self._parts]
        times = [{"entry": name, "seconds": self.seconds[name]} for name in known]
        self._write("times.csv", "entry,seconds\n" + cells.as_csv(times, ("entry", "seconds")))
        identity = {"schema": SCHEMA, "study": self.study}
        self._write("record.json", files.as_json({**identity, **self.header}))
        entries = [
            {
                "entry": entry,
                "kind": self._kinds[entry],
                "origin": self._parts[entry].origin,
                "checksum": self._checksums[entry],
                **labels,
            }
            for entry, labels in requests
        ]
        columns = (*_ENTRY_COLUMNS, *label_columns)
        # Last: an entry counts once its row stands here.
        self._write("entries.csv", ",".join(columns) + "\n" + cells.as_csv(entries, columns))

    def _requests(self, *, used: bool) -> list[tuple[str, dict[str, Any]]]:
        """Return (entry, labels) in the order asked; then, unless ``used``, the other entries."""
        # By request, not by entry: seeds of an arm keep their order where two arms share entries.
        rows = [request for request in self._asked.values() if request[0] in self._parts]
        if not used:
            asked = set(self.asked())
            rest = [entry for entry in self._parts if entry not in asked]
            rows += [(e, labels) for e in rest for labels in self._labels.get(e, [{}])]
        return rows

    def _write_table(
        self,
        name: str,
        contents: Mapping[str, Rows],
        requests: list[tuple[str, dict[str, Any]]],
        label_columns: list[str],
        leading: tuple[str, ...],
    ) -> None:
        extra = dict.fromkeys(key for rows in contents.values() for row in rows for key in row)
        own = [key for key in leading if key in extra] + [k for k in extra if k not in leading]
        # Only numbers carry their labels: points of planes would repeat them ten thousand times.
        columns = ["entry", *(label_columns if name == "measurements" else ()), *own]
        columns += ["origin"] if name == "measurements" else []
        blocks, written = [",".join(columns) + "\n"], set()
        for entry, labels in requests:
            if entry not in contents or (name != "measurements" and entry in written):
                continue
            written.add(entry)
            blocks.append(self._text(name, entry, labels, contents[entry], columns))
        self._write(f"{name}.csv", "".join(blocks))

    def _text(
        self,
        name: str,
        entry: str,
        labels: Mapping[str, Any],
        rows: Rows,
        columns: list[str],
    ) -> str:
        """Return the lines of an entry in a table, formatted once."""
        given = (columns, labels)
        known = self._texts.get((name, entry))
        if known is None or known[0] != given:
            stamp = {"entry": entry, "origin": self._parts[entry].origin}
            lines = cells.as_csv([{**labels, **row, **stamp} for row in rows], columns)
            known = self._texts[name, entry] = (given, lines)
        return known[1]

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            files.write(path, text)

    def _read(self) -> None:
        header = self._json("record.json")
        if header.get("schema") != SCHEMA:
            raise RecordError(
                f"{self._named('record.json')} has schema {header.get('schema')!r}; this version "
                f"reads schema {SCHEMA}. Use the version that wrote it, or measure it again."
            )
        if header.get("study") != self.study:
            raise RecordError(
                f"{self._named('record.json')} is the record of {header.get('study')!r}, not of "
                f"{self.study!r}. Put each record into the folder of its study."
            )
        self.header = {k: v for k, v in header.items() if k not in ("schema", "study")}
        self.origins = self._json("origins.json")
        columns, entries = self._csv("entries.csv")
        labels = [column for column in columns if column not in _ENTRY_COLUMNS]
        checksums = self._read_entries(entries, labels)
        tables = {
            path.stem: self._csv(path.name)[1]
            for path in sorted(self.folder.glob("*.csv"))
            if path.stem not in ("entries", "times")
        }
        times = self._csv("times.csv")[1] if (self.folder / "times.csv").is_file() else []
        self.seconds = {row["entry"]: float(row["seconds"]) for row in times}
        self._read_parts(tables, set(labels), checksums)

    def _read_entries(self, entries: Rows, labels: list[str]) -> dict[str, tuple[str, str]]:
        checksums: dict[str, tuple[str, str]] = {}
        for row in entries:
            entry, stamp = row["entry"], (row["origin"], row["checksum"])
            if row["origin"] not in self.origins:
                raise RecordError(
                    f"{self._named('entries.csv')} names the origin {row['origin']!r}, which "
                    "origins.json lacks. Restore both files from one commit."
                )
            if checksums.setdefault(entry, stamp) != stamp:
                raise RecordError(
                    f"{self._named('entries.csv')} holds two different entries {entry!r}: its rows "
                    "contradict each other. Keep the rows of one of them in all tables."
                )
            self._kinds[entry] = row["kind"]
            given = {key: row[key] for key in labels if key in row}
            self._labels.setdefault(entry, []).append(given)
        return checksums

    def _read_parts(
        self, tables: dict[str, Rows], labels: set[str], checksums: dict[str, tuple[str, str]]
    ) -> None:
        contents: dict[str, dict[str, Rows]] = {entry: {} for entry in checksums}
        for name, rows in tables.items():
            dropped = {"entry"} | (labels | {"origin"} if name == "measurements" else set())
            for row in rows:
                # Rows without an entry were written by an interrupted process: they do not count.
                if (content := contents.get(row.get("entry", ""))) is not None:
                    kept = {key: value for key, value in row.items() if key not in dropped}
                    content.setdefault(name, []).append(kept)
        for entry, (origin, checksum) in checksums.items():
            content = contents[entry]
            numbers = content.pop("measurements", [])
            copies = len(self._labels[entry])
            part = Part(numbers[: len(numbers) // copies], content, origin)
            self._checksums[entry] = checksum
            if numbers != part.measurements * copies or _checksum(part) != checksum:
                raise RecordError(
                    f"{self.folder.name}: the rows of entry {entry!r} ({self._kinds[entry]}) are "
                    "not the ones that were written: a table is damaged or was edited. Restore it "
                    "from its commit, or delete the entry's row from entries.csv to measure it "
                    "again."
                )
            self._parts[entry] = part

    def _json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecordError(
                f"{self._named(name)} cannot be read: {error}. Restore it from its commit."
            ) from None
        if not isinstance(value, dict):
            raise RecordError(f"{self._named(name)} holds no names and values. Restore it.")
        return value

    def _csv(self, name: str) -> tuple[list[str], Rows]:
        try:
            return cells.from_csv((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecordError(
                f"{self._named(name)} cannot be read: {error}. Restore it from its commit."
            ) from None

    def _named(self, name: str) -> str:
        return f"{self.folder.name}/{name}"


def _checksum(part: Part) -> str:
    content = {"measurements": part.measurements, **part.tables}
    lines = [
        f"{name} {sorted((key, cells.text(value)) for key, value in row.items())}"
        for name in sorted(content)
        for row in content[name]
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
