"""Findings: relations set against their borders, with Holm's correction for several at once."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Literal

from studies.judging.effects import Effect
from studies.judging.margins import LOG_KINDS, Margins, margin_ends
from studies.judging.relations import Relation, Side

Outcome = Literal["claimed", "equal", "opposite", "undecided"]
_SIZE = 0.05  # Of each of the two one-sided tests.


@dataclasses.dataclass(frozen=True)
class JudgedRelation:
    """A relation set against a border.

    Attributes:
        relation: The relation.
        side: Claimed side of the border.
        border: In the unit of the relation.
        margin: What counts as equal: a factor on a logarithmic scale, else a difference; None where
            nothing does.
        p_value: Two-sided p-value against the border; for ``within``, against the nearer end of the
            margin from outside.
        p_equivalent: p-value of the two one-sided tests that nothing but the margin lies between
            the truth and no effect (for ``within``: the border); NaN without a margin.
        p_holm: ``p_value`` after Holm's correction over all relations judged with it.
        p_equivalent_holm: ``p_equivalent`` after the same correction.
        outcome: ``claimed``: the interval lies on the claimed side; ``opposite``: on the other,
            after the correction; ``equal``: no effect, within the margin, where that is not on the
            claimed side; else ``undecided``.
        reason: Why it is undecided whatever the numbers say; empty otherwise.
    """

    relation: Relation
    side: Side
    border: float
    margin: float | None
    p_value: float
    p_equivalent: float
    p_holm: float = 1.0
    p_equivalent_holm: float = math.nan
    outcome: Outcome = "undecided"
    reason: str = ""

    @property
    def effect(self) -> Effect:
        """The effect of the relation."""
        return self.relation.effect

    @property
    def equivalent(self) -> bool:
        """Whether the 90% interval lies inside the margin."""
        return self.p_equivalent <= _SIZE

    @property
    def margin_ends(self) -> tuple[float, float] | None:
        """The ends of the margin, around no effect or, for ``within``, the border."""
        centre = self.border if self.side == "within" else self.relation.neutral
        if self.margin is None or centre is None:
            return None
        return margin_ends(centre, self.margin, log=self.effect.log)

    @functools.cached_property
    def would_have_seen(self) -> float | None:
        """The value nearest to the border, on the claimed side, seen with 80% power at 5%.

        For a median it is the share of pairs that lie on the claimed side. None without interval,
        or where no value would have been seen.
        """
        evidence = self.effect.evidence
        return evidence.detectable(self.border, above=self.side != "below") if evidence else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values after Holm's correction: adjusted so that 0.05 holds for all of them at once.

    The i-th smallest of m is multiplied by m − i + 1, and none may fall below a smaller one's.

    Args:
        p_values: In any order; NaN stands for no test and is not counted.

    Returns:
        Adjusted p-values in the same order, at most 1.

    Reference: Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure, Scand. J.
        Statist. 6(2), 65-70.
    """
    tests = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, index) in enumerate(tests):
        largest = max(largest, min(1.0, (len(tests) - rank) * p))
        adjusted[index] = largest
    return adjusted


def findings(
    relations: Sequence[tuple[Relation, Side, float]],
    margins: Margins,
    *,
    families: Sequence[int] | None = None,
) -> list[JudgedRelation]:
    """Set relations against their borders.

    Being on the claimed side needs no correction: what asks for all of several tests to succeed
    errs no more often than one of them. Being on the other side is corrected by Holm over all
    relations: one of several is enough to say so. Equivalence is corrected within a family.

    Args:
        relations: Relation, claimed side and border.
        margins: The margins by name.
        families: A number for each relation: those of one family are judged together. None: all
            are one family.

    Raises:
        ValueError: If a margin is none, or ``within`` is claimed where there is no margin.
    """
    raw = [_finding(*item, margins) for item in relations]
    numbers = [0] * len(raw) if families is None else list(families)
    p_holm = holm([math.nan if item.reason else item.p_value for item in raw])
    p_equivalent = [math.nan] * len(raw)
    for family in set(numbers):
        members = [index for index, number in enumerate(numbers) if number == family]
        tests = [math.nan if raw[i].reason else raw[i].p_equivalent for i in members]
        for index, p in zip(members, holm(tests), strict=True):
            p_equivalent[index] = p
    return [
        dataclasses.replace(
            item, p_holm=p, p_equivalent_holm=equivalent, outcome=_outcome(item, p, equivalent)
        )
        for item, p, equivalent in zip(raw, p_holm, p_equivalent, strict=True)
    ]


def _finding(relation: Relation, side: Side, border: float, margins: Margins) -> JudgedRelation:
    log = relation.kind in LOG_KINDS or relation.effect.log
    margin = margins.of(relation.margin, log=log)
    if side == "within" and margin is None:
        raise ValueError(
            f"{relation.quantity!r} ({relation.kind}) has no margin, so that nothing lies within "
            "it. Pass margin= where it is measured."
        )
    centre = border if side == "within" else relation.neutral
    measured = relation.effect
    p_value, p_equivalent = measured.p_value(border), math.nan
    if margin is not None and centre is not None:
        low, high = margin_ends(centre, margin, log=log)
        p_equivalent = measured.p_equivalent(low, high)
        if side == "within":
            p_value = min(1.0, 2 * min(measured.tails(high)[0], measured.tails(low)[1]))
    return JudgedRelation(
        relation, side, border, margin, p_value, p_equivalent, reason=_undecidable(relation)
    )


def _undecidable(relation: Relation) -> str:
    """Return why a relation decides nothing whatever its p-values are."""
    measured = relation.effect
    if measured.evidence is None:
        return measured.reason
    if measured.unconverged and not relation.published_estimator:
        values = "value" if measured.unconverged == 1 else "values"
        return f"{measured.unconverged} {values} did not converge"
    return ""


def _outcome(finding: JudgedRelation, p_holm: float, p_equivalent: float) -> Outcome:
    if finding.reason:
        return "undecided"
    level = finding.effect.significance
    if finding.side == "within":
        if finding.equivalent:
            return "claimed"
        return "opposite" if p_holm <= level else "undecided"
    above, below = finding.effect.tails(finding.border)
    is_above = above < below
    if finding.p_value <= level and is_above == (finding.side == "above"):
        return "claimed"
    if p_holm <= level:  # What lies on the claimed side never comes here.
        return "opposite"
    neutral = finding.relation.neutral
    claims_no_effect = neutral is not None and (
        neutral > finding.border if finding.side == "above" else neutral < finding.border
    )
    return "equal" if p_equivalent <= _SIZE and not claims_no_effect else "undecided"
