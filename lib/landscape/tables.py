"""Tables of a study: claims and rules, arms compared, estimators, departures, barriers of paths."""

import collections
import math
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.claims import Claim, rounded
from landscape.comparisons import Comparison
from landscape.connectivity import Path
from landscape.display import Sentence, Table
from landscape.results import Study
from landscape.statistics import Interval, mean_interval, paired_ratio
from landscape.training import Run

_MANY = 5  # Arms, beyond which a column each is too wide for a page.


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
    rows = []
    for quantity, heading in quantities.items():
        found = [study.values(quantity, arm) for arm in arms]
        cells = [interval_text(mean_interval(values)) for values in found]
        cells += [interval_text(paired_ratio(values, found[-1])) for values in found[:-1]]
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
    errors = [f"{heading} {error:.1g}" for heading, error in largest if error is not None]
    return f" Largest error of one measurement: {', '.join(errors)}." if errors else ""


def arms(
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
            (_seeds_text(study.values(name, arm), diverged[arm]), study.converged(name, [arm]))
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
        rows.append([name, *(text for text, _ in row), _converged_text(failed, len(row))])
    return Table(
        [corner, *across, "converged"],
        rows,
        label=label,
        caption=caption + _errors_text(study, quantities, arms),
        align=["left", *[align] * len(across), "left"],
    )


def _converged_text(failed: Sequence[str], count: int) -> str:
    if not failed:
        return "yes"
    return "**no**" if len(failed) == count else f"**no**: {'; '.join(failed)}"


def _seeds_text(values: Sequence[float], diverged: int = 0) -> str:
    finite = sum(map(math.isfinite, values))
    if finite == len(values):
        return _mean_text(values)
    if diverged == len(values) - finite:
        return f"– ({diverged} of {len(values)} diverged)"
    return f"– ({finite} of {len(values)} finite)"


def divergence(runs: Mapping[tuple[str, int], Run], *, label: str) -> Table | Sentence:
    """Return a table of the runs that diverged, or the sentence that none did.

    Args:
        runs: (arm, seed) -> run.
        label: Such as ``tab-divergence``.
    """
    ended = {key: run for key, run in runs.items() if run.diverged_at is not None}
    if not ended:
        return Sentence(f"None of the runs diverged (n = {len(runs)}).")
    return Table(
        [
            "arm",
            "seed",
            "step",
            "loss before (nats)",
            "gradient norm before",
            "last test accuracy",
        ],
        [[arm, seed, run.diverged_at, *_before_text(run)] for (arm, seed), run in ended.items()],
        label=label,
        caption=f"The {len(ended)} of {len(runs)} runs that diverged: the step, counted from 0, "
        "whose loss or gradient is not finite; mini-batch loss and norm of its gradient one step "
        "before; the last test accuracy measured while the test loss was finite.",
    )


def _before_text(run: Run) -> list[str]:
    curves, at = (run.step_loss, run.step_gradient_norm), run.diverged_at
    before = [float(curve[at - 1]) if at else math.nan for curve in curves]
    # Outputs that are no numbers have an accuracy too: that of the first class.
    measured = zip(run.history["test_accuracy"].tolist(), run.history["test_loss"], strict=True)
    kept = [accuracy for accuracy, loss in measured if math.isfinite(accuracy + loss)]
    return [*map(_number, before), f"{kept[-1]:.4f}" if kept else "–"]


def estimators(rows: Sequence[Comparison], *, label: str, caption: str) -> Table:
    """Return a table of the source's numbers, its estimator on our networks, and the converged one.

    Args:
        rows: What was compared.
        label: Such as ``tab-estimators``.
        caption: What to see.
    """
    return Table(
        ["network", "quantity", "source", "its estimator, on ours", "converged", "ratio"],
        [
            [
                row.arm,
                row.quantity,
                "–" if row.source is None else _setting(row.source),
                _seeds_text(row.replica),
                _seeds_text(row.converged),
                _ratio_text(row.replica, row.converged),
            ]
            for row in rows
        ],
        label=label,
        caption=f"{caption} Mean over seeds ± half-width of the 95% interval; ratio of the "
        "source's estimator to the converged value on the same networks, with its interval, where "
        "both have one sign.",
        align=["left"] * 6,
    )


def _ratio_text(first: Sequence[float], second: Sequence[float]) -> str:
    """Text of the paired ratio; two negative numbers have that of their magnitudes."""
    sign = -1 if all(value < 0 for value in (*first, *second)) else 1
    first, second = ([sign * value for value in values] for values in (first, second))
    if len(first) > 1:
        return interval_text(paired_ratio(first, second))
    return _number(first[0] / second[0] if min(*first, *second) > 0 else math.nan)


def departures(
    source: Mapping[str, Any], ours: Mapping[str, Any], reasons: Mapping[str, str], *, label: str
) -> Table | Sentence:
    """Return a table of the settings that depart from the source's, or the sentence that none do.

    Args:
        source: Setting -> the source's value.
        ours: Setting -> value in this run, such as the study's parameters; it may hold others.
        reasons: Setting -> why it departs; more than those that do depart is allowed.
        label: Such as ``tab-departures``.

    Raises:
        ValueError: If ours lacks a setting of the source, or a departure has no reason.
    """
    if missing := [name for name in source if name not in ours]:
        raise ValueError(
            f"the source's settings {missing} are not among ours: {', '.join(ours)}. "
            "Call them as ours are called, or leave them out."
        )
    differing = [name for name in source if _setting(source[name]) != _setting(ours[name])]
    if unexplained := [name for name in differing if not reasons.get(name, "").strip()]:
        raise ValueError(
            f"the settings {unexplained} depart from the source's without a reason. "
            "Say why in reasons, or use the source's value."
        )
    if not differing:
        return Sentence(f"None of the source's {len(source)} settings is departed from.")
    return Table(
        ["setting", "source", "here", "reason"],
        [
            [name.replace("_", " "), _setting(source[name]), _setting(ours[name]), reasons[name]]
            for name in differing
        ],
        label=label,
        caption=f"The {len(differing)} of {len(source)} settings that depart from the source's.",
        align=["left"] * 4,
    )


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.12g}".replace("-", "−") if isinstance(value, float) else str(value)


def correlations(
    found: Mapping[str, tuple[Interval, Interval]], *, label: str, caption: str
) -> Table:
    """Return a table of rank correlations with intervals, pooled and within groups.

    Args:
        found: Name -> correlation over all networks, correlation within groups.
        label: Such as ``tab-correlations``.
        caption: What to see.
    """
    return Table(
        ["measure", "pooled", "within groups"],
        [[name, *map(_correlation_text, both)] for name, both in found.items()],
        label=label,
        caption=caption,
    )


def _correlation_text(interval: Interval) -> str:
    remark = f" ({interval.invalid} not finite)" if interval.invalid else ""
    return f"{interval_text(interval)}, n = {interval.n}{remark}"


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
    return _number(values[0])


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    form = ".0f" if 1e3 <= abs(value) < 1e6 else ".3g"
    return format(value, form).replace("-", "−")


def interval_text(interval: Interval) -> str:
    """Return an interval with the digits that it carries, or a dash where there is none.

    A mean or difference as ``estimate ± half-width``; a ratio, share or correlation, whose interval
    is not symmetric, as ``estimate [low, high]``.
    """
    if not math.isfinite(interval.estimate):
        return "–"
    low, estimate, high = rounded(interval.low, interval.estimate, interval.high)
    if interval.kind not in ("mean", "difference"):
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
