"""A study as its judge sees it: networks, contrasts and series of its record, and its rules."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from studies.judging.relations import Relation, Side
from studies.verdicts.asked import Asked
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.contrasts import Contrast, NetworkGroup, SizeSeries
from studies.verdicts.expressions import Parameter
from studies.verdicts.networks import Networks
from studies.verdicts.recorded_study import RecordedStudy

Measured = Asked | Sequence[Asked]
Check = Measured | str


@dataclasses.dataclass(frozen=True, eq=False)
class AskedRule:
    """A rule whose relations are yet to be measured; ``judging.rules.Rule`` explains the words.

    Attributes:
        id: Of the atomic claim.
        side: Claimed side of the border.
        measured: The relation as the source measured it, or several.
        border: The border; None takes the value of no effect.
        checks: Name of a check -> its relation, several, or why it was not run.
        places: Name of a check -> words that say where it looks.
        also: How else the setting departs from the source's.
        source_numbers: The source's numbers to compare with; None takes those of the claim.
    """

    id: str
    side: Side
    measured: Measured
    border: float | None
    checks: Mapping[str, Check]
    places: Mapping[str, str]
    also: str
    source_numbers: Sequence[float] | None


class JudgedStudy:
    """A recorded study, and the rules that its numbers judge.

    Args:
        record: The record.

    Attributes:
        record: The same.
        rules: The rules so far.
    """

    def __init__(self, record: RecordedStudy) -> None:
        self.record = record
        self.rules: list[AskedRule] = []

    def networks(self, **factors: Any) -> Networks:
        """Return the networks of an arm.

        Args:
            factors: Factor -> level, such as ``norm="batch"``; a ``Parameter`` stands for one of
                the study.
        """
        return Networks(self.record, factors)

    def contrast(
        self, words: str, first: Mapping[str, Any], second: Mapping[str, Any], **shared: Any
    ) -> Contrast:
        """Return two arms to compare seed by seed.

        Args:
            words: What sets the first apart, such as ``with BN``.
            first: Its factors.
            second: Those of the other.
            shared: Factors of both.
        """
        arms = (self.networks(**{**shared, **own}) for own in (first, second))
        return Contrast(words, *arms)

    def series(self, size: str, levels: Sequence[float] | Parameter, **factors: Any) -> SizeSeries:
        """Return arms that differ in one size.

        Args:
            size: The factor, such as ``width``.
            levels: Its levels.
            factors: The factors they share.
        """
        return SizeSeries(self.record, size, levels, factors)

    def group(self, *factors: Mapping[str, Any]) -> NetworkGroup:
        """Return all networks of the arms whose factors fit.

        Args:
            factors: Factor -> level, or a list of levels, for each part; none takes all arms.
        """
        return NetworkGroup(self.record, factors or ({},))

    def rule(
        self,
        side: Side,
        id: str,
        measured: Measured,
        border: float | None = None,
        *,
        estimator: Check = (),
        bn_mode: Check = (),
        scale: Check = (),
        training_loss: Check = (),
        step_and_start: Check = (),
        size: Check = (),
        places: Mapping[str, str] | None = None,
        also: str = "",
        source_numbers: Sequence[float] | None = None,
    ) -> None:
        """Say how an atomic claim is judged.

        ``above``, ``below`` and ``within`` are the same for one side.

        Args:
            side: Claimed side of the border: ``above``, ``below``, or ``within`` its margin.
            id: Of the atomic claim.
            measured: The relation as the source measured it, or several that are claimed together.
            border: In the unit of the relation; None takes the value of no effect.
            estimator: The check with a better estimator: a relation, several, or why there is none.
            bn_mode: The check under other statistics of batch normalisation.
            scale: The check in relative units.
            training_loss: The check at equal training loss.
            step_and_start: The check from another step or start.
            size: The check at another size of data, subset or network.
            places: Name of a check -> words that say where it looks.
            also: How else than by the study's parameters the setting departs from the source's.
            source_numbers: The source's numbers to compare with; None takes those of the claim.
        """
        checks = {
            "estimator": estimator,
            "BN mode": bn_mode,
            "scale": scale,
            "training loss": training_loss,
            "step and start": step_and_start,
            "size": size,
        }
        self.rules.append(
            AskedRule(
                id=id,
                side=side,
                measured=measured,
                border=border,
                checks={name: check for name, check in checks.items() if check != ()},
                places=places or {},
                also=also,
                source_numbers=source_numbers,
            )
        )

    above = functools.partialmethod(rule, "above")
    below = functools.partialmethod(rule, "below")
    within = functools.partialmethod(rule, "within")


def measured(asked: Measured) -> tuple[Relation, ...]:
    """Return relations as measured.

    Raises:
        NotMeasuredError: If a record lacks what one of them takes.
    """
    relations = (asked,) if isinstance(asked, Asked) else tuple(asked)
    return tuple(one.measure() for one in relations)


def checked(check: Check) -> tuple[Relation, ...] | str:
    """Return the relations of a check as measured, or why it is not run.

    A check of several relations is run whole or not at all: what is there alone might hold where
    what is missing does not.
    """
    if isinstance(check, str):
        return check
    try:
        return measured(check)
    except NotMeasuredError as error:
        return f"Not measured in this profile: {error}."
