"""The check at equal training loss, from curvature along the whole of training where recorded."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from studies.judging.relations import Relation
from studies.loss_pairs import group_name
from studies.records.along_training import PLACE
from studies.verdicts.asked import Asked
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.contrasts import Contrast, SizeSeries
from studies.verdicts.expressions import Expression, Parameter, number
from studies.verdicts.judged_study import Check, JudgedStudy
from studies.verdicts.networks import Networks, resolved


@dataclasses.dataclass(frozen=True)
class OneLoss:
    """Networks that are compared at one training loss, by a regression along training.

    Where its study has no record of them, the former checks stay.

    Attributes:
        study: The study of curvature against loss.
        family: The family of the networks.
        arms: Short names of those that share a regression, in the order of the study.
    """

    study: JudgedStudy
    family: str
    arms: Sequence[str]

    @property
    def recorded(self) -> bool:
        """Whether the record has these networks at one loss."""
        if not self.study.record.recorded:
            return False
        wanted = {"at": PLACE, "family": self.family, "group": group_name(self.arms)}
        rows = self.study.record.numbers("lambda_max")
        return any(wanted.items() <= row.items() for row in rows)

    def check(
        self,
        compared: Contrast | SizeSeries,
        former: Check,
        quantity: str,
        *modes: str,
        margin: str | float | None = "ratio",
    ) -> Check:
        """Return the ratio, or exponent, at one loss; without a record the former check.

        Args:
            compared: The arms, in a study of their own.
            former: The check without this record.
            quantity: Such as ``lambda_max``.
            modes: Statistics of normalisation, such as ``batch``; none takes eval mode.
            margin: Of a ratio, as ``Relation.margin``.
        """
        if not self.recorded:
            return former
        return [
            Asked(_OneLossMeasuring(self, compared, self._expression(quantity, mode), margin))
            for mode in modes or ("frozen",)
        ]

    def places(self, former: Mapping[str, str]) -> Mapping[str, str]:
        """Return words of the check's place: those of the former check, if that one stays."""
        return {} if self.recorded else former

    def _expression(self, quantity: str, mode: str) -> Expression:
        return number(quantity, at=PLACE, bn=mode, group=group_name(self.arms))

    def here(
        self, compared: Contrast | SizeSeries, asked: Expression, margin: str | float | None
    ) -> Asked:
        """Return what is asked, of the same arms in the study of curvature against loss."""
        if isinstance(compared, SizeSeries):
            levels = _resolved(compared.study, compared.levels)
            factors = self._factors(compared.study, compared.factors)
            return SizeSeries(self.study.record, compared.size, levels, factors).exponent(asked)
        arms = (
            Networks(self.study.record, self._factors(arm.study, arm.factors))
            for arm in (compared.first, compared.second)
        )
        return Contrast(compared.words, *arms).ratio(asked, margin=margin)

    def _factors(self, study: Any, factors: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: _resolved(study, level) for name, level in factors.items()}
        return {**given, "family": self.family}


@dataclasses.dataclass(frozen=True)
class _OneLossMeasuring:
    """Measures a relation in the study of curvature against loss, when a rule is judged."""

    one_loss: OneLoss
    compared: Contrast | SizeSeries
    asked: Expression
    margin: str | float | None

    def __call__(self) -> Relation:
        return self.one_loss.here(self.compared, self.asked, self.margin).measure()


def _resolved(study: Any, level: Any) -> Any:
    """Return a level; a parameter has the value that the contrast's own study recorded."""
    if not isinstance(level, Parameter):
        return level
    if not study.recorded:
        raise NotMeasuredError(f"{study.name} has no record in this profile")
    return resolved(study, level)
