"""Tables of rank correlations over networks."""

import math
from collections.abc import Iterable, Mapping, Sequence

from studies.display import Missing, Table
from studies.formatting import interval_text, list_text
from studies.measurements import Measurements
from studies.predictors import rank_correlations
from studies.quantities import quantity, short_headings
from studies.rank_correlation import RankCorrelation
from studies.tables.layout import marked, table_of


def correlated(
    numbers: Measurements,
    quantities: Iterable[str],
    target: str,
    arms: Sequence[str],
    *,
    label: str,
    caption: str,
    emphasise: str = "",
) -> Table | Missing:
    """Return the table of the rank correlations of quantities with a target over some arms.

    The caption goes on with the number of networks whose target is a lower bound or unknown.

    Args:
        numbers: Where all were recorded, in the same order of seeds.
        quantities: Names of quantities; those that the record lacks are left out.
        target: Recorded name of the quantity to predict.
        arms: The arms.
        label: Such as ``tab-correlations``.
        caption: What to see; the numbers of networks and the reasons for lacking intervals are
            added.
        emphasise: The row or column to print bold, by its heading; empty for none.
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
        caption=caption + _open_text(unknown, len(rows), quantity(target).heading),
        converged={title: numbers.converged(name, arms) for name, title in titles.items()},
        emphasise=emphasise,
    )


def correlation_table(
    correlations: Mapping[str, tuple[RankCorrelation, RankCorrelation]],
    *,
    label: str,
    caption: str,
    converged: Mapping[str, bool] | None = None,
    emphasise: str = "",
) -> Table | Missing:
    """Return a table of rank correlations with intervals, pooled and within groups.

    Args:
        correlations: Name -> correlation over all networks, correlation within groups.
        label: Such as ``tab-correlations``.
        caption: What to see; the numbers of networks and the reasons for lacking intervals are
            added.
        converged: Name -> whether all numbers behind it converged; those that did not are marked †.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Returns:
        The table; a sentence where the record lacks all of the correlated numbers.
    """
    if not correlations:
        return Missing(label)
    converged = converged or {}
    columns = list(zip(*correlations.values(), strict=True))
    counts = [{interval.n for interval in column} for column in columns]
    rows = [
        [
            name,
            *(
                marked(_correlation_text(interval, alone=len(count) > 1), converged.get(name, True))
                for interval, count in zip(pair, counts, strict=True)
            ),
        ]
        for name, pair in correlations.items()
    ]
    return table_of(
        ["measure", "pooled", "within groups"],
        rows,
        label=label,
        caption=caption + _counts_text(counts) + _reasons_text(correlations),
        emphasise=emphasise,
    )


def _counts_text(counts: Sequence[set[int]]) -> str:
    """Return the part of a caption that gives the numbers of networks that no cell gives."""
    pooled, within = (next(iter(count)) if len(count) == 1 else 0 for count in counts)
    if pooled == within:
        return f" All are over {pooled} networks." if pooled else ""
    texts = [f"{pooled} networks pooled"] * bool(pooled) + [f"{within} within groups"] * bool(
        within
    )
    return f" They are over {list_text(texts)}."


def _open_text(unknown: int, total: int, heading: str) -> str:
    if not unknown:
        return ""
    known = "known only by a lower bound, or not at all"
    return f" For {unknown} of the {total} runs, {heading} is {known}."


def _reasons_text(correlations: Mapping[str, tuple[RankCorrelation, RankCorrelation]]) -> str:
    """Return the part of a caption that says why intervals or correlations are lacking."""
    open_reasons: dict[str, None] = {}
    undefined: dict[str, list[str]] = {}
    for name, pair in correlations.items():
        for interval in pair:
            reason = interval.reason
            if not reason:
                continue
            # An interval with an estimate may still have a reason: why its ends are open.
            if math.isfinite(interval.estimate):
                open_reasons[reason] = None
            elif name not in undefined.setdefault(reason, []):
                undefined[reason].append(name)
    text = "".join(f" Some intervals are missing: {reason}." for reason in open_reasons)
    for reason, names in undefined.items():
        why = reason.replace("the first variable", "this measure")
        why = why.replace("the second variable", "the target")
        text += f" No correlation is defined for {list_text(names)}: {why}."
    return text


def _correlation_text(interval: RankCorrelation, *, alone: bool) -> str:
    """Return a correlation as text; alone: with its number of networks."""
    text = interval_text(interval)
    if math.isfinite(interval.estimate) and interval.reason:
        text = f"{interval.estimate:.2f} (no interval)".replace("-", "−")
    remarks = [f"n = {interval.n}"] if alone else []
    remarks += [f"{interval.invalid} not finite"] if interval.invalid else []
    return ", ".join([text, *remarks])
