"""Read the files of a record, and check that they are whole and belong together."""

import dataclasses
import json
import operator
from collections.abc import Sequence
from typing import Any

from studies import cells, garbage_collection
from studies.record_content import (
    ENTRY_COLUMNS,
    SCHEMA,
    Content,
    Entry,
    Labels,
    hash_of_lines,
)
from studies.record_files import RecordError, RecordFiles
from studies.recorder import Part, Rows

_NUMBERS = "measurements"
_NEEDED = ("entries.csv", "origins.json", "record.json")


def read_content(files: RecordFiles, study: str) -> Content | None:
    """Return what the files of a record hold; None where there are none.

    Args:
        files: The files.
        study: The study that the record must be of.

    Raises:
        RecordError: If a file is missing or damaged, or the files contradict each other.
    """
    names = files.names()
    if not names:
        return None
    if missing := [name for name in _NEEDED if name not in names]:
        raise RecordError(
            f"{files.named(missing[0])} is missing beside {', '.join(names)}. {files.remedy()}"
        )
    with garbage_collection.paused():
        return _Reader(files, study).content(names)


class _Reader:
    """Reads one record."""

    def __init__(self, files: RecordFiles, study: str) -> None:
        self.files, self.study = files, study
        self._values: dict[str, dict[str, Any]] = {}  # Column -> text -> value: most stand often.
        self._places: dict[Any, Any] = {}

    def content(self, names: Sequence[str]) -> Content:
        header, origins = self._header(), self._json("origins.json")
        requests, stamps = self._requests(origins)
        rows: dict[str, dict[str, Any]] = {entry: {} for entry in stamps}
        for name in names:
            if name.endswith(".csv") and name not in ("entries.csv", "times.csv"):
                self._sort(name, rows)
        labels: dict[str, list[Labels]] = {}
        for entry, row in requests:
            labels.setdefault(entry, []).append(row)
        entries = {
            entry: self._entry(entry, stamp, tuple(labels[entry]), rows[entry])
            for entry, stamp in stamps.items()
        }
        return Content(header, origins, entries, requests, self._seconds(names))

    def _header(self) -> dict[str, Any]:
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
        return {key: value for key, value in header.items() if key not in ("schema", "study")}

    def _requests(
        self, origins: dict[str, Any]
    ) -> tuple[list[tuple[str, Labels]], dict[str, tuple[str, str, str]]]:
        """Return (entry, labels) for each row of entries.csv, and (kind, origin, checksum)s."""
        columns, lines = self._lines("entries.csv", ENTRY_COLUMNS)
        stamp_of = operator.itemgetter(*map(columns.index, ENTRY_COLUMNS))
        labels = [(place, c) for place, c in enumerate(columns) if c not in ENTRY_COLUMNS]
        requests: list[tuple[str, Labels]] = []
        stamps: dict[str, tuple[str, str, str]] = {}
        seen = set()
        for line in lines:
            entry, *stamp = stamp_of(line)
            if stamp[1] not in origins:
                raise RecordError(
                    f"{self._named('entries.csv')} names the origin {stamp[1]!r}, which "
                    "origins.json lacks. Restore both files from one commit."
                )
            if stamps.setdefault(entry, tuple(stamp)) != tuple(stamp):
                raise RecordError(
                    f"{self._named('entries.csv')} holds two different entries {entry!r}: its rows "
                    "contradict each other. Keep the rows of one of them in all tables."
                )
            if tuple(line) in seen:
                raise RecordError(
                    f"{self._named('entries.csv')} holds the same line twice: entry {entry!r}. "
                    f"{self.files.remedy()}"
                )
            seen.add(tuple(line))
            row = {c: self._value(c, line[place]) for place, c in labels if line[place]}
            requests.append((entry, row))
        return requests, stamps

    def _sort(self, name: str, rows: dict[str, dict[str, Any]]) -> None:
        """Give the rows of a table to their entries: table -> (columns, cells of each row)."""
        columns, lines = self._lines(name, ("entry",))
        place, table = columns.index("entry"), name.removesuffix(".csv")
        last, block = None, []
        for line in lines:
            if line[place] != last:
                last = line[place]
                if last not in rows:
                    raise RecordError(
                        f"{self._named(name)} holds rows of the entry {last!r}, which entries.csv "
                        f"lacks: one of the two is damaged. {self.files.remedy()}"
                    )
                block = rows[last].setdefault(table, (columns, []))[1]
            block.append(line)

    def _entry(
        self,
        entry: str,
        stamp: tuple[str, str, str],
        labels: tuple[Labels, ...],
        tables: dict[str, tuple[list[str], list[list[str]]]],
    ) -> Entry:
        kind, origin, written = stamp
        contents = {name: self._block(name, *tables[name]) for name in tables if name != _NUMBERS}
        if _NUMBERS in tables:
            copies = self._copies(*tables[_NUMBERS], origin, labels)
            if not copies or any(copy.lines != copies[0].lines for copy in copies):
                raise self._changed(entry, kind, tables)
            contents[_NUMBERS] = copies[0]
        if (
            hash_of_lines([line for name in sorted(contents) for line in contents[name].lines])
            != written
        ):
            raise self._changed(entry, kind, tables)
        rows = {name: block.rows for name, block in contents.items()}
        return Entry(kind, Part(rows.pop(_NUMBERS, []), rows, origin), written)

    def _copies(
        self,
        columns: list[str],
        lines: list[list[str]],
        origin: str,
        labels: tuple[Labels, ...],
    ) -> "list[_Block]":
        """Return the numbers of an entry as each request repeats them; none if labels differ."""
        length, left = divmod(len(lines), len(labels))
        blocks = []
        for copy, given in enumerate(labels):
            part = lines[copy * length : (copy + 1) * length]
            expected = {**given, "origin": origin}
            if left or not expected.keys() <= set(columns):
                return []
            cells_of = operator.itemgetter(columns.index("entry"), *map(columns.index, expected))
            texts = tuple(map(cells.text, expected.values()))
            if any(cells_of(line)[1:] != texts for line in part):
                return []
            blocks.append(self._block(_NUMBERS, columns, part, tuple(expected)))
        return blocks

    def _block(
        self,
        table: str,
        columns: list[str],
        lines: list[list[str]],
        dropped: tuple[str, ...] = (),
    ) -> "_Block":
        """Return the rows of an entry in a table, and the lines that its checksum is made of."""
        key = (table, dropped)
        if key not in self._places:
            kept = [(c, place) for place, c in enumerate(columns) if c not in ("entry", *dropped)]
            self._places[key] = (
                [(place, c, self._values.setdefault(c, {})) for c, place in kept],
                [(place, f"({c!r}, ") for c, place in sorted(kept)],
            )
        places, named = self._places[key]
        rows = []
        for line in lines:
            row = {}
            for place, column, values in places:
                if cell := line[place]:
                    if cell not in values:
                        values[cell] = cells.parse(column, cell)
                    row[column] = values[cell]
            rows.append(row)
        texts = [
            f"{table} [{', '.join([f'{name}{line[p]!r})' for p, name in named if line[p]])}]"
            for line in lines
        ]
        return _Block(rows, texts)

    def _changed(self, entry: str, kind: str, tables: dict[str, Any]) -> RecordError:
        counts = [f"{name}.csv ({len(lines)})" for name, (_, lines) in sorted(tables.items())]
        return RecordError(
            f"{self.files.folder.name}: the rows of entry {entry!r} ({kind}) are not the ones that "
            f"were written: in {', '.join(counts) or 'no table'}. There a table is damaged or was "
            f"edited, or one is missing. {self.files.remedy()} To measure this entry alone again, "
            f"remove its lines from all tables (sed -i '/^{entry},/d' {self.files.folder.name}/"
            "*.csv)."
        )

    def _seconds(self, names: Sequence[str]) -> dict[str, float]:
        if "times.csv" not in names:  # Nothing is found by it.
            return {}
        _, lines = self._lines("times.csv", ("entry", "seconds"))
        try:
            return {name: float(seconds) for name, seconds in lines}
        except ValueError as error:
            raise RecordError(
                f"{self._named('times.csv')} cannot be read: {error}. {self.files.remedy()}"
            ) from None

    def _value(self, column: str, cell: str) -> Any:
        values = self._values.setdefault(column, {})
        if cell not in values:
            values[cell] = cells.parse(column, cell)
        return values[cell]

    def _json(self, name: str) -> dict[str, Any]:
        text = self.files.read(name)
        try:
            value = json.loads(text)
        except ValueError as error:
            raise RecordError(
                f"{self._named(name)} cannot be read: {error}. {self.files.remedy()}"
            ) from None
        if not isinstance(value, dict):
            raise RecordError(f"{self._named(name)} holds no names and values. Restore it.")
        return value

    def _lines(self, name: str, needed: Sequence[str]) -> tuple[list[str], list[list[str]]]:
        text = self.files.read(name)
        try:
            columns, lines = cells.lines(text)
        except ValueError as error:
            raise RecordError(
                f"{self._named(name)} cannot be read: {error}. {self.files.remedy()}"
            ) from None
        if missing := [column for column in needed if column not in columns]:
            raise RecordError(
                f"{self._named(name)} has no column {missing[0]!r}, so it is no table of a record. "
                "Move it elsewhere if you put it there; otherwise: "
                f"{self.files.remedy()[0].lower()}{self.files.remedy()[1:]}"
            )
        return columns, lines

    def _named(self, name: str) -> str:
        return self.files.named(name)


@dataclasses.dataclass(frozen=True)
class _Block:
    """Rows of an entry in a table, and the lines that its checksum is made of."""

    rows: Rows
    lines: list[str]
