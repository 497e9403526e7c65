"""Expressions: what a rule asks of networks, such as ``number("sam") - 0.05 * number(...)``.

An expression is asked of networks when its rule is judged, and knows the words for it.
"""

import dataclasses
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, Union

import numpy as np
from landscape.slices.persistence import persistent_minima

from studies import quantities
from studies.recorder import Rows
from studies.verdicts.columns import Column, NotMeasuredError, aligned, combined, exact
from studies.verdicts.recorded_study import RecordedStudy

Operand = Union["Expression", float]

# What readers are told of a setting: (column, value) -> words.
_PLACES = {
    ("at", "equal loss"): "at equal training loss",
    ("at", "along training"): "at equal training loss",
    ("at", "start"): "before training",
    ("at", "last epoch"): "averaged over the last epoch",
    ("bn", "batch"): "under batch statistics",
    ("bn", "reestimate"): "with statistics estimated anew",
    ("split", "test"): "on test examples",
}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the study that a rule is about, read when the rule is judged.

    Attributes:
        name: Its name.
        place: Place in a list of values, or a slice of it; None for the whole.
        text: Text that holds the value, such as ``test accuracy {:g}``; empty for the value itself.
    """

    name: str
    place: int | slice | None = None
    text: str = ""

    def at(self, place: int | slice) -> "Parameter":
        """Return the same with a place in its list of values."""
        return dataclasses.replace(self, place=place)


class Networks(Protocol):
    """What is asked: the networks of an arm; ``networks.Networks`` explains the methods."""

    @property
    def study(self) -> RecordedStudy:
        """The study that recorded them."""

    def column(self, quantity: str, where: Mapping[str, Any]) -> Column:
        """Return the numbers of a quantity."""

    def cases(self, table: str, where: Mapping[str, Any]) -> Mapping[Hashable, Rows]:
        """Return the rows of a table by case."""

    def factor(self, name: str) -> Column:
        """Return a factor, the same for all cases."""

    def diverged(self) -> Column:
        """Return whether each run diverged."""

    def runs(self) -> Mapping[Hashable, Mapping[str, Any]]:
        """Return the row of each run."""


@dataclasses.dataclass(frozen=True, eq=False)
class Expression:
    """Something to ask of networks; arithmetic and comparisons make others of it.

    Attributes:
        heading: What it is called.
        places: Where it is measured, in words.
        ask: Networks -> their numbers, by case.
    """

    heading: str
    places: tuple[str, ...]
    ask: Callable[[Networks | None], Column]

    def named(self, heading: str, *places: str) -> "Expression":
        """Return the same under another name, and with other words for its place if given."""
        return dataclasses.replace(self, heading=heading, places=places or self.places)

    def as_recorded(self) -> "Expression":
        """Return the same, all converged: an epoch never reached ranks behind all others."""

        def ask(networks: Networks | None) -> Column:
            column = self.ask(networks)
            return dataclasses.replace(column, converged=np.ones(len(column.keys), dtype=bool))

        return dataclasses.replace(self, ask=ask)

    def resolved_above(self, level: float) -> "Expression":
        """Return the same, where a number whose error reaches a level did not converge."""

        def ask(networks: Networks | None) -> Column:
            column = self.ask(networks)
            resolved = column.values - np.nan_to_num(column.errors) > level
            return dataclasses.replace(column, converged=resolved)

        return dataclasses.replace(self, ask=ask)

    def converges(self) -> "Expression":
        """Return whether each number converged."""

        def ask(networks: Networks | None) -> Column:
            column = self.ask(networks)
            return column.with_values(column.converged)

        return dataclasses.replace(self, ask=ask)

    def where(self, condition: "Expression", words: str) -> "Expression":
        """Return the same in the cases in which a condition is true.

        Args:
            condition: An expression that is 1 or 0.
            words: The condition in words, for where no case is left.
        """

        def ask(networks: Networks | None) -> Column:
            column, holds = aligned([self.ask(networks), condition.ask(networks)])
            kept = [key for key, true in zip(column.keys, holds.outcomes, strict=True) if true]
            if not kept:
                raise NotMeasuredError(f"no network has {words}")
            return column.of(kept)

        return dataclasses.replace(self, ask=ask)

    def __add__(self, other: Operand) -> "Expression":
        return _apply(operator.add, self, other)

    def __sub__(self, other: Operand) -> "Expression":
        return _apply(operator.sub, self, other)

    def __truediv__(self, other: Operand) -> "Expression":
        return _apply(operator.truediv, self, other)

    def __rmul__(self, factor: float) -> "Expression":
        return _apply(lambda values: factor * values, self)

    def times(self, parameter: Parameter) -> "Expression":
        """Return the same times a parameter of the study, such as the radius of a step."""

        def ask(networks: Networks | None) -> Column:
            column = self.ask(networks)
            scale = _given(networks).study.parameter(parameter.name, parameter.place)
            return dataclasses.replace(
                column, values=scale * column.values, errors=scale * column.errors
            )

        return dataclasses.replace(self, ask=ask)

    def __neg__(self) -> "Expression":
        return _apply(operator.neg, self)

    def __abs__(self) -> "Expression":
        return _apply(np.abs, self)

    def __le__(self, level: Operand) -> "Expression":
        return _apply(operator.le, self, level)

    def __gt__(self, level: Operand) -> "Expression":
        return _apply(operator.gt, self, level)

    def equals(self, value: float) -> "Expression":
        """Return whether each number has a value."""
        return _apply(lambda values: values == value, self)


def _given(networks: Networks | None) -> Networks:
    if networks is None:
        raise ValueError(
            "an expression is asked without networks. Take it of some: networks[expression]."
        )
    return networks


def _apply(function: Callable[..., Any], *operands: Operand) -> Expression:
    """Return a function of expressions and numbers, named after the first expression."""
    expressions = [one for one in operands if isinstance(one, Expression)]
    heading = expressions[0].heading
    places = dict.fromkeys(place for one in expressions for place in one.places)

    def ask(networks: Networks | None) -> Column:
        columns = [one.ask(networks) for one in expressions]

        def values(*arrays: np.ndarray) -> np.ndarray:
            waiting = iter(arrays)
            taken = [next(waiting) if isinstance(o, Expression) else o for o in operands]
            return np.asarray(function(*taken), dtype=float)

        return combined(values, columns)

    return Expression(heading, tuple(places), ask)


def number(quantity: str, **where: Any) -> Expression:
    """Return a recorded number of networks, where training ended unless ``at`` says otherwise.

    Args:
        quantity: Its recorded name.
        where: Column -> value, such as ``at="equal loss"`` or ``bn="batch"``; a ``Parameter``
            stands for one of the study. Without ``bn``, numbers of eval mode or of no mode count;
            of any other column that is not named and tells several numbers of one network apart,
            those where it is empty.
    """
    heading = quantities.QUANTITIES.get(quantity)
    words = _words(where)
    return Expression(
        heading.heading if heading else quantity.replace("_", " "),
        words,
        lambda networks: _given(networks).column(quantity, where),
    )


def factor(name: str) -> Expression:
    """Return a factor of networks, such as their width, which all cases share."""
    return Expression(name, (), lambda networks: _given(networks).factor(name))


def diverged() -> Expression:
    """Return whether each run diverged."""
    return Expression("runs that diverge", (), lambda networks: _given(networks).diverged())


def learned() -> Expression:
    """Return whether each network answers more than twice as often correctly as by guessing."""

    def ask(networks: Networks | None) -> Column:
        column = _given(networks).column("test_accuracy", {})
        return exact(column.keys, column.learned.tolist())

    return Expression("networks that learn", (), ask)


def parameter_count() -> Expression:
    """Return the number of parameters of each network."""

    def ask(networks: Networks | None) -> Column:
        runs = _given(networks).runs()
        return exact(tuple(runs), [row["parameters"] for row in runs.values()])

    return Expression("parameters", (), ask)


def lowest(table: str, column: str, **where: Any) -> Expression:
    """Return the lowest cell of a table's column, such as the accuracy on a path.

    Args:
        table: Such as ``paths``.
        column: Such as ``accuracy``.
        where: Column -> value, as for ``number``.
    """

    def ask(networks: Networks | None) -> Column:
        cases = _given(networks).cases(table, where)
        return exact(tuple(cases), [min(row[column] for row in rows) for rows in cases.values()])

    return Expression(f"lowest {column}", _words(where), ask)


def minima(table: str, *, height: float, **where: Any) -> Expression:
    """Return how many minima of a slice persist over more than a height of the loss.

    Args:
        table: ``planes``, or ``paths`` whose points have a position ``t``.
        height: In nats.
        where: Column -> value, as for ``number``.
    """

    def ask(networks: Networks | None) -> Column:
        cases = _given(networks).cases(table, where)
        counts = [persistent_minima(_grid(rows), height=height) for rows in cases.values()]
        return exact(tuple(cases), counts)

    return Expression("minima", _words(where), ask)


def _grid(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the losses of a plane or line as an array, sorted by position."""
    axes = ("alpha", "beta") if "beta" in rows[0] else ("t",)
    positions = [sorted({row[axis] for row in rows}) for axis in axes]
    grid = np.full([len(each) for each in positions], np.nan)
    places = [{value: place for place, value in enumerate(each)} for each in positions]
    for row in rows:
        grid[tuple(place[row[axis]] for axis, place in zip(axes, places, strict=True))] = row[
            "loss"
        ]
    if np.isnan(grid).any():
        raise NotMeasuredError("a slice has losses that are not finite")
    return grid


def least(*expressions: Expression) -> Expression:
    """Return the smallest of several expressions, case by case."""
    return _apply(lambda *values: np.minimum.reduce(values), *expressions)


def largest(*expressions: Expression) -> Expression:
    """Return the largest of several expressions, case by case."""
    return _apply(lambda *values: np.maximum.reduce(values), *expressions)


def _words(where: Mapping[str, Any]) -> tuple[str, ...]:
    plain = {column: value for column, value in where.items() if isinstance(value, str)}
    return tuple(_PLACES[item] for item in plain.items() if item in _PLACES)
