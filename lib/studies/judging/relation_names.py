"""Names of relations, as a table of rules lists them: ``test accuracy, ResNet minus CNN``."""

import re

from studies.judging.relations import Relation
from studies.judging.words import inside

_BETWEEN = {"ratio": "over", "median ratio": "over", "difference": "minus"}
_NOUNS = {"ratio": "ratio", "median ratio": "ratio of medians"}
_PAIR = re.compile(
    r"(?:in|after|for|with) (?:the )?(?P<first>.+?) than (?:in|after|for) (?:the )?(?P<second>.+)"
)
_WITH = re.compile(r"with (?P<thing>\S+)(?: (?P<place>.+))?")
_VERB = re.compile(r" (keep|show|diverge|stay|have)\b")  # Of the quantity of a share.


def relation_name(relation: Relation) -> str:
    """Return a relation as a noun, such as ``λ_max of CNNs, SGD over momentum (ratio)``.

    Args:
        relation: The relation.
    """
    quantity = inside(relation.quantity).removeprefix("the ")
    contrast = relation.contrast
    if relation.kind == "share":
        cases = _VERB.sub(r" that \1", quantity, count=1)
        return f"share of {cases} {contrast}".rstrip()
    if relation.kind == "exponent":
        return f"exponent of {quantity} in {relation.other} {contrast}".rstrip()
    if relation.kind == "correlation":
        return f"rank correlation of {quantity} {contrast}".rstrip() + f" with {relation.other}"
    if relation.kind == "agreement":
        return f"sign agreement of {quantity} {contrast}".rstrip() + f" with {relation.other}"
    unit = _NOUNS.get(relation.kind, relation.unit)
    behind = f" ({unit})" if unit else ""
    if relation.kind not in _BETWEEN:
        return f"{quantity} {contrast}".rstrip() + behind
    return f"{quantity}{_compared(contrast, _BETWEEN[relation.kind])}{behind}"


def _compared(contrast: str, between: str) -> str:
    """Return what is compared, such as ``, SGD over Adam``."""
    if contrast.startswith("than "):
        return f" {between} {contrast.removeprefix('than ')}"
    if contrast.endswith((" than with", " than without")):
        return f", {contrast.replace(' than ', f' {between} ')}"
    if match := _PAIR.fullmatch(contrast):
        return f", {match['first']} {between} {match['second']}"
    match = _WITH.fullmatch(contrast)
    if match and " than " not in contrast:
        place = f", {match['place']}" if match["place"] else ""
        return f", with {match['thing']} {between} without{place}"
    return f", {contrast.replace(' than ', f' {between} ')}" if contrast else ""
