"""A claim of a source, the rule that judges it, and the verdict that code reached."""

import csv
import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from studies.formatting import rounded_interval
from studies.intervals import Interval

_CONFIDENCE = 0.95
Word = Literal["reproduced", "contradicted", "inconclusive", "artefact", "not testable"]


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a source asserts, and the rule that judges it.

    Attributes:
        id: Such as ``S1.2``.
        setting: The source's data, model and training.
        statement: The assertion.
        source_numbers: The source's own numbers.
        rule: When it counts as reproduced, when as contradicted.
    """

    id: str
    setting: str
    statement: str
    source_numbers: str
    rule: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """One measured quantity set against what the claim says of it.

    Attributes:
        quantity: What was measured, such as "ratio of λ_max, BN over none".
        interval: Its estimate over seeds.
        word: ``reproduced`` if the whole interval lies on the claimed side of the threshold,
            ``contradicted`` if it lies on the other, else ``inconclusive``.
        threshold: The value between the sides.
        side: The claimed side.
        converged: Whether every number behind it converged.
    """

    quantity: str
    interval: Interval
    word: Word
    threshold: float
    side: Literal["above", "below"]
    converged: bool

    @property
    def text(self) -> str:
        """Quantity, estimate, interval, n, and a coverage other than 95%, as plain text."""
        interval = self.interval
        if not math.isfinite(interval.estimate):
            lost = f"{interval.invalid} of {interval.n} values are not finite or have no logarithm"
            why = f"no estimate, {getattr(interval, 'reason', '') or lost}"
            if self.word == "inconclusive":
                return f"{self.quantity}: {why}"
            low, _, high = rounded_interval(interval.low, interval.low, interval.high)
            return f"{self.quantity} in [{low}, {high}], {self._samples} ({why})"
        ends = interval.low, interval.estimate, interval.high
        border = math.nan if self.word == "inconclusive" else self.threshold
        low, estimate, high = rounded_interval(*ends, kind=interval.kind, border=border)
        text = f"{self.quantity} = {estimate} [{low}, {high}], {self._samples}"
        return text if self.converged else f"{text} (not all converged)"

    @property
    def _samples(self) -> str:
        """How many there are, and what the interval covers where that is not the usual 95%."""
        covers = self.interval.confidence
        usual = math.isclose(covers, _CONFIDENCE) or not 0 < covers < 1
        return f"n = {self.interval.n}" + ("" if usual else f", {100 * covers:.4g}% interval")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim with its findings and the word for the whole.

    Attributes:
        claim: The claim.
        word: What it comes to.
        findings: What was measured.
        reason: Why nothing was, where there are no findings.
        checks: How many findings, the last ones, check the others: ``robust``.
    """

    claim: Claim
    word: Word
    findings: tuple[Finding, ...]
    reason: str = ""
    checks: int = 0

    @property
    def claimed(self) -> tuple[Finding, ...]:
        """The findings as the source would have them: all but the checks."""
        return self.findings[: len(self.findings) - self.checks]

    @property
    def unchecked(self) -> Word:
        """What it would come to without the checks."""
        return every(self.claim, self.claimed).word if self.checks else self.word

    @property
    def text(self) -> str:
        """What was found, with estimate, interval and n, as one sentence of plain text."""
        if not self.findings:
            return self.reason
        return "; ".join(finding.text for finding in self.findings)


def claim(id: str, *, rule: str) -> Claim:
    """Return a claim of the sources, with the rule that will judge it.

    Args:
        id: Such as ``S1.2``; ``source_claims.csv`` holds all of them with the sources' numbers.
        rule: When it counts as reproduced, when as contradicted.

    Raises:
        ValueError: If the sources make no such claim, or the rule is empty.
    """
    known = _sources()
    if id not in known:
        raise ValueError(f"the sources make no claim {id!r}. They make {', '.join(known)}.")
    if not rule.strip():
        raise ValueError(f"claim {id} has no rule. Say when it is reproduced, when contradicted.")
    return Claim(id, *known[id], rule)


@functools.cache
def _sources() -> dict[str, tuple[str, str, str]]:
    with open(Path(__file__).with_name("source_claims.csv"), encoding="utf-8", newline="") as file:
        return {
            row["id"]: (row["setting"], row["statement"], row["source_numbers"])
            for row in csv.DictReader(file)
        }


def above(
    quantity: str, interval: Interval, *, threshold: float | None = None, converged: bool = True
) -> Finding:
    """Judge the assertion that a quantity lies above a threshold.

    Args:
        quantity: Its name.
        interval: Its estimate over seeds.
        threshold: The border; None takes the value of no effect, 1 for a ratio and 0 otherwise.
        converged: Whether every number behind it converged; if not, nothing is concluded.
    """
    return _side(quantity, interval, threshold, converged, "above")


def below(
    quantity: str, interval: Interval, *, threshold: float | None = None, converged: bool = True
) -> Finding:
    """Judge the assertion that a quantity lies below a threshold; see ``above``."""
    return _side(quantity, interval, threshold, converged, "below")


def _side(quantity, interval, threshold, converged, side) -> Finding:
    border = interval.neutral if threshold is None else threshold
    over, under = interval.low > border, interval.high < border
    word: Word = "inconclusive"
    if converged and interval.invalid == 0 and (over or under):
        word = "reproduced" if over == (side == "above") else "contradicted"
    return Finding(quantity, interval, word, border, side, converged)


def every(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Reproduced if every finding is; contradicted if one is; otherwise inconclusive.

    Raises:
        ValueError: If there is no finding.
    """
    words = _words(claim, findings)
    word: Word = "inconclusive"
    if "contradicted" in words:
        word = "contradicted"
    elif words == {"reproduced"}:
        word = "reproduced"
    return Verdict(claim, word, tuple(findings))


def some(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Reproduced if one finding is; contradicted if all are; otherwise inconclusive.

    Raises:
        ValueError: If there is no finding.
    """
    words = _words(claim, findings)
    word: Word = "inconclusive"
    if "reproduced" in words:
        word = "reproduced"
    elif words == {"contradicted"}:
        word = "contradicted"
    return Verdict(claim, word, tuple(findings))


def agreed(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Reproduced if every finding is; contradicted if every one is; otherwise inconclusive.

    Raises:
        ValueError: If there is no finding.
    """
    words = _words(claim, findings)
    (word,) = words if len(words) == 1 else ("inconclusive",)
    return Verdict(claim, word, tuple(findings))


def robust(claim: Claim, source: Sequence[Finding], checks: Sequence[Finding]) -> Verdict:
    """Judge a claim by the source's own way of measuring and by ways without its known defect.

    Contradicted if a finding of the source's way is; artefact if all of them are reproduced and a
    check contradicts them; reproduced if all findings are; otherwise inconclusive.

    Args:
        claim: The claim.
        source: Findings as the source would have them.
        checks: Findings of the same quantities, measured better; one that is also a finding of the
            source's way is not listed twice.

    Raises:
        ValueError: If there is no finding of the source's way, or no check.
    """
    ways = _words(claim, source), _words(claim, checks)
    checks = [check for check in checks if check not in source]
    word: Word = "inconclusive"
    if "contradicted" in ways[0]:
        word = "contradicted"
    elif ways[0] == {"reproduced"} and "contradicted" in ways[1]:
        word = "artefact"
    elif ways == ({"reproduced"}, {"reproduced"}):
        word = "reproduced"
    return Verdict(claim, word, (*source, *checks), checks=len(checks))


def not_testable(claim: Claim, reason: str) -> Verdict:
    """Return the verdict on a claim that this study cannot measure, with the reason."""
    return Verdict(claim, "not testable", (), reason)


def _words(claim: Claim, findings: Sequence[Finding]) -> set[str]:
    if not findings:
        raise ValueError(
            f"no finding was given for {claim.id}. Measure something, or use not_testable."
        )
    return {finding.word for finding in findings}
