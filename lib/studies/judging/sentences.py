"""Sentences of judgements: what was found on a claim, and what the checks say."""

import math

from studies.formatting import list_text
from studies.judging.findings import JudgedRelation
from studies.judging.relation_sentences import Remarks, relation_sentence
from studies.judging.verdicts import Judgement
from studies.judging.words import inside, is_bordered, rounded, share_words, with_unit

LONGEST = 160  # Characters.
_DETAILS = ("with numbers", "named", "counted", "most telling", "left out", "without numbers")
_Told = list[tuple[str, tuple[str, ...]]]  # A verb, and the outcomes of checks that it tells.
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def sentence(judgement: Judgement, *, longest: int = LONGEST) -> str:
    """Return the finding on an atomic claim as one sentence.

    First the relation as the source measured it, or the one that decides of several; then what the
    checks say, first those that end otherwise. Where that is longer than ``longest``, checks that
    change nothing are told without their numbers, then counted, then left out, and so are the
    numbers of those that end otherwise; last go remarks on the relation.

    Args:
        judgement: The judgement.
        longest: Characters it may have.
    """
    if judgement.verdict == "not judged":
        return judgement.reason.rstrip(".") + "."
    for remarks in ("all", "few", "none"):
        start = _leading(judgement, longest, remarks)
        for detail in _DETAILS:
            text = start + "".join(_check_clauses(judgement, start, detail)) + "."
            if len(text) <= longest:
                return text
    return text


def _leading(judgement: Judgement, longest: int, remarks: Remarks) -> str:
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
    first = pick(decisive, key=lambda f: (f.p_value, -_distance(f)))
    text = relation_sentence(first, remarks=remarks)
    if len(findings) == 1:
        return text
    claimed = sum(finding.outcome == "claimed" for finding in findings)
    if judgement.verdict == "reproduced":
        one, other, *more = map(relation_sentence, findings)
        both = f"{one}, and {inside(other)}"
        if not more and len(both) <= longest - 30:
            return both
        every = "Both" if len(findings) == 2 else f"All {_NUMBERS[len(findings)]}"
        weakest = "weaker" if len(findings) == 2 else "weakest"
        return f"{every} relations hold; the {weakest}: {inside(text)}"
    several = f"{_NUMBERS[len(findings)]} relations"
    if claimed == 0:
        return f"{'Neither' if len(findings) == 2 else 'None'} of {several} holds: {text}"
    verb = "holds" if claimed == 1 else "hold"
    return f"{_NUMBERS[claimed].capitalize()} of {several} {verb}: {text}"


def _distance(finding: JudgedRelation) -> float:
    """Return how far the estimate lies from the border, by their ratio on a logarithmic scale."""
    estimate, border = finding.effect.estimate, finding.border
    if not finding.effect.log:
        return abs(estimate - border)
    return abs(math.log(estimate / border)) if estimate > 0 else math.inf


def _check_clauses(judgement: Judgement, start: str, detail: str) -> list[str]:
    """Return what the checks say, behind the words on the relation; ``detail`` says how much."""
    differing = _differing(judgement, number=detail != "without numbers")
    clauses = []
    if differing:
        joint = "; the claim" if judgement.verdict == "undecided" else ", but the claim"
        if judgement.verdict == "reproduced" and not _is_about_border(judgement):
            joint = ", but the effect" if detail != "without numbers" else ", but this"
        elif "the claim needs" in start:
            joint = " but"
        clauses.append(f"{joint} {differing}")
    if detail in ("left out", "without numbers"):
        return clauses
    return [*clauses, *_agreeing(judgement, start, detail, other=bool(differing))]


def _differing(judgement: Judgement, *, number: bool) -> str:
    """Return what becomes of the claim, or its effect, in the checks that end otherwise."""
    fails: _Told = [("fails", ("gone", "reversed"))]
    holds: _Told = [("holds", ("holds",))]
    words: dict[str, _Told] = {
        "contradicted": holds,
        "undecided": [*holds, *fails],
        "reproduced": fails,
    }
    told = words[judgement.verdict]
    if judgement.verdict == "reproduced" and not _is_about_border(judgement):
        told = [("is gone", ("gone",)), ("is reversed", ("reversed",))]
    parts = [
        f"{verb} {list_text([_place(judgement, name, number=number) for name in names])}"
        for verb, outcomes in told
        if (names := _names(judgement, outcomes))
    ]
    return " and ".join(parts).replace(" and is ", " and ")


def _agreeing(judgement: Judgement, start: str, detail: str, *, other: bool) -> list[str]:
    """Return what the checks say that end as the verdict, and those that are open."""
    against = judgement.verdict == "contradicted"
    if judgement.verdict == "undecided":  # That a check is open too says nothing more.
        return []
    clauses: list[str] = []
    told = [
        ("fails" if against else "holds", ("gone", "reversed") if against else ("holds",)),
        ("is open", ("undecided",)),
    ]
    if detail == "most telling":  # What is open tells more of a claim that holds.
        told = told[:1] if against else told[1:]
    for verb, outcomes in told:
        names = _names(judgement, outcomes)
        if not names:
            continue
        # What holds needs no number.
        number = detail == "with numbers" and outcomes != ("holds",)
        where = list_text([_place(judgement, name, number=number) for name in names])
        if detail in ("counted", "most telling") and len(names) > 1:
            where = f"in {_NUMBERS[len(names)]}{' other' * other} checks"
        if against and verb == "fails":
            if detail == "most telling" and (still := _names(judgement, ("undecided",))):
                where += f", and {_NUMBERS[len(still)]} {'is' if len(still) == 1 else 'are'} open"
            joint = " and fails" if other else "; the claim also fails"
            if "the claim needs" in start and not other:
                joint = " and also fails"
            clauses.append(f"{joint} {where}")
        else:
            clauses.append(f"; it {verb} {where}")
    return clauses


def _names(judgement: Judgement, outcomes: tuple[str, ...]) -> list[str]:
    return [name for name, check in judgement.checks.items() if check.word in outcomes]


def _is_about_border(judgement: Judgement) -> bool:
    """Return whether the claim is about a border, not an effect."""
    first = judgement.findings[0]
    return is_bordered(first) or first.side == "within"


def _place(judgement: Judgement, name: str, *, number: bool) -> str:
    """Return where a check looks, and its estimate where there is one relation."""
    words, members = judgement.place(name), judgement.checks[name].findings
    if not number or len(members) > 1 or not math.isfinite(members[0].effect.estimate):
        return words
    relation = members[0].relation
    if relation.kind == "share":
        return f"{words} ({share_words(members[0])})"
    text = with_unit(rounded(members[0])[1], relation.unit)
    if relation.kind != judgement.findings[0].relation.kind:
        text = f"{inside(relation.quantity)} {text}"
    return f"{words} ({text})"
