"""Judge the claims of the sources: claims, findings, verdicts and the rules between them."""

import csv
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from studies.formatting import rounded_interval
from studies.intervals import Interval

_CONFIDENCE = 0.95
Word = Literal["reproduced", "contradicted", "inconclusive", "artefact", "not testable"]


@dataclasses.dataclass(frozen=True)
class Claim:
    """An assertion of a source, and the rule that judges it.

    Attributes:
        id: Such as ``S1.2``: claim 2 of source S1.
        setting: The data, model and training of the source.
        statement: The assertion.
        source_numbers: The numbers that the source gives.
        rule: When the claim counts as reproduced, and when as contradicted.
    """

    id: str
    setting: str
    statement: str
    source_numbers: str
    rule: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """A measured quantity, compared with the claim about it.

    Attributes:
        quantity: Name of the quantity for readers, such as "ratio of λ_max, BN over none".
        interval: Its estimate over seeds, with a confidence interval.
        word: The judgement: ``reproduced`` if the whole interval lies on the claimed side of the
            threshold, ``contradicted`` if it lies on the other side, else ``inconclusive``.
        threshold: The border between the sides, in the unit of the interval.
        side: The claimed side of the threshold.
        converged: Whether every number behind the interval converged.
    """

    quantity: str
    interval: Interval
    word: Word
    threshold: float
    side: Literal["above", "below"]
    converged: bool

    @property
    def text(self) -> str:
        """Quantity, estimate, interval and n as plain text; the coverage where it is not 95%."""
        interval = self.interval
        if not math.isfinite(interval.estimate):
            invalid = (
                f"{interval.invalid} of {interval.n} values are not finite or have no logarithm"
            )
            why = f"no estimate, {getattr(interval, 'reason', '') or invalid}"
            if self.word == "inconclusive":
                return f"{self.quantity}: {why}"
            low, _, high = rounded_interval(interval.low, interval.low, interval.high)
            # The ends may decide where the estimate is open, as for medians of censored durations.
            return f"{self.quantity} in [{low}, {high}], {self._samples} ({why})"
        ends = interval.low, interval.estimate, interval.high
        border = math.nan if self.word == "inconclusive" else self.threshold
        low, estimate, high = rounded_interval(*ends, kind=interval.kind, border=border)
        text = f"{self.quantity} = {estimate} [{low}, {high}], {self._samples}"
        return text if self.converged else f"{text} (not all converged)"

    @property
    def _samples(self) -> str:
        """Number of samples, and the coverage of the interval where it is not 95%."""
        confidence = self.interval.confidence
        usual = math.isclose(confidence, _CONFIDENCE) or not 0 < confidence < 1
        return f"n = {self.interval.n}" + ("" if usual else f", {100 * confidence:.4g}% interval")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim, the findings on it, and the judgement that a rule made of them.

    Attributes:
        claim: The claim.
        word: The judgement: ``reproduced``, ``contradicted``, ``inconclusive``, ``artefact`` (of
            the source's estimator) or ``not testable``.
        findings: The findings; first those as the source measured, then the checks.
        reason: Why nothing was measured, where there are no findings.
        checks: Number of checks at the end of ``findings``; see ``robust``.
    """

    claim: Claim
    word: Word
    findings: tuple[Finding, ...]
    reason: str = ""
    checks: int = 0

    @property
    def claimed(self) -> tuple[Finding, ...]:
        """The findings as the source measured: all but the checks."""
        return self.findings[: len(self.findings) - self.checks]

    @property
    def word_without_checks(self) -> Word:
        """The judgement that ``every`` reaches without the checks."""
        return every(self.claim, self.claimed).word if self.checks else self.word

    @property
    def text(self) -> str:
        """All findings, each with estimate, interval and n, as one sentence of plain text."""
        if not self.findings:
            return self.reason
        return "; ".join(finding.text for finding in self.findings)


def claim(id: str, *, rule: str) -> Claim:
    """Return a claim of the sources, with the rule that will judge it.

    Args:
        id: Such as ``S1.2``. ``source_claims.csv`` lists all claims with the sources' numbers.
        rule: When the claim counts as reproduced, and when as contradicted.

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

    An interval with invalid samples, or with numbers that did not converge, is inconclusive.

    Args:
        quantity: Name of the quantity for readers.
        interval: Its estimate over seeds.
        threshold: The border, in the unit of the interval. None takes the value of no effect: 1
            for a ratio, 0 otherwise.
        converged: Whether every number behind the interval converged.

    Returns:
        The finding: ``reproduced`` if the whole interval lies above the threshold,
        ``contradicted`` if it lies below, else ``inconclusive``.
    """
    return _side(quantity, interval, threshold, converged, "above")


def below(
    quantity: str, interval: Interval, *, threshold: float | None = None, converged: bool = True
) -> Finding:
    """Judge the assertion that a quantity lies below a threshold.

    Args:
        quantity: As for ``above``.
        interval: As for ``above``.
        threshold: As for ``above``.
        converged: As for ``above``.

    Returns:
        The finding: ``reproduced`` if the whole interval lies below the threshold,
        ``contradicted`` if it lies above, else ``inconclusive``.
    """
    return _side(quantity, interval, threshold, converged, "below")


def _side(quantity, interval, threshold, converged, side) -> Finding:
    border = interval.neutral if threshold is None else threshold
    is_above, is_below = interval.low > border, interval.high < border
    word: Word = "inconclusive"
    if converged and interval.invalid == 0 and (is_above or is_below):
        word = "reproduced" if is_above == (side == "above") else "contradicted"
    return Finding(quantity, interval, word, border, side, converged)


def every(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Judge a claim that asserts all of its findings together.

    Reproduced if every finding is; contradicted if a finding is; otherwise inconclusive.

    Args:
        claim: The claim.
        findings: The findings on it, at least one.

    Raises:
        ValueError: If there is no finding.
    """
    return _judged(claim, findings, contradicted=any, reproduced=all)


def some(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Judge a claim that asserts at least one of its findings.

    Reproduced if a finding is; contradicted if all are; otherwise inconclusive.

    Args:
        claim: The claim.
        findings: The findings on it, at least one.

    Raises:
        ValueError: If there is no finding.
    """
    return _judged(claim, findings, contradicted=all, reproduced=any)


def agreed(claim: Claim, findings: Sequence[Finding]) -> Verdict:
    """Judge a claim whose findings must agree.

    Reproduced if every finding is; contradicted if every finding is; otherwise inconclusive.

    Args:
        claim: The claim.
        findings: The findings on it, at least one.

    Raises:
        ValueError: If there is no finding.
    """
    return _judged(claim, findings, contradicted=all, reproduced=all)


def robust(claim: Claim, source: Sequence[Finding], checks: Sequence[Finding]) -> Verdict:
    """Judge a claim by the source's own estimator, and by estimators without its known defect.

    Contradicted if a finding by the source's estimator is; artefact if all of these are reproduced
    and a check is contradicted; reproduced if all findings are; otherwise inconclusive.

    Args:
        claim: The claim.
        source: Findings by the source's estimator, at least one.
        checks: Findings on the same quantities by better estimators, at least one. A check that is
            also in ``source`` is not listed twice.

    Raises:
        ValueError: If ``source`` or ``checks`` is empty.
    """
    source_words, check_words = _words(claim, source), _words(claim, checks)
    checks = [check for check in checks if check not in source]
    word: Word = "inconclusive"
    if "contradicted" in source_words:
        word = "contradicted"
    elif source_words == {"reproduced"} and "contradicted" in check_words:
        word = "artefact"
    elif source_words == check_words == {"reproduced"}:
        word = "reproduced"
    return Verdict(claim, word, (*source, *checks), checks=len(checks))


def not_testable(claim: Claim, reason: str) -> Verdict:
    """Return the verdict on a claim that this study cannot measure.

    Args:
        claim: The claim.
        reason: Why it cannot be measured, as a sentence.
    """
    return Verdict(claim, "not testable", (), reason)


def _judged(
    claim: Claim, findings: Sequence[Finding], **quantifiers: Callable[[Iterable[bool]], bool]
) -> Verdict:
    """Judge by word -> whether ``any`` or ``all`` of the findings must have it."""
    words = _words(claim, findings)
    fitting = [
        word for word, holds in quantifiers.items() if holds(given == word for given in words)
    ]
    return Verdict(claim, fitting[0] if fitting else "inconclusive", tuple(findings))


def _words(claim: Claim, findings: Sequence[Finding]) -> set[str]:
    if not findings:
        raise ValueError(
            f"no finding was given for {claim.id}. Measure something, or use not_testable."
        )
    return {finding.word for finding in findings}
