"""Tables that compare arms: means over seeds, and paired ratios."""

import collections
import math
from collections.abc import Iterable, Mapping, Sequence

from studies.display import Missing, Sentence, Table
from studies.formatting import interval_text, list_text, number_text, ratio_text, seeds_text
from studies.intervals import mean_interval
from studies.measurements import Measurements
from studies.quantities import headings, sign_of
from studies.runs import Runs
from studies.tables.layout import marked, table_of

_MAX_ARM_COLUMNS = 5  # More columns are too wide for a page.


def comparison_table(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    arms: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
    emphasise: str = "",
) -> Table | Sentence:
    """Return a table of arms over seeds: means, and paired ratios to the last arm.

    A number whose measurements did not all converge is marked †. The caption ends with the error of
    single measurements where it is not small beside the interval over seeds.

    Args:
        numbers: Where the values were recorded, in the same order of seeds in all arms.
        quantities: Names of quantities, or name -> heading with unit; one row each. Those that the
            record lacks are named in the caption.
        arms: The arms, at least two; each but the last is divided by the last. None takes all.
        label: Such as ``tab-curvature``.
        caption: What to see.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Returns:
        The table; means and ratios with their 95% intervals.

    Raises:
        ValueError: If there is no row or column to emphasise.
    """
    arms, (known, absent) = arms or numbers.arms, _known(numbers, quantities)
    if not known:
        return Missing(label)
    rows = []
    for quantity, heading in known.items():
        arm_values = [numbers.values(quantity, arm) for arm in arms]
        converged = [numbers.converged(quantity, [arm]) for arm in arms]
        texts = [interval_text(mean_interval(values)) for values in arm_values]
        ratios = [ratio_text(values, arm_values[-1]) for values in arm_values[:-1]]
        cells = [*zip(texts, converged, strict=True)]
        cells += [
            (ratio, ok and converged[-1]) for ratio, ok in zip(ratios, converged, strict=False)
        ]
        rows.append([heading, *(marked(*cell) for cell in cells)])
    return table_of(
        ["quantity", *arms, *(f"{arm} / {arms[-1]}" for arm in arms[:-1])],
        rows,
        label=label,
        caption=caption + _errors_text(numbers, known, arms) + absent,
        emphasise=emphasise,
    )


def _known(
    numbers: Measurements, quantities: Iterable[str] | Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Return the recorded quantities with headings, and the part of a caption on the others."""
    titles = headings(quantities)
    known = {name: title for name, title in titles.items() if name in numbers}
    absent = [title for name, title in titles.items() if name not in known]
    return known, f" The record lacks {list_text(absent)}." if absent else ""


def _errors_text(numbers: Measurements, quantities: Mapping[str, str], arms: Sequence[str]) -> str:
    """Return the sentence on errors of single measurements that intervals over seeds do not dwarf.

    Errors below a tenth of the narrowest interval's half-width cannot be seen in the table.
    """
    errors = []
    for name, heading in quantities.items():
        error = numbers.largest_error(name, arms)
        if error and not error < 0.1 * _narrowest(numbers, name, arms):
            size = number_text(float(f"{error:.1g}")) if math.isfinite(error) else "unknown"
            errors.append(f"{size} ({heading})")
    return f" Largest error of a single measurement: {list_text(errors)}." if errors else ""


def _narrowest(numbers: Measurements, quantity: str, arms: Sequence[str]) -> float:
    """Return the smallest half-width of the intervals over seeds; 0 where there is none."""
    widths = []
    for arm in arms:
        try:
            values = numbers.values(quantity, arm)
        except KeyError:
            continue
        interval = mean_interval(values) if len(values) > 1 else None
        widths.append((interval.high - interval.low) / 2 if interval else 0.0)
    return min(filter(math.isfinite, widths), default=0.0)


def arm_table(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    arms: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
    runs: Runs | None = None,
    emphasise: str = "",
) -> Table | Sentence:
    """Return a table of many arms: means over seeds, or how many values are finite.

    Rows are quantities; with more than 5 arms, rows are arms. A cell with a value that is not
    finite has no mean. It gives the number of finite values, or of diverged runs if divergence is
    the reason; it is empty where the arm has no such quantity. A mean of measurements that did not
    all converge is marked †.

    Args:
        numbers: Where the values were recorded.
        quantities: Names of quantities, or name -> heading with unit. Those that the record lacks
            are named in the caption.
        arms: The arms; None for all. A table of the body has at most 8.
        label: Such as ``tab-arms``.
        caption: What to see.
        runs: (arm, seed) -> training run of the values, to count diverged runs; None counts none.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Returns:
        The table; means with the half-width of their 95% interval.

    Raises:
        ValueError: If there is no row or column to emphasise.
    """
    arms, (known, absent) = arms or numbers.arms, _known(numbers, quantities)
    if not known:
        return Missing(label)
    diverged: collections.Counter[str] = collections.Counter(
        arm for (arm, _), run in (runs or {}).items() if run.diverged
    )
    grid = [[_arm_cell(numbers, name, arm, diverged[arm]) for arm in arms] for name in known]
    corner, row_names, columns, align = "quantity", list(known.values()), list(arms), "left"
    if len(arms) > _MAX_ARM_COLUMNS:
        grid, row_names, columns = list(map(list, zip(*grid, strict=True))), columns, row_names
        corner, align = (
            "configuration",
            "decimal",
        )  # Only a column of one quantity has a common point.
    return table_of(
        [corner, *columns],
        [[name, *cells] for name, cells in zip(row_names, grid, strict=True)],
        label=label,
        caption=caption + _geometric(grid) + _errors_text(numbers, known, arms) + absent,
        emphasise=emphasise,
        align=["left", *[align] * len(columns)],
    )


def _geometric(grid: Sequence[Sequence[str]]) -> str:
    if not any("[" in cell for row in grid for cell in row):
        return ""
    return " Cells with brackets hold geometric means, because ± would reach beyond 0."


def _arm_cell(numbers: Measurements, quantity: str, arm: str, diverged: int) -> str:
    """Return the text of a cell, marked where its values did not all converge."""
    try:
        values = numbers.values(quantity, arm)
    except KeyError:
        return ""
    text = seeds_text(values, diverged, sign=sign_of(quantity))
    return marked(text, numbers.converged(quantity, [arm]))
