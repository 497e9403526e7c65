"""Words for what one arm does to numbers: what it raises, lowers or leaves, and how much."""

import math
from collections.abc import Iterable, Mapping, Sequence

from landscape.connectivity.path import Path

from studies.formatting import depending, interval_text, list_text, mean_text
from studies.intervals import Interval, mean_interval, paired_ratio
from studies.measurements import Measurements
from studies.quantities import Quantity, sign_of
from studies.quantities import quantity as registered

# What an interval above, below and around its neutral value says, and what no interval says.
_VERBS = ("raises", "lowers", "does not measurably change", "cannot be compared in")
UNKNOWN = Interval(math.nan, math.nan, math.nan, 0, 0.95, 0, "ratio")


def effects(
    numbers: Measurements, quantities: Iterable[str] | Mapping[str, str], arms: Sequence[str]
) -> str:
    """Return what the first arm does to some quantities, against the second, as a predicate.

    An example is ``raises λ_max by a factor of 2.14 [1.91, 2.41], but does not measurably change
    the test loss (factor 1.01 [0.96, 1.07])``; the caller gives the subject. Quantities that are
    compared by ratios have a factor, accuracies a difference in percentage points.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Names of quantities; or name -> its words in the sentence.
        arms: The two arms, first against second; at least 2 seeds each.

    Returns:
        The predicate: what rises, then what falls, what no interval tells, and what cannot be
        compared.
    """
    words = quantities if isinstance(quantities, Mapping) else dict.fromkeys(quantities, "")
    groups: dict[str, list[str]] = {verb: [] for verb in _VERBS}
    for name, given in words.items():
        known, interval = registered(name), effect(numbers, name, arms)
        verb = "cannot be compared in"
        if math.isfinite(interval.estimate):
            above, below, undecided, _ = _VERBS
            verb = depending(interval, above=above, below=below, undecided=undecided)
        amount = _amount(interval, known, verb, first=not groups[verb])
        groups[verb].append(f"{given or noun(known)}{amount}")
    predicates = [f"{verb} {list_text(group)}" for verb, group in groups.items() if group]
    if len(predicates) == 2 and groups[_VERBS[2]]:
        return ", but ".join(predicates)
    return ", and ".join(predicates)


def means(numbers: Measurements, quantity: str, arms: Iterable[str]) -> str:
    """Return the mean of a quantity in some arms: ``53 ± 4 (BN, eval) and 25 ± 2 (no BN)``.

    Args:
        numbers: Where the values were recorded.
        quantity: Name of the quantity.
        arms: The arms.

    Returns:
        Means over seeds with 95% intervals; a dash where the quantity was not recorded.
    """
    if quantity not in numbers:
        return "–"
    return list_text(
        [
            f"{mean_text(numbers.values(quantity, arm), sign=sign_of(quantity))} ({arm})"
            for arm in arms
        ]
    )


def effect(numbers: Measurements, quantity: str, arms: Sequence[str]) -> Interval:
    """Return what the first arm does to a quantity, against the second, over seeds.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantity: Name of the quantity.
        arms: The two arms; at least 2 seeds each.

    Returns:
        The paired ratio; of accuracies, the paired difference in percentage points. All NaN where
        the quantity was not recorded.
    """
    known = registered(quantity)
    if quantity not in numbers:
        return UNKNOWN
    if known.log:
        return numbers.ratio(known.name, arms, sign=known.sign)
    return numbers.difference(known.name, arms, factor=_factor(known))


def crossing(paths: Sequence[Path]) -> str:
    """Return whether paths cross a barrier of the loss, as a predicate: ``crosses a barrier of``.

    Args:
        paths: One path for each pair of solutions.
    """
    heights = [path.barrier for path in paths]
    if len(heights) < 2:
        return (
            "has no recorded barrier"
            if not heights
            else f"has a barrier of {mean_text(heights)} nats"
        )
    words = depending(
        mean_interval(heights),
        above="crosses a barrier of",
        below="stays below the line of its ends, by",
        undecided="crosses no measurable barrier:",
    )
    return f"{words} {mean_text(heights)} nats"


def barrier_ratio(paths: Mapping[str, Sequence[Path]], kind: str) -> Interval:
    """Return the loss barrier of a kind of path over that of the first kind, over pairs.

    Args:
        paths: Kind -> one path for each pair of solutions, in the same order.
        kind: The kind.

    Returns:
        The paired ratio; all NaN where fewer than 2 pairs have paths of both kinds.
    """
    reference, *_ = paths.values()
    along = paths.get(kind, [])
    if min(len(along), len(reference)) < 2:
        return UNKNOWN
    return paired_ratio(*([path.barrier for path in chosen] for chosen in (along, reference)))


def barriers_left(paths: Mapping[str, Sequence[Path]], names: Mapping[str, str]) -> str:
    """Return the share of the first kind's barrier that other kinds of path leave.

    Args:
        paths: Kind -> one path for each pair of solutions, in the same order.
        names: Kind -> its words in the sentence, such as ``after alignment``.

    Returns:
        A list such as ``0.074 [0.033, 0.164] after alignment``; a dash where there is no share.
    """
    shares = {kind: interval_text(barrier_ratio(paths, kind)) for kind in names}
    return list_text([f"{shares[kind]} {words}" for kind, words in names.items()])


def noun(known: Quantity) -> str:
    """Return a quantity as a noun: symbols have no article, negative ones stand by magnitude."""
    heading = f"|{known.heading}|" if known.sign < 0 else known.heading
    return heading if heading.startswith(("λ", "|")) else f"the {heading}"


def _factor(known: Quantity) -> float:
    return 100.0 if known.unit == "share correct" else 1.0


def _amount(interval: Interval, known: Quantity, verb: str, *, first: bool) -> str:
    """Return how much a verb changes its object; only the first object says that it is a factor."""
    text = interval_text(interval)
    unit = "" if known.log else " percentage points" if _factor(known) > 1 else f" {known.unit}"
    if verb not in ("raises", "lowers"):
        word = "factor" if known.log else "difference"
        return f" ({word} {text}{unit})" if math.isfinite(interval.estimate) else ""
    if known.log:
        return f" by a factor of {text}" if first else f" by {text}"
    # "lowers by −0.9" would say the opposite.
    return f" by {text.removeprefix('−')}{unit}"
