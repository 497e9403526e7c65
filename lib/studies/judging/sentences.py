"""Sentences: what was found, in plain words, written from the numbers."""

import math

from studies.formatting import list_text, number_text, rounded_interval
from studies.judging.findings import JudgedRelation
from studies.judging.verdicts import Judgement

LONGEST = 160
_TEMPLATES = {
    # kind -> (more, less, equal, open); {e} estimate, {i} interval and n, {m} margin
    "ratio": (
        "{q} is {e} times {more}{c} ({i})",
        "{q} is {e} times as large{c} ({i})",
        "{q} is the same{c} within a factor of {m} (ratio {e}, {i})",
        "{q} may be {more} or {less}{c} (ratio {e}, {i})",
    ),
    "difference": (
        "{q} is {e}{u} {more}{c} ({i})",
        "{q} is {e}{u} {less}{c} ({i})",
        "{q} is the same{c} within {m}{u} (difference {e}, {i})",
        "{q} may be {more} or {less}{c} (difference {e}{u}, {i})",
    ),
    "exponent": (
        "{q} rises as {o} to the power {e}{c} ({i})",
        "{q} falls as {o} to the power {e}{c} ({i})",
        "{q} does not change with {o}{c}: its exponent is 0 within {m} ({e}, {i})",
        "{q} may rise or fall with {o}{c} (exponent {e}, {i})",
    ),
    "correlation": (
        "{q} rises with {o}{c} (rank correlation {e}, {i})",
        "{q} falls with {o}{c} (rank correlation {e}, {i})",
        "{q} says nothing of {o}{c}: the rank correlation is 0 within {m} ({e}, {i})",
        "{q} may rise or fall with {o}{c} (rank correlation {e}, {i})",
    ),
}
_TEMPLATES["median ratio"] = _TEMPLATES["ratio"]
_PLAIN = {
    "level": "{q} is {e}{u}{c} ({i})",
    "barrier": "{q} is {e}{u} high{c} ({i})",
    "share": "{k} of {n} {q}{c} (share {i})",
    "count": "{q}{c}: {e}{per} ({i})",
}


def interval_words(finding: JudgedRelation, *, narrow: bool = False, negate: bool = False) -> str:
    """Return interval and number of cases as words, such as ``1.91 to 2.41, n = 6``.

    Args:
        finding: The finding.
        narrow: Whether it is the 90% interval, which is then said.
        negate: Whether the ends change their sign, for a difference told as ``lower``.
    """
    low, _, high = _rounded(finding, narrow=narrow, negate=negate)
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


def would_have_seen_words(finding: JudgedRelation) -> str:
    """Return what would have been seen with 80% power, such as ``a ratio of 1.43 would ...``."""
    value, kind = finding.would_have_seen, finding.relation.kind
    if value is None:
        few = finding.effect.evidence is not None and kind in ("share", "median ratio")
        return f"n = {finding.effect.n} cannot decide it" if few else ""
    number = number_text(value)
    if kind == "median ratio":
        return f"{number_text(100 * value)}% of pairs on one side would have been seen"
    unit = f" {finding.relation.unit}" if finding.relation.unit and kind != "count" else ""
    nouns = {"correlation": "rank correlation", "level": "mean", "count": "mean count"}
    noun = nouns.get(kind, kind)
    article = "an" if noun[0] in "aeiou" else "a"
    return f"{article} {noun} of {number}{unit} would have been seen"


def sentence(judgement: Judgement) -> str:
    """Return the finding on an atomic claim as one sentence.

    First the relation as the source measured it, or the one that decides of several; then what the
    checks say. Where that is longer than ``LONGEST``, checks by which nothing falls are counted or
    left out.

    Args:
        judgement: The judgement.
    """
    if judgement.verdict == "not judged":
        return judgement.reason.rstrip(".") + "."
    start = _leading(judgement)
    for detail in ("named", "counted", "left out"):
        text = "; ".join([start, *_check_clauses(judgement, detail)]) + "."
        if len(text) <= LONGEST:
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
    # Of several that hold, the weakest says how far all of them do.
    pick = max if judgement.verdict == "reproduced" else min
    text = relation_sentence(pick(decisive, key=lambda finding: finding.p_value))
    if len(findings) == 1:
        return text
    claimed = sum(finding.outcome == "claimed" for finding in findings)
    if judgement.verdict == "reproduced":
        every = "Both" if len(findings) == 2 else f"All {len(findings)}"
        return f"{every} relations hold, the weakest: {text}"
    return f"{claimed} of {len(findings)} relations hold: {text}"


def _check_clauses(judgement: Judgement, detail: str) -> list[str]:
    """Return one clause for each word of the checks; ``detail`` is about those that agree."""
    contradicted = judgement.verdict == "contradicted"
    words = {"it holds": ("holds",), "it is gone": ("gone",), "it is reversed": ("reversed",)}
    if contradicted:  # What speaks against the claim agrees with the verdict.
        words = {"it holds": ("holds",), "so too": ("gone", "reversed")}
    differing = ("it holds",) if contradicted else ("it is gone", "it is reversed")
    clauses = []
    for start, alike in (words | {"undecided": ("undecided",)}).items():
        names = [name for name, check in judgement.checks.items() if check.word in alike]
        if names and (detail == "named" or start in differing):
            numbers = contradicted or start != "it holds"
            places = [_place(judgement, name, number=numbers) for name in names]
            clauses.append(f"{start} {list_text(places)}")
        elif names and detail == "counted":
            checks = "1 check" if len(names) == 1 else f"{len(names)} checks"
            clauses.append(f"{start} in {checks}")
    return clauses


def _place(judgement: Judgement, name: str, *, number: bool) -> str:
    """Return where a check looks, and its estimate where there is one relation."""
    words, members = judgement.rule.place(name), judgement.checks[name].findings
    if not number or len(members) > 1 or not math.isfinite(members[0].effect.estimate):
        return words
    return f"{words} ({number_text(members[0].effect.estimate)})"


def _measured(finding: JudgedRelation) -> str:
    relation, effect = finding.relation, finding.effect
    fields = {
        "q": relation.quantity,
        "c": f" {relation.contrast}" if relation.contrast else "",
        "u": f" {relation.unit}" if relation.unit else "",
        "per": f" a {relation.unit}" if relation.unit else "",
        "o": relation.other,
        "k": round(effect.estimate * effect.n) if relation.kind == "share" else "",
        "n": effect.n,
        "more": relation.more[0],
        "less": relation.more[1],
        "m": "" if finding.margin is None else number_text(finding.margin),
    }
    if relation.given:
        fields["c"] = f" at equal {relation.given}{fields['c']}"
    if relation.kind in _PLAIN:
        template, narrow, negate = _PLAIN[relation.kind], False, False
    else:
        direction = _direction(finding)
        template = _TEMPLATES[relation.kind][direction]
        ratio_of_less = relation.kind in ("ratio", "median ratio") and direction == 1
        if ratio_of_less:
            template = template.replace("as large", _as_much(relation.more[0]))
        if direction == 2 or ratio_of_less:
            # "is the same in A as in B", "is 0.5 times as large in A as in B"
            fields["c"] = fields["c"].replace(" than ", " as ")
        narrow, negate = direction == 2, direction == 1 and relation.kind == "difference"
    estimate = _rounded(finding, narrow=narrow, negate=negate)[1]
    interval = interval_words(finding, narrow=narrow, negate=negate)
    return template.format(**fields, e=estimate, i=interval)


def _direction(finding: JudgedRelation) -> int:
    """Return which template fits: more, less, equal or open; against no effect, not the border."""
    effect, neutral = finding.effect, finding.relation.neutral
    if effect.low > neutral or effect.high < neutral:
        return 0 if effect.low > neutral else 1
    return 2 if finding.equivalent and _around_no_effect(finding) else 3


def _around_no_effect(finding: JudgedRelation) -> bool:
    return finding.side != "within" or finding.border == finding.relation.neutral


def _border_words(finding: JudgedRelation) -> str:
    """Return how the interval lies to the border, where the words before do not say it."""
    relation, effect = finding.relation, finding.effect
    margin = finding.margin_ends
    if finding.side == "within":
        if relation.kind not in _PLAIN and finding.border == relation.neutral:
            differs = _direction(finding) < 2 and finding.equivalent
            return f", within the margin of {number_text(finding.margin)}" if differs else ""
        ends = " to ".join(map(number_text, margin))
        words = {"claimed": "within", "opposite": "outside"}.get(finding.outcome)
        return f", {words} {ends}" if words else f", not clearly within {ends}"
    if finding.border == relation.neutral and relation.kind not in _PLAIN:
        small = finding.outcome == "claimed" and finding.equivalent
        return f", within the margin of {number_text(finding.margin)}" if small else ""
    border = number_text(finding.border)
    if effect.low > finding.border or effect.high < finding.border:
        return f", {'above' if effect.low > finding.border else 'below'} {border}"
    return f", on both sides of {border}"


def _without_interval(finding: JudgedRelation) -> str:
    relation, effect = finding.relation, finding.effect
    contrast = f" {relation.contrast}" if relation.contrast else ""
    value = number_text(effect.estimate)
    known = f" is {value}" if math.isfinite(effect.estimate) else ""
    left = f", {effect.left_out} left out: no learning" if effect.left_out else ""
    return f"{relation.quantity}{contrast}{known or ' has no estimate'}: {effect.reason}{left}"


def _cases(finding: JudgedRelation) -> str:
    evidence = finding.effect.evidence
    correlation = getattr(evidence, "correlation", None)
    n = f"n = {finding.effect.n}"
    if correlation is None or correlation.clusters == correlation.n:
        return n
    return f"{n} in {correlation.clusters} clusters"


def _as_much(more: str) -> str:
    return {"larger": "as large", "longer": "as long", "higher": "as high"}.get(more, "as much")


def _rounded(finding: JudgedRelation, *, narrow: bool = False, negate: bool = False):
    """Return low, estimate and high as text."""
    effect = finding.effect
    ends = (effect.low90, effect.high90) if narrow else (effect.low, effect.high)
    low, high = (-ends[1], -ends[0]) if negate else ends
    estimate = -effect.estimate if negate else effect.estimate
    excluded = finding.border if not effect.low <= finding.border <= effect.high else math.nan
    border = -excluded if negate else excluded
    kind = "ratio" if effect.log else finding.relation.kind
    low, middle, high = rounded_interval(low, estimate, high, kind=kind, border=border)
    return low, middle.replace("nan", "unknown"), high
