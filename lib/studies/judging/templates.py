"""Prose about judgements: words written by hand, numbers filled in, and a guard on both.

A template says which verdicts its words suppose, and which checks end in which way. Where a
judgement comes out otherwise, the template does not fit, and whoever uses it writes the automatic
sentences instead. Numbers stand as ``{S1.2}``::

    {S1.2}                  the relation as measured: 2.14 (1.91 to 2.41)
    {S1.4a.1}               the second of several relations
    {S1.3[BN mode]}         the relation of a check
    {S1.2[training loss.1]} the second of several relations of a check
    {S1.2:estimate}         2.14 without its interval; also interval, n, cases (6 of 6), border,
                            inverse and percent (of a ratio: 1.1 is 10%), magnitude (without sign),
                            drop (low end without sign), less (both, told as so much less),
                            seen (what would have been seen), source (the source's number), size
                            (whether the interval holds it), setting (here)
"""

import dataclasses
import math
import re
from collections.abc import Mapping

from studies.formatting import number_text
from studies.judging.findings import JudgedRelation
from studies.judging.rules import CHECKS
from studies.judging.verdicts import Judgement
from studies.judging.words import rounded, unit_words

_NUMBER = re.compile(
    r"\{(?P<id>S\d+\.\d+[a-z]?)(?:\.(?P<place>\d+))?"
    r"(?:\[(?P<check>[A-Za-z ]+)(?:\.(?P<member>\d+))?\])?(?::(?P<form>\w+))?\}"
)
_WORDS = ("reproduced", "contradicted", "undecided", "not judged")


@dataclasses.dataclass(frozen=True)
class Template:
    """Words with places for numbers, and what they suppose.

    Attributes:
        text: The words, in markdown.
        supposes: Id of an atomic claim -> its verdict, and behind it the checks that end otherwise
            or are named in the words, such as ``reproduced; BN mode: gone``. Checks that end
            otherwise than the verdict must all be named.

    Raises:
        ValueError: If a verdict or check is unknown, or a number is of a claim or check that the
            words do not suppose.
    """

    text: str
    supposes: Mapping[str, str]

    def __post_init__(self):
        for id, words in self.supposes.items():
            verdict, checks = _supposition(words)
            unknown = [name for name in checks if name not in CHECKS]
            if verdict not in _WORDS or unknown:
                raise ValueError(
                    f"the words on {id} suppose {words!r}. Write one of {', '.join(_WORDS)}, and "
                    f"behind semicolons checks with their words, of {', '.join(CHECKS)}."
                )
        for match in _NUMBER.finditer(self.text):
            id, check = match["id"], match["check"]
            if id not in self.supposes or (
                check is not None and check not in _supposition(self.supposes[id])[1]
            ):
                raise ValueError(
                    f"the words hold {match[0]} and suppose nothing of it. Name {id}"
                    f"{f' and its check {check}' if check else ''} in what they suppose."
                )
        rest = _NUMBER.sub("", self.text)
        if "{" in rest or "}" in rest:
            raise ValueError(f"the words {self.text!r} hold a brace that is no number's.")

    def fits(self, judgements: Mapping[str, Judgement]) -> bool:
        """Return whether every judgement came out as the words suppose.

        Args:
            judgements: Id -> judgement.
        """
        return all(
            id in judgements and _fits(judgements[id], *_supposition(words))
            for id, words in self.supposes.items()
        )

    def write(self, judgements: Mapping[str, Judgement]) -> str:
        """Return the words with their numbers.

        Args:
            judgements: Id -> judgement; they must fit.

        Raises:
            ValueError: If a number is that of a relation that is not there, or has no such form.
        """
        return _NUMBER.sub(lambda match: _number(match, judgements), self.text)


def _supposition(words: str) -> tuple[str, dict[str, str]]:
    verdict, *checks = [part.strip() for part in words.split(";")]
    pairs = (check.partition(":") for check in checks)
    return verdict, {name.strip(): word.strip() for name, _, word in pairs}


def _fits(judgement: Judgement, verdict: str, checks: Mapping[str, str]) -> bool:
    if judgement.verdict != verdict or not set(judgement.depends_on) <= set(checks):
        return False
    return all(judgement.checks[name].word == word for name, word in checks.items())


def _number(match: re.Match, judgements: Mapping[str, Judgement]) -> str:
    judgement = judgements[match["id"]]
    members, place = judgement.findings, int(match["place"] or 0)
    if match["check"]:
        members, place = judgement.checks[match["check"]].findings, int(match["member"] or 0)
    form = match["form"] or "both"
    if place >= len(members) or form not in {**_FORMS, **_ABOUT_CLAIM}:
        raise ValueError(
            f"{match[0]} is no number: {match['id']} has {len(members)} such relations, and the "
            f"forms are {', '.join([*_FORMS, *_ABOUT_CLAIM])}."
        )
    if form in _ABOUT_CLAIM:
        return _ABOUT_CLAIM[form](judgement)
    return _FORMS[form](members[place])


def _narrow(finding: JudgedRelation) -> bool:
    """Return whether the 90% interval decides: being equal is shown by it."""
    return finding.outcome == "equal" or (finding.side == "within" and finding.outcome == "claimed")


def _estimate(finding: JudgedRelation) -> str:
    text = rounded(finding, narrow=_narrow(finding))[1]
    return text + unit_words(finding.relation.unit, text)


def _interval(finding: JudgedRelation) -> str:
    low, _, high = rounded(finding, narrow=_narrow(finding))
    return f"{low} to {high}{', 90% interval' if _narrow(finding) else ''}"


def _both(finding: JudgedRelation) -> str:
    return f"{_estimate(finding)} ({_interval(finding)})"


def _cases(finding: JudgedRelation) -> str:
    return f"{round(finding.effect.estimate * finding.effect.n)} of {finding.effect.n}"


def _inverse(finding: JudgedRelation) -> str:
    return number_text(1 / finding.effect.estimate)


def _percent(finding: JudgedRelation) -> str:
    return f"{number_text(float(format(100 * abs(finding.effect.estimate - 1), '.2g')))}%"


def _magnitude(finding: JudgedRelation) -> str:
    return _estimate(finding).removeprefix("−")


def _drop(finding: JudgedRelation) -> str:
    """Return how much lower the truth may lie: the low end without its sign, none above 0."""
    low = rounded(finding)[0].removeprefix("−") if finding.effect.low < 0 else "0"
    return low + unit_words(finding.relation.unit, low)


def _less(finding: JudgedRelation) -> str:
    low, estimate, high = rounded(finding, narrow=_narrow(finding), negate=True)
    return f"{estimate}{unit_words(finding.relation.unit, estimate)} ({low} to {high})"


def _seen(finding: JudgedRelation) -> str:
    value = finding.would_have_seen
    text = number_text(math.nan if value is None else value)
    return text + unit_words(finding.relation.unit, text)


def _border(finding: JudgedRelation) -> str:
    number = number_text(finding.border)
    return number + unit_words(finding.relation.unit, number)


def _source(judgement: Judgement) -> str:
    return " and ".join(map(number_text, judgement.source_numbers)) or "unknown"


def _size(judgement: Judgement) -> str:
    told = {
        "yes": f"the source's number, {_source(judgement)}, lies inside the interval",
        "no": f"the source's number, {_source(judgement)}, lies outside the interval",
    }
    return told.get(judgement.size, "the source gives no number to compare with")


def _setting(judgement: Judgement) -> str:
    return judgement.rule.setting if judgement.rule else "none"


_ABOUT_CLAIM = {"source": _source, "size": _size, "setting": _setting}
_FORMS = {
    "border": _border,
    "both": _both,
    "estimate": _estimate,
    "interval": _interval,
    "n": lambda finding: str(finding.effect.n),
    "cases": _cases,
    "inverse": _inverse,
    "percent": _percent,
    "magnitude": _magnitude,
    "drop": _drop,
    "less": _less,
    "seen": _seen,
}
