"""Tables that compare: arms, paired ratios, barriers of paths."""

import collections
import math
from collections.abc import Iterable, Mapping, Sequence

from landscape.connectivity.path import Path

from studies.display import Missing, Sentence, Table
from studies.formatting import (
    converged_text,
    interval_text,
    list_text,
    mean_text,
    ratio_text,
    seeds_text,
)
from studies.intervals import mean_interval
from studies.measurements import Measurements
from studies.quantities import headings
from studies.runs import Runs

_MAX_ARM_COLUMNS = 5  # More columns are too wide for a page.


def comparison_table(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    arms: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
) -> Table | Sentence:
    """Return a table of arms over seeds: means, paired ratios to the last arm, and convergence.

    The caption ends with the largest error of a single measurement for each quantity.

    Args:
        numbers: Where the values were recorded, in the same order of seeds in all arms.
        quantities: Names of quantities, or name -> heading with unit; one row each. Those that the
            record lacks are named in the caption.
        arms: The arms, at least two; each but the last is divided by the last. None takes all.
        label: Such as ``tab-curvature``.
        caption: What to see.

    Returns:
        The table; means and ratios with their 95% intervals.
    """
    arms, (known, absent) = arms or numbers.arms, _known(numbers, quantities)
    if not known:
        return Missing(label)
    rows = []
    for quantity, heading in known.items():
        arm_values = [numbers.values(quantity, arm) for arm in arms]
        cells = [interval_text(mean_interval(values)) for values in arm_values]
        cells += [ratio_text(values, arm_values[-1]) for values in arm_values[:-1]]
        rows.append([heading, *cells, "yes" if numbers.converged(quantity, arms) else "**no**"])
    return Table(
        ["quantity", *arms, *(f"{arm} / {arms[-1]}" for arm in arms[:-1]), "converged"],
        rows,
        label=label,
        caption=caption + _errors_text(numbers, known, arms) + absent,
        align=["left", *["decimal"] * (2 * len(arms) - 1), "left"],
    )


def _known(
    numbers: Measurements, quantities: Iterable[str] | Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Return the recorded quantities with headings, and the part of a caption on the others."""
    titles = headings(quantities)
    known = {name: title for name, title in titles.items() if name in numbers}
    absent = [title for name, title in titles.items() if name not in known]
    return known, f" Not in the record: {list_text(absent)}." if absent else ""


def _errors_text(numbers: Measurements, quantities: Mapping[str, str], arms: Sequence[str]) -> str:
    largest = [(heading, numbers.largest_error(name, arms)) for name, heading in quantities.items()]
    errors = [
        f"{heading}: {float(f'{error:.1g}'):g}" if math.isfinite(error) else f"{heading}: unknown"
        for heading, error in largest
        if error is not None
    ]
    return f" Largest error of one measurement: {'; '.join(errors)}." if errors else ""


def arm_table(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    arms: Sequence[str] | None = None,
    *,
    label: str,
    caption: str,
    runs: Runs | None = None,
) -> Table | Sentence:
    """Return a table of many arms: means over seeds, or how many values are finite.

    Rows are quantities; with more than 5 arms, rows are arms. A cell with a value that is not
    finite has no mean. It gives the number of finite values, or of diverged runs if divergence is
    the reason; it is empty where the arm has no such quantity. The last column lists which cells of
    the row did not converge.

    Args:
        numbers: Where the values were recorded.
        quantities: Names of quantities, or name -> heading with unit. Those that the record lacks
            are named in the caption.
        arms: The arms; None for all.
        label: Such as ``tab-arms``.
        caption: What to see.
        runs: (arm, seed) -> training run of the values, to count diverged runs; None counts none.

    Returns:
        The table; means with the half-width of their 95% interval.
    """
    arms, (known, absent) = arms or numbers.arms, _known(numbers, quantities)
    if not known:
        return Missing(label)
    diverged = collections.Counter(arm for (arm, _), run in (runs or {}).items() if run.diverged)
    grid = [[_arm_cell(numbers, name, arm, diverged[arm]) for arm in arms] for name in known]
    corner, row_names, columns, align = "quantity", list(known.values()), list(arms), "left"
    if len(arms) > _MAX_ARM_COLUMNS:
        grid, row_names, columns = list(zip(*grid, strict=True)), columns, row_names
        corner, align = "arm", "decimal"  # Only a column of one quantity has a common point.
    rows = []
    for name, row in zip(row_names, grid, strict=True):
        cells = zip(columns, row, strict=True)
        failed = [column for column, (_, converged) in cells if not converged]
        rows.append([name, *(text for text, _ in row), converged_text(failed, len(row))])
    return Table(
        [corner, *columns, "converged"],
        rows,
        label=label,
        caption=caption + _errors_text(numbers, known, arms) + absent,
        align=["left", *[align] * len(columns), "left"],
    )


def _arm_cell(numbers: Measurements, quantity: str, arm: str, diverged: int) -> tuple[str, bool]:
    """Return the text of a cell, and whether its values converged."""
    try:
        values = numbers.values(quantity, arm)
    except KeyError:
        return "", True
    return seeds_text(values, diverged), numbers.converged(quantity, [arm])


def barrier_table(
    paths: Mapping[tuple[str, str], Sequence[Path]], *, label: str
) -> Table | Sentence:
    """Return a table of barriers for each split and policy, with intervals over pairs of solutions.

    Args:
        paths: (split, policy) -> one path for each pair of solutions.
        label: Such as ``tab-barriers``.
    """
    known = {key: pair_paths for key, pair_paths in paths.items() if pair_paths}
    if not known:
        return Missing(label)
    return Table(
        ["examples", "statistics", *_BARRIERS],
        [[split, bn, *_barrier_cells(pair_paths)] for (split, bn), pair_paths in known.items()],
        label=label,
        caption="Barriers of the straight path, above the line between the ends' values: mean over "
        "pairs ± half-width of the 95% interval, and the positions of the loss barriers.",
        align=["left", "left", "decimal", "decimal", "decimal", "left"],
    )


def path_kind_table(paths: Mapping[str, Sequence[Path]], *, label: str) -> Table | Sentence:
    """Return a table of barriers for each kind of path, with intervals over pairs of solutions.

    Args:
        paths: Kind, such as ``straight`` or ``aligned`` -> one path for each pair, all under one BN
            policy.
        label: Such as ``tab-routes``.
    """
    known = {kind: pair_paths for kind, pair_paths in paths.items() if pair_paths}
    if not known:
        return Missing(label)
    return Table(
        ["path", "statistics", "pairs", *_BARRIERS],
        [
            [kind, pair_paths[0].bn, str(len(pair_paths)), *_barrier_cells(pair_paths)]
            for kind, pair_paths in known.items()
        ],
        label=label,
        caption="Barriers by kind of path, above the line between the ends' values: mean over "
        "pairs ± half-width of the 95% interval (of a single pair, its value), and the positions "
        "of the loss barriers.",
        align=["left", "left", "decimal", "decimal", "decimal", "decimal", "left"],
    )


_BARRIERS = [
    "loss barrier (nats)",
    "above the mean of the ends (nats)",
    "error barrier (points)",
    "at t",
]


def _barrier_cells(paths: Sequence[Path]) -> list[str]:
    cells = [
        mean_text([factor * getattr(path, name) for path in paths])
        for name, factor in (("barrier", 1), ("barrier_above_mean", 1), ("error_barrier", 100))
    ]
    positions = [path.position for path in paths if math.isfinite(path.position)]
    ends = [f"{extreme(positions):.2f}" for extreme in (min, max)] if positions else ["–"]
    return [*cells, " to ".join(dict.fromkeys(ends))]
