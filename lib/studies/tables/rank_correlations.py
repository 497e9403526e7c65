"""Table and sentence of rank correlations over networks."""

import math
from collections.abc import Iterable, Mapping, Sequence

from studies.display import Missing, Sentence, Table
from studies.formatting import interval_text
from studies.intervals import Interval
from studies.measurements import Measurements
from studies.predictors import rank_correlations
from studies.quantities import short_headings


def correlated(
    numbers: Measurements,
    quantities: Iterable[str],
    target: str,
    arms: Sequence[str],
    *,
    label: str,
    caption: str,
) -> Table | Missing:
    """Return the table of the rank correlations of quantities with a target over some arms.

    The caption goes on with the number of networks whose target is a lower bound, or is not known.

    Args:
        numbers: Where all were recorded, in the same order of seeds.
        quantities: Names of quantities; those that the record lacks are left out.
        target: Recorded name of the quantity to predict.
        arms: The arms.
        label: Such as ``tab-correlations``.
        caption: What to see; the reasons for dashes and for intervals from −1 to 1 are added.
    """
    there = [name for name in quantities if name in numbers]
    if not there or target not in numbers:
        return Missing(label)
    rows = numbers.where(quantity=target).frame
    rows = rows[rows["arm"].isin([str(arm) for arm in arms])]
    unknown = int((~rows["converged"].fillna(True).astype(bool) | rows["value"].isna()).sum())
    titles = short_headings(there)
    return correlation_table(
        rank_correlations(numbers, there, target, arms),
        label=label,
        caption=f"{caption} Of {len(rows)} runs {unknown} never got there.",
        converged={title: numbers.converged(name, arms) for name, title in titles.items()},
    )


def correlation_table(
    correlations: Mapping[str, tuple[Interval, Interval]],
    *,
    label: str,
    caption: str,
    converged: Mapping[str, bool] | None = None,
) -> Table | Missing:
    """Return a table of rank correlations with intervals, pooled and within groups.

    Args:
        correlations: Name -> correlation over all networks, correlation within groups.
        label: Such as ``tab-correlations``.
        caption: What to see; the reasons for dashes and for intervals from −1 to 1 are added.
        converged: Name -> whether all numbers behind it converged; adds a column. None adds none.

    Returns:
        The table; a sentence where the record lacks all of the correlated numbers.
    """
    if not correlations:
        return Missing(label)
    converged_cells = {name: ["yes" if ok else "**no**"] for name, ok in (converged or {}).items()}
    intervals = [(name, interval) for name, pair in correlations.items() for interval in pair]
    # An interval with an estimate may still have a reason: why its ends are open.
    open_reasons = dict.fromkeys(
        getattr(interval, "reason", "")
        for _, interval in intervals
        if math.isfinite(interval.estimate)
    )
    dash_reasons = dict.fromkeys(
        (name, interval.reason)
        for name, interval in intervals
        if not math.isfinite(interval.estimate) and getattr(interval, "reason", "")
    )
    caption += "".join(
        f" An interval from −1 to 1 is none: {reason}." for reason in open_reasons if reason
    )
    caption += "".join(f" A dash, {name}: {reason}." for name, reason in dash_reasons)
    return Table(
        ["measure", "pooled", "within groups", *(["converged"] if converged_cells else [])],
        [
            [name, *map(_correlation_text, pair), *converged_cells.get(name, [])]
            for name, pair in correlations.items()
        ],
        label=label,
        caption=caption,
    )


def _correlation_text(interval: Interval) -> str:
    remark = f" ({interval.invalid} not finite)" if interval.invalid else ""
    return f"{interval_text(interval)}, n = {interval.n}{remark}"


def correlation_signs(
    correlations: Mapping[str, tuple[Interval, Interval]], *, target: str
) -> Sentence:
    """Return the sentence on which pooled correlations have a sign: their interval excludes 0.

    Args:
        correlations: Name -> correlation over all networks, correlation within groups.
        target: What is predicted, such as ``test accuracy``.
    """
    pooled = {name: over_all for name, (over_all, _) in correlations.items()}
    falling = [name for name, interval in pooled.items() if interval.high < 0]
    rising = [name for name, interval in pooled.items() if interval.low > 0]
    parts = [
        f"{verb} {'; '.join(f'{name} ({interval_text(pooled[name])})' for name in names)}."
        for names, verb in (
            (rising, f"these rise with {target}:"),
            (falling, f"these fall with {target}:"),
        )
        if names
    ]
    others = len(pooled) - len(falling) - len(rising)
    parts.append(f"the intervals of {others} of {len(pooled)} measures include 0, or are none.")
    first, *rest = parts
    return Sentence(" ".join([f"Pooled over networks, {first}", *map(_capitalised, rest)]))


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
