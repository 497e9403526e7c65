"""The content of ``verdicts.json``: what the report's opening, README and PDF say of the claims.

An object with the keys::

    evidence                whether the numbers are evidence; if not, no row holds a verdict
    sources                 id, title and setting of each source
    claims                  a row a claim of a source; see judging.claim_rows
    judgements              a row an atomic claim; see judging.rows
    highlights              the findings that the report opens with: title, text, brief, claims,
                            figure; empty without evidence
    abstract, example       markdown; empty without evidence
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.store import provenance

from studies.judging.claim_rows import by_claim, claim_row
from studies.judging.highlights import (
    Opening,
    abstract_text,
    example_text,
    highlight_rows,
    read_opening,
)
from studies.judging.rows import row, trial_row
from studies.judging.source_claims import SourceClaim, read_source_claims, read_sources
from studies.judging.verdicts import Judgement

SOURCES, SOURCE_CLAIMS, OPENING = (
    f"report/{name}" for name in ("sources.csv", "source_claims.csv", "opening.toml")
)


def verdicts_content(
    judgements: Sequence[Judgement], studies: Mapping[str, str], *, evidence: bool
) -> dict[str, Any]:
    """Return the content of ``verdicts.json``, with the keys that the module's docstring lists.

    Args:
        judgements: Of all atomic claims.
        studies: Id of an atomic claim -> the study whose record judges it.
        evidence: Whether the numbers are evidence.

    Raises:
        ValueError: If a file of the report's words is damaged.
    """
    sources = read_sources(provenance.project_path(SOURCES))
    opening = read_opening(provenance.project_path(OPENING))
    known = {judgement.claim.id: judgement for judgement in judgements}
    claims = claim_rows_of(judgements, studies, opening if evidence else None)
    content: dict[str, Any] = {
        "evidence": evidence,
        "sources": [dataclasses.asdict(source) for source in sources.values()],
        "claims": claims,
        "judgements": [(row if evidence else trial_row)(one) for one in judgements],
        "highlights": [],
        "abstract": "",
        "example": "",
    }
    if evidence:
        content["highlights"] = highlight_rows(opening, known)
        content["abstract"] = abstract_text(opening, known, claims)
        content["example"] = example_text(opening, known)
    return content


def claim_rows_of(
    judgements: Sequence[Judgement], studies: Mapping[str, str], opening: Opening | None
) -> list[dict[str, Any]]:
    """Return the rows of the sources' claims, in the order of the judgements.

    Args:
        judgements: Of all atomic claims.
        studies: Id of an atomic claim -> the study whose record judges it.
        opening: The words of the report's opening; None where the numbers are no evidence.
    """
    statements = read_source_claims(provenance.project_path(SOURCE_CLAIMS))
    known = {judgement.claim.id: judgement for judgement in judgements}
    return [
        claim_row(
            # A part stands for its claim where nobody wrote a statement of the whole.
            statements.get(id) or SourceClaim(id, parts[0].claim.source, parts[0].claim.statement),
            parts,
            [studies[one.claim.id] for one in parts if one.claim.id in studies],
            finding=opening.finding(id, known) if opening else "",
            evidence=opening is not None,
        )
        for id, parts in by_claim(judgements).items()
    ]
