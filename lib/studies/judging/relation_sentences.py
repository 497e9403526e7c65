"""Sentences of relations: what was measured, in plain words, written from the numbers."""

import math
from typing import Literal

from studies.formatting import number_text
from studies.judging.findings import JudgedRelation
from studies.judging.words import (
    cases_words,
    inside,
    interval_words,
    is_bordered,
    left_out_words,
    much,
    rounded,
    share_words,
    subject,
    unit_words,
    with_unit,
)

Remarks = Literal["all", "few", "none"]
_TEMPLATES = {
    # kind -> (more, less, equal, open, against a border that is not no effect)
    # {e} estimate, {i} interval and n, {l} and {h} its ends, {n} the cases, {k} those of a share,
    # {m} margin, {g} what is held equal
    "ratio": (
        "{q} is {e} times as {much}{c} ({i})",
        "{q} is {e} times as {much}{c} ({i})",
        "{q} is the same{c} within a factor of {m} (ratio {e}, {i})",
        "{q} is {l} to {h} times as {much}{c} ({n})",
        "{q} is {e} times as {much}{c} ({i})",
    ),
    "difference": (
        "{q} is {e}{u} {more}{c} ({i})",
        "{q} is {e}{u} {less}{c} ({i})",
        "{q} is the same{c} within {m}{u} ({e}, {i})",
        "{q} is between {l}{u} {less} and {h}{u} {more}{c} ({n})",
        "{q} is {e}{u} {more}{c} ({i})",
    ),
    "exponent": (
        "{q}{c} grows as {o} to the power {e} ({i})",
        "{q}{c} falls as {o} to the power {e} ({i})",
        "{q}{c} does not change with {o}: its exponent is 0 within {m} ({e}, {i})",
        "The exponent of {inner}{c} in {o} is {e} ({i})",
        "{q}{c} changes as {o} to the power {e} ({i})",
    ),
    "correlation": (
        "{q}{c} grows with {o}{g} (rank correlation {e}, {i})",
        "{q}{c} falls with {o}{g} (rank correlation {e}, {i})",
        "{q}{c} says nothing of {o}{g}: the rank correlation is 0 within {m} ({e}, {i})",
        "The rank correlation of {inner}{c} with {o}{g} is {e} ({i})",
        "The rank correlation of {inner}{c} with {o}{g} is {e} ({i})",
    ),
    "agreement": (
        "{q}{c} is larger where {o} is larger{g} (sign agreement {e}, {i})",
        "{q}{c} is smaller where {o} is larger{g} (sign agreement {e}, {i})",
        "{q}{c} says nothing of {o}{g}: the sign agreement is 0 within {m} ({e}, {i})",
        "The sign agreement of {inner}{c} with {o}{g} is {e} ({i})",
        "The sign agreement of {inner}{c} with {o}{g} is {e} ({i})",
    ),
}
_TEMPLATES["median ratio"] = _TEMPLATES["ratio"]
_PLAIN = {
    "level": "{q} is {e}{u}{c} ({i})",
    "barrier": "{q} is {e}{u} high{c} ({i})",
    "share": "{k} {bare}{c} ({i})",
    "count": "{bare}{c}: {e}{per} ({i})",
}


def relation_sentence(finding: JudgedRelation, *, remarks: Remarks = "all") -> str:
    """Return what a relation says, as a sentence without its full stop.

    Args:
        finding: The finding.
        remarks: ``all``; ``few``: nothing on what would have been seen or lies inside the margin;
            ``none``: nor that a sign is open or that an interval has 90%.
    """
    effect = finding.effect
    if math.isnan(effect.low):
        return _without_interval(finding)
    text = _measured(finding, brief=remarks == "none") + _border_words(finding, remarks)
    if finding.reason:
        return f"{text}, but {finding.reason}"
    if effect.reason:
        return f"{text}; {effect.reason}"
    if finding.outcome == "undecided":
        is_open = "" if remarks == "none" else _open_words(finding)
        seen = would_have_seen_words(finding) if remarks == "all" else ""
        return text + "".join([is_open, f"; {seen}" if seen else ""])
    return text


def _open_words(finding: JudgedRelation) -> str:
    if finding.relation.kind in _PLAIN or is_bordered(finding) or finding.side == "within":
        return ""
    if _direction(finding) < 2:  # The interval alone excludes no effect.
        return ", but open after Holm’s correction"
    if _direction(finding) != 3:
        return ""
    log = finding.relation.kind in ("ratio", "median ratio")
    return f": the {'direction' if log else 'sign'} is open"


def plain_text(finding: JudgedRelation) -> str:
    """Return quantity, estimate and interval of a relation, without a word on what they mean.

    Args:
        finding: The finding.
    """
    relation, effect = finding.relation, finding.effect
    if math.isnan(effect.low):
        return _without_interval(finding)
    place = f" {relation.contrast}".replace(" than ", " rather than ").rstrip()
    if relation.kind == "share":
        count = share_words(finding)
        return f"{count} {relation.quantity}{place} ({interval_words(finding)})"
    nouns = {"correlation": f"rank correlation with {relation.other}"}
    nouns["agreement"] = f"sign agreement with {relation.other}"
    noun = nouns.get(relation.kind, "mean" if relation.kind in _PLAIN else relation.kind)
    value = with_unit(rounded(finding)[1], relation.unit)
    return f"{subject(relation.quantity)}{place}: {noun} {value} ({interval_words(finding)})"


def would_have_seen_words(finding: JudgedRelation) -> str:
    """Return what would have been seen with 80% power, such as ``a ratio of 1.4 would ...``.

    Args:
        finding: The finding.
    """
    value, kind = finding.would_have_seen, finding.relation.kind
    if value is None:
        few = finding.effect.evidence is not None and kind in ("share", "median ratio")
        return f"n = {finding.effect.n} cannot decide it" if few else ""
    if kind == "median ratio":
        return f"{number_text(100 * value)}% of pairs on one side would have been seen"
    number = number_text(float(f"{value:.2g}"))
    number = with_unit(number, "" if kind == "count" else finding.relation.unit)
    if finding.relation.unit:
        return f"{number} would have been seen"
    nouns = {"correlation": "correlation", "level": "mean", "count": "mean count"}
    noun = nouns.get(kind, kind)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun} of {number} would have been seen"


def _measured(finding: JudgedRelation, *, brief: bool = False) -> str:
    relation, direction = finding.relation, _direction(finding)
    narrow = direction == 2
    negate = relation.kind == "difference" and direction == 1
    low, estimate, high = rounded(finding, narrow=narrow, negate=negate)
    if direction == 3 and relation.kind == "difference":  # Told as so much less to so much more.
        low = low.removeprefix("−")
    margin = "" if finding.margin is None else number_text(finding.margin)
    template = _PLAIN.get(relation.kind) or _TEMPLATES[relation.kind][direction]
    contrast = f" {relation.contrast}" if relation.contrast else ""
    given = f" at equal {relation.given}" if relation.given else ""
    if direction == 2 or "times as" in template:
        # "is the same in A as in B", "is 0.5 times as large in A as in B"
        contrast = contrast.replace(" than ", " as ")
    return template.format(
        q=subject(relation.quantity),
        inner=inside(subject(relation.quantity)),
        l=low,
        h=high,
        bare=relation.quantity,
        c=contrast if "{g}" in template else given + contrast,
        g=given,
        u=unit_words(relation.unit, margin if direction == 2 else estimate),
        per=f" a {relation.unit}" if relation.unit else "",
        o=relation.other,
        k=share_words(finding) if relation.kind == "share" else "",
        n=cases_words(finding),
        more=relation.more[0],
        less=relation.more[1],
        much=much(relation.more[0]),
        m=margin,
        e=estimate,
        i=interval_words(finding, narrow=narrow, negate=negate, brief=brief),
    )


def _direction(finding: JudgedRelation) -> int:
    """Return which template fits: more, less, equal, open, or against a border.

    What is more, less or equal is so against no effect. Where the claim has another border, the
    number is told as it is, and the border decides; a difference keeps its sign by its word.
    """
    effect, neutral, kind = finding.effect, finding.relation.neutral, finding.relation.kind
    if kind in _PLAIN:
        return 4
    bordered = is_bordered(finding)
    if bordered and kind == "difference":
        return 0 if effect.estimate >= 0 else 1
    if bordered and kind == "correlation":
        return 4
    if neutral is not None and (effect.low > neutral or effect.high < neutral):
        return 0 if effect.low > neutral else 1
    if bordered:
        return 4
    return 2 if finding.equivalent and _around_no_effect(finding) else 3


def _around_no_effect(finding: JudgedRelation) -> bool:
    return finding.side != "within" or finding.border == finding.relation.neutral


def _border_words(finding: JudgedRelation, remarks: Remarks) -> str:
    """Return how the interval lies to the border, where the words before do not say it."""
    relation, effect = finding.relation, finding.effect
    margin = "" if finding.margin is None else number_text(finding.margin)
    start = ", a share" if relation.kind == "share" else ","
    if finding.side == "within":
        if relation.kind not in _PLAIN and finding.border == relation.neutral:
            differs = _direction(finding) < 2 and finding.equivalent and remarks == "all"
            return f", within the margin of {margin}" if differs else ""
        ends = " to ".join(map(number_text, finding.margin_ends or ()))
        words = {"claimed": "within", "opposite": "outside"}.get(finding.outcome)
        return f"{start} {words or 'not clearly within'} {ends}"
    if not is_bordered(finding):
        small = finding.outcome == "claimed" and finding.equivalent and remarks == "all"
        return f", within the margin of {margin}" if small else ""
    unit = "" if relation.kind == "count" else relation.unit
    number = with_unit(number_text(finding.border), unit)
    above = finding.side == "above"
    if finding.outcome == "opposite":
        return f"; the claim needs {'more' if above else 'less'} than {number}"
    if effect.low > finding.border or effect.high < finding.border:
        return f"{start} {'above' if effect.low > finding.border else 'below'} {number}"
    return f"{start} on both sides of {number}"


def _without_interval(finding: JudgedRelation) -> str:
    relation, effect = finding.relation, finding.effect
    contrast = f" {relation.contrast}" if relation.contrast else ""
    value = number_text(effect.estimate)
    known = f" is {value}" if math.isfinite(effect.estimate) else ""
    left = f", {left_out_words(effect.left_out)}" if effect.left_out else ""
    start = f"{subject(relation.quantity)}{contrast}"
    return f"{start}{known or ' has no estimate'}: {effect.reason}{left}"
