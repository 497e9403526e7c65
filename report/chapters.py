"""Chapters: which studies read as one, their numbers, titles and places in the document."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from report.errors import ReportError

FILE = Path(__file__).parent / "chapters.csv"
COLUMNS = ["number", "title", "question"]


@dataclass(frozen=True)
class Heading:
    """The title of a chapter of several studies, and the question that they share; markdown."""

    number: str
    title: str
    question: str


@dataclass(frozen=True)
class Numbering:
    """The number of a study, and whether it is a section of a chapter of several studies."""

    number: str  # "1" of a chapter of its own, "2.3" of the third study of chapter 2
    shared: bool

    @property
    def chapter(self) -> str:
        """The chapter's number."""
        return self.number.partition(".")[0]


def numbering(studies: Iterable[str]) -> list[Numbering]:
    """Return a number for each study: the one of its name, or its place where that is none or 0.

    Studies that share a number are sections of one chapter: 2.1, 2.2.
    """
    digits = [re.match(r"\d+", study) for study in studies]
    numbers = [(m and int(m.group())) or place for place, m in enumerate(digits, start=1)]
    counts = Counter(numbers)
    return [
        Numbering(
            f"{number}.{numbers[:place].count(number) + 1}" if counts[number] > 1 else str(number),
            counts[number] > 1,
        )
        for place, number in enumerate(numbers)
    ]


def headings(path: Path = FILE) -> dict[str, Heading]:
    """Read the titles of the chapters that hold several studies, by number.

    Raises:
        ReportError: If the file has other columns, or a number stands twice.
    """
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != COLUMNS:
            raise ReportError(
                f"{path} has the columns {', '.join(rows.fieldnames or ())}. "
                f"Give it {', '.join(COLUMNS)}: one row a chapter of several studies."
            )
        read = [Heading(**row) for row in rows]
    twice = [number for number, count in Counter(row.number for row in read).items() if count > 1]
    if twice:
        raise ReportError(f"{path} holds chapter {', '.join(twice)} twice. Give each one row.")
    return {row.number: row for row in read}


def planned(numbers: Iterable[str]) -> str:
    """Return a sentence on the numbers that no chapter has; empty where none is left out.

    A chapter has the number of its notebooks, and some notebooks are not written yet.

    Args:
        numbers: Those of the chapters.
    """
    present = {int(number) for number in numbers}
    absent = [number for number in range(1, max(present, default=0)) if number not in present]
    if not absent:
        return ""
    if len(absent) == 1:
        return f"Chapter {absent[0]} is a planned study."
    whole = absent == list(range(absent[0], absent[-1] + 1))
    between = f"{absent[0]} to {absent[-1]}" if whole else ", ".join(map(str, absent))
    return f"Chapters {between} are planned studies."
