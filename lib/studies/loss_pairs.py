"""Two arms compared at the end of training and at equal training loss, with the words for it."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from studies import loss_curves
from studies.formatting import interval_text, list_text, number_text
from studies.intervals import Interval, paired_ratio
from studies.loss_curves import MARGIN, AtLoss, LossCurve
from studies.measurements import Measurements
from studies.quantities import quantity as known_quantity

WORDS = {"above": "larger", "below": "smaller", "equal": "equal", "open": "undecided"}
_MODES = {"frozen": "eval mode", "batch": "batch statistics"}
NOT_COMPARED = "cannot be compared"


@dataclasses.dataclass(frozen=True)
class LossPair:
    """How a quantity of two arms compares, over paired seeds.

    Attributes:
        first: Name of the first arm.
        second: Name of the arm compared with.
        quantity: The quantity.
        bn: The statistics of normalisation.
        at_end: Ratio first / second at the last snapshot, with its 95% interval.
        factor: The factor between the arms at equal loss, by regression; NaN where there is none.
        narrow: The same with its 90% interval.
        compared: The ratio at each of several losses, in the order of training.
        reason: Why there is no factor; empty if there is.
    """

    first: str
    second: str
    quantity: str
    bn: str
    at_end: Interval
    factor: Interval
    narrow: Interval
    compared: tuple[AtLoss, ...]
    reason: str = ""

    @property
    def mode(self) -> str:
        """The statistics of normalisation in words."""
        return _MODES.get(self.bn, self.bn)

    @property
    def heading(self) -> str:
        """The quantity in words."""
        return known_quantity(self.quantity).heading

    @property
    def verdict(self) -> str:
        """What the training loss makes of the difference, in words."""
        if math.isnan(self.factor.estimate):
            return NOT_COMPARED
        end, level = (_side(one) for one in (self.at_end, self.factor))
        if level:
            if not end:
                return "differs at equal loss only"
            return "remains" if end == level else "turns round"
        if self.narrow.inside(1 / MARGIN, MARGIN):
            return "explained by the loss" if end else "no difference"
        return "undecided at equal loss"

    @property
    def order(self) -> int:
        """1 where the first arm has more at equal loss, −1 where it has less, 0 if undecided."""
        return _side(self.factor)

    @property
    def flips(self) -> list[float]:
        """The losses at which the order turns round, in nats."""
        return loss_curves.flips(self.compared)

    @property
    def flip_text(self) -> str:
        """These losses as text, or that there is none."""
        return list_text([number_text(x) for x in self.flips] or ["nowhere"])

    def turn_words(self) -> str:
        """Return whether the order turns round on the way, as a verb with its place."""
        if not self.compared:
            return "has no loss in common"
        return f"turns round at {self.flip_text} nats" if self.flips else "does not turn round"

    def sentence(self) -> str:
        """Return what was found, as a sentence without its full stop."""
        mode = "" if self.bn == "frozen" else f" under {self.mode}"
        named = f"{self.heading}{mode}, {self.first} over {self.second},"
        if self.reason:
            return f"{named} has no ratio at equal loss, because {self.reason}"
        text = (
            f"{named} is {interval_text(self.at_end)} at the end and {interval_text(self.factor)} "
            f"at equal training loss: {_MEANINGS[self.verdict]}"
        )
        where = "; the order turns round at a loss of " + f"{self.flip_text} nats"
        return text + (where if self.flips else "")


_MEANINGS = {
    "remains": "the difference remains",
    "turns round": "the order turns round",
    "differs at equal loss only": "the arms differ at equal loss alone",
    "explained by the loss": "the training loss explains the difference",
    "no difference": "there is no difference",
    "undecided at equal loss": "it is open whether a difference remains",
}


def _side(interval: Interval) -> int:
    return int(interval.low > 1) - int(interval.high < 1)


def pair_at_loss(
    numbers: Measurements,
    level: Measurements,
    arms: Mapping[str, str],
    quantity: str,
    *,
    bn: str = "frozen",
    levels: Sequence[float] | None = None,
) -> LossPair | None:
    """Return how a quantity of two arms compares at the end and at equal loss.

    Args:
        numbers: Numbers at snapshots, as ``loss_curves.from_numbers`` reads them.
        level: What ``along_training`` returned for the arms.
        arms: Name of each of the two arms -> arm; the first is divided by the second.
        quantity: The quantity.
        bn: The statistics of normalisation.
        levels: Losses at which to compare; None takes seven that all networks pass.

    Returns:
        The comparison; None where the record lacks it.
    """
    curves = loss_curves.from_numbers(numbers, quantity, bn=bn)
    first, second = ([c for (arm, _), c in curves.items() if arm == a] for a in arms.values())
    wanted = {"quantity": quantity, "bn": bn, "group": group_name(list(arms))}
    rows = [
        row for row in level.rows if row["arm"] in arms.values() and wanted.items() <= row.items()
    ]
    factors = [[row["value"] for row in rows if row["arm"] == arm] for arm in arms.values()]
    if not first or len(first) != len(second) or len(factors[0]) != len(factors[1]):
        return None
    if len(first) < 2 or len(factors[0]) < 2:
        return None
    levels = loss_curves.shared_levels([*first, *second]) if levels is None else levels
    lacking = [row["note"] for row in rows if row.get("note")]
    seeds = {row["seed"] for row in rows if row.get("note")}
    reason = f"in {len(seeds)} of {len(first)} seeds {lacking[0]}" if lacking else ""
    one, other = arms
    return LossPair(
        one,
        other,
        quantity,
        bn,
        paired_ratio(*([_last(one) for one in of_arm] for of_arm in (first, second))),
        paired_ratio(*factors),
        paired_ratio(*factors, confidence=0.9),
        tuple(loss_curves.compare(first, second, levels)),
        reason,
    )


def group_name(arms: Sequence[str]) -> str:
    """Return the name of arms that are compared with each other: ``SGD / momentum``."""
    return " / ".join(arms)


def _last(curve: LossCurve) -> float:
    return curve.values[-1] if curve.values else math.nan


def pairs_at_loss(
    numbers: Measurements,
    level: Measurements,
    pairs: Sequence[Mapping[str, str]],
    quantities: Mapping[str, Sequence[str]],
    **options: Any,
) -> list[LossPair]:
    """Return all comparisons of some pairs that the record holds.

    Args:
        numbers: As for ``pair_at_loss``.
        level: As for ``pair_at_loss``.
        pairs: Name -> arm of the two arms, for each pair.
        quantities: Statistics of normalisation -> quantities.
        options: Further options of ``pair_at_loss``.
    """
    compared = (
        pair_at_loss(numbers, level, arms, name, bn=bn, **options)
        for arms in pairs
        for bn, names in quantities.items()
        for name in names
    )
    return [pair for pair in compared if pair is not None]
