"""Sentences on two arms: which is ahead, by which factor, and whether a choice turns that round."""

import math
from collections.abc import Iterable, Mapping, Sequence

from landscape.connectivity.path import Path

from studies.display import Sentence
from studies.formatting import interval_text, list_text, mean_text, ratio_text
from studies.measurements import Measurements
from studies.quantities import quantity as registered
from studies.records.equal_loss import largest_ratio
from studies.tables.measurements import ratio_words


def ahead(numbers: Measurements, arms: Sequence[str], *, when: str) -> Sentence:
    """Return the sentence on how far the first arm is ahead in test accuracy.

    Args:
        numbers: Where ``test_accuracy`` was recorded, in the same order of seeds.
        arms: The two arms.
        when: Where they are compared, such as ``At the end of training``.
    """
    if "test_accuracy" not in numbers:
        return Sentence(f"{when} the record has no test accuracy.")
    difference = interval_text(numbers.difference("test_accuracy", arms, factor=100))
    return Sentence(
        f"{when} the test accuracy of {arms[0]}, less that of {arms[1]}, is {difference} "
        "percentage points."
    )


def over(numbers: Measurements, quantities: Iterable[str], arms: Sequence[str]) -> Sentence:
    """Return the sentence with the paired ratios first / second, each with its 95% interval.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Names of quantities; those that the record lacks are left out.
        arms: The two arms.
    """
    return Sentence(f"{arms[0]} over {arms[1]}: {ratio_words(numbers, quantities, arms)}.")


def single_ratios(numbers: Measurements, quantity: str, arms: Sequence[str]) -> Sentence:
    """Return the sentence on the ratios first / second of single seeds.

    Args:
        numbers: Where the quantity was recorded, in the same order of seeds.
        quantity: Its name.
        arms: The two arms.
    """
    heading = registered(quantity).heading
    if quantity not in numbers:
        return Sentence(f"The record has no {heading}.")
    ratios = numbers.ratios(quantity, arms)
    return Sentence(
        f"Single seeds, {arms[0]} over {arms[1]}: {heading} {min(ratios):.4g} to {max(ratios):.4g}."
    )


def equality(numbers: Measurements, quantity: str, arms: Sequence[str]) -> Sentence:
    """Return the sentence on how equal the arms are in what they are compared at.

    Args:
        numbers: Where the quantity was recorded, in the same order of seeds.
        quantity: Its name, of positive values, such as ``train_loss``.
        arms: At least two arms.
    """
    factor = largest_ratio(numbers, quantity, arms)
    heading = registered(quantity).heading
    return Sentence(f"Within a seed, {heading} differs by a factor of at most {factor:.3g}.")


def slope_shares(numbers: Measurements, arms: Sequence[str], *, rho: float) -> Sentence:
    """Return the sentence on how much of the SAM rise is the slope: ρ times the gradient norm.

    Args:
        numbers: Where ``gradient_norm`` and ``sam`` were recorded, in the same order of seeds.
        arms: The arms.
        rho: Length of the step, in units of the parameters.
    """
    pairs = {arm: [numbers.values(name, arm) for name in ("gradient_norm", "sam")] for arm in arms}
    shares = [
        f"{mean_text([rho * slope / rise for slope, rise in zip(*pair, strict=True)])} with {arm}"
        for arm, pair in pairs.items()
    ]
    return Sentence(
        f"ρ times the norm of the gradient makes this share of the SAM rise: {list_text(shares)}."
    )


def ratios_along(
    numbers: Measurements, quantity: str, arms: Sequence[str], column: str, *, unit: str
) -> Sentence:
    """Return the sentence on the ratio first / second at each level of a column.

    Args:
        numbers: One number of each arm at each level, in the same order.
        quantity: Its name.
        arms: The two arms.
        column: The column that holds the levels, such as ``subset``.
        unit: What the levels count, such as ``examples``.
    """
    heading = registered(quantity).heading
    if quantity not in numbers:
        return Sentence(f"The record has no {heading} by {unit}.")
    ratios = numbers.ratios(quantity, arms)
    levels = numbers.where(quantity=quantity, arm=arms[0]).frame[column]
    texts = [f"{ratio:.3g} at {level:g}" for ratio, level in zip(ratios, levels, strict=True)]
    return Sentence(
        f"{heading} of {arms[0]} over {arms[1]}: {list_text(texts)} {unit}. The largest of these "
        f"ratios is {max(ratios) / min(ratios):.3g} times the smallest, which no interval over "
        "seeds contains."
    )


def rescaled(numbers: Measurements, quantities: Sequence[str], arms: Sequence[str]) -> Sentence:
    """Return the sentence on what rescaling changes: the loss, each quantity, and which is larger.

    Args:
        numbers: One number of each arm at each scale, with ``loss_change``.
        quantities: Names of quantities, positive; of the first it is said whether scales can be
            chosen that put either arm ahead.
        arms: The two arms.
    """
    known = [name for name in quantities if name in numbers]
    if not known or "loss_change" not in numbers:
        return Sentence("The record has no rescaled networks.")
    loss = max(abs(change) for arm in arms for change in numbers.values("loss_change", arm))
    values = {name: [numbers.values(name, arm) for arm in arms] for name in known}
    spreads = [
        f"{registered(name).heading} {max(max(row) / min(row) for row in rows):.4g}"
        for name, rows in values.items()
    ]
    first, second = values[known[0]]
    overlap = min(first) < max(second) and min(second) < max(first)
    heading = registered(known[0]).heading
    return Sentence(
        f"Over these scales the loss changes by at most {loss:.1e} nats. Within one arm the "
        f"largest value is at most so many times the smallest: {', '.join(spreads)}. The scales "
        f"{'can' if overlap else 'cannot'} be chosen so that either arm is ahead in {heading}; "
        f"where they make it least, {arms[0]} has {min(first) / min(second):.3g} times that of "
        f"{arms[1]}."
    )


def barrier_ratios(paths: Mapping[str, Sequence[Path]], reference: str) -> Sentence:
    """Return the sentence on loss barriers over those of a reference, paired, with 95% intervals.

    Args:
        paths: Kind -> one path for each pair of solutions, in the same order. Kinds without paths
            are left out.
        reference: The kind that the others are divided by.
    """
    heights = {kind: [path.barrier for path in of_kind] for kind, of_kind in paths.items()}
    base = heights.get(reference)
    texts = [
        f"{kind} {ratio_text(of_kind, base)}"
        for kind, of_kind in heights.items()
        if kind != reference and of_kind and base
    ]
    if not texts:
        return Sentence(f"The record has no barriers to set against those of {reference}.")
    lost = sum(not math.isfinite(height) or height <= 0 for height in base)
    left_out = f", {lost} of which have no positive barrier" if lost else ""
    return Sentence(
        f"Loss barrier over that of {reference}: {'; '.join(texts)} (n = {len(base)}{left_out})."
    )
