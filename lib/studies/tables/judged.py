"""Tables of judgements: claims with what was found, words that changed, and what is open."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from studies.display import Figure, Heading, Sentence, Table
from studies.figures.judged import forests
from studies.formatting import list_text
from studies.judging.claim_rows import by_claim, claim_headline
from studies.judging.rows import headline, row
from studies.judging.verdicts import Judgement

WORDS = ("reproduced", "contradicted", "undecided", "not judged")
# Words of the report before that mean the same as one of today.
_SAME = {"inconclusive": "undecided"}
_SIZES = {"yes": "yes", "no": "no", "no number": "–", "no interval": "no interval"}


class Basis(Protocol):
    """What a judgement rests on; see ``verdicts.judgements.Basis``."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]


class Judged(Protocol):
    """What is judged; see ``verdicts.judgements.Judgements``."""

    evidence: bool

    def of(self, study: Any) -> list[Judgement]:
        """Return the judgements of the claims that a study has rules for."""


def judged_study(judged: Judged, study: Any, *, label: str) -> list[Heading | Table | Figure]:
    """Return what a study's record says of claims: summaries, a table, and forest plots.

    Args:
        judged: All claims, judged.
        study: The study, as ``judged.study`` returns it.
        label: Such as ``bn``, for ``tab-bn`` and ``fig-bn``.
    """
    judgements, evidence = judged.of(study), judged.evidence
    return [
        *claim_summaries(judgements),
        judgement_table(judgements, label=f"tab-{label}", evidence=evidence),
        *forests(judgements, label=f"fig-{label}", evidence=evidence),
    ]


def verdict_counts(judgements: Sequence[Judgement], *, evidence: bool) -> Sentence:
    """Return how many claims came out in which way, and on what those that hold depend.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; the sentence says if not.
    """
    words = Counter(judgement.verdict for judgement in judgements)
    judged = len(judgements) - words["not judged"]
    told = list_text([f"{words[word]} **{word}**" for word in WORDS[:-1] if words[word]])
    phrases = Counter(
        headline(judgement) for judgement in judgements if judgement.verdict == "reproduced"
    )
    hold = sum(count for phrase, count in phrases.items() if phrase.startswith("holds"))
    still = hold - phrases["holds"]
    trial = "" if evidence else "These are trial numbers, no evidence. "
    text = f"{trial}Of {len(judgements)} atomic claims {judged} are judged: {told or 'none'}."
    if words["reproduced"]:
        others = [_told(p, count) for p, count in phrases.items() if not p.startswith("holds")]
        text += f" Of those reproduced, {hold} hold in all checks that decide"
        text += f" ({still} with a check that is open)" if still else ""
        text += f"; {list_text(others)}." if others else "."
    return Sentence(text)


def judgement_table(
    judgements: Sequence[Judgement], *, label: str, caption: str = "", evidence: bool = True
) -> Table:
    """Return a table with one row an atomic claim: what was found, and its words.

    Args:
        judgements: The judgements.
        label: Such as ``tab-bn``.
        caption: What they are about.
        evidence: Whether the numbers are evidence; the caption says if not.
    """
    trial = "" if evidence else "Trial numbers, no evidence."
    explained = (
        "One row an atomic claim: what was found; whether it is as the source measured; the checks "
        "that end otherwise, and those that are open; whether the interval holds the source's "
        "number; and the setting here, where it departs from the source's."
    )
    columns = ["Claim", "Found", "As measured", "Depends on", "Size", "Setting"]
    rows = [_cells(judgement) for judgement in judgements]
    settings = {row[-1] for row in rows if row[-1] != "–"}
    if len(settings) <= 1:  # A column of one setting would only make the others narrow.
        columns, rows = columns[:-1], [row[:-1] for row in rows]
        explained = explained.replace(
            "; and the setting here, where it departs from the source's", ""
        )
        explained += f" Setting: {settings.pop()}." if settings else ""
    return Table(
        columns,
        rows,
        label=label,
        caption=" ".join(filter(None, [trial, caption, explained])),
        align=["left"] * len(columns),
    )


def claim_summaries(judgements: Sequence[Judgement]) -> list[Heading]:
    """Return for each claim of a source what stood of it, under the label ``verdict-S1.4``.

    Args:
        judgements: The judgements, of whole claims.
    """
    return [
        Heading(f"{claim}: {claim_headline(parts)}", label=f"verdict-{claim}")
        for claim, parts in by_claim(judgements).items()
    ]


def changed_words(judgements: Sequence[Judgement], *, label: str) -> Table:
    """Return a table of the claims whose word changed: before, now, and why.

    Args:
        judgements: The judgements.
        label: Such as ``tab-changed``.
    """
    rows = [
        [
            judgement.claim.id,
            judgement.rule.former,
            judgement.verdict
            if judgement.verdict != "reproduced"
            else f"reproduced; {headline(judgement)}",
            judgement.rule.reason_of_change,
        ]
        for judgement in judgements
        if judgement.rule is not None and _changed(judgement)
    ]
    columns = ["Claim", "Before", "Now", "Why"]
    return Table(
        columns,
        rows,
        label=label,
        caption="Words that changed: before, the word of the source's claim as a whole; now, that "
        "of its part. Every rule was written after its measurements.",
        align=["left"] * len(columns),
    )


def unjudged(judgements: Sequence[Judgement], *, label: str) -> Table:
    """Return a table of the claims that are not judged, with the reasons.

    Args:
        judgements: Of all claims.
        label: Such as ``tab-unjudged``.
    """
    rows = [
        [judgement.claim.id, judgement.claim.statement, judgement.reason]
        for judgement in judgements
        if judgement.verdict == "not judged"
    ]
    return Table(
        ["Claim", "Statement", "Why it is not judged"],
        rows,
        label=label,
        caption="Claims that nothing judges yet.",
        align=["left"] * 3,
    )


def rests_on(basis: Mapping[str, Basis]) -> Sentence:
    """Return how many claims rest on numbers that are stale or missing.

    Args:
        basis: Claim -> what its judgement rests on.
    """
    stale = [id for id, one in basis.items() if one.stale]
    missing = [id for id, one in basis.items() if one.missing]
    old, lacking = "none rests on numbers of code that changed since", "none lacks a number"
    if stale:
        old = f"{len(stale)} {'rests' if len(stale) == 1 else 'rest'} on numbers that were "
        old += "measured by code which has changed since, without proof that it gives the same"
    if missing:
        lacking = f"{len(missing)} {'lacks' if len(missing) == 1 else 'lack'} numbers for a "
        lacking += f"relation or a check ({list_text(missing)})"
    return Sentence(f"Of {len(basis)} claims with a rule {old}; {lacking}.")


def _told(phrase: str, count: int) -> str:
    """Return a headline as the verb of so many claims."""
    if phrase.startswith("depends"):
        return f"{count} {phrase.replace('depends', 'depend') if count > 1 else phrase}"
    if count > 1:
        phrase = phrase.replace("an artefact", "artefacts")
    return f"{count} {'is' if count == 1 else 'are'} {phrase}"


def _cells(judgement: Judgement) -> list[str]:
    values = row(judgement)
    depends = [f"{name}: {judgement.checks[name].word}" for name in judgement.depends_on]
    if judgement.open_checks:
        depends.append(f"open: {list_text(judgement.open_checks)}")
    return [
        judgement.claim.id,
        values["sentence"],
        judgement.verdict,
        "; ".join(depends) or "–",
        _SIZES[judgement.size],
        values["setting"] or "–",
    ]


def _changed(judgement: Judgement) -> bool:
    former = judgement.rule.former
    if not former:
        return False
    phrase = headline(judgement)
    now = "artefact" if judgement.artefact else judgement.verdict
    # A claim that stood as reproduced, and by now depends on a check, has another word too.
    depends = judgement.verdict == "reproduced" and not phrase.startswith("holds")
    return _SAME.get(former, former) != now or (depends and not judgement.artefact)
