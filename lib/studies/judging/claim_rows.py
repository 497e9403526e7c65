"""Rows of the sources' claims: what was found on a claim as a whole, from its judged parts.

A row of a claim, all of it JSON::

    claim, source           "S1.4", "S1"
    statement               what the source asserts, at most 160 characters
    finding                 what was found, one sentence of at most 160 characters; of a claim
                            without a judged part, why
    verdict                 reproduced | contradicted | partly | undecided | not judged
    headline                one phrase: higher accuracy: holds; steadier loss: explained by the
                            training loss
    condition               of a claim that is reproduced: the checks on which its parts depend,
                            such as "but depends on the BN mode"; empty where all always hold
    ids                     its parts, atomic claims
    studies                 the studies whose records judge it
    evidence                labels of figures and tables, such as 01_bn_ablation/fig-sharpness

The words of a claim as a whole:

``reproduced``
    Every part is reproduced as the source measured it.
``contradicted``
    No part is reproduced, and at least one is contradicted.
``partly``
    At least one part is reproduced, and at least one is not: contradicted, undecided or not judged.
``undecided``
    No part is reproduced or contradicted, and at least one was measured.
``not judged``
    No part was measured.

A trial, which is no evidence, gives all of them the word ``trial``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studies.formatting import list_text
from studies.judging.rows import TRIAL, headline, trial_sentence
from studies.judging.sentences import sentence
from studies.judging.source_claims import SourceClaim
from studies.judging.verdicts import Judgement

WORDS = ("reproduced", "contradicted", "partly", "undecided", "not judged")
LONGEST = 160  # Characters of a finding.


def claim_verdict(parts: Sequence[Judgement]) -> str:
    """Return the word of a claim as a whole; the module's docstring defines them.

    Args:
        parts: The judgements of all its atomic claims, at least one.

    Raises:
        ValueError: If there is none, or they belong to different claims.
    """
    _check(parts)
    words = {judgement.verdict for judgement in parts}
    if len(words) == 1:
        return words.pop()
    if "reproduced" in words:
        return "partly"
    return "contradicted" if "contradicted" in words else "undecided"


def claim_headline(parts: Sequence[Judgement]) -> str:
    """Return what became of each part in one phrase, such as ``higher accuracy: holds; ...``.

    Args:
        parts: The judgements of all its atomic claims, at least one.
    """
    _check(parts)
    phrases = {judgement.claim.id: headline(judgement).partition(";")[0] for judgement in parts}
    if len(parts) == 1:
        return phrases[parts[0].claim.id]
    names: dict[str, list[str]] = {}
    for judgement in parts:
        names.setdefault(phrases[judgement.claim.id], []).append(
            judgement.claim.name or judgement.claim.id
        )
    return "; ".join(_told(phrase, members) for phrase, members in names.items())


def claim_condition(parts: Sequence[Judgement]) -> str:
    """Return on what a reproduced claim depends, such as ``but explained by the scale``.

    Empty if all parts hold in every check, or it is not reproduced.

    Args:
        parts: The judgements of all its atomic claims, at least one.
    """
    if claim_verdict(parts) != "reproduced":
        return ""
    phrases = dict.fromkeys(headline(judgement) for judgement in parts)
    conditions = [phrase for phrase in phrases if not phrase.startswith("holds")]
    if not conditions:
        return ""
    start = "but in part " if len(conditions) < len(phrases) else "but "
    return start + _joined(conditions)


def claim_finding(parts: Sequence[Judgement]) -> str:
    """Return what was found on a claim in one sentence, from the part that says most.

    A part that falls says more than one that depends on a check, and this one more than one that
    holds; what nothing decides comes last.

    Args:
        parts: The judgements of all its atomic claims, at least one.
    """
    _check(parts)
    return sentence(min(parts, key=_rank), longest=LONGEST)


def claim_row(
    claim: SourceClaim,
    parts: Sequence[Judgement],
    studies: Iterable[str] = (),
    *,
    finding: str = "",
    evidence: bool = True,
) -> dict[str, Any]:
    """Return a claim as a row, with the keys that the module's docstring lists.

    Args:
        claim: The claim.
        parts: The judgements of all its atomic claims.
        studies: The studies whose records judge it.
        finding: What was found; empty takes ``claim_finding``.
        evidence: Whether the numbers are evidence; if not, no word of a verdict is given.
    """
    if evidence:
        words = claim_verdict(parts), claim_headline(parts), finding or claim_finding(parts)
        condition = claim_condition(parts)
    else:
        measured = [judgement for judgement in parts if judgement.findings] or list(parts)
        words = TRIAL, TRIAL, trial_sentence(measured[0])
        condition = ""
    labels = dict.fromkeys(label for judgement in parts for label in judgement.claim.evidence)
    return {
        "claim": claim.id,
        "source": claim.source,
        "statement": claim.statement,
        "finding": words[2],
        "verdict": words[0],
        "headline": words[1],
        "condition": condition,
        "ids": [judgement.claim.id for judgement in parts],
        "studies": list(dict.fromkeys(studies)),
        "evidence": list(labels),
    }


def by_claim(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    """Return the judgements of each claim of a source, in order.

    Args:
        judgements: Of atomic claims.
    """
    groups: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        groups.setdefault(judgement.claim.claim, []).append(judgement)
    return groups


def claim_counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return word -> number of claims, in the order of ``WORDS``, of words that occur.

    Args:
        rows: Rows of claims.
    """
    words = [row["verdict"] for row in rows]
    return {word: words.count(word) for word in WORDS if word in words}


def _joined(phrases: Sequence[str]) -> str:
    """Return conditions, at least one, as a phrase; what explains several parts is named once."""
    explaining = [
        phrase.removeprefix("explained by ") for phrase in phrases if "explained" in phrase
    ]
    others = [phrase for phrase in phrases if "explained" not in phrase]
    explained = [f"explained by {list_text(explaining)}"] if explaining else []
    return ", in part ".join([*explained, *others])


def _rank(judgement: Judgement) -> int:
    if judgement.verdict == "contradicted":
        return 0
    if judgement.verdict == "reproduced":
        return 1 if judgement.depends_on else 2
    return {"undecided": 3, "not judged": 4}[judgement.verdict]


def _told(phrase: str, names: Sequence[str]) -> str:
    """Return a phrase behind the parts that it is about."""
    verb = {"holds": "hold", "not judged": "not tested"}.get(phrase, phrase)
    if phrase == "holds" and len(names) == 1:
        verb = "holds"
    elif phrase.startswith("depends") and len(names) > 1:
        verb = phrase.replace("depends", "depend")
    return f"{list_text(names)}: {verb}"


def _check(parts: Sequence[Judgement]) -> None:
    claims = list(dict.fromkeys(judgement.claim.claim for judgement in parts))
    if len(claims) != 1:
        raise ValueError(
            f"judgements of {len(claims)} claims ({', '.join(claims) or 'none'}) are no parts of "
            "one. Pass all judgements of one claim."
        )
