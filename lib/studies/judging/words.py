"""Words for quantities, numbers and intervals, as sentences on relations use them."""

import math
import re

from studies.formatting import rounded_interval
from studies.judging.findings import JudgedRelation

LEVELS = ("level", "barrier", "share", "count")  # Kinds without a value that means no effect.
_WITHOUT_ARTICLE = ("accuracy", "loss", "noise", "anisotropy")
_COMPARED = ("smaller", "larger", "lowest", "smallest", "largest")


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
    least, middle, most = rounded_interval(low, estimate, high, kind=kind, border=border)
    return least, middle.replace("nan", "unknown"), most


def interval_words(
    finding: JudgedRelation, *, narrow: bool = False, negate: bool = False, brief: bool = False
) -> str:
    """Return interval and number of cases as words, such as ``1.91 to 2.41, n = 6``.

    Args:
        finding: The finding.
        narrow: Whether it is the 90% interval, which is then said.
        negate: Whether the ends change their sign, for a difference told as ``lower``.
        brief: Whether the coverage is left out.
    """
    low, _, high = rounded(finding, narrow=narrow, negate=negate)
    effect = finding.effect
    words = [f"{low} to {high}"]
    if finding.relation.kind != "share":
        words.append(cases_words(finding))
    coverage = 0.9 if narrow else effect.confidence
    if coverage < 0.95 and not brief:
        words.append("90% interval")
    if effect.left_out:
        words.append(left_out_words(effect.left_out))
    return ", ".join(words)


def left_out_words(count: int) -> str:
    """Return how many networks were left out because they did not learn.

    Args:
        count: Their number, at least 1.
    """
    return f"{count} left out that did not learn"


def cases_words(finding: JudgedRelation) -> str:
    """Return the number of cases, such as ``n = 6`` or ``n = 27 in 9 clusters``.

    Args:
        finding: The finding.
    """
    evidence = finding.effect.evidence
    clusters = getattr(evidence, "clusters", None)
    n = f"n = {finding.effect.n}"
    if finding.relation.kind == "agreement":
        return f"{finding.effect.n} pairs of {clusters} arms" if clusters else n
    if clusters is None or clusters == finding.effect.n:
        return n
    return f"{n} in {clusters} clusters"


def unit_words(unit: str, number: str) -> str:
    """Return a unit as it follows a number: ``0.9 points``, ``1 point``, ``36%``.

    Args:
        unit: The unit; may be empty.
        number: The number as text.
    """
    if unit == "points" and number in ("1", "−1"):
        return " point"
    return f" {unit}" if unit and unit != "%" else unit


def with_unit(number: str, unit: str) -> str:
    """Return a number with its unit, such as ``0.9 points``.

    Args:
        number: The number as text.
        unit: The unit; may be empty.
    """
    return number + unit_words(unit, number)


def share_words(finding: JudgedRelation) -> str:
    """Return a share as a count of its cases, such as ``6 of 6``.

    Args:
        finding: The finding, of kind ``share``.
    """
    return f"{round(finding.effect.estimate * finding.effect.n)} of {finding.effect.n}"


def subject(quantity: str) -> str:
    """Return a quantity as the subject of a sentence: symbols and mass nouns take no article.

    Args:
        quantity: Its name, such as ``SAM rise``.
    """
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


def much(more: str) -> str:
    """Return the word of a ratio, such as ``large`` of ``larger``.

    Args:
        more: The word for more.
    """
    return {"larger": "large", "longer": "long", "higher": "high"}.get(more, "much")


def is_bordered(finding: JudgedRelation) -> bool:
    """Return whether the claim is about a border that does not mean no effect.

    Args:
        finding: The finding.
    """
    if finding.side == "within":
        return False
    return finding.relation.kind in LEVELS or finding.border != finding.relation.neutral
