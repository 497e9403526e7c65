"""What a document says of itself before its first chapter: authors, version, date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from report.errors import ReportError

CITATION = Path(__file__).parent.parent / "CITATION.cff"


@dataclass(frozen=True)
class Front:
    """Who wrote the document, which version it is, and when it was released.

    Attributes:
        authors: As the title page names them.
        version: Of the report and its library.
        released: Date of this version, YYYY-MM-DD.
    """

    authors: str
    version: str
    released: str


def read_front(citation: Path = CITATION) -> Front:
    """Read the title page from ``CITATION.cff``.

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
    name, version, released = (match.group(1) for match in fields.values() if match)
    return Front(name, version, released)
