"""What a document says of itself before its first chapter: authors, version, date, sources."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from report.errors import ReportError

HERE = Path(__file__).parent
CITATION = HERE.parent / "CITATION.cff"
SOURCES = HERE / "sources.csv"


@dataclass(frozen=True)
class Source:
    """A study whose claims the report judges.

    Attributes:
        id: Such as ``S1``.
        title: Its title.
        setting: Its data, networks and training.
    """

    id: str
    title: str
    setting: str


@dataclass(frozen=True)
class Front:
    """Who wrote the document, which version it is, when it was released, and whom it tests.

    Attributes:
        authors: As the title page names them.
        version: Of the report and its library.
        released: Date of this version, YYYY-MM-DD.
        sources: The studies whose claims are judged.
    """

    authors: str
    version: str
    released: str
    sources: tuple[Source, ...]


def read_front(citation: Path = CITATION, sources: Path = SOURCES) -> Front:
    """Read the title page from ``CITATION.cff`` and the list of sources.

    The date is the release's, not the clock's: the same commit gives the same bytes.

    Raises:
        ReportError: If ``CITATION.cff`` lacks an author, a version or a date.
    """
    text = citation.read_text(encoding="utf-8") if citation.is_file() else ""
    fields = {
        name: re.search(rf"^\s*(?:- )?{name}:\s*\"?([^\"\n]+?)\"?\s*$", text, re.MULTILINE)
        for name in ("name", "version", "date-released")
    }
    absent = [name for name, match in fields.items() if match is None]
    if absent:
        raise ReportError(
            f"{citation.name} lacks {', '.join(absent)}. The title page names the authors, the "
            "version and its date: give it `- name: ...`, `version: 0.1.0`, "
            "`date-released: 2026-11-30`."
        )
    name, version, released = (match.group(1) for match in fields.values())
    return Front(name, version, released, _sources(sources))


def _sources(path: Path) -> tuple[Source, ...]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(Source(row["id"], row["title"], row.get("setting", "")) for row in rows)
