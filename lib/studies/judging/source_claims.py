"""The sources and their claims, as a reader meets them: one statement each, before any split."""

import csv
import dataclasses
from pathlib import Path

LONGEST = 160  # Characters of a statement: it is a cell of the report's first table.


@dataclasses.dataclass(frozen=True)
class Source:
    """A source whose claims are tested.

    Attributes:
        id: Such as ``S1``.
        title: Its title.
        setting: Data and networks, in a few words.
    """

    id: str
    title: str
    setting: str


@dataclasses.dataclass(frozen=True)
class SourceClaim:
    """A claim of a source.

    Attributes:
        id: Such as ``S1.4``.
        source: Such as ``S1``.
        statement: What the source asserts, in one sentence.
    """

    id: str
    source: str
    statement: str


def read_sources(path: Path) -> dict[str, Source]:
    """Read the sources of a CSV file with the columns ``id``, ``title`` and ``setting``.

    Args:
        path: The file, in UTF-8.

    Returns:
        Id -> source, in the order of the file.

    Raises:
        ValueError: If the columns are others, a cell is empty, or an id stands twice.
    """
    return _by_id(path, [Source(**row) for row in _rows(path, Source)])


def read_source_claims(path: Path) -> dict[str, SourceClaim]:
    """Read the claims of a CSV file with the columns ``id``, ``source`` and ``statement``.

    Args:
        path: The file, in UTF-8.

    Returns:
        Id -> claim, in the order of the file.

    Raises:
        ValueError: If the columns are others, a cell is empty, an id stands twice or is no claim of
            its source, or a statement has more than ``LONGEST`` characters.
    """
    claims = _by_id(path, [SourceClaim(**row) for row in _rows(path, SourceClaim)])
    for claim in claims.values():
        if not claim.id.startswith(f"{claim.source}."):
            raise ValueError(
                f"{path.name}: {claim.id} is no claim of the source {claim.source!r}. Write the "
                "source of the claim, such as S1 for S1.4."
            )
        if len(claim.statement) > LONGEST:
            raise ValueError(
                f"{path.name}: the statement of {claim.id} has {len(claim.statement)} characters. "
                f"Write at most {LONGEST}: it is a cell of a table."
            )
    return claims


def _rows(path: Path, kind: type) -> list[dict[str, str]]:
    columns = [field.name for field in dataclasses.fields(kind)]
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if list(reader.fieldnames or ()) != columns:
            raise ValueError(
                f"{path.name} has the columns {', '.join(reader.fieldnames or ()) or 'none'}. "
                f"Its columns are {', '.join(columns)}."
            )
        rows = list(reader)
    for row in rows:
        if None in row or not all(row.values()):
            raise ValueError(
                f"{path.name}: the row {row} has an empty cell, or one too many. Fill each of "
                f"{', '.join(columns)}, and quote cells with commas."
            )
    return rows


def _by_id(path, entries):
    known = {}
    for entry in entries:
        if entry.id in known:
            raise ValueError(
                f"{path.name}: the id {entry.id} stands twice. Each row needs its own."
            )
        known[entry.id] = entry
    return known
