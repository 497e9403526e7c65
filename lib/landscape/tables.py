"""Tables of a study: the claims and their rules, two arms compared, barriers of paths."""

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
    rows = []
    for (split, bn), found in paths.items():
        losses, means, errors = (
            mean_interval([factor * getattr(path, name) for path in found])
            for name, factor in (("barrier", 1), ("barrier_above_mean", 1), ("error_barrier", 100))
        )
        ends = [f"{end(path.position for path in found):.2f}" for end in (min, max)]
        where = " to ".join(dict.fromkeys(ends))
        rows.append([split, bn, *map(interval_text, (losses, means, errors)), where])
    return Table(
        [
            "examples",
            "statistics",
            "loss barrier (nats)",
            "above the mean of the ends (nats)",
            "error barrier (points)",
            "at t",
        ],
        rows,
        label=label,
        caption="Barriers of the straight path, above the line between the ends' values: mean over "
        "pairs ± half-width of the 95% interval, and the positions of the loss barriers.",
        align=["left", "left", "decimal", "decimal", "decimal", "left"],
    )


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
