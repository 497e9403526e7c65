"""Measured relations between variables: exponents, rank correlations, ratios of durations."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from studies.durations import Duration, check_pairs, faster, ratio_ends
from studies.intervals import power_law
from studies.judging.effects import effect, no_effect, student_effect
from studies.judging.evidence import OrderedMedian, Ranks, Resampled
from studies.judging.relations import Relation
from studies.judging.samples import Values, cases
from studies.rank_correlation import rank_correlation
from studies.sign_agreement import SignAgreement


def exponent(
    quantity: str,
    sizes: Sequence[float],
    values: Sequence[Values],
    *,
    variable: str,
    contrast: str = "",
    neutral: float = 0.0,
    leave_out_unlearned: bool = True,
) -> Relation:
    """Return the exponent b of value ∝ size^b, one by least squares for each seed.

    Args:
        quantity: Such as ``λ_max``.
        sizes: The positions, such as widths: positive, at least two of them different.
        values: For each size the values of all seeds, in the same order of seeds.
        variable: What the sizes are, such as ``width``.
        contrast: Where it was measured, such as ``at equal training loss``.
        neutral: The exponent that means no effect.
        leave_out_unlearned: Whether a seed with a network that did not learn is left out.

    Raises:
        ValueError: If the sizes give no exponent, or have different numbers of values.
    """
    if len(sizes) != len(values):
        raise ValueError(
            f"{len(values)} lists of values do not fit {len(sizes)} sizes. Pass the values of all "
            "seeds for each size."
        )
    seeds = cases(*values, leave_out_unlearned=leave_out_unlearned)
    rows = np.array(seeds.columns).T
    exponents = np.array([power_law(sizes, row) for row in rows], dtype=float)
    return Relation(
        "exponent",
        quantity,
        student_effect(exponents, log=False, counts=seeds),
        contrast,
        other=variable,
        neutral=neutral,
        margin="exponent",
    )


def correlation(
    quantity: str,
    x: Values,
    y: Values,
    *,
    other: str,
    clusters: Sequence[Hashable] | None = None,
    groups: Sequence[Hashable] | None = None,
    given: tuple[str, Values] | None = None,
    contrast: str = "",
    leave_out_unlearned: bool = False,
) -> Relation:
    """Return the rank correlation of two variables over networks, or the partial one given a third.

    Args:
        quantity: The first variable, such as ``λ_max``.
        x: Its values, one a network.
        y: Values of the other variable, in the same order.
        other: The other variable, such as ``test accuracy``.
        clusters: A label a network, such as its arm: networks of one label depend on each other.
        groups: A label a network: the correlation is taken within groups.
        given: Name and values of a third variable that is held constant.
        contrast: Where it was measured.
        leave_out_unlearned: Whether networks that did not learn are left out. By default they stay:
            to fail is low accuracy.

    Raises:
        ValueError: If values or labels have different lengths.
    """
    third_name, third = given or ("", None)
    columns = (x, y) if third is None else (x, y, third)
    kept = cases(*columns, leave_out_unlearned=leave_out_unlearned)
    total = len(kept.kept) + kept.left_out
    labels: dict[str, Any] = {
        name: None if given_labels is None else _kept(name, given_labels, kept.kept, total)
        for name, given_labels in (("clusters", clusters), ("groups", groups))
    }
    if len(kept.kept) == 0:
        measured = no_effect("no case is left", n=0, log=False, counts=kept)
    else:
        first, second, *rest = kept.columns
        held = rest[0] if rest else None
        measured = _correlation_effect(rank_correlation(first, second, given=held, **labels), kept)
    return Relation(
        "correlation",
        quantity,
        measured,
        contrast,
        other=other,
        given=third_name,
        neutral=0.0,
        margin="correlation",
    )


def agreement(
    quantity: str,
    result: SignAgreement,
    predictor: str,
    *,
    other: str,
    given: str = "",
    contrast: str = "",
    margin: str | float | None = 0.2,
) -> Relation:
    """Return the mean sign agreement of a predictor with an outcome, with arms resampled.

    Args:
        quantity: The predictor in words, such as ``λ_max``.
        result: The sign agreement of several predictors.
        predictor: Which of them.
        other: The outcome in words.
        given: What was held equal.
        contrast: Of which networks.
        margin: As ``Relation.margin``; 0.2 is 10 percentage points of pairs in the right order.
    """
    place = result.place(predictor)
    draws = result.draws[:, place]
    draws = draws[np.isfinite(draws)]
    counts = result.pairs[place][np.isfinite(result.values[place])]
    n, mean = int(counts.sum()), result.mean(predictor)
    if n == 0:
        measured = no_effect("no environment has enough pairs", n=0, log=False)
    elif len(draws) < 39 or np.ptp(draws) < 1e-12:
        reason = "resampled arms give one value or none, which is no interval"
        measured = no_effect(reason, n=n, log=False, estimate=mean)
    else:
        measured = effect(Resampled(mean, draws, result.arms[place]), n=n, log=False)
    return Relation(
        "agreement",
        quantity,
        measured,
        contrast,
        other=other,
        given=given,
        neutral=0.0,
        margin=margin,
    )


def _correlation_effect(result, kept):
    if math.isnan(result.z):
        return no_effect(result.reason, n=result.n, log=False, counts=kept, invalid=result.invalid)
    return effect(Ranks(result), n=result.n, log=False, counts=kept, reason=result.reason)


def _kept(name: str, labels: Sequence[Hashable], kept: np.ndarray, total: int) -> list[Hashable]:
    if len(labels) != total:
        raise ValueError(
            f"{len(labels)} {name} do not fit {total} networks. Pass one label for each, such as "
            "its arm."
        )
    return [labels[index] for index in kept]


def median_ratio(
    quantity: str,
    first: Sequence[Duration],
    second: Sequence[Duration],
    *,
    contrast: str = "",
    more: tuple[str, str] = ("longer", "shorter"),
) -> Relation:
    """Return the median of first / second over pairs of durations, between order statistics.

    A duration is known by bounds, or by a lower bound alone where a run never reaches its target;
    ``durations.median_duration`` explains the interval. Six pairs are needed for 95%; of five
    pairs the interval has 90% asked for and 93.75% reached, and fewer have none.

    Args:
        quantity: Such as ``The time to 97% accuracy``.
        first: One duration a pair; ``durations.Duration``, or anything with its attributes.
        second: The other durations of the same pairs, in the same order.
        contrast: What sets the first apart, such as ``at width 32``.
        more: Words for a ratio above and below 1.

    Raises:
        ValueError: If the two have different lengths.
    """
    check_pairs(first, second)
    if (n := len(first)) < 5:
        measured = no_effect(f"{n} pairs give no interval of a median; it takes 5", n=n, log=True)
    else:
        # The ratio first / second says how many times faster the second is.
        median = faster(second, first)
        lows, highs = zip(*ratio_ends(second, first), strict=True)
        never = f"in {median.censored} of {n} pairs a run never gets there"
        measured = effect(
            OrderedMedian(median.estimate, lows, highs),
            n=n,
            log=True,
            confidence=0.95 if n > 5 else 0.9,
            reason=never if median.reason else "",
        )
    return Relation(
        "median ratio",
        quantity,
        measured,
        contrast,
        more=more,
        neutral=1.0,
        margin="ratio",
    )
