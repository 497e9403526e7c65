"""Sentences of relations: what was measured, in plain words, written from the numbers."""

import math
import re

from studies.formatting import number_text, rounded_interval
from studies.judging.findings import JudgedRelation

_TEMPLATES = {
    # kind -> (more, less, equal, open, against a border that is not no effect)
    # {e} estimate, {i} interval and n, {m} margin, {g} what is held equal
    "ratio": (
        "{q} is {e} times as {much}{c} ({i})",
        "{q} is {e} times as {much}{c} ({i})",
        "{q} is the same{c} within a factor of {m} (ratio {e}, {i})",
        "{q} may be {more} or {less}{c} (ratio {e}, {i})",
        "{q} is {e} times as {much}{c} ({i})",
    ),
    "difference": (
        "{q} is {e}{u} {more}{c} ({i})",
        "{q} is {e}{u} {less}{c} ({i})",
        "{q} is the same{c} within {m}{u} (difference {e}, {i})",
        "{q} may be {more} or {less}{c} (difference {e}{u}, {i})",
        "{q} is {e}{u} {more}{c} ({i})",
    ),
    "exponent": (
        "{q}{c} grows as {o} to the power {e} ({i})",
        "{q}{c} falls as {o} to the power {e} ({i})",
        "{q}{c} does not change with {o}: its exponent is 0 within {m} ({e}, {i})",
        "{q}{c} may grow or fall with {o} (exponent {e}, {i})",
        "{q}{c} changes as {o} to the power {e} ({i})",
    ),
    "correlation": (
        "{q}{c} grows with {o}{g} (rank correlation {e}, {i})",
        "{q}{c} falls with {o}{g} (rank correlation {e}, {i})",
        "{q}{c} says nothing of {o}{g}: the rank correlation is 0 within {m} ({e}, {i})",
        "{q}{c} may grow or fall with {o}{g} (rank correlation {e}, {i})",
        "The rank correlation of {inner}{c} with {o}{g} is {e} ({i})",
    ),
}
_TEMPLATES["median ratio"] = _TEMPLATES["ratio"]
_PLAIN = {
    "level": "{q} is {e}{u}{c} ({i})",
    "barrier": "{q} is {e}{u} high{c} ({i})",
    "share": "{k} of {n} {bare}{c} ({i})",
    "count": "{bare}{c}: {e}{per} ({i})",
}
_WITHOUT_ARTICLE = ("accuracy", "loss", "noise", "anisotropy")
_COMPARED = ("smaller", "larger", "lowest", "smallest", "largest")


def interval_words(finding: JudgedRelation, *, narrow: bool = False, negate: bool = False) -> str:
    """Return interval and number of cases as words, such as ``1.91 to 2.41, n = 6``.

    Args:
        finding: The finding.
        narrow: Whether it is the 90% interval, which is then said.
        negate: Whether the ends change their sign, for a difference told as ``lower``.
    """
    low, _, high = rounded(finding, narrow=narrow, negate=negate)
    effect = finding.effect
    words = [f"{low} to {high}"]
    if finding.relation.kind != "share":
        words.append(_cases(finding))
    coverage = 0.9 if narrow else effect.confidence
    if coverage < 0.95:
        words.append("90% interval")
    if effect.left_out:
        words.append(f"{effect.left_out} left out: no learning")
    return ", ".join(words)


def relation_sentence(finding: JudgedRelation) -> str:
    """Return what a relation says, as a sentence without its full stop."""
    effect = finding.effect
    if math.isnan(effect.low):
        return _without_interval(finding)
    text = _measured(finding) + _border_words(finding)
    if finding.reason:
        return f"{text}, but {finding.reason}"
    if effect.reason:
        return f"{text}; {effect.reason}"
    if finding.outcome == "undecided":
        seen = would_have_seen_words(finding)
        return f"{text}; {seen}" if seen else text
    return text


def plain_text(finding: JudgedRelation) -> str:
    """Return quantity, estimate and interval of a relation, without a word on what they mean.

    Args:
        finding: The finding.
    """
    relation, effect = finding.relation, finding.effect
    if math.isnan(effect.low):
        return _without_interval(finding)
    place = f" {relation.contrast}" if relation.contrast else ""
    if relation.kind == "share":
        count = round(effect.estimate * effect.n)
        return f"{count} of {effect.n} {relation.quantity}{place} ({interval_words(finding)})"
    noun = {"correlation": f"rank correlation with {relation.other}"}.get(
        relation.kind, "mean" if relation.kind in _PLAIN else relation.kind
    )
    value = rounded(finding)[1]
    value += unit_words(relation.unit, value)
    return f"{_subject(relation.quantity)}{place}: {noun} {value} ({interval_words(finding)})"


def would_have_seen_words(finding: JudgedRelation) -> str:
    """Return what would have been seen with 80% power, such as ``a ratio of 1.43 would ...``."""
    value, kind = finding.would_have_seen, finding.relation.kind
    if value is None:
        few = finding.effect.evidence is not None and kind in ("share", "median ratio")
        return f"n = {finding.effect.n} cannot decide it" if few else ""
    number = number_text(value)
    if kind == "median ratio":
        return f"{number_text(100 * value)}% of pairs on one side would have been seen"
    unit = "" if kind == "count" else unit_words(finding.relation.unit, number)
    nouns = {"correlation": "rank correlation", "level": "mean", "count": "mean count"}
    noun = nouns.get(kind, kind)
    article = "an" if noun[0] in "aeiou" else "a"
    return f"{article} {noun} of {number}{unit} would have been seen"


def _measured(finding: JudgedRelation) -> str:
    relation, effect = finding.relation, finding.effect
    direction = _direction(finding)
    narrow = direction == 2
    negate = relation.kind == "difference" and direction == 1
    estimate = rounded(finding, narrow=narrow, negate=negate)[1]
    margin = "" if finding.margin is None else number_text(finding.margin)
    template = _PLAIN.get(relation.kind) or _TEMPLATES[relation.kind][direction]
    contrast = f" {relation.contrast}" if relation.contrast else ""
    given = f" at equal {relation.given}" if relation.given else ""
    if direction == 2 or "times as" in template:
        # "is the same in A as in B", "is 0.5 times as large in A as in B"
        contrast = contrast.replace(" than ", " as ")
    return template.format(
        q=_subject(relation.quantity),
        inner=inside(_subject(relation.quantity)),
        bare=relation.quantity,
        c=contrast if "{g}" in template else given + contrast,
        g=given,
        u=unit_words(relation.unit, margin if direction == 2 else estimate),
        per=f" a {relation.unit}" if relation.unit else "",
        o=relation.other,
        k=round(effect.estimate * effect.n) if relation.kind == "share" else "",
        n=effect.n,
        more=relation.more[0],
        less=relation.more[1],
        much=_much(relation.more[0]),
        m=margin,
        e=estimate,
        i=interval_words(finding, narrow=narrow, negate=negate),
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
    if effect.low > neutral or effect.high < neutral:
        return 0 if effect.low > neutral else 1
    if bordered:
        return 4
    return 2 if finding.equivalent and _around_no_effect(finding) else 3


def is_bordered(finding: JudgedRelation) -> bool:
    """Return whether the claim is about a border that does not mean no effect.

    Args:
        finding: The finding.
    """
    if finding.side == "within":
        return False
    return finding.relation.kind in _PLAIN or finding.border != finding.relation.neutral


def _around_no_effect(finding: JudgedRelation) -> bool:
    return finding.side != "within" or finding.border == finding.relation.neutral


def _border_words(finding: JudgedRelation) -> str:
    """Return how the interval lies to the border, where the words before do not say it."""
    relation, effect = finding.relation, finding.effect
    margin = finding.margin_ends
    start = ", a share" if relation.kind == "share" else ","
    if finding.side == "within":
        if relation.kind not in _PLAIN and finding.border == relation.neutral:
            differs = _direction(finding) < 2 and finding.equivalent
            return f", within the margin of {number_text(finding.margin)}" if differs else ""
        ends = " to ".join(map(number_text, margin))
        words = {"claimed": "within", "opposite": "outside"}.get(finding.outcome)
        return f"{start} {words or 'not clearly within'} {ends}"
    if not is_bordered(finding):
        small = finding.outcome == "claimed" and finding.equivalent
        return f", within the margin of {number_text(finding.margin)}" if small else ""
    ends = (effect.low, effect.high)
    border = finding.border
    if relation.kind == "difference" and _direction(finding) == 1:  # Told as so much less.
        border, ends = -border, (-effect.high, -effect.low)
    number = number_text(border)
    unit = "" if relation.kind == "count" else unit_words(relation.unit, number)
    if ends[0] > border or ends[1] < border:
        return f"{start} {'above' if ends[0] > border else 'below'} {number}{unit}"
    return f"{start} on both sides of {number}{unit}"


def _without_interval(finding: JudgedRelation) -> str:
    relation, effect = finding.relation, finding.effect
    contrast = f" {relation.contrast}" if relation.contrast else ""
    value = number_text(effect.estimate)
    known = f" is {value}" if math.isfinite(effect.estimate) else ""
    left = f", {effect.left_out} left out: no learning" if effect.left_out else ""
    start = f"{_subject(relation.quantity)}{contrast}"
    return f"{start}{known or ' has no estimate'}: {effect.reason}{left}"


def _cases(finding: JudgedRelation) -> str:
    evidence = finding.effect.evidence
    correlation = getattr(evidence, "correlation", None)
    n = f"n = {finding.effect.n}"
    if correlation is None or correlation.clusters == correlation.n:
        return n
    return f"{n} in {correlation.clusters} clusters"


def _much(more: str) -> str:
    return {"larger": "large", "longer": "long", "higher": "high"}.get(more, "much")


def unit_words(unit: str, number: str) -> str:
    """Return a unit as it follows a number: ``0.9 points``, ``1 point``, ``36%``.

    Args:
        unit: The unit; may be empty.
        number: The number as text.
    """
    if unit == "points" and number in ("1", "−1"):
        return " point"
    return f" {unit}" if unit and unit != "%" else unit


def _subject(quantity: str) -> str:
    """Return a quantity as the subject of a sentence: symbols and mass nouns take no article."""
    first = quantity.split()[0].lower()
    noun = re.split(r" (?:of|at|along|by|less|a) |,", quantity)[0].split()[-1].lower()
    bare = not noun.isascii() or "|" in noun or noun in _WITHOUT_ARTICLE
    if first in ("the", "a", "an") or (bare and first not in _COMPARED):
        return quantity
    return f"The {inside(quantity)}"


def inside(quantity: str) -> str:
    """Return a quantity as it stands inside a sentence.

    Args:
        quantity: Its name, such as ``Test accuracy``.
    """
    return quantity[0].lower() + quantity[1:] if quantity[1:2].islower() else quantity


def rounded(
    finding: JudgedRelation, *, narrow: bool = False, negate: bool = False
) -> tuple[str, str, str]:
    """Return low, estimate and high as text.

    Args:
        finding: The finding.
        narrow: Whether it is the 90% interval.
        negate: Whether all change their sign.
    """
    effect = finding.effect
    ends = (effect.low90, effect.high90) if narrow else (effect.low, effect.high)
    low, high = (-ends[1], -ends[0]) if negate else ends
    estimate = -effect.estimate if negate else effect.estimate
    excluded = finding.border if not effect.low <= finding.border <= effect.high else math.nan
    border = -excluded if negate else excluded
    kind = "ratio" if effect.log else finding.relation.kind
    low, middle, high = rounded_interval(low, estimate, high, kind=kind, border=border)
    return low, middle.replace("nan", "unknown"), high
