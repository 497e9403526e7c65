"""The verdicts of a profile, as ``09_verdicts`` writes them: read once, for page, PDF and README.

``results/09_verdicts/verdicts.json`` is an object (``studies.verdicts.content`` writes it):

``judgements``
    A row an atomic claim: one measured relation with one claimed side and one border. The keys are
    those of ``studies.judging.rows``; ``Judgement`` names those that the report uses. ``id``,
    ``claim`` and ``verdict`` are there in every row. What a row lacks is empty, and what else it
    holds is left alone.
``claims``
    A row a claim of a source; the keys are those of ``Claim``.
``highlights``, ``abstract``, ``example``
    What the report opens with; empty where the numbers are no evidence.
``evidence``
    Whether they are. If not, the word of every judgement and claim is ``trial``.
``sources``
    Id, title and setting of each source.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from report.errors import ReportError
from report.records import read_json

FILE = "verdicts.json"
NOT_JUDGED = "not judged"
TRIAL = "trial"  # In place of every verdict, where numbers are no evidence.
WORDS = ("reproduced", "contradicted", "undecided", NOT_JUDGED)
# Of a claim as a whole: partly where some of its parts are reproduced, and others are not.
CLAIM_WORDS = ("reproduced", "partly", "contradicted", "undecided", NOT_JUDGED)
_CLAIM_ALLOWED = (*CLAIM_WORDS, TRIAL)
# What a check of a verdict says, in the words that a reader sees.
OUTCOMES = {
    "holds": "holds",
    "gone": "no effect left",
    "reversed": "reversed",
    "undecided": "undecided",
    "not run": "not run",
    TRIAL: "measured",
}


@dataclass(frozen=True)
class Judgement:
    """The verdict on one atomic claim. Texts are plain, with Unicode or $maths$.

    Attributes:
        id: Such as ``S1.4b``.
        claim: The claim of the source that it is a part of, such as ``S1.4``.
        verdict: As the source measured; one of ``WORDS``.
        source: The source, such as ``S1``.
        statement: What the source asserts.
        source_setting: Data, model and training of the source.
        setting: The setting here, where it departs from the source's.
        sentence: What was found, with its numbers.
        headline: The same in one phrase, such as ``explained by the training loss``.
        evidence: Labels of figures and tables that show it, such as ``01_bn/fig-sharpness``.
        reason: Why nothing was judged.
        depends_on: The checks that ended otherwise than the verdict.
        findings: The measured relations, each with estimate, intervals, border and margin.
        checks: Check -> ``word``, one of ``OUTCOMES``, and the findings behind it.
        size: ``word``: whether the interval holds the source's number; ``text``: this number.
        rule: ``commit`` of the rule, ``former`` word, ``reason_of_change``; and more.
    """

    id: str
    claim: str
    verdict: str
    source: str = ""
    statement: str = ""
    source_setting: str = ""
    setting: str = ""
    sentence: str = ""
    headline: str = ""
    evidence: tuple[str, ...] = ()
    reason: str = ""
    depends_on: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    size: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] = field(default_factory=dict)

    @property
    def found(self) -> str:
        """What was found, or why nothing was judged."""
        return self.sentence or self.reason

    @property
    def source_number(self) -> str:
        """What the source says of the number."""
        return str(self.size.get("text") or "")

    @property
    def dependence(self) -> str:
        """The checks that ended otherwise than the verdict, each with its outcome; those open."""
        texts = [f"{check}: {self._outcome(check)}" for check in self.depends_on]
        still = [name for name, check in self.checks.items() if check.get("word") == "undecided"]
        return "; ".join([*texts, *([f"open: {', '.join(still)}"] if still else [])])

    @property
    def outcomes(self) -> str:
        """Every check that was run, with its outcome."""
        return "; ".join(
            f"{check}: {self._outcome(check)}"
            for check, content in self.checks.items()
            if content.get("word") != "not run"
        )

    @property
    def history(self) -> str:
        """The former word and why it changed; empty where it did not."""
        if not self.rule.get("changed", True):
            return ""
        former, why = (str(self.rule.get(key) or "") for key in ("former", "reason_of_change"))
        return ": ".join(filter(None, (former, why)))

    @property
    def commit(self) -> str:
        """The commit of the rule."""
        return str(self.rule.get("commit") or "")

    def _outcome(self, check: str) -> str:
        return OUTCOMES.get(self.checks.get(check, {}).get("word", ""), "does not hold")


@dataclass(frozen=True)
class Claim:
    """A claim of a source, as a whole. Texts are plain, with Unicode or $maths$.

    Attributes:
        claim: Such as ``S1.4``.
        source: Such as ``S1``.
        statement: What the source asserts.
        finding: What was found, in one sentence; why nothing was, where nothing is judged.
        verdict: One of ``CLAIM_WORDS``; ``partly``: some of its parts are reproduced, others are
            not.
        headline: What became of its parts, in one phrase.
        condition: On what a reproduced claim depends; empty where it holds in every check.
        ids: Its atomic claims.
        studies: The studies whose records judge it.
        evidence: Labels of figures and tables that show it, such as ``01_bn/fig-sharpness``.
    """

    claim: str
    source: str
    statement: str
    finding: str
    verdict: str
    headline: str = ""
    condition: str = ""
    ids: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Highlight:
    """A finding that the report opens with.

    Attributes:
        title: Its title.
        text: A few sentences, in markdown.
        brief: The finding in one sentence; empty where its words do not fit the verdicts.
        claims: The claims of sources that it is about.
        figure: Label of the figure that shows it, such as ``01_bn/fig-sharpness``.
    """

    title: str
    text: str
    claims: tuple[str, ...] = ()
    figure: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Source:
    """A source whose claims are tested: its id, title, and data and networks in a few words."""

    id: str
    title: str
    setting: str = ""


@dataclass(frozen=True)
class Verdicts:
    """What ``09_verdicts`` gave; the module's docstring explains the fields."""

    judgements: tuple[Judgement, ...] = ()
    claims: tuple[Claim, ...] = ()
    highlights: tuple[Highlight, ...] = ()
    sources: tuple[Source, ...] = ()
    abstract: str = ""
    example: str = ""
    evidence: bool = True

    @property
    def tally(self) -> list[tuple[str, int]]:
        """How many atomic claims were judged in which way; words that occur only."""
        return tally(row.verdict for row in self.judged)

    @property
    def judged(self) -> tuple[Judgement, ...]:
        """The atomic claims that have a verdict."""
        return tuple(row for row in self.judgements if row.verdict in WORDS[:-1])

    @property
    def claim_tally(self) -> list[tuple[str, int]]:
        """How many claims of sources came out in which way; words that occur only."""
        counts = Counter(row.verdict for row in self.claims)
        return [(word, counts[word]) for word in CLAIM_WORDS if counts[word]]

    @property
    def shown_by(self) -> dict[str, list[str]]:
        """The claims of the sources that each figure or table is evidence for, by its label."""
        shown: dict[str, list[str]] = {}
        for claim in self.claims:
            for label in claim.evidence:
                shown.setdefault(label, []).append(claim.claim)
        return shown

    @property
    def by_source(self) -> list[list[Judgement]]:
        """The judgements in groups of one source each."""
        groups: dict[str, list[Judgement]] = {}
        for row in self.judgements:
            groups.setdefault(row.source or row.claim.split(".")[0], []).append(row)
        return list(groups.values())


def tally(words: Iterable[str]) -> list[tuple[str, int]]:
    """Return (word, how often it occurs) in the order of ``WORDS``, of those that occur."""
    counts = Counter(words)
    return [(word, counts[word]) for word in WORDS if counts[word]]


def read_verdicts(path: Path) -> Verdicts:
    """Read the file of verdicts.

    Raises:
        ReportError: If it is missing or damaged, a row lacks what every row has, a word is unknown,
            or an id stands twice.
    """
    content = read_json(path, "09_verdicts writes it; run make study STUDY=09_verdicts")
    rows = [_judgement(entry, path) for entry in content.get("judgements", ())]
    twice = [id for id, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise ReportError(
            f"{path} holds {', '.join(twice)} twice. An atomic claim has one judgement: give each "
            "a name of its own in 09_verdicts"
        )
    return Verdicts(
        tuple(rows),
        claims=_entries(content, "claims", Claim, path),
        highlights=_entries(content, "highlights", Highlight, path),
        sources=_entries(content, "sources", Source, path),
        abstract=content.get("abstract", ""),
        example=content.get("example", ""),
        evidence=bool(content.get("evidence", True)),
    )


def _entries(content: Mapping[str, Any], name: str, kind: type, path: Path) -> tuple:
    """Return the entries of a list as instances of a class, lists in them as tuples."""
    known = {one.name for one in fields(kind)}
    needed = {one.name for one in fields(kind) if one.default is MISSING}
    entries = []
    for entry in content.get(name, ()):
        if not isinstance(entry, dict) or any(not entry.get(key) for key in needed):
            shown = json.dumps(entry, ensure_ascii=False)[:80]
            raise ReportError(
                f"{path} holds in {name} the row {shown}, which lacks a value of "
                f"{', '.join(sorted(needed))}. Run make study STUDY=09_verdicts again"
            )
        values = {key: value for key, value in entry.items() if key in known}
        entries.append(
            kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
        )
    wrong = [row.verdict for row in entries if kind is Claim and row.verdict not in _CLAIM_ALLOWED]
    if wrong:
        raise ReportError(
            f"{path} holds a claim with the verdict {wrong[0]!r}; allowed are "
            f"{', '.join(_CLAIM_ALLOWED)}."
        )
    return tuple(entries)


def _judgement(entry: Any, path: Path) -> Judgement:
    needed = ("id", "claim", "verdict")
    if not isinstance(entry, dict) or any(not entry.get(name) for name in needed):
        shown = json.dumps(entry, ensure_ascii=False)[:80]
        raise ReportError(
            f"{path} holds the row {shown}, which lacks a value of {', '.join(needed)}. Every row "
            "has them; run make study STUDY=09_verdicts again"
        )
    known = {one.name for one in fields(Judgement)}
    values = {name: value for name, value in entry.items() if name in known and value is not None}
    for name in ("depends_on", "findings", "evidence"):
        values[name] = tuple(values.get(name, ()))
    row = Judgement(**values)
    if row.verdict not in (*WORDS, TRIAL):
        raise ReportError(
            f"{path}: {row.id} has the verdict {row.verdict!r}; allowed are {', '.join(WORDS)}."
        )
    for check, result in row.checks.items():
        if result.get("word") not in OUTCOMES:
            raise ReportError(
                f"{path}: {row.id} has the outcome {result.get('word')!r} of the check {check!r}; "
                f"allowed are {', '.join(OUTCOMES)}."
            )
    return row
