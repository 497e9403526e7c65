"""Sentences on two arms: by which factor they differ, and whether a choice turns that round."""

import math
from collections.abc import Mapping, Sequence

from landscape.connectivity.path import Path

from studies.display import Sentence
from studies.formatting import (
    count_text,
    list_text,
    mean_text,
    number_text,
    ratio_text,
)
from studies.measurements import Measurements
from studies.quantities import quantity as registered
from studies.records.equal_loss import largest_ratio
from studies.tables.effect_words import noun


def single_ratios(numbers: Measurements, quantity: str, arms: Sequence[str]) -> Sentence:
    """Return the sentence on the ratios first / second of single seeds.

    Args:
        numbers: Where the quantity was recorded, in the same order of seeds.
        quantity: Its name.
        arms: The two arms.
    """
    heading = registered(quantity).magnitude
    if quantity not in numbers:
        return Sentence(f"The record holds no {heading}.")
    ratios = numbers.ratios(quantity, arms)
    return Sentence(
        f"Seed by seed, the {heading} with {arms[0]}, divided by the {heading} with {arms[1]}, "
        f"lies between {min(ratios):.4g} and {max(ratios):.4g}."
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
    return Sentence(f"Within each seed, {heading} agrees to within a factor of {factor:.3g}.")


def slope_shares(numbers: Measurements, arms: Sequence[str], *, rho: float) -> Sentence:
    """Return the sentence on how much of the SAM rise is the slope: ρ times the gradient norm.

    Args:
        numbers: Where ``gradient_norm`` and ``sam`` were recorded, in the same order of seeds.
        arms: The arms.
        rho: Length of the step, in units of the parameters.
    """
    pairs = {arm: [numbers.values(name, arm) for name in ("gradient_norm", "sam")] for arm in arms}
    percents = {
        arm: [100 * rho * slope / rise for slope, rise in zip(*pair, strict=True)]
        for arm, pair in pairs.items()
    }
    shares = [f"{mean_text(values)}% ({arm})" for arm, values in percents.items()]
    return Sentence(
        f"The slope, ρ times the gradient norm, accounts for {list_text(shares)} of the SAM rise."
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
    heading = registered(quantity).magnitude
    if quantity not in numbers:
        return Sentence(f"The record does not hold the {heading} at several numbers of {unit}.")
    ratios = numbers.ratios(quantity, arms)
    levels = numbers.where(quantity=quantity, arm=arms[0]).frame[column]
    texts = [
        f"{ratio:.2f} ({count_text(int(level))} {unit})"
        for ratio, level in zip(ratios, levels, strict=True)
    ]
    return Sentence(
        f"The ratio of {noun(registered(quantity))}, {arms[0]} over {arms[1]}, is "
        f"{list_text(texts)}. It varies by a factor of {max(ratios) / min(ratios):.3g} with the "
        f"number of {unit}; the intervals over seeds do not include this variation."
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
        return Sentence("The record holds no rescaled networks.")
    loss = max(abs(change) for arm in arms for change in numbers.values("loss_change", arm))
    every = {name: [numbers.values(name, arm) for arm in arms] for name in known}
    # A network that learned nothing, as after too large a learning rate, may have a sharpness of 0.
    values = {
        k: rows for k, rows in every.items() if all(0 < x < math.inf for row in rows for x in row)
    }
    if not values:
        return Sentence(
            "Rescaled networks are not compared: a sharpness is 0 or not finite, as after a run "
            "that diverged."
        )
    known = list(values)
    changes = _rescaling_changes(values)
    first, second = values[known[0]]
    overlap = min(first) < max(second) and min(second) < max(first)
    heading = registered(known[0]).heading
    return Sentence(
        f"Rescaling changes the loss by at most {number_text(loss)} nats, but within one network "
        f"{changes} Scales {'can' if overlap else 'cannot'} be chosen so "
        f"that either network has the larger {heading}. At the scales with the smallest {heading}, "
        f"{arms[0]} has {number_text(min(first) / min(second))} times the {heading} of {arms[1]}."
    )


def _rescaling_changes(values: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Return which quantities rescaling changes within one network, and which it leaves."""
    changed: list[str] = []
    left: list[str] = []
    for name, rows in values.items():
        factor = number_text(max(max(row) / min(row) for row in rows))
        words = " by" if changed else " by a factor of"
        if factor == "1":
            left.append(noun(registered(name)))
        else:
            changed.append(f"{noun(registered(name))}{words} {factor}")
    first = f"it changes {list_text(changed)}." if changed else "no quantity changes."
    return first + (f" To three digits it leaves {list_text(left)} unchanged." if left else "")


def barrier_ratios(paths: Mapping[str, Sequence[Path]], reference: str) -> Sentence:
    """Return the sentence on loss barriers over those of a reference, paired, with 95% intervals.

    Args:
        paths: Kind -> one path for each pair of solutions, in the same order. Kinds without paths
            are left out.
        reference: The kind that the others are divided by.
    """
    heights = {kind: [path.barrier for path in of_kind] for kind, of_kind in paths.items()}
    base = heights.get(reference, [])
    others = [kind for kind, of_kind in heights.items() if kind != reference and of_kind and base]
    # Runs that diverged have no end: then one kind has fewer paths than another.
    unpaired = [kind for kind in others if len(heights[kind]) != len(base) or len(base) < 2]
    if unpaired:
        counts = ", ".join(f"{len(heights[kind])} for {kind}" for kind in (*others, reference))
        return Sentence(
            f"Loss barriers are not compared with {reference}: of paths between runs that reached "
            f"an end there are {counts}, which are no pairs."
        )
    texts = [f"{ratio_text(heights[kind], base)} times as high for {kind}" for kind in others]
    if not texts:
        return Sentence(f"The record holds no barriers to compare with {reference}.")
    lost = sum(not math.isfinite(height) or height <= 0 for height in base)
    left_out = f", {lost} without a positive barrier" if lost else ""
    return Sentence(
        f"Compared with {reference}, the loss barrier is {list_text(texts)} "
        f"({len(base)} pairs{left_out})."
    )
