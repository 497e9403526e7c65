"""Sentences of judgements: what was found on a claim, and what the checks say."""

import math

from studies.formatting import list_text
from studies.judging.findings import JudgedRelation
from studies.judging.relation_sentences import (
    inside,
    is_bordered,
    relation_sentence,
    rounded,
    unit_words,
)
from studies.judging.verdicts import Judgement

LONGEST = 160  # Characters.


def sentence(judgement: Judgement, *, longest: int = LONGEST) -> str:
    """Return the finding on an atomic claim as one sentence.

    First the relation as the source measured it, or the one that decides of several; then what the
    checks say. Where that is longer than ``longest``, checks that change nothing are told without
    their numbers, then counted, then left out.

    Args:
        judgement: The judgement.
        longest: Characters it may have.
    """
    if judgement.verdict == "not judged":
        return judgement.reason.rstrip(".") + "."
    start = _leading(judgement)
    for detail in ("with numbers", "named", "counted", "left out"):
        text = "; ".join([start, *_check_clauses(judgement, detail)]) + "."
        if len(text) <= longest:
            break
    return text


def _leading(judgement: Judgement) -> str:
    """Return the sentence of the relation that decides, and how many of several agree."""
    findings = judgement.findings
    deciding = {
        "reproduced": ("claimed",),
        "contradicted": ("opposite", "equal"),
        "undecided": ("undecided",),
    }[judgement.verdict]
    decisive = [finding for finding in findings if finding.outcome in deciding]
    # Of several that hold, the weakest says how far all of them do; of equal p-values, the one
    # nearest to its border.
    pick = max if judgement.verdict == "reproduced" else min
    text = relation_sentence(pick(decisive, key=lambda f: (f.p_value, -_distance(f))))
    if len(findings) == 1:
        return text
    claimed = sum(finding.outcome == "claimed" for finding in findings)
    if judgement.verdict == "reproduced":
        every = "Both" if len(findings) == 2 else f"All {len(findings)}"
        weakest = "weaker" if len(findings) == 2 else "weakest"
        return f"{every} relations hold; the {weakest}: {text}"
    return f"{claimed} of {len(findings)} relations hold: {text}"


def _distance(finding: JudgedRelation) -> float:
    """Return how far the estimate lies from the border, by their ratio on a logarithmic scale."""
    estimate, border = finding.effect.estimate, finding.border
    if not finding.effect.log:
        return abs(estimate - border)
    return abs(math.log(estimate / border)) if estimate > 0 else math.inf


def _check_clauses(judgement: Judgement, detail: str) -> list[str]:
    """Return one clause for each word of the checks; ``detail`` is about those that agree."""
    clauses = []
    for start, alike, differs in _check_words(judgement):
        names = [name for name, check in judgement.checks.items() if check.word in alike]
        if not names or (detail == "left out" and not differs):
            continue
        if detail == "counted" and not differs and len(names) > 1:
            clauses.append(f"{start} in {len(names)} checks")
            continue
        # What holds needs no number; what differs always has one.
        number = differs or (detail == "with numbers" and alike != ("holds",))
        places = [_place(judgement, name, number=number) for name in names]
        clauses.append(f"{start} {list_text(places)}")
    return clauses


def _check_words(judgement: Judgement) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return how each outcome of checks is told, and whether it differs from the verdict."""
    first = judgement.findings[0]
    still = ("undecided", ("undecided",), False)
    if judgement.verdict == "contradicted":  # What speaks against the claim agrees.
        against = ("also contradicted", ("gone", "reversed"), False)
        return [("the claim holds", ("holds",), True), against, still]
    is_open = judgement.verdict == "undecided"
    fallen = [
        ("no effect is left", ("gone",), True),
        ("the effect is reversed", ("reversed",), True),
    ]
    if is_bordered(first) or first.side == "within":  # The claim is about a border, not an effect.
        fallen = [("the claim fails", ("gone", "reversed"), True)]
    return [
        ("the claim holds" if is_open else "it holds", ("holds",), is_open),
        *fallen,
        still,
    ]


def _place(judgement: Judgement, name: str, *, number: bool) -> str:
    """Return where a check looks, and its estimate where there is one relation."""
    words, members = judgement.rule.place(name), judgement.checks[name].findings
    if not number or len(members) > 1 or not math.isfinite(members[0].effect.estimate):
        return words
    relation, effect = members[0].relation, members[0].effect
    if relation.kind == "share":
        return f"{words} ({round(effect.estimate * effect.n)} of {effect.n})"
    value = rounded(members[0])[1]
    text = value + unit_words(relation.unit, value)
    if relation.kind != judgement.findings[0].relation.kind:
        text = f"{inside(relation.quantity)} {text}"
    return f"{words} ({text})"
