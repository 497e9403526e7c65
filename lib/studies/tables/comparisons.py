"""Tables of a study: claims and rules, arms compared, correlations, barriers of paths."""

import collections
import math
from collections.abc import Mapping, Sequence

from landscape.connectivity.path import Path
from landscape.training.run import Run

from studies.claims import Claim
from studies.display import Table
from studies.formatting import converged_text, interval_text, mean_text, ratio_text, seeds_text
from studies.intervals import Interval, mean_interval
from studies.study import Study

_MANY = 5  # Arms, beyond which a column each is too wide for a page.


def comparison_table(
    study: Study,
    quantities: Mapping[str, str],
    arms: Sequence[str],
    *,
    label: str,
    caption: str,
) -> Table:
    """Return a table of arms over seeds: means, paired ratios to the last arm, and convergence.

    Args:
        study: Where the values were recorded, in the same order of seeds in all arms.
        quantities: Recorded name -> heading with unit.
        arms: The arms, at least two; each but the last is divided by the last.
        label: Such as ``tab-curvature``.
        caption: What to see.
    """
    rows = []
    for quantity, heading in quantities.items():
        found = [study.values(quantity, arm) for arm in arms]
        cells = [interval_text(mean_interval(values)) for values in found]
        cells += [ratio_text(values, found[-1]) for values in found[:-1]]
        rows.append([heading, *cells, "yes" if study.converged(quantity, arms) else "**no**"])
    return Table(
        ["quantity", *arms, *(f"{arm} / {arms[-1]}" for arm in arms[:-1]), "converged"],
        rows,
        label=label,
        caption=caption + _errors_text(study, quantities, arms),
        align=["left", *["decimal"] * (2 * len(arms) - 1), "left"],
    )


def _errors_text(study: Study, quantities: Mapping[str, str], arms: Sequence[str]) -> str:
    largest = [(heading, study.largest_error(name, arms)) for name, heading in quantities.items()]
    errors = [
        f"{heading}: {float(f'{error:.1g}'):g}" if math.isfinite(error) else f"{heading}: unknown"
        for heading, error in largest
        if error is not None
    ]
    return f" Largest error of one measurement: {'; '.join(errors)}." if errors else ""


def arm_table(
    study: Study,
    quantities: Mapping[str, str],
    arms: Sequence[str],
    *,
    label: str,
    caption: str,
    runs: Mapping[tuple[str, int], Run] | None = None,
) -> Table:
    """Return a table of many arms: means over seeds, or how many values are finite.

    Rows are quantities; of more than 5 arms, rows are the arms. Where a value is not finite there
    is no mean; the cell says how many are finite, or how many diverged if that is why. The last
    column names what of the row did not converge, such as the numbers of a run that diverged.

    Args:
        study: Where the values were recorded.
        quantities: Recorded name -> heading with unit.
        arms: The arms.
        label: Such as ``tab-arms``.
        caption: What to see.
        runs: (arm, seed) -> training run behind the values; tells which of them diverged.
    """
    ends = (arm for (arm, _), run in (runs or {}).items() if run.diverged_at is not None)
    diverged = collections.Counter(ends)
    grid = [
        [
            (seeds_text(study.values(name, arm), diverged[arm]), study.converged(name, [arm]))
            for arm in arms
        ]
        for name in quantities
    ]
    corner, down, across, align = "quantity", list(quantities.values()), list(arms), "left"
    if len(arms) > _MANY:
        grid, down, across = list(zip(*grid, strict=True)), across, down
        corner, align = "arm", "decimal"  # Only a column of one quantity has a common point.
    rows = []
    for name, row in zip(down, grid, strict=True):
        failed = [other for other, (_, converged) in zip(across, row, strict=True) if not converged]
        rows.append([name, *(text for text, _ in row), converged_text(failed, len(row))])
    return Table(
        [corner, *across, "converged"],
        rows,
        label=label,
        caption=caption + _errors_text(study, quantities, arms),
        align=["left", *[align] * len(across), "left"],
    )


def ratio_table(
    study: Study,
    rows: Mapping[str, Mapping[str, tuple[str, Sequence[str]]]],
    *,
    label: str,
    caption: str,
    kept: Mapping[str, Sequence[bool]] | None = None,
) -> Table:
    """Return a table of paired ratios, each with its 95% interval over seeds.

    A cell that leaves seeds out says how many it has.

    Args:
        study: Where the values were recorded, in the same order of seeds in all arms.
        rows: Row -> column -> a recorded quantity and its two arms, first over second; a row need
            not have all columns.
        label: Such as ``tab-against``.
        caption: What to see.
        kept: Arm -> for each seed whether it counts; arms that are not in it count in all.
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    cells = []
    for heading, row in rows.items():
        failed = [name for name, of in row.items() if not study.converged(*of)]
        texts = [
            _paired_text(study, *row[name], kept or {}) if name in row else "" for name in columns
        ]
        cells.append([heading, *texts, converged_text(failed, len(row))])
    return Table(
        ["ratio", *columns, "converged"],
        cells,
        label=label,
        caption=caption,
        align=["left"] * (len(columns) + 2),
    )


def _paired_text(
    study: Study, quantity: str, arms: Sequence[str], kept: Mapping[str, Sequence[bool]]
) -> str:
    values = [study.values(quantity, arm) for arm in arms]
    counts = zip(*(kept.get(arm, [True] * len(values[0])) for arm in arms), strict=True)
    pairs = [pair for pair, own in zip(zip(*values, strict=True), counts, strict=True) if all(own)]
    left = f", n = {len(pairs)}" if len(pairs) < len(values[0]) else ""
    return (ratio_text(*zip(*pairs, strict=True)) if pairs else "–") + left


def correlation_table(
    found: Mapping[str, tuple[Interval, Interval]],
    *,
    label: str,
    caption: str,
    converged: Mapping[str, bool] | None = None,
) -> Table:
    """Return a table of rank correlations with intervals, pooled and within groups.

    Args:
        found: Name -> correlation over all networks, correlation within groups.
        label: Such as ``tab-correlations``.
        caption: What to see.
        converged: Name -> whether all numbers behind it converged; a column more.
    """
    known = {name: ["yes" if of else "**no**"] for name, of in (converged or {}).items()}
    ones = [(name, one) for name, both in found.items() for one in both]
    open_ = [getattr(one, "reason", "") for _, one in ones if math.isfinite(one.estimate)]
    none = [
        (name, one.reason)
        for name, one in ones
        if not math.isfinite(one.estimate) and getattr(one, "reason", "")
    ]
    caption += "".join(
        f" An interval from −1 to 1 is none: {why}." for why in dict.fromkeys(open_) if why
    )
    caption += "".join(f" A dash, {name}: {why}." for name, why in dict.fromkeys(none))
    return Table(
        ["measure", "pooled", "within groups", *(["converged"] if known else [])],
        [
            [name, *map(_correlation_text, both), *known.get(name, [])]
            for name, both in found.items()
        ],
        label=label,
        caption=caption,
    )


def _correlation_text(interval: Interval) -> str:
    remark = f" ({interval.invalid} not finite)" if interval.invalid else ""
    return f"{interval_text(interval)}, n = {interval.n}{remark}"


def barrier_table(paths: Mapping[tuple[str, str], Sequence[Path]], *, label: str) -> Table:
    """Return a table of barriers for each split and policy, with intervals over pairs of solutions.

    Args:
        paths: (split, policy) -> one path a pair.
        label: Such as ``tab-barriers``.
    """
    return Table(
        ["examples", "statistics", *_BARRIERS],
        [[split, bn, *_barrier_cells(found)] for (split, bn), found in paths.items()],
        label=label,
        caption="Barriers of the straight path, above the line between the ends' values: mean over "
        "pairs ± half-width of the 95% interval, and the positions of the loss barriers.",
        align=["left", "left", "decimal", "decimal", "decimal", "left"],
    )


def path_kind_table(found: Mapping[str, Sequence[Path]], *, label: str) -> Table:
    """Return a table of barriers for each kind of path, with intervals over pairs of solutions.

    Args:
        found: Kind, such as ``straight`` or ``aligned`` -> one path a pair, of one policy.
        label: Such as ``tab-routes``.
    """
    return Table(
        ["path", "statistics", "pairs", *_BARRIERS],
        [[kind, of[0].bn, str(len(of)), *_barrier_cells(of)] for kind, of in found.items()],
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
    ends = [f"{end(positions):.2f}" for end in (min, max)] if positions else ["–"]
    return [*cells, " to ".join(dict.fromkeys(ends))]


def rule_table(claims: Sequence[Claim]) -> Table:
    """Return the table of claims with the rules that judge them, for the top of a study."""
    return Table(
        ["claim", "the source says", "its numbers", "rule"],
        [[claim.id, claim.statement, claim.source_numbers, claim.rule] for claim in claims],
        label=f"tab-rules-{claims[0].id.split('.')[0]}",
        caption="The claims of the source and the rules that decide about them.",
        align=["left"] * 4,
    )
