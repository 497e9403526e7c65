"""Forest plots of judgements: every relation against its border."""

import dataclasses
import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from landscape.plots.forest import ForestPanel, ForestRow
from landscape.plots.forest import forest as draw_forest

from studies.display import Figure
from studies.judging.rows import finding_row
from studies.judging.verdicts import Judgement

# Outcome of a relation -> its name in the legend.
OUTCOMES = {
    "claimed": "on the claimed side",
    "opposite": "on the other side",
    "equal": "no difference",
    "undecided": "undecided",
}
_AXES = {
    "ratio": ("Ratios", "ratio, logarithmic"),
    "median ratio": ("Ratios of durations", "ratio of medians, logarithmic"),
    "difference": ("Differences of accuracy", "percentage points"),
    "barrier": ("Barriers", "percentage points of error"),
    "exponent": ("Exponents", "exponent of the power law"),
    "correlation": ("Rank correlations", "Spearman's ρ"),
    "share": ("Shares", "share of cases"),
    "count": ("Counts", "mean count"),
}
_ROWS = 36  # Of a figure, so that it fits a page.
_LABEL = 32  # Characters of a quantity beside its row: the plot needs the width.
_SEEN = (
    "Each row is a relation: its estimate, the 95% interval (thin) and the 90% interval (thick), "
    "against the border of the claim (tick) and what counts as no difference (grey). Checks stand "
    "below the claim that they belong to."
)


def forests(judgements: Sequence[Judgement], *, label: str, evidence: bool = True) -> list[Figure]:
    """Return figures of all relations of claims, a panel for each kind, of at most a page each.

    Args:
        judgements: The judgements, in reading order.
        label: Such as ``fig-bn``; figures after the first get a number behind it.
        evidence: Whether the numbers are evidence; the captions say if not.
    """
    panels = [part for panel in _panels(judgements) for part in _parts(panel)]
    pages: list[list[ForestPanel]] = []
    for panel in panels:
        rows = sum(len(other.rows) for other in pages[-1]) if pages else _ROWS
        if rows + len(panel.rows) > _ROWS:
            pages.append([])
        pages[-1].append(panel)
    trial = "" if evidence else "Trial numbers, no evidence. "
    figures = []
    for number, page in enumerate(pages, start=1):
        titles = ", ".join(dict.fromkeys(panel.title.lower() for panel in page))
        figures.append(
            Figure(
                draw_forest(page, groups=list(OUTCOMES.values())),
                label=label if number == 1 else f"{label}-{number}",
                caption=f"{trial}What judges the claims: {titles}. {_SEEN}",
                alt=f"Forest plot of {titles}: estimates with two intervals, one relation a row, "
                "against the border of each claim.",
            )
        )
    return figures


def _parts(panel: ForestPanel) -> Iterator[ForestPanel]:
    for start in range(0, len(panel.rows), _ROWS):
        yield dataclasses.replace(panel, rows=panel.rows[start : start + _ROWS])


def _panels(judgements: Sequence[Judgement]) -> list[ForestPanel]:
    rows: dict[tuple[str, str, str], list[ForestRow]] = {}
    for judgement in judgements:
        for name, row in _relations(judgement):
            if (estimate := _estimate(name, row)) is not None:
                rows.setdefault(_axis(row), []).append(estimate)
    return [
        ForestPanel(title, x, estimates, "log" if scale == "log" else "linear")
        for (title, x, scale), estimates in rows.items()
    ]


def _relations(judgement: Judgement) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the label and the row of each relation: first as measured, then the checks."""
    for finding in judgement.findings:
        row = finding_row(finding)
        name = textwrap.shorten(row["quantity"], _LABEL, placeholder=" …")
        yield f"{judgement.claim.id} {name}", row
    for name, check in judgement.checks.items():
        for finding in check.findings:
            yield f"{judgement.claim.id} · {name}", finding_row(finding)


def _axis(row: dict[str, Any]) -> tuple[str, str, str]:
    title, x = _AXES.get(row["kind"], ("", ""))
    if not title:
        unit = row["unit"] or "its unit"
        title, x = "Levels", f"mean ({unit})"
        if row["scale"] == "log":
            title, x = "Levels (logarithmic)", "geometric mean, logarithmic"
    return title, x, row["scale"]


def _estimate(label: str, row: dict[str, Any]) -> ForestRow | None:
    """Return a row of the plot; None where there is neither an estimate nor an interval."""
    number = {
        name: math.nan if row[name] is None else row[name]
        for name in ("estimate", "low", "high", "low90", "high90")
    }
    if all(math.isnan(value) for value in number.values()):
        return None
    for low, high in (("low", "high"), ("low90", "high90")):
        # JSON has no infinity: an end that is missing beside one that is there is open.
        if not math.isnan(number[low]) and math.isnan(number[high]):
            number[high] = math.inf
    margin = None if row["margin_low"] is None else (row["margin_low"], row["margin_high"])
    return ForestRow(
        label,
        OUTCOMES[row["outcome"]],
        number["estimate"],
        (number["low"], number["high"]),
        (number["low90"], number["high90"]),
        row["border"],
        margin,
    )
