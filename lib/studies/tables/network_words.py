"""Words for networks of several sizes: trends, correlations, speeds, one beside another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from studies.durations import Duration, faster
from studies.formatting import (
    depending,
    interval_text,
    list_text,
    number_text,
    rounded_interval,
)
from studies.intervals import Interval
from studies.measurements import Measurements
from studies.power_laws import Exponent
from studies.predictors import rank_correlations
from studies.quantities import quantity as registered
from studies.tables.effect_words import UNKNOWN, effect, noun

# What an exponent above, below and around zero says.
_TRENDS: dict[str, Any] = {
    "above": "grows",
    "below": "falls",
    "undecided": "does not measurably vary",
}


def trend(
    exponents: Mapping[tuple[str, str], Interval],
    quantity: str,
    families: Mapping[str, str],
    *,
    noun: str,
    size: str,
) -> str:
    """Return how a quantity depends on a size in some families, as a clause with the exponents.

    An example is ``λ_max falls with the width in MLPs (exponent −1.04 ± 0.11), and does not
    measurably vary with the width in CNNs (exponent 0.02 ± 0.10)``.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``.
        quantity: Name of the quantity.
        families: Family -> its words in the clause, such as ``MLPs``.
        noun: The quantity in words, such as ``λ_max``.
        size: The size in words, such as ``the width``.

    Returns:
        The clause; of values that are not known, or did not converge, it says that no exponent is
        known.
    """
    groups: dict[str, list[str]] = {f"{verb} with {size}": [] for verb in _TRENDS.values()}
    unknown = []
    for family, words in families.items():
        exponent = exponents.get((quantity, family))
        if exponent is None or exponent.invalid or not getattr(exponent, "converged", True):
            unknown.append(words)
            continue
        verb = depending(exponent, **_TRENDS)
        group = groups[f"{verb} with {size}"]
        first = "" if group else "exponent "
        group.append(f"{words} ({first}{interval_text(exponent)})")
    parts = [f"{verb} in {list_text(group)}" for verb, group in groups.items() if group]
    parts += [f"has no known exponent in {list_text(unknown)}"] if unknown else []
    return f"{noun} {', and '.join(parts)}"


def local_trend(
    exponents: Mapping[tuple[str, str], Exponent], quantity: str, families: Mapping[str, str]
) -> str:
    """Return the range of a quantity's exponents between neighbouring sizes, for some families.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``.
        quantity: Name of the quantity.
        families: Family -> its words, such as ``MLPs``.

    Returns:
        A list such as ``−1.42 to 0.19 in MLPs``; families without an exponent have a dash.
    """
    texts = []
    for family, words in families.items():
        known = exponents.get((quantity, family))
        ends = (math.nan, math.nan) if known is None else (known.local_min, known.local_max)
        texts.append(f"{' to '.join(map(number_text, ends))} in {words}")
    return list_text(texts)


def sided_pairs(
    numbers: Measurements, quantity: str, pairs: Sequence[Sequence[str]], *, above: str, below: str
) -> str:
    """Return in how many pairs of arms a quantity is larger, smaller, or neither.

    Args:
        numbers: Where the quantity was recorded, in the same order of seeds.
        quantity: Name of the quantity.
        pairs: Two arms each, first against second.
        above: The words for a larger quantity, such as ``wider``.
        below: The words for a smaller one, such as ``narrower``.

    Returns:
        Counts such as ``wider in 2, narrower in 1 and open in 3 of 6 pairs``.
    """
    sides = [
        depending(effect(numbers, quantity, pair), above=above, below=below, undecided="open")
        for pair in pairs
    ]
    counts = [f"{side} in {sides.count(side)}" for side in (above, below, "open")]
    return f"{list_text(counts)} of {len(sides)} pair{'s' * (len(sides) != 1)}"


def correlated_pair(
    numbers: Measurements, quantity: str, target: str, arms: Sequence[str]
) -> tuple[Interval, Interval]:
    """Return the rank correlation of a quantity with a target, pooled and within arms.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        quantity: Name of the quantity.
        target: Name of what it should predict.
        arms: The arms.

    Returns:
        The two correlations; all NaN where the record lacks one of the two quantities.
    """
    if quantity in numbers and target in numbers:
        for pair in rank_correlations(numbers, [quantity], target, arms).values():
            return pair
    return UNKNOWN, UNKNOWN


def prediction(
    numbers: Measurements, quantity: str, target: tuple[str, str], arms: Sequence[str], across: str
) -> str:
    """Return the sentence on the rank correlation of a quantity with a target.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        quantity: Name of the quantity.
        target: Name of what it should predict, and its words, such as ``the epochs to 0.1 nats``.
        arms: The arms.
        across: What the arms differ in, such as ``families and widths``.
    """
    name, words = target
    pooled, within = correlated_pair(numbers, quantity, name, arms)
    start = f"Across {across}, {noun(registered(quantity))} and {words} have"
    if not math.isfinite(pooled.estimate):
        return f"{start} no known rank correlation."
    return (
        f"{start} a rank correlation of {interval_text(pooled)}; among networks of one family and "
        f"width, {interval_text(within)}."
    )


def speed(durations: Mapping[str, Sequence[Duration]], arms: Sequence[str]) -> str:
    """Return how many times as fast the first arm is as the second, by their durations.

    Args:
        durations: Arm -> durations, one for each seed.
        arms: The two arms.

    Returns:
        A clause such as ``MLPs of width 128 are 2.1 times as fast as MLPs of width 32 (93.75%
        interval 1.9 to 2.4)``, with the median ratio over seeds.
    """
    ratio = faster(*(durations[arm] for arm in arms))
    first, second = map(_networks, arms)
    if not math.isfinite(ratio.estimate):
        return f"{first} have no known speed against {second}"
    low, estimate, high = rounded_interval(ratio.low, ratio.estimate, ratio.high, kind="ratio")
    interval = f"{100 * ratio.confidence:.4g}% interval {low} to {high}"
    if ratio.confidence == 1:  # Too few seeds: the interval is 0 to infinity.
        interval = "no interval"
    return f"{first} are {estimate} times as fast as {second} ({interval})"


def beside(numbers: Measurements, arms: Sequence[str], having: Mapping[str, str]) -> str:
    """Return what a network has beside another one, as a clause with paired ratios.

    Args:
        numbers: Where the quantities were recorded, in the same order of seeds.
        arms: The two arms, first beside second.
        having: Quantity -> what the first has, such as ``a basin {} times as wide``.

    Returns:
        A clause such as ``a CNN of width 32 has a basin 2.74 [2.42, 3.09] times as wide as an MLP
        of width 32``.
    """
    first, second = (_network(arm) for arm in arms)
    ratios = {name: effect(numbers, name, arms) for name in having}
    texts = {
        name: interval_text(ratio) if math.isfinite(ratio.estimate) else "an unknown number of"
        for name, ratio in ratios.items()
    }
    parts = [words.format(texts[name]) for name, words in having.items()]
    return f"{first} has {list_text(parts)} as {second}"


def _network(arm: str) -> str:
    """Return an arm as a network in a sentence: ``an MLP of width 128``."""
    factors = getattr(arm, "factors", {})
    if not {"network", "width"} <= factors.keys():
        return f"the network of {arm}"
    article = "an" if factors["network"][:1] in "AEFHILMNORSX" else "a"  # Letters are spelt out.
    return f"{article} {factors['network']} of width {factors['width']:g}"


def _networks(arm: str) -> str:
    """Return an arm as networks in a sentence: ``MLPs of width 128``."""
    factors = getattr(arm, "factors", {})
    if {"network", "width"} <= factors.keys():
        return f"{factors['network']}s of width {factors['width']:g}"
    return f"networks of {arm}"
