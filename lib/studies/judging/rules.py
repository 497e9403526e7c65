"""Rules: which relations judge an atomic claim, on which side of which border."""

import dataclasses
from collections.abc import Mapping, Sequence

from studies.judging.relations import SIDES, Relation, Side

# The checks, each with the words that say where it looks.
CHECKS = {
    "estimator": "with a better estimator",
    "BN mode": "under batch statistics",
    "scale": "in relative units",
    "training loss": "at equal training loss",
    "step and start": "with other steps or starts",
    "size": "at another size",
}
Relations = Relation | Sequence[Relation]


@dataclasses.dataclass(frozen=True)
class Rule:
    """How an atomic claim is judged.

    Attributes:
        id: Of the atomic claim.
        side: Claimed side of the border: ``above``, ``below``, or ``within`` the margin around it.
        measured: The relation as the source measured it, or several that are claimed together.
        border: In the unit of the relation; None takes the value of no effect.
        checks: Name of a check -> the relation, or several, or why it was not run. Those that are
            not named were not run. A relation may have a border and a side of its own
            (``Relation.against``).
        places: Name of a check -> words that say where it looks, other than those of ``CHECKS``.
        setting: The setting here: the source's, fewer epochs, part of the data, another batch.
        source_numbers: The source's numbers to compare with, one for each relation measured; None
            takes those of the claim.
        former: The word of the rule before it changed, or of the report before.
        reason_of_change: Why the rule changed after its measurement; empty if it did not.
        commit: The commit of the rule.

    Raises:
        ValueError: If the side or a check is unknown, there is no relation, or a relation has no
            border.
    """

    id: str
    side: Side
    measured: Relations
    border: float | None = None
    checks: Mapping[str, Relations | str] = dataclasses.field(default_factory=dict)
    places: Mapping[str, str] = dataclasses.field(default_factory=dict)
    setting: str = "the source's"
    source_numbers: Sequence[float] | None = None
    former: str = ""
    reason_of_change: str = ""
    commit: str = ""

    def __post_init__(self):
        if self.side not in SIDES:
            raise ValueError(f"{self.id}: side={self.side!r} is none of {', '.join(SIDES)}.")
        unknown = [name for name in (*self.checks, *self.places) if name not in CHECKS]
        if unknown:
            raise ValueError(
                f"{self.id}: there is no check {', '.join(map(repr, unknown))}. "
                f"The checks are {', '.join(CHECKS)}."
            )
        if not self.relations:
            raise ValueError(f"{self.id}: no relation is measured. Pass at least one.")
        for relation in (*self.relations, *sum(map(self.check, self.checks), ())):
            self.judged_against(relation)

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations as the source measured them."""
        return _relations(self.measured)

    def check(self, name: str) -> tuple[Relation, ...]:
        """Return the relations of a check; none if it was not run."""
        given = self.checks.get(name, ())
        return () if isinstance(given, str) else _relations(given)

    def place(self, name: str) -> str:
        """Return the words that say where a check looks."""
        return self.places.get(name, CHECKS[name])

    def judged_against(self, relation: Relation) -> tuple[Side, float]:
        """Return side and border that a relation is judged against.

        Raises:
            ValueError: If there is no border, or it is not positive on a logarithmic scale.
        """
        side = relation.side or self.side
        borders = (relation.border, self.border, relation.neutral)
        border = next((value for value in borders if value is not None), None)
        if border is None or (relation.effect.log and not border > 0):
            least = " above 0" if relation.effect.log else ""
            raise ValueError(
                f"{self.id}: border={border} is no border of {relation.quantity!r} "
                f"({relation.kind}). Pass a number{least}: no value means no effect here, or this "
                "one has no logarithm."
            )
        return side, border


def _relations(given: Relations) -> tuple[Relation, ...]:
    return (given,) if isinstance(given, Relation) else tuple(given)
