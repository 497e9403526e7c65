"""Rows and panels of forest plots, from judged relations."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Literal

from landscape.plots.forest import ForestPanel, ForestRow

from studies.formatting import list_text, number_text
from studies.judging.findings import JudgedRelation
from studies.judging.relations import Relation
from studies.judging.rules import CHECKS
from studies.judging.verdicts import Judgement
from studies.judging.words import inside, is_bordered, rounded, share_words, with_unit

# Outcome of a relation -> its name in the legend.
OUTCOMES = {
    "claimed": "as claimed",
    "opposite": "against the claim",
    "equal": "no difference",
    "undecided": "undecided",
}
MEASURED = "measured"  # The one name where the numbers are no evidence.
AXES = {
    "ratio": ("Ratios", "ratio, logarithmic"),
    "median ratio": ("Ratios of durations", "ratio of medians, logarithmic"),
    "difference": ("Differences of accuracy", "percentage points"),
    "barrier": ("Barriers", "percentage points of error"),
    "exponent": ("Exponents", "exponent of the power law"),
    "correlation": ("Rank correlations", "Spearman's ρ"),
    "agreement": ("Sign agreements", "sign agreement ψ"),
    "share": ("Shares", "share of cases"),
    "count": ("Counts", "mean count"),
}
_LEVELS = "Levels"  # Panels of levels take the names of their quantities instead.
_FAR = 100  # Ratios beyond it, or below its inverse, stand apart in an overview.
_SPREAD = 30  # Where numbers differ by more than so many units, an axis is logarithmic beyond ±1.


def measured_row(
    judgement: Judgement, finding: JudgedRelation, *, strong: bool = True, evidence: bool
) -> ForestRow:
    """Return the row of a relation as the source measured it.

    Args:
        judgement: The judgement that it belongs to.
        finding: The relation.
        strong: Whether the row is bold.
        evidence: Whether the numbers are evidence; if not, the row says nothing of the claim.
    """
    name = judgement.claim.name or finding.relation.quantity
    if len(judgement.findings) > 1:
        name += f": {_apart([one.relation for one in judgement.findings], finding.relation)}"
    label = f"{judgement.claim.id} {name}"
    if is_bordered(finding):
        label += f" ({border_text(finding)})"
    return _row(label, finding, strong=strong, evidence=evidence)


def _apart(relations: Sequence[Relation], relation: Relation) -> str:
    """Return what sets one of several relations apart: its quantity, else its contrast."""
    others = [one.quantity for one in relations if one.quantity != relation.quantity]
    if others:
        # Where one name is the beginning of another, nothing of it would be left.
        names = [_beyond(other, relation.quantity) or relation.quantity for other in others]
        return inside(min(names, key=len))
    contrasts = [one.contrast for one in relations if one is not relation]
    return min((_between(other, relation.contrast) for other in contrasts), key=len)


def check_rows(judgement: Judgement, *, evidence: bool) -> list[ForestRow]:
    """Return the rows of the relations of all checks that were run.

    Args:
        judgement: The judgement.
        evidence: As for ``measured_row``.
    """
    kinds = {_axis(finding) for finding in judgement.findings}
    rows = []
    for name, check in judgement.checks.items():
        for finding in check.findings:
            label = check_label(judgement, name, finding)
            if _axis(finding) not in kinds:  # It stands in another panel than its claim.
                label = f"{judgement.claim.id} {label}"
            rows.append(_row(label, finding, strong=False, evidence=evidence))
    return rows


def check_label(judgement: Judgement, name: str, finding: JudgedRelation) -> str:
    """Return what sets a relation of a check apart from the relation as measured.

    Args:
        judgement: The judgement.
        name: Name of the check.
        finding: The relation of the check.
    """
    place = judgement.place(name)
    members = [one.relation for one in judgement.checks[name].findings]
    if len(members) == 1:
        return place
    quantities = {relation.quantity for relation in members}
    extra = _beyond(judgement.findings[0].relation.contrast, finding.relation.contrast)
    words = [inside(finding.relation.quantity)] if len(quantities) > 1 else []
    if place in extra:
        words += [place, extra.replace(place, "").strip()]
    elif place == CHECKS[name]:
        words.append(extra or ("" if words else place))
    else:
        words += [place, extra]
    return ", ".join(dict.fromkeys(filter(None, words)))


def _beyond(first: str, words: str) -> str:
    """Return what a contrast says beyond another one, from the first word that differs."""
    pairs = itertools.zip_longest(first.split(), words.split())
    differing = itertools.dropwhile(lambda pair: pair[0] == pair[1], pairs)
    return " ".join(word for _, word in differing if word)


def _between(first: str, words: str) -> str:
    """Return what a contrast says otherwise than another, without what both compare with."""
    differing, end, reference = _beyond(first, words).partition(" than ")
    return differing if first.endswith(end + reference) else differing + end + reference


def border_text(finding: JudgedRelation) -> str:
    """Return side and border that a claim asks for, such as ``claimed > 10.4``.

    Args:
        finding: The relation.
    """
    if finding.side == "within":
        return f"claimed {number_text(finding.border)}"
    sign = ">" if finding.side == "above" else "<"
    return f"claimed {sign} {with_unit(number_text(finding.border), finding.relation.unit)}"


def panels_of(
    rows: Iterable[tuple[JudgedRelation, ForestRow]], *, titles: bool = True
) -> list[ForestPanel]:
    """Return the panels of rows, one for each kind of relation, in the order of first appearance.

    Rows without any number are left out. With titles, ratios that are far from 1 get a panel of
    their own: on their axis the others would be points.

    Args:
        rows: Relations, and their rows.
        titles: Whether the panels say what kind they hold.
    """
    groups: dict[tuple[str, str, bool], list[tuple[JudgedRelation, ForestRow]]] = {}
    for finding, row in rows:
        if _has_numbers(row):
            title, x, log = _axis(finding)
            if titles and title == AXES["ratio"][0] and not 1 / _FAR < row.estimate < _FAR:
                title = f"Ratios beyond {_FAR}"
            groups.setdefault((title, x, log), []).append((finding, row))
    panels = []
    for (title, x, log), members in groups.items():
        if title == _LEVELS:  # "Mean" says nothing without the quantity.
            title = _quantities(finding for finding, _ in members)
            x = x if titles else f"{title}: {x}"
        drawn = [row for _, row in members]
        panels.append(ForestPanel(title if titles else "", x, drawn, _scale(drawn, log=log)))
    return panels


def _quantities(findings: Iterable[JudgedRelation]) -> str:
    """Return the names of quantities, each once, such as ``λ_max by power iteration and λ_max``."""
    names = dict.fromkeys(inside(finding.relation.quantity) for finding in findings)
    text = list_text(list(names))
    return text[0].upper() + text[1:] if text[0].isascii() else text


def _axis(finding: JudgedRelation) -> tuple[str, str, bool]:
    log = finding.effect.log
    title, x = AXES.get(finding.relation.kind, ("", ""))
    if not title:
        unit = finding.relation.unit
        title, x = _LEVELS, f"mean ({unit})" if unit else "mean"
        if log:
            title, x = _LEVELS, "geometric mean, logarithmic"
    return title, x, log


def _scale(rows: list[ForestRow], *, log: bool) -> Literal["linear", "log", "symlog"]:
    if log:
        return "log"
    ends = [abs(e) for row in rows for e in (row.estimate, *row.interval) if math.isfinite(e)]
    wide = max(ends) > _SPREAD and min(abs(row.estimate) for row in rows) < max(ends) / _SPREAD
    return "symlog" if wide else "linear"


def _row(label: str, finding: JudgedRelation, *, strong: bool, evidence: bool) -> ForestRow:
    effect = finding.effect
    return ForestRow(
        label,
        OUTCOMES[finding.outcome] if evidence else MEASURED,
        effect.estimate,
        (effect.low, effect.high),
        (effect.low90, effect.high90),
        finding.border,
        finding.margin_ends,
        note=_note(finding),
        strong=strong,
    )


def _note(finding: JudgedRelation) -> str:
    """Return the numbers of a row, such as ``2.14 (1.91 to 2.41)``."""
    effect = finding.effect
    low, estimate, high = rounded(finding)
    if finding.relation.kind == "share":
        return share_words(finding)
    return estimate if math.isnan(effect.low) else f"{estimate} ({low} to {high})"


def _has_numbers(row: ForestRow) -> bool:
    return not all(map(math.isnan, (row.estimate, *row.interval, *row.inner)))


def legend_names(*, evidence: bool) -> list[str]:
    """Return the names of all outcomes in the order of the legend.

    Args:
        evidence: Whether the numbers are evidence.
    """
    return list(OUTCOMES.values()) if evidence else [MEASURED]


def panel_titles(panels: Iterable[ForestPanel]) -> str:
    """Return the titles of panels as words in a sentence.

    Args:
        panels: The panels.
    """
    return ", ".join(dict.fromkeys(panel.title.lower() for panel in panels))
