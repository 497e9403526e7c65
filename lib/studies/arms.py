"""Arms: named variants of one training config, which know their factors."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from landscape.training.config import TrainConfig

from studies import cells

# Texts in tables that pandas takes for missing cells, besides spellings of NaN.
_MISSING = frozenset(
    "None NA N/A n/a <NA> #NA #N/A NULL null NaN -NaN -nan 1.#IND -1.#IND 1.#QNAN -1.#QNAN".split()
) | {"#N/A N/A"}

Name = TypeVar("Name", bound=str)  # A text or an `Arm`.


class Arm(str):
    """The name of an arm, which knows the arm's factors.

    Args:
        name: The name that figures and tables show, such as ``BN``.
        factors: Factor -> level, a text or a number, such as ``norm="batch"`` or ``width=32``.

    Raises:
        ValueError: If a level is neither a text nor a number, is empty or NaN, or is a text that a
            record would read back as a number.

    Attributes:
        factors: The same, as a record keeps them: numbers with ten significant digits.
    """

    factors: dict[str, Any]

    def __new__(cls, name: str, **factors: Any) -> "Arm":
        arm = super().__new__(cls, name)
        for factor, level in factors.items():
            number = isinstance(level, int | float | np.number) and not isinstance(level, bool)
            if not (level == level if number else isinstance(level, str) and level.strip()):
                raise ValueError(
                    f"arm {name!r} has {factor}={level!r}. A level is a text or a number."
                )
            if level in _MISSING:
                raise ValueError(
                    f"arm {name!r} has {factor}={level!r}, which pandas reads as a missing cell. "
                    "Choose another word, such as 'none'."
                )
        # What is chosen by a level must be the same before and after it is recorded.
        try:
            arm.factors = cells.kept(factors)
        except ValueError as error:
            raise ValueError(f"arm {name!r}: {error}") from None
        return arm

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), self.factors


def named(factors: Mapping[str, Any], shown: Iterable[str] | None = None) -> Arm:
    """Return the arm of some factors, named by its levels: ``CNN, width 32``.

    A level that is a number stands after its factor's name, a text alone.

    Args:
        factors: Factor -> level.
        shown: The factors that the name shows, in their order; None shows all.
    """
    levels = ((factor, factors[factor]) for factor in (factors if shown is None else shown))
    texts = [
        level if isinstance(level, str) else f"{factor.replace('_', ' ')} {level:g}"
        for factor, level in levels
    ]
    return Arm(", ".join(texts), **factors)


def factorial(
    base: TrainConfig, **factors: Mapping[Any, Mapping[str, Any]] | Sequence[Any]
) -> dict[Arm, TrainConfig]:
    """Return a config for each combination of the levels of some factors.

    Args:
        base: The config that all arms start from.
        factors: Factor -> level -> settings, as ``variants`` takes them; or a factor that is itself
            a setting -> its values, such as ``width=[32, 64]``.

    Returns:
        Arm, named by ``named`` -> config, the last factor varying fastest.

    Raises:
        ValueError: If no part of the config has a setting, or two combinations have one name.
    """
    choices = [
        [
            (factor, level, levels[level] if isinstance(levels, Mapping) else {factor: level})
            for level in levels
        ]
        for factor, levels in factors.items()
    ]
    changes: dict[Arm, dict[str, Any]] = {}
    for combination in itertools.product(*choices):
        arm = named({factor: level for factor, level, _ in combination})
        if arm in changes:
            raise ValueError(f"two arms are called {arm!r}. Give each level its own name.")
        changes[arm] = {k: v for _, _, settings in combination for k, v in settings.items()}
    return variants(base, changes)


def variants(
    base: TrainConfig, changes: Mapping[Name, Mapping[str, Any]]
) -> dict[Name, TrainConfig]:
    """Return one config for each arm: the base config with the arm's settings changed.

    Args:
        base: The config that all arms start from.
        changes: Arm -> setting -> value. A setting is a field of ``TrainConfig``, of its optimizer
            or of its model; the first of the three that has the field gets the value. Where the
            arm also changes the optimizer or the model, the new one gets the value.

    Returns:
        Arm -> config, in the order of ``changes``.

    Raises:
        ValueError: If no part of the config has such a setting.
    """
    return {arm: _changed(base, settings) for arm, settings in changes.items()}


def _changed(base: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    parts = {
        "": base,
        "optimizer": settings.get("optimizer", base.optimizer),
        "model": settings.get("model", base.model),
    }
    changes: dict[str, dict[str, Any]] = {name: {} for name in parts}
    for setting, value in settings.items():
        owners = [name for name, part in parts.items() if setting in _fields(part)]
        if not owners:
            known = sorted({field for part in parts.values() for field in _fields(part)})
            raise ValueError(
                f"no part of the config has a setting {setting!r}. Pass one of {', '.join(known)}."
            )
        changes[owners[0]][setting] = value
    inner = {
        name: dataclasses.replace(parts[name], **changes[name]) for name in ("optimizer", "model")
    }
    # The inner parts come last: they already hold an optimizer or a model that the arm replaces.
    return dataclasses.replace(base, **{**changes[""], **inner})


def _fields(part: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(part)]


def families(arms: Iterable[Arm], *, family: str, size: str) -> dict[Any, dict[Any, Arm]]:
    """Return the arms of each family by their size, to draw or fit a quantity against the size.

    Args:
        arms: The arms; those that lack one of the two factors are left out.
        family: The factor whose levels are families, such as ``network``.
        size: The factor that is a size, such as ``width``.

    Returns:
        Level of the family -> size -> arm, in the order of the arms.

    Raises:
        ValueError: If two arms of a family have one size.
    """
    sizes: dict[Any, dict[Any, Arm]] = {}
    for arm in arms:
        if family in arm.factors and size in arm.factors:
            first = sizes.setdefault(arm.factors[family], {}).setdefault(arm.factors[size], arm)
            if first != arm:
                raise ValueError(
                    f"the arms {first!r} and {arm!r} have one {family} and one {size}. Choose arms "
                    "that differ in these two alone."
                )
    return sizes


def of_one_size(
    sizes: Mapping[str, int], arms: Iterable[str], others: Iterable[str], *, within: float
) -> list[list[str]]:
    """Return each arm beside the other arm whose size is nearest, where both are about as large.

    Args:
        sizes: Arm -> number of parameters, such as ``Runs.sizes``.
        arms: The arms.
        others: The arms to choose from, at least one.
        within: Factor between the sizes that must not be reached, above 1.

    Returns:
        Pairs (arm, other), in the order of the arms.
    """
    arms, candidates = list(arms), list(others)
    factors = {
        (arm, other): max(sizes[arm] / sizes[other], sizes[other] / sizes[arm])
        for arm in arms
        for other in candidates
    }
    nearest = {arm: min((factors[arm, other], other) for other in candidates)[1] for arm in arms}
    return [[arm, other] for arm, other in nearest.items() if factors[arm, other] < within]


def pair_rows(
    pairs: Mapping[str, Iterable[Sequence[str]]], columns: Mapping[str, str]
) -> dict[str, dict[str, tuple[str, Sequence[str]]]]:
    """Return rows for a table of ratios: one for each pair, with the same columns in each.

    Args:
        pairs: Relation, such as ``one width`` -> pairs of arms, first over second.
        columns: Column -> recorded quantity.

    Returns:
        Row, named by relation and arms -> column -> quantity and pair.
    """
    return {
        f"{relation}: {pair[0]} / {pair[1]}": {
            column: (name, pair) for column, name in columns.items()
        }
        for relation, related in pairs.items()
        for pair in related
    }


def related_rows(
    related: Mapping[str, Iterable[Sequence[str]]],
) -> dict[str, dict[str, Sequence[str]]]:
    """Return rows for a plot of ratios: one for each pair, coloured by the relation of its arms.

    Args:
        related: Relation, such as ``one width`` -> pairs of arms, first over second.

    Returns:
        Row, named by the levels of its two arms, such as ``CNN 32 / MLP 32`` -> relation -> pair.
    """
    rows: dict[str, dict[str, Sequence[str]]] = {}
    for relation, pairs in related.items():
        for pair in pairs:
            rows.setdefault(" / ".join(map(_levels, pair)), {})[relation] = pair
    return rows


def _levels(arm: str) -> str:
    """Return the levels of an arm's factors without their names, or the arm's own name."""
    return " ".join(map(str, getattr(arm, "factors", {}).values())) or str(arm)


def beside(
    arms: Iterable[Arm],
    *,
    factor: str,
    reference: str,
    column: str,
    instead: Mapping[str, str] | None = None,
) -> dict[str, dict[str, tuple[Arm, Arm]]]:
    """Return each arm beside the arm with the reference level of a factor, for a table of ratios.

    Args:
        arms: The arms; those that lack one of the two factors are left out.
        factor: The factor that is compared, such as ``optimizer``.
        reference: The level that the others stand beside, such as ``momentum``.
        column: The factor whose levels are columns, such as ``rate``.
        instead: Level of ``column`` -> level that the reference has instead, for levels at which
            it was not trained.

    Returns:
        Row, named by the other factors -> level of ``column`` -> (arm, its reference). Arms without
        a reference are left out.
    """
    compared = [arm for arm in arms if {factor, column} <= arm.factors.keys()]
    by_factors = {frozenset(arm.factors.items()): arm for arm in compared}
    rows: dict[str, dict[str, tuple[Arm, Arm]]] = {}
    for arm in compared:
        level = arm.factors[column]
        changed = {factor: reference, column: (instead or {}).get(level, level)}
        other = by_factors.get(frozenset({**arm.factors, **changed}.items()))
        if other is not None and arm.factors[factor] != reference:
            rest = {name: value for name, value in arm.factors.items() if name != column}
            rows.setdefault(named(rest), {})[level] = (arm, other)
    return rows


def alike(configs: Mapping[str, TrainConfig]) -> list[list[str]]:
    """Return the arms in groups of one config each, ordered by the first arm of a group."""
    groups: list[tuple[TrainConfig, list[str]]] = []
    for arm, config in configs.items():
        for group_config, names in groups:
            if group_config == config:
                names.append(arm)
                break
        else:
            groups.append((config, [arm]))
    return [names for _, names in groups]
