"""Tables of a study: the claims and their rules, two arms compared, barriers of paths."""

import math
from collections.abc import Mapping, Sequence

from landscape.claims import Claim, rounded
from landscape.connectivity import Path
from landscape.display import Table
from landscape.results import Study
from landscape.statistics import Interval, mean_interval, paired_ratio


def comparison(
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
    rows, errors = [], []
    for quantity, heading in quantities.items():
        error = study.largest_error(quantity)
        if error is not None:
            errors.append(f"{heading} {error:.1g}")
        found = [study.values(quantity, arm) for arm in arms]
        cells = [interval_text(mean_interval(values)) for values in found]
        cells += [interval_text(paired_ratio(values, found[-1])) for values in found[:-1]]
        rows.append([heading, *cells, "yes" if study.converged(quantity) else "**no**"])
    return Table(
        ["quantity", *arms, *(f"{arm} / {arms[-1]}" for arm in arms[:-1]), "converged"],
        rows,
        label=label,
        caption=caption
        + (f" Largest error of one measurement: {', '.join(errors)}." if errors else ""),
        align=["left", *["decimal"] * (2 * len(arms) - 1), "left"],
    )


def barriers(paths: Mapping[tuple[str, str], Sequence[Path]], *, label: str) -> Table:
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


def routes(found: Mapping[str, Sequence[Path]], *, label: str) -> Table:
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
        _mean_text([factor * getattr(path, name) for path in paths])
        for name, factor in (("barrier", 1), ("barrier_above_mean", 1), ("error_barrier", 100))
    ]
    positions = [path.position for path in paths if math.isfinite(path.position)]
    ends = [f"{end(positions):.2f}" for end in (min, max)] if positions else ["–"]
    return [*cells, " to ".join(dict.fromkeys(ends))]


def _mean_text(values: Sequence[float]) -> str:
    if len(values) > 1:
        return interval_text(mean_interval(values))
    return f"{values[0]:.3g}".replace("-", "−") if math.isfinite(values[0]) else "–"


def interval_text(interval: Interval) -> str:
    """Return an interval with the digits that it carries, or a dash where there is none.

    A mean or difference as ``estimate ± half-width``; a ratio, whose interval is not symmetric, as
    ``estimate [low, high]``.
    """
    if interval.invalid:
        return "–"
    low, estimate, high = rounded(interval.low, interval.estimate, interval.high)
    if interval.kind == "ratio":
        return f"{estimate} [{low}, {high}]"
    half = (interval.high - interval.low) / 2
    digits = len(estimate.partition(".")[2])
    text = f"{half:.1e}".replace("-", "−") if "e" in estimate else f"{half:.{digits}f}"
    return f"{estimate} ± {text}"


def rules(claims: Sequence[Claim]) -> Table:
    """Return the table of claims with the rules that judge them, for the top of a study."""
    return Table(
        ["claim", "the source says", "its numbers", "rule"],
        [[claim.id, claim.statement, claim.source_numbers, claim.rule] for claim in claims],
        label=f"tab-rules-{claims[0].id.split('.')[0]}",
        caption="The claims of the source and the rules that decide about them.",
        align=["left"] * 4,
    )
