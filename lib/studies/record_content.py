"""What a record holds: its entries, and the requests for them."""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from studies import cells
from studies.recorder import Part

SCHEMA = 1
ENTRY_COLUMNS = ("entry", "kind", "origin", "checksum")
RESERVED = (*ENTRY_COLUMNS, "quantity", "value")  # No label has these names.

Labels = dict[str, Any]


class Stamp(NamedTuple):
    """What tells whether an entry is still the same.

    Attributes:
        checksum: Hash of its content.
        origin: Who measured it.
    """

    checksum: str
    origin: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a record.

    Attributes:
        kind: Its kind, such as ``runs``.
        part: Its content.
        checksum: Hash of the content.
    """

    kind: str
    part: Part
    checksum: str

    @property
    def stamp(self) -> Stamp:
        """What tells whether the entry is still the same."""
        return Stamp(self.checksum, self.part.origin)

    @functools.cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Table -> the columns of its rows, in their first order, of the tables that have rows."""
        tables = {"measurements": self.part.measurements, **self.part.tables}
        return {
            name: tuple(dict.fromkeys(column for row in rows for column in row))
            for name, rows in tables.items()
            if rows
        }


@dataclasses.dataclass(eq=False)
class LabelledUse:
    """One request for an entry.

    Attributes:
        entry: Id of the entry.
        labels: Column -> value.
        texts: Table -> (columns, lines of the entry in UTF-8), as formatted for these labels.
    """

    entry: str
    labels: Labels
    texts: dict[str, tuple[Sequence[str], bytes]] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """What makes two requests the same, whatever the order of their labels."""
        texts = ((name, cells.text(value)) for name, value in self.labels.items())
        return (self.entry, *sorted(texts))

    def check(self, entry: Entry | None) -> None:
        """Refuse names of labels that are taken.

        Args:
            entry: The entry, if the record has it.

        Raises:
            ValueError: If a label is called as a column of every record, or as one of the entry's
                numbers: one would hide the other.
        """
        if reserved := [name for name in RESERVED if name in self.labels]:
            raise ValueError(
                f"a label is called {reserved[0]!r}, as a column of every record is. Choose "
                "another name."
            )
        if entry is None:
            return
        columns = entry.columns.get("measurements", ())
        if both := [name for name in self.labels if name in columns]:
            raise ValueError(
                f"entry {self.entry} ({entry.kind}) has a label {both[0]!r}, and so have its "
                "numbers as a column. Name one of the two otherwise."
            )


@dataclasses.dataclass(frozen=True)
class Content:
    """What the files of a record hold.

    Attributes:
        header: ``record.json`` without schema and study.
        origins: Origin -> machine, commit, versions.
        entries: Id -> entry, in the order of ``entries.csv``.
        requests: (entry, labels), in the order of ``entries.csv``.
        seconds: Entry, or a name of former runs -> computing time.
    """

    header: dict[str, Any]
    origins: dict[str, dict[str, Any]]
    entries: dict[str, Entry]
    requests: list[tuple[str, Labels]]
    seconds: dict[str, float]


def checksum(part: Part) -> str:
    """Return a hash of an entry's content."""
    content = {"measurements": part.measurements, **part.tables}
    return hash_of_lines(
        [
            f"{name} {sorted((key, cells.text(value)) for key, value in row.items())}"
            for name in sorted(content)
            for row in content[name]
        ]
    )


def hash_of_lines(lines: Sequence[str]) -> str:
    """Return a short hash of lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
