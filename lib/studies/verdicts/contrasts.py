"""Arms that rules compare: two of them, a series of sizes, or all networks of several arms."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from studies.durations import Duration
from studies.judging import associations, relations
from studies.judging.relations import Relation
from studies.verdicts import expressions
from studies.verdicts.asked import Asked, contrast_words, points, ratio, title
from studies.verdicts.columns import (
    Column,
    NotMeasuredError,
    aligned,
    known_by_rank,
    stacked,
)
from studies.verdicts.expressions import Expression, Parameter
from studies.verdicts.networks import Networks, every, resolved
from studies.verdicts.recorded_study import RecordedStudy

Number = str | Expression


# A basin has a width too.
_SIZES = {"width": "network width", "depth": "network depth"}


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Two arms of one study, compared seed by seed.

    Attributes:
        words: What sets the first apart, such as ``with BN``.
        first: Its networks.
        second: The networks compared with.
    """

    words: str
    first: Networks
    second: Networks

    def swapped(self, words: str) -> "Contrast":
        """Return the same with its arms exchanged, and other words for it."""
        return Contrast(words, self.second, self.first)

    def ratio(self, asked: Number, **options: Any) -> Asked:
        """Ask for the ratio of an expression in the two arms; see ``ratio``."""
        return ratio(self.first[asked], self.second[asked], self.words, **options)

    def ratios(
        self, *, margin: str | float | None = "ratio", **asked: Number | Sequence[Number]
    ) -> dict[str, Asked | list[Asked]]:
        """Ask for the ratios of several checks.

        Args:
            margin: As ``Relation.margin``.
            asked: Name of a check, as ``JudgedStudy.rule`` has it -> expression, or several.
        """
        return {
            name: self.ratio(one, margin=margin)
            if isinstance(one, str | Expression)
            else [self.ratio(each, margin=margin) for each in one]
            for name, one in asked.items()
        }

    def points(self, asked: Number = "test_accuracy", **options: Any) -> Asked:
        """Ask for the difference of a share in the two arms; see ``points``.

        The margin is that of the study's data set, unless another one is given.
        """
        cifar = self.first.study.parameters.get("dataset") == "cifar10"
        options = {"margin": "accuracy_cifar" if cifar else "accuracy", **options}
        return points(self.first[asked], self.second[asked], self.words, **options)

    def duration(self, target: Parameter, heading: Parameter) -> Asked:
        """Ask for the median ratio of the epochs to a target in the two arms.

        Args:
            target: Name of the target in the record.
            heading: Its words, such as ``The time to 97% accuracy``.
        """

        def measure() -> Relation:
            a, b = (arm.durations({"target": target}) for arm in (self.first, self.second))
            common = [seed for seed in a if seed in b]
            if not common:
                raise NotMeasuredError(f"no seed has both durations {self.words}")
            pairs = [[_duration(rows[seed]) for seed in common] for rows in (a, b)]
            words = resolved(self.first.study, heading)
            return associations.median_ratio(words, *pairs, contrast=self.words)

        return Asked(measure)


@dataclasses.dataclass(frozen=True)
class SizeSeries:
    """Arms of one study that differ in one size, such as their width.

    Attributes:
        study: The study.
        size: The factor.
        levels: Its levels, as a list or a parameter of the study.
        factors: The other factors.
    """

    study: RecordedStudy
    size: str
    levels: Sequence[float] | Parameter
    factors: Mapping[str, Any]

    def exponent(self, asked: Number, *, variable: str = "", contrast: str = "") -> Asked:
        """Ask for the exponent b of value ∝ size^b.

        Args:
            asked: The expression.
            variable: What the size is called; by default its factor, of networks.
            contrast: Where it is measured.
        """
        expression = expressions.number(asked) if isinstance(asked, str) else asked

        def measure() -> Relation:
            levels = self.levels
            if isinstance(levels, Parameter):
                levels = resolved(self.study, levels)
            if len(levels) < 2:
                raise NotMeasuredError(f"{self.study.name} has {len(levels)} sizes to compare")
            arms = [Networks(self.study, {**self.factors, self.size: level}) for level in levels]
            columns = aligned([expression.ask(arm) for arm in arms])
            return associations.exponent(
                title(expression),
                levels,
                [column.samples for column in columns],
                variable=variable or _SIZES.get(self.size, self.size),
                contrast=contrast_words(contrast, expression),
            )

        return Asked(measure)

    def last_ratio(
        self, asked: Number, reference: float | Parameter, contrast: str, **options: Any
    ) -> Asked:
        """Ask for the ratio of an expression at the last level to that at another level.

        A number of the last level that did not converge counts as recorded, such as a lower bound.

        Args:
            asked: The expression.
            reference: The level compared with.
            contrast: What sets the first apart, such as ``in the deepest networks``.
            options: As for ``ratio``.
        """
        expression = expressions.number(asked) if isinstance(asked, str) else asked
        levels = self.levels
        last = levels.at(-1) if isinstance(levels, Parameter) else levels[-1]
        first, second = (
            Networks(self.study, {**self.factors, self.size: level}) for level in (last, reference)
        )
        return ratio(first[expression.as_recorded()], second[expression], contrast, **options)


@dataclasses.dataclass(frozen=True)
class NetworkGroup:
    """All networks of several arms of one study.

    Attributes:
        study: The study.
        factors: For each part of the group, factor -> level, or a list of levels.
    """

    study: RecordedStudy
    factors: Sequence[Mapping[str, Any]]

    def column(self, asked: Number) -> Column:
        """Return an expression of all networks; keys are (arm, seed).

        Raises:
            NotMeasuredError: If an arm lacks it.
        """
        expression = expressions.number(asked) if isinstance(asked, str) else asked
        arms = {name: n for part in self.factors for name, n in every(self.study, part).items()}
        return stacked([expression.ask(networks) for networks in arms.values()], list(arms))

    def correlation(
        self,
        asked: Number,
        other: Expression,
        *,
        given: Expression | None = None,
        within: str = "",
        contrast: str = "",
    ) -> Asked:
        """Ask for the rank correlation of two expressions over networks, with arms as clusters.

        Args:
            asked: The first expression.
            other: The other one.
            given: A third one that is held constant.
            within: A factor: the correlation is taken within its levels.
            contrast: Where it is measured.
        """
        expression = expressions.number(asked) if isinstance(asked, str) else asked

        def measure() -> Relation:
            variables = [expression, other] + ([given] if given else [])
            columns = [known_by_rank(self.column(one)) for one in variables]
            x, y, *rest = aligned(columns)
            return associations.correlation(
                title(expression),
                x.samples,
                y.samples,
                other=other.heading,
                clusters=[arm for arm, _ in x.keys],
                groups=self._levels(within, x) if within else None,
                given=(given.heading, rest[0].samples) if given else None,
                contrast=contrast_words(contrast, expression),
            )

        return Asked(measure)

    def share(
        self,
        words: str,
        asked: Expression,
        contrast: str = "",
        *,
        among: Expression | None = None,
    ) -> Asked:
        """Ask for the share of networks in which an expression is true; see ``share``.

        Args:
            words: Plural noun and verb, such as ``networks learn``.
            asked: An expression that is 1 or 0.
            contrast: Where it is measured.
            among: A condition, 1 or 0: only the networks in which it is true count.
        """

        def measure() -> Relation:
            column = self.column(asked)
            if among is not None:
                column, condition = aligned([column, self.column(among)])
                chosen = zip(column.keys, condition.outcomes, strict=True)
                column = column.of([key for key, true in chosen if true])
            if not column.keys:
                raise NotMeasuredError(f"no network counts of which to ask whether {words}")
            return relations.share(words, column.outcomes, contrast=contrast)

        return Asked(measure)

    def _levels(self, factor: str, column: Column) -> list[Any]:
        arms = {name: n for part in self.factors for name, n in every(self.study, part).items()}
        return [arms[arm].factors[factor] for arm, _ in column.keys]


def _duration(row: Mapping[str, Any]) -> Duration:
    return Duration(row["value"], float(row["earliest"]), float(row["latest"]))
