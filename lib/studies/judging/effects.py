"""Effects: an estimate with its 95% and 90% intervals, and tests against a border or a margin."""

import dataclasses
import math
from typing import Any

import numpy as np

from studies.judging.evidence import Evidence, StudentMean
from studies.judging.samples import Cases

CONFIDENCE = 0.95
NARROW = 0.9  # Two one-sided tests at 5% ask whether the 90% interval lies inside the margin.


@dataclasses.dataclass(frozen=True)
class Effect:
    """One measured number with all that a judgement and a picture of it need.

    Attributes:
        estimate: The number; NaN where there is none.
        low: Lower end of the interval; NaN where there is no interval.
        high: Upper end.
        low90: Lower end of the 90% interval.
        high90: Upper end.
        n: Cases behind it: pairs, seeds, networks.
        confidence: Least coverage of the interval: 0.95, or 0.9 for a median of 5 cases, which
            allow no more.
        log: Whether the number belongs on a logarithmic scale.
        left_out: Cases left out because a network in them did not learn.
        invalid: Kept cases whose value is not finite or, for a ratio, not positive. One leaves no
            estimate.
        unconverged: Kept cases with a value that did not converge.
        reason: Why there is no estimate or no interval; empty where there are both.
        evidence: What the p-values come from; None without an interval.
    """

    estimate: float
    low: float
    high: float
    low90: float
    high90: float
    n: int
    log: bool
    confidence: float = CONFIDENCE
    left_out: int = 0
    invalid: int = 0
    unconverged: int = 0
    reason: str = ""
    evidence: Evidence | None = None

    @property
    def significance(self) -> float:
        """Share of cases that the interval may miss: 0.05 for a 95% interval."""
        return 1 - self.confidence

    def tails(self, border: float) -> tuple[float, float]:
        """Return the one-sided p-values for lying above and below a border; 1 without interval."""
        return self.evidence.tails(border) if self.evidence else (1.0, 1.0)

    def p_value(self, border: float) -> float:
        """Return the two-sided p-value against a border; 1 without interval."""
        return min(1.0, 2 * min(self.tails(border)))

    def p_equivalent(self, low: float, high: float) -> float:
        """Return the p-value of two one-sided tests that the truth lies between two ends.

        It is at most 0.05 exactly if the 90% interval lies inside the ends.

        Args:
            low: Lower end of the margin.
            high: Upper end.

        Reference: Schuirmann (1987), A Comparison of the Two One-Sided Tests Procedure and the
            Power Approach, J. Pharmacokin. Biopharm. 15(6).
        """
        return max(self.tails(low)[0], self.tails(high)[1])


def effect(
    evidence: Evidence,
    *,
    n: int,
    log: bool,
    counts: Cases | None = None,
    confidence: float = CONFIDENCE,
    reason: str = "",
) -> Effect:
    """Return the effect that evidence gives.

    Args:
        evidence: The evidence.
        n: Cases behind it.
        log: Whether it belongs on a logarithmic scale.
        counts: The cases, for what was left out and what did not converge.
        confidence: Coverage of the wider interval.
        reason: What is wrong with it, such as too few clusters.
    """
    low, high = evidence.interval(confidence)
    low90, high90 = evidence.interval(NARROW)
    return Effect(
        estimate=evidence.estimate,
        low=low,
        high=high,
        low90=low90,
        high90=high90,
        n=n,
        log=log,
        confidence=confidence,
        reason=reason,
        evidence=evidence,
        **_counts(counts),
    )


def no_effect(
    reason: str,
    *,
    n: int,
    log: bool,
    counts: Cases | None = None,
    invalid: int = 0,
    estimate: float = math.nan,
) -> Effect:
    """Return an effect without interval, and why it has none."""
    return Effect(
        estimate,
        low=math.nan,
        high=math.nan,
        low90=math.nan,
        high90=math.nan,
        n=n,
        log=log,
        invalid=invalid,
        reason=reason,
        **_counts(counts),
    )


def student_effect(samples: np.ndarray, *, log: bool, counts: Cases) -> Effect:
    """Return the mean of samples with Student's interval.

    An interval of zero width is refused: equal samples do not say how far others would lie.

    Args:
        samples: One number a case; logarithms if ``log``.
        log: Whether the effect is the exponential of the mean.
        counts: The cases that the samples come from.
    """
    n, invalid = len(samples), int((~np.isfinite(samples)).sum())
    labels: dict[str, Any] = dict(n=n, log=log, counts=counts, invalid=invalid)
    if invalid:
        what = "not finite and positive" if log else "not finite"
        return no_effect(f"{invalid} of {cases_text(n)} {_have(invalid)} {what}", **labels)
    if n == 0:
        return no_effect("no case is left", **labels)
    mean = float(samples.mean())
    estimate = math.exp(mean) if log and mean < 709 else mean
    if n == 1:
        return no_effect("1 case gives no interval", **labels, estimate=estimate)
    sd = float(samples.std(ddof=1))
    # Equal samples differ by rounding; of logarithms, relative to 1.
    if sd <= 1e-12 * max(float(np.abs(samples).max()), 1.0 if log else 0.0):
        reason = f"all {n} values are equal, and a t-interval of zero width is a fault: use a share"
        return no_effect(reason, **labels, estimate=estimate)
    return effect(StudentMean(mean, sd, n, log), n=n, log=log, counts=counts)


def cases_text(n: int) -> str:
    """Return a number of cases as text."""
    return f"{n} case" if n == 1 else f"{n} cases"


def _have(count: int) -> str:
    return "has a value that is" if count == 1 else "have a value that is"


def _counts(counts: Cases | None) -> dict[str, Any]:
    if counts is None:
        return {}
    return {"left_out": counts.left_out, "unconverged": counts.unconverged}
