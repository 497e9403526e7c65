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
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from report.errors import ReportError
from report.judgements import (
    CLAIM_WORDS,
    OUTCOMES,
    TRIAL,
    WORDS,
    Claim,
    Highlight,
    Judgement,
    Source,
    Verdicts,
)
from report.records import read_json

FILE = "verdicts.json"


def read_verdicts(path: Path) -> Verdicts:
    """Read the file of verdicts.

    Raises:
        ReportError: If it is missing or damaged, a row lacks what every row has, a word is unknown,
            or an id stands twice.
    """
    content = read_json(path, "09_verdicts writes it; run make study STUDY=09_verdicts")
    verdicts = Verdicts(
        judgements=_rows(content, "judgements", Judgement, path),
        claims=_rows(content, "claims", Claim, path),
        highlights=_rows(content, "highlights", Highlight, path),
        sources=_rows(content, "sources", Source, path),
        abstract=content.get("abstract", ""),
        example=content.get("example", ""),
        evidence=bool(content.get("evidence", True)),
    )
    _check_judgements(verdicts.judgements, path)
    _check_claims(verdicts.claims, path)
    return verdicts


def _rows(content: Mapping[str, Any], name: str, kind: type, path: Path) -> tuple:
    """Return the rows of a list as instances of a class, lists in them as tuples."""
    known = {one.name for one in fields(kind)}
    needed = [one.name for one in fields(kind) if _is_needed(one)]
    rows = []
    for entry in content.get(name, ()):
        if not isinstance(entry, dict) or any(not entry.get(key) for key in needed):
            shown = json.dumps(entry, ensure_ascii=False)[:80]
            raise ReportError(
                f"{path} holds in {name} the row {shown}, which lacks a value of "
                f"{', '.join(needed)}. Run make study STUDY=09_verdicts again"
            )
        given = {key: value for key, value in entry.items() if key in known and value is not None}
        rows.append(kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}))
    return tuple(rows)


def _is_needed(one: Field) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _check_judgements(judgements: Iterable[Judgement], path: Path) -> None:
    twice = [id for id, count in Counter(row.id for row in judgements).items() if count > 1]
    if twice:
        raise ReportError(
            f"{path} holds {', '.join(twice)} twice. An atomic claim has one judgement: give each "
            "a name of its own in 09_verdicts"
        )
    for row in judgements:
        if row.verdict not in (*WORDS, TRIAL):
            raise ReportError(
                f"{path}: {row.id} has the verdict {row.verdict!r}; allowed are {', '.join(WORDS)}."
            )
        for check, result in row.checks.items():
            if result.get("word") not in OUTCOMES:
                raise ReportError(
                    f"{path}: {row.id} has the outcome {result.get('word')!r} of the check "
                    f"{check!r}; allowed are {', '.join(OUTCOMES)}."
                )


def _check_claims(claims: Iterable[Claim], path: Path) -> None:
    allowed = (*CLAIM_WORDS, TRIAL)
    wrong = [row.verdict for row in claims if row.verdict not in allowed]
    if wrong:
        raise ReportError(
            f"{path} holds a claim with the verdict {wrong[0]!r}; allowed are {', '.join(allowed)}."
        )
