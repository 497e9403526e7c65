"""Sentences that state in numbers what a table or figure shows."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studies.display import Sentence
from studies.formatting import depending, interval_text, list_text, mean_text
from studies.intervals import Interval
from studies.measurements import Measurements
from studies.power_laws import Exponent
from studies.quantities import quantity as registered
from studies.quantities import sign_of
from studies.records.equal_loss import largest_ratio
from studies.tables.effect_words import UNKNOWN, effect
from studies.tables.paired_ratios import Pair


def spread_sentence(numbers: Measurements, quantity: str, *, within: str) -> Sentence:
    """Return the sentence on how far apart arms are that should be equal.

    Args:
        numbers: Numbers of the arms, in the same order of seeds.
        quantity: Recorded name of what should be equal, positive, such as ``loss``.
        within: The factor whose levels are compared apart, such as ``network``.

    Raises:
        KeyError: If the numbers have no such factor.
    """
    name = registered(quantity).heading
    if quantity not in numbers:
        return Sentence(f"The record does not hold the {name} of these networks.")
    frame = numbers.where(quantity=quantity).frame
    levels = [level for level in frame[within].unique() if level == level]  # NaN: no level.
    texts = [
        f"{largest_ratio(numbers.where(quantity=quantity, **{within: level}), quantity):.2g} "
        f"({level})"
        for level in levels
    ]
    return Sentence(
        f"Within each seed, the {name} differs between configurations by a factor of up to "
        f"{list_text(texts)}."
    )


def paired_effects(
    numbers: Measurements,
    quantity: str,
    rows: Mapping[str, Mapping[str, Pair]],
    kept: Mapping[str, Sequence[bool]] | None = None,
) -> dict[tuple[str, str], Interval]:
    """Return the paired effect of each pair of arms, as ``effect_words.effect`` has it.

    Args:
        numbers: Where the quantity was recorded, in the same order of seeds in all arms.
        quantity: Its recorded name.
        rows: Row -> column -> two arms, first over second, as ``arms.beside`` returns them.
        kept: Arm -> for each seed whether it counts; a pair counts if it does in both arms. Arms
            that are not listed, and None, keep all seeds.

    Returns:
        (row, column) -> effect with its 95% interval; all NaN where fewer than two pairs count.
    """
    return {
        (row, column): _kept_effect(numbers, quantity, pair, kept or {})
        for row, pairs in rows.items()
        for column, pair in pairs.items()
    }


def _kept_effect(
    numbers: Measurements, quantity: str, pair: Pair, kept: Mapping[str, Sequence[bool]]
) -> Interval:
    if quantity not in numbers or not any(arm in kept for arm in pair):
        return effect(numbers, quantity, pair)
    values = {arm: numbers.values(quantity, arm) for arm in pair}
    flags = [kept.get(arm, [True] * len(values[arm])) for arm in pair]
    counted = [all(both) for both in zip(*flags, strict=True)]
    if sum(counted) < 2:
        return UNKNOWN
    unit = numbers.unit(quantity)
    rows = [
        {"quantity": quantity, "arm": arm, "seed": seed, "value": value, "unit": unit}
        for arm, of_arm in values.items()
        for seed, (value, counts) in enumerate(zip(of_arm, counted, strict=True))
        if counts
    ]
    return effect(Measurements(rows), quantity, pair)


def grouped_words(effects: Mapping[tuple[str, str], Interval]) -> dict[tuple[str, str], str]:
    """Return the same effect in several groups as words: ``2.7 [2.3, 3.0] (MLP) and 7.7 (CNN)``.

    Args:
        effects: (row, column) -> effect, from ``paired_effects``. A row begins with its group, such
            as ``MLP, SGD``.

    Returns:
        (row without its group, column) -> effects with 95% intervals.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for (row, column), interval in effects.items():
        group, _, name = row.partition(", ")
        groups.setdefault((name, column), []).append(f"{interval_text(interval)} ({group})")
    return {key: list_text(texts) for key, texts in groups.items()}


def grouped_sides(
    effects: Mapping[tuple[str, str], Interval], *, above: str, below: str, undecided: str
) -> dict[tuple[str, str], str]:
    """Return which way the same effect goes in several groups: ``sharper in the MLP and CNN``.

    Args:
        effects: (row, column) -> effect, from ``paired_effects``. A row begins with its group, such
            as ``MLP, SGD``.
        above: The words for an effect above its neutral value; ``{}`` stands for the group.
        below: The words for one below it.
        undecided: The words for an interval that holds it.

    Returns:
        (row without its group, column) -> the words of all groups.
    """
    sides: dict[tuple[str, str], dict[str, list[str]]] = {}
    for (row, column), interval in effects.items():
        group, _, name = row.partition(", ")
        words = depending(interval, above=above, below=below, undecided=undecided)
        sides.setdefault((name, column), {}).setdefault(words, []).append(group)
    return {
        key: list_text([words.format(list_text(groups)) for words, groups in by_words.items()])
        for key, by_words in sides.items()
    }


def trend_words(exponents: Mapping[tuple[str, str], Exponent]) -> dict[tuple[str, str], str]:
    """Return how each quantity changes with the size: ``rises (exponent 0.44 ± 0.05)``.

    Args:
        exponents: (quantity, family) -> exponent, from ``power_laws.power_law_exponents``.
    """
    verbs: dict[str, Any] = {
        "above": "rises",
        "below": "falls",
        "undecided": "does not measurably change",
    }
    return {
        key: f"{depending(exponent, **verbs)} (exponent {interval_text(exponent)})"
        for key, exponent in exponents.items()
    }


def exceeding(numbers: Measurements, quantity: str, limit: str) -> str:
    """Return in how many networks one quantity is larger than another: ``1 of 50``.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        quantity: Recorded name of the one.
        limit: Recorded name of the other.
    """
    larger = [
        value > bound
        for arm in numbers.arms
        for value, bound in zip(*(numbers.values(x, arm) for x in (quantity, limit)), strict=True)
    ]
    return f"{sum(larger)} of {len(larger)}"


def span(numbers: Measurements, quantity: str, arms: Iterable[str] | None = None) -> str:
    """Return the smallest and the largest mean: ``from 1.7 ± 0.5 (SAM) to 5.9 ± 0.6 (SGD)``.

    Args:
        numbers: Where the quantity was recorded.
        quantity: Its recorded name.
        arms: The arms; None for all.

    Returns:
        The two means over seeds with 95% intervals; words that say so where no arm has a mean.
    """
    recorded = numbers.where(quantity=quantity).arms if quantity in numbers else []
    values = {arm: numbers.values(quantity, arm) for arm in (recorded if arms is None else arms)}
    means = {arm: statistics.fmean(row) for arm, row in values.items()}
    finite = [arm for arm, mean in means.items() if math.isfinite(mean)]
    if not finite:
        return "over values that are not known"
    low, high = (extreme(finite, key=means.__getitem__) for extreme in (min, max))
    ends = [f"{mean_text(values[arm], sign=sign_of(quantity))} ({arm})" for arm in (low, high)]
    return f"from {ends[0]} to {ends[1]}"
