"""Measured relations: ratios, differences, levels, barriers, shares and counts.

Each function takes plain samples, one value a case (a seed, a pair, a network), and returns a
``Relation``: the effect with the words that tell it. Which side is claimed is said by a rule.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from studies.judging.effects import Effect, effect, no_effect, student_effect
from studies.judging.evidence import BinomialShare, PoissonRate
from studies.judging.samples import Values, cases

Kind = Literal[
    "ratio",
    "difference",
    "level",
    "share",
    "exponent",
    "correlation",
    "agreement",
    "barrier",
    "median ratio",
    "count",
]
Side = Literal["above", "below", "within"]
SIDES = ("above", "below", "within")


@dataclasses.dataclass(frozen=True)
class Relation:
    """A measured number, its words, and what it may be judged against.

    Attributes:
        kind: What was measured.
        quantity: Its name for readers, the subject of the sentence, such as ``λ_max``. For a share
            the plural noun and its verb (``runs without BN diverge``), for a count the plural noun.
        effect: The number with its intervals.
        contrast: What it is compared with, such as ``with BN``, or where it was measured.
        other: Second variable of a correlation or an agreement; the variable that an exponent
            belongs to.
        given: Third variable of a partial correlation.
        unit: Unit of the number, such as ``points``.
        more: Word for more and word for less, such as ``higher`` and ``lower``.
        neutral: The value that means no effect; None where no value does, as for a level.
        margin: Name of a margin in ``Margins``, a number, or None: nothing counts as equivalent.
        published_estimator: Whether it is a source's estimator as published, which is judged as it
            is, converged or not.
        side: Claimed side, where it differs from the rule's.
        border: Border, where it differs from the rule's.
    """

    kind: Kind
    quantity: str
    effect: Effect
    contrast: str = ""
    other: str = ""
    given: str = ""
    unit: str = ""
    more: tuple[str, str] = ("larger", "smaller")
    neutral: float | None = None
    margin: str | float | None = None
    published_estimator: bool = False
    side: Side | None = None
    border: float | None = None

    def against(self, border: float | None = None, side: Side | None = None) -> "Relation":
        """Return the relation with a border or a side of its own, other than the rule's."""
        return dataclasses.replace(self, border=border, side=side)


def ratio(
    quantity: str,
    first: Values,
    second: Values,
    *,
    contrast: str = "",
    leave_out_unlearned: bool = True,
    margin: str | float | None = "ratio",
    published_estimator: bool = False,
) -> Relation:
    """Return the geometric mean of first / second over pairs, with Student's interval of the logs.

    Args:
        quantity: Such as ``λ_max``.
        first: One positive value a pair, such as one a seed.
        second: The other values of the same pairs, in the same order.
        contrast: What sets the first apart, such as ``with BN``.
        leave_out_unlearned: Whether pairs with a network that did not learn are left out, as for
            any curvature.
        margin: As ``Relation.margin``.
        published_estimator: As ``Relation.published_estimator``.

    Raises:
        ValueError: If the two have different lengths.
    """
    pairs = cases(first, second, leave_out_unlearned=leave_out_unlearned)
    logs = np.full(len(pairs.kept), math.nan)
    a, b = pairs.columns
    valid = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    logs[valid] = np.log(a[valid]) - np.log(b[valid])
    return Relation(
        "ratio",
        quantity,
        student_effect(logs, log=True, counts=pairs),
        contrast,
        neutral=1.0,
        margin=margin,
        published_estimator=published_estimator,
    )


def difference(
    quantity: str,
    first: Values,
    second: Values,
    *,
    contrast: str = "",
    factor: float = 100.0,
    unit: str = "points",
    more: tuple[str, str] = ("higher", "lower"),
    leave_out_unlearned: bool = False,
    margin: str | float | None = "accuracy",
    published_estimator: bool = False,
) -> Relation:
    """Return the mean of first − second over pairs; by default of shares, in percentage points.

    A network that did not learn stays in: failing is an outcome of training.

    Args:
        quantity: Such as ``Test accuracy``.
        first: One value a pair, such as an accuracy in [0, 1] a seed.
        second: The other values of the same pairs, in the same order.
        contrast: What sets the first apart, such as ``with BN``.
        factor: Turns the values into the unit.
        unit: Of the difference.
        more: Words for a positive and a negative difference.
        leave_out_unlearned: Whether pairs with a network that did not learn are left out.
        margin: As ``Relation.margin``, in the unit; ``accuracy_cifar`` for CIFAR-10.
        published_estimator: As ``Relation.published_estimator``.

    Raises:
        ValueError: If the two have different lengths.
    """
    pairs = cases(first, second, leave_out_unlearned=leave_out_unlearned)
    with np.errstate(invalid="ignore"):
        samples = factor * (pairs.columns[0] - pairs.columns[1])
    return Relation(
        "difference",
        quantity,
        student_effect(samples, log=False, counts=pairs),
        contrast,
        unit=unit,
        more=more,
        neutral=0.0,
        margin=margin,
        published_estimator=published_estimator,
    )


def level(
    quantity: str,
    values: Values,
    *,
    contrast: str = "",
    factor: float = 1.0,
    unit: str = "",
    log: bool = False,
    neutral: float | None = None,
    margin: float | None = None,
    leave_out_unlearned: bool = False,
    published_estimator: bool = False,
) -> Relation:
    """Return the mean of values, which a rule sets against its border.

    Args:
        quantity: Such as ``Test accuracy``.
        values: One a case; positive if ``log``.
        contrast: Where it was measured, such as ``without BN``.
        factor: Turns the values into the unit.
        unit: Of the mean.
        log: Whether it is a geometric mean, on a logarithmic scale.
        neutral: A value that means no effect, if one does.
        margin: What counts as equal, in the unit; a factor if ``log``.
        leave_out_unlearned: Whether networks that did not learn are left out.
        published_estimator: As ``Relation.published_estimator``.
    """
    kept = cases(values, leave_out_unlearned=leave_out_unlearned)
    samples = factor * kept.columns[0]
    if log:
        samples = np.log(np.where(samples > 0, samples, math.nan))
    return Relation(
        "level",
        quantity,
        student_effect(samples, log=log, counts=kept),
        contrast,
        unit=unit,
        neutral=neutral,
        margin=margin,
        published_estimator=published_estimator,
    )


def barrier(
    quantity: str, values: Values, *, contrast: str = "", factor: float = 100.0
) -> Relation:
    """Return the mean height of a barrier over paths or pairs of networks, in percentage points.

    Args:
        quantity: Such as ``The error barrier between two seeds``.
        values: One height a pair, by default as a share in [0, 1].
        contrast: Where it was measured, such as ``after alignment``.
        factor: Turns the values into percentage points.
    """
    heights = level(quantity, values, contrast=contrast, factor=factor, unit="points")
    return dataclasses.replace(heights, kind="barrier", neutral=0.0, margin="barrier")


def share(
    quantity: str,
    outcomes: Sequence[bool],
    *,
    contrast: str = "",
    neutral: float | None = None,
    margin: float | None = None,
) -> Relation:
    """Return the share of independent cases with an outcome, with its exact binomial interval.

    Args:
        quantity: Plural noun and verb, such as ``runs without BN diverge``.
        outcomes: Whether each case has the outcome; one a network, not one a measurement.
        contrast: Where it was measured.
        neutral: A share that means no effect, such as 0.5 for an agreement of signs.
        margin: What counts as equal, as a difference of shares.
    """
    count, n = sum(map(bool, outcomes)), len(outcomes)
    measured = (
        effect(BinomialShare(count, n), n=n, log=False)
        if n
        else no_effect("no case is left", n=0, log=False)
    )
    return Relation("share", quantity, measured, contrast, neutral=neutral, margin=margin)


def count(quantity: str, counts: Sequence[int], *, contrast: str = "", unit: str = "") -> Relation:
    """Return the mean count a case, with the exact interval of Poisson counts.

    Counts that scatter less than Poisson's, such as those out of 15, get too wide an interval.

    Args:
        quantity: Plural noun of what is counted, such as ``negative eigenvalues``.
        counts: One whole number a case, at least 0.
        contrast: Where they were counted.
        unit: What a case is, such as ``network``.

    Raises:
        ValueError: If a count is not a whole number of at least 0.
    """
    bad = [value for value in counts if not (value >= 0 and float(value).is_integer())]
    if bad:
        raise ValueError(
            f"counts {bad} cannot be. Pass whole numbers of at least 0, one for each case."
        )
    n = len(counts)
    rate = (
        effect(PoissonRate(int(sum(counts)), n), n=n, log=False)
        if n
        else no_effect("no case is left", n=0, log=False)
    )
    return Relation("count", quantity, rate, contrast, unit=unit)
