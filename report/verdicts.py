"""The verdicts of a profile, as ``09_verdicts`` writes them: read once, for page, PDF and README.

``results/09_verdicts/verdicts.json`` is an object with two lists:

``judgements``
    A row an atomic claim, one measured relation with one claimed side and one border; the fields
    are those of ``Judgement``. ``id``, ``claim`` and ``word`` are there in every row. What a row
    lacks has no value, and what else it holds is left alone.
``claims``
    A row a claim of a source: ``id``, ``statement``, ``source_numbers``, and ``reason`` where
    nothing is judged of it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from report.errors import ReportError
from report.records import read_json

FILE = "verdicts.json"
NOT_JUDGED = "not judged"
WORDS = ("reproduced", "contradicted", "undecided", NOT_JUDGED)
# The outcome of a check of what a verdict depends on, with the words a reader sees.
OUTCOMES = {
    "holds": "holds",
    "gone": "no difference left",
    "reversed": "reversed",
    "undecided": "undecided",
    "not run": "not run",
}
TELLING = ("gone", "reversed")  # the outcomes that say what a verdict depends on


@dataclass(frozen=True)
class Judgement:
    """The verdict on one atomic claim. Texts are plain, with Unicode or $maths$.

    Attributes:
        id: Such as ``S1.2a``.
        claim: The claim of the source that it is a part of, such as ``S1.2``.
        word: As the source measured; one of ``WORDS``.
        source: The source, such as ``S1``.
        statement: What is claimed.
        depends: Check -> its outcome, one of ``OUTCOMES``.
        size: Whether the interval holds the source's number: ``yes``, ``no`` or ``none``.
        sentence: What was found, with its numbers.
        setting: How the setting departs from the source's.
        study: The study that measured it.
        estimate: The estimate, in units of ``scale``.
        low: Lower end of the 95% interval.
        high: Upper end of the 95% interval.
        low90: Lower end of the 90% interval, by which equivalence is judged.
        high90: Upper end of the 90% interval.
        n: Number of seeds, or of disjoint pairs of seeds.
        border: What the interval is held against.
        margin: Within which of the border a quantity counts as equivalent.
        scale: Such as ``ratio`` or ``difference``.
        side: The claimed side of the border.
        source_number: The number that the source gives.
        would_have_seen: The effect that would have been seen, of an undecided claim.
        former: The word that earlier rules gave.
        reason: Why nothing was judged.
        rule_commit: The commit of the rule.
    """

    id: str
    claim: str
    word: str
    source: str = ""
    statement: str = ""
    depends: Mapping[str, str] = field(default_factory=dict)
    size: str = "none"
    sentence: str = ""
    setting: str = ""
    study: str = ""
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    low90: float = math.nan
    high90: float = math.nan
    n: int = 0
    border: float = math.nan
    margin: float = math.nan
    scale: str = ""
    side: str = ""
    source_number: str = ""
    would_have_seen: str = ""
    former: str = ""
    reason: str = ""
    rule_commit: str = ""

    @property
    def found(self) -> str:
        """What was found, or why nothing was judged; of an undecided claim what could be seen."""
        text = self.sentence or self.reason
        if self.word == "undecided" and self.would_have_seen:
            text = f"{text} Would have been seen: {self.would_have_seen}.".strip()
        return text

    @property
    def dependence(self) -> str:
        """What the verdict depends on: the checks that ended otherwise, as one text."""
        return "; ".join(
            f"{check}: {OUTCOMES[outcome]}"
            for check, outcome in self.depends.items()
            if outcome in TELLING
        )

    @property
    def checks(self) -> str:
        """Every check and its outcome, as one text."""
        return "; ".join(f"{check}: {OUTCOMES[outcome]}" for check, outcome in self.depends.items())


@dataclass(frozen=True)
class SourceClaim:
    """A claim as the source makes it, with the reason where nothing is judged of it."""

    id: str
    statement: str = ""
    source_numbers: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Verdicts:
    """What ``09_verdicts`` gave."""

    judgements: tuple[Judgement, ...] = ()
    claims: tuple[SourceClaim, ...] = ()

    @property
    def tally(self) -> list[tuple[str, int]]:
        """How many atomic claims were judged in which way; words that occur only."""
        return tally(row.word for row in self.judged)

    @property
    def judged(self) -> tuple[Judgement, ...]:
        """The atomic claims that have a verdict."""
        return tuple(row for row in self.judgements if row.word != NOT_JUDGED)

    def by_source(self) -> list[tuple[Judgement, ...]]:
        """Return the judgements in groups of one source each."""
        groups: dict[str, list[Judgement]] = {}
        for row in self.judgements:
            groups.setdefault(row.source or row.claim.split(".")[0], []).append(row)
        return [tuple(rows) for rows in groups.values()]


def tally(words: Iterable[str]) -> list[tuple[str, int]]:
    """Return (word, how often it occurs) in the order of ``WORDS``, of those that occur."""
    counts = Counter(words)
    return [(word, counts[word]) for word in WORDS if counts[word]]


def read_verdicts(path: Path) -> Verdicts:
    """Read the file of verdicts.

    Raises:
        ReportError: If it is missing or damaged, a row lacks what every row has, a word or an
            outcome is unknown, or an id stands twice.
    """
    content = read_json(path, "09_verdicts writes it; run make study STUDY=09_verdicts")
    rows = [_judgement(entry, path) for entry in content.get("judgements", ())]
    claims = [_row(SourceClaim, entry, ("id",), path) for entry in content.get("claims", ())]
    twice = [id for id, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise ReportError(
            f"{path} holds {', '.join(twice)} twice. An atomic claim has one judgement: give each "
            "a name of its own in 09_verdicts"
        )
    return Verdicts(tuple(rows), tuple(claims))


def _judgement(entry: Any, path: Path) -> Judgement:
    row = _row(Judgement, entry, ("id", "claim", "word"), path)
    if row.word not in WORDS:
        raise ReportError(
            f"{path}: {row.id} has the verdict {row.word!r}; allowed are {', '.join(WORDS)}."
        )
    for check, outcome in row.depends.items():
        if outcome not in OUTCOMES:
            raise ReportError(
                f"{path}: {row.id} has the outcome {outcome!r} of the check {check!r}; allowed are "
                f"{', '.join(OUTCOMES)}."
            )
    return row


def _row(kind: type, entry: Any, needed: tuple[str, ...], path: Path) -> Any:
    if not isinstance(entry, dict) or any(not entry.get(name) for name in needed):
        shown = json.dumps(entry, ensure_ascii=False)[:80]
        raise ReportError(
            f"{path} holds the row {shown}, which lacks a value of {', '.join(needed)}. Every row "
            "has them; run make study STUDY=09_verdicts again"
        )
    known = {one.name for one in fields(kind)}
    values = {name: value for name, value in entry.items() if name in known and value is not None}
    for name, value in values.items():
        # Numbers of a source may come as numbers or as texts.
        if kind.__dataclass_fields__[name].type == "str" and not isinstance(value, str):
            values[name] = str(value)
    return kind(**values)
