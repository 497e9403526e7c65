"""Sentences on all judgements: what stood, on what it depends, what fell hardest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from studies.display import Findings, Sentence
from studies.formatting import list_text, number_text
from studies.judging.claim_rows import by_claim, claim_verdict
from studies.judging.rules import CHECKS
from studies.judging.verdicts import Judgement
from studies.judging.words import inside, is_bordered, with_unit

_WORDS = ("reproduced", "contradicted", "undecided")
TRIAL = "Trial on other data than the sources', no evidence."


class Basis(Protocol):
    """What a judgement rests on; see ``verdicts.judgements.Basis``."""

    stale: tuple[str, ...]
    missing: tuple[str, ...]


def what_stood(judgements: Sequence[Judgement], *, evidence: bool = True) -> Sentence:
    """Return how many claims came out in which way, and what became of their parts.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; if not, no verdict is told.
    """
    measured = [judgement for judgement in judgements if judgement.verdict != "not judged"]
    if not evidence:
        return Sentence(f"{TRIAL} {len(measured)} of {len(judgements)} parts were measured.")
    claims = [claim_verdict(parts) for parts in by_claim(judgements).values()]
    tested = len(claims) - claims.count("not judged")
    words = {
        "reproduced": "reproduced as the source measured them",
        "partly": "reproduced in part",
        "contradicted": "contradicted",
        "undecided": "undecided",
    }
    told = [f"{claims.count(w)} are {text}" for w, text in words.items() if claims.count(w)]
    parts: Counter[str] = Counter(judgement.verdict for judgement in measured)
    split = list_text([f"{parts[word]} {word}" for word in _WORDS if parts[word]] or ["none"])
    return Sentence(
        f"Of {len(claims)} claims {tested} are tested: {list_text(told or ['none is decided'])}. "
        f"They have {len(measured)} measured parts: {split}."
    )


def what_depends(judgements: Sequence[Judgement], *, evidence: bool = True) -> Sentence:
    """Return how many reproduced parts end otherwise in a check, and in which most often.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; if not, no verdict is told.
    """
    if not evidence:
        return Sentence(TRIAL)
    reproduced = [one for one in judgements if one.verdict == "reproduced"]
    fallen = [judgement for judgement in reproduced if judgement.depends_on]
    still = [one for one in reproduced if not one.depends_on and one.open_checks]
    text = (
        f"Of {len(reproduced)} parts that are reproduced as the source measured them, "
        f"{len(fallen)} end otherwise in at least one check, and {len(still)} more have a check "
        "that stays open."
    )
    if counts := Counter(name for judgement in fallen for name in judgement.depends_on):
        most = [name for name in CHECKS if counts[name] == max(counts.values())]
        text += f" Most fall {list_text([CHECKS[name] for name in most])} ({max(counts.values())}"
        text += " each)." if len(most) > 1 else ")."
    return Sentence(text)


def hardest(judgements: Sequence[Judgement], *, evidence: bool = True) -> Sentence:
    """Return which contradicted ratio is farthest from the source's number.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; if not, no verdict is told.
    """
    if not evidence:
        return Sentence(TRIAL)
    factors = {
        judgement.claim.id: max(number / estimate, estimate / number)
        for judgement in judgements
        if judgement.verdict == "contradicted" and judgement.findings[0].effect.log
        for number in judgement.source_numbers[:1]
        if (estimate := judgement.findings[0].effect.estimate) > 0 and number > 0
    }
    if not factors:
        return Sentence("No contradicted ratio has a number of its source to compare with.")
    id = max(factors, key=lambda claim: factors[claim])
    fell = next(judgement for judgement in judgements if judgement.claim.id == id)
    quantity = inside(fell.findings[0].relation.quantity)
    still = fell.checks["estimator"].word == "undecided"
    place = fell.place("estimator")
    return Sentence(
        f"[{id}](#verdict-{fell.claim.claim}) lies farthest from its source: its ratio of the "
        f"{quantity} is {number_text(fell.source_numbers[0])} in the source and "
        f"{number_text(fell.findings[0].effect.estimate)} here"
        f"{f'; {place} the direction is open' if still else ''}."
    )


def verdict_findings(judgements: Sequence[Judgement], *, evidence: bool) -> Findings:
    """Return what the notebook of verdicts found, in three sentences.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; if not, no verdict is told.
    """
    if not evidence:
        return Findings(what_stood(judgements, evidence=False))
    return Findings(*(tell(judgements) for tell in (what_stood, what_depends, hardest)))


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
        old += "measured by code which has changed since, without proof that it gives the same "
        old += f"({list_text(stale)})"
    if missing:
        lacking = f"{len(missing)} {'lacks' if len(missing) == 1 else 'lack'} numbers for a "
        lacking += f"relation or a check ({list_text(missing)})"
    return Sentence(f"Of {len(basis)} parts with a rule {old}; {lacking}.")


def own_borders(judgements: Sequence[Judgement]) -> Sentence:
    """Return which borders differ from no effect: those that whoever wrote the rules chose.

    Args:
        judgements: Of all claims.
    """
    borders: dict[str, list[str]] = {}
    for judgement in judgements:
        for finding in filter(is_bordered, judgement.findings):
            text = with_unit(number_text(finding.border), finding.relation.unit)
            borders.setdefault(text, []).append(judgement.claim.id)
    if not borders:
        return Sentence("Every border is the value that means no effect; the margins are our own.")
    told = "; ".join(
        f"{text} ({list_text(list(dict.fromkeys(ids)))})" for text, ids in borders.items()
    )
    return Sentence(
        "Where a border is not the value that means no effect, we chose it or took it from the "
        f"source's number: {told}. All margins are our own."
    )


_MEANINGS = {
    "estimator": "{ids} {fall} with a better estimator: what the source saw is an artefact.",
    "BN mode": "{ids} {fall} under batch statistics: sharpness of networks with BN depends on the "
    "mode it is measured in.",
    "scale": "{ids} {fall} in relative units: the size of the weights explains the difference.",
    "training loss": "{ids} {fall} at equal training loss: networks were compared at different "
    "stages of training.",
    "step and start": "{ids} {fall} with other steps or starts: the claim describes the recipe of "
    "training.",
    "size": "{ids} {fall} at another size: the claim does not carry over.",
}


def what_it_means(judgements: Sequence[Judgement], *, evidence: bool = True) -> Sentence:
    """Return what the checks mean across the studies, a sentence a check that takes a claim.

    Args:
        judgements: Of all claims.
        evidence: Whether the numbers are evidence; if not, no verdict is told.
    """
    if not evidence:
        return Sentence(f"**What it means.** {TRIAL}")
    reproduced = [judgement for judgement in judgements if judgement.verdict == "reproduced"]
    told = []
    for name, words in _MEANINGS.items():
        fallen = [judgement for judgement in reproduced if name in judgement.depends_on]
        if name == "estimator":  # A control in another place is no better estimator.
            controls = [one for one in fallen if one.place(name) != CHECKS[name]]
            fallen = [one for one in fallen if one not in controls]
            told += [f"{one.claim.id} fails {one.place(name)}." for one in controls]
        if ids := [judgement.claim.id for judgement in fallen]:
            told.append(words.format(ids=list_text(ids), fall="fall" if len(ids) > 1 else "falls"))
    return Sentence(f"**What it means.** {' '.join(told or ['No check takes a claim away.'])}")
