"""Relations that rules ask for, measured when they are judged.

Each function takes expressions of networks and returns an ``Asked``; what it measures is the
function of its name in ``studies.judging``.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from studies.judging import relations
from studies.judging.relations import Relation, Side
from studies.verdicts.columns import aligned
from studies.verdicts.expressions import Expression


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A relation to be measured.

    Attributes:
        measure: Measures it; raises ``NotMeasuredError`` where a record lacks what it takes.
    """

    measure: Callable[[], Relation]

    def against(self, border: float | None = None, side: Side | None = None) -> "Asked":
        """Return the same with a border or a side of its own; see ``Relation.against``."""
        return Asked(lambda: self.measure().against(border, side))


def ratio(
    first: Expression,
    second: Expression,
    contrast: str = "",
    *,
    margin: str | float | None = "ratio",
    published: bool = False,
    learned: bool = True,
) -> Asked:
    """Ask for the geometric mean of first / second over cases.

    Args:
        first: Of some networks.
        second: Of others.
        contrast: What sets the first apart, such as ``with BN``.
        margin: As ``Relation.margin``.
        published: Whether it is a source's estimator as published.
        learned: Whether cases with a network that did not learn are left out.
    """

    def measure() -> Relation:
        a, b = aligned([first.ask(None), second.ask(None)])
        return relations.ratio(
            title(first),
            a.samples,
            b.samples,
            contrast=contrast_words(contrast, first, second),
            margin=margin,
            published_estimator=published,
            leave_out_unlearned=learned,
        )

    return Asked(measure)


def points(
    first: Expression,
    second: Expression,
    contrast: str = "",
    *,
    margin: str | float | None = "accuracy",
) -> Asked:
    """Ask for the mean of first − second over cases, in percentage points.

    Runs that diverged count with the accuracy that they stop with.

    Args:
        first: A share of some networks, such as their accuracy.
        second: That of others.
        contrast: What sets the first apart.
        margin: As ``Relation.margin``.
    """

    def measure() -> Relation:
        a, b = aligned([first.ask(None), second.ask(None)])
        return relations.difference(
            title(first),
            a.values.tolist(),
            b.values.tolist(),
            contrast=contrast_words(contrast, first, second),
            margin=margin,
        )

    return Asked(measure)


def level(
    asked: Expression,
    contrast: str = "",
    *,
    published: bool = False,
    **options: Any,
) -> Asked:
    """Ask for the mean of an expression over cases, which a rule sets against its border.

    Args:
        asked: The expression, of some networks.
        contrast: Where it is measured.
        published: Whether it is a source's estimator as published.
        options: ``factor``, ``unit`` and ``log`` of ``relations.level``.
    """

    def measure() -> Relation:
        return relations.level(
            title(asked),
            asked.ask(None).samples,
            contrast=contrast_words(contrast, asked),
            published_estimator=published,
            **options,
        )

    return Asked(measure)


def barrier(asked: Expression, contrast: str = "") -> Asked:
    """Ask for the mean height of a barrier over pairs of networks, in percentage points.

    Args:
        asked: The height as a share, of pairs of networks.
        contrast: Where it is measured.
    """

    def measure() -> Relation:
        return relations.barrier(
            title(asked), asked.ask(None).samples, contrast=contrast_words(contrast, asked)
        )

    return Asked(measure)


def share(words: str, *asked: Expression, contrast: str = "") -> Asked:
    """Ask for the share of cases in which an expression is true.

    Args:
        words: Plural noun and verb, such as ``runs without BN diverge``.
        asked: Expressions that are 1 or 0, of networks that are pooled.
        contrast: Where it is measured.
    """

    def measure() -> Relation:
        outcomes = [outcome for one in asked for outcome in one.ask(None).outcomes]
        return relations.share(words, outcomes, contrast=contrast)

    return Asked(measure)


def title(asked: Expression) -> str:
    """Return the name of an expression as the subject of a sentence.

    Args:
        asked: The expression.
    """
    first = asked.heading[:1]
    # Symbols stay as they are: λ is another quantity than Λ.
    return asked.heading if not first.isascii() else first.upper() + asked.heading[1:]


def contrast_words(words: str, *asked: Expression) -> str:
    """Return what sets a relation apart, and where its expressions are measured.

    Args:
        words: What sets it apart; may be empty.
        asked: The expressions.
    """
    places = dict.fromkeys(place for one in asked for place in one.places)
    return " ".join(filter(None, [words, *places]))
