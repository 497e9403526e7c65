"""Collections by arm and seed: choose some by their factors, and name arms by some factors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, cast

from studies.arms import Arm, named

Key = tuple[Arm, Any]
Item = TypeVar("Item")


def matches(labels: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether labels have the wanted values.

    Args:
        labels: Label -> value.
        wanted: Label -> value, or a list, tuple, set or range of allowed values.

    Raises:
        ValueError: If a wanted label is not there.
    """
    if unknown := [name for name in wanted if name not in labels]:
        raise ValueError(
            f"there is no {unknown[0]!r} to choose by. Choose by {', '.join(labels) or 'nothing'}."
        )
    return all(
        labels[name] in value
        if isinstance(value, list | tuple | set | range)
        else labels[name] == value
        for name, value in wanted.items()
    )


class Collection(Mapping[Key, Item], Generic[Item]):
    """Things by (arm, seed).

    Args:
        items: (arm, seed) -> thing.
    """

    def __init__(self, items: Mapping[Key, Item]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: tuple[str, Any]) -> Item:
        try:
            return self._items[cast(Key, key)]  # An arm equals its name.
        except KeyError:
            arms, seeds = ", ".join(self.arms), ", ".join(map(str, self.seeds))
            raise KeyError(
                f"there is no {key!r}. The arms are {arms or 'none'}, the seeds {seeds or 'none'}."
            ) from None

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def arms(self) -> list[Arm]:
        """The arms, in their order."""
        return list(dict.fromkeys(arm for arm, _ in self))

    @property
    def seeds(self) -> list[Any]:
        """The seeds, in their order."""
        return list(dict.fromkeys(seed for _, seed in self))

    def where(self, **wanted: Any) -> Self:
        """Return the part with these factors, arms or seeds.

        Args:
            wanted: ``arm``, ``seed`` or a factor -> its value, or a list of allowed values. Arms
                that lack the factor are left out.

        Raises:
            ValueError: If no arm has such a factor, or nothing is left.
        """
        known = {"arm", "seed", *(factor for arm in self.arms for factor in arm.factors)}
        matches(dict.fromkeys(known), {name: None for name in wanted})
        chosen = {
            (arm, seed): item
            for (arm, seed), item in self._items.items()
            if wanted.keys() <= (labels := {**arm.factors, "arm": str(arm), "seed": seed}).keys()
            and matches(labels, wanted)
        }
        if not chosen:
            raise ValueError(
                f"nothing has {wanted}. The arms are {', '.join(self.arms) or 'none'}, the seeds "
                f"{', '.join(map(str, self.seeds)) or 'none'}."
            )
        return self._with(chosen)

    def by(self, *factors: str) -> Self:
        """Return the same with arms named by some of their factors, such as ``by("optimizer")``.

        Args:
            factors: The factors that names show, in their order.

        Raises:
            ValueError: If an arm lacks a factor, or two arms get one name.
        """
        renamed: dict[Key, Item] = {}
        for (arm, seed), item in self._items.items():
            if lacking := [factor for factor in factors if factor not in arm.factors]:
                raise ValueError(
                    f"the arm {arm!r} has no {lacking[0]!r}: it has "
                    f"{', '.join(arm.factors) or 'no factors'}. Choose arms with where() first."
                )
            renamed[named(arm.factors, factors), seed] = item
        if len(renamed) < len(self._items):
            raise ValueError(
                f"named by {', '.join(factors)}, two arms have one name. Name more factors, or "
                "choose arms with where() first."
            )
        return self._with(renamed)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return some arms under new names, in the order of the names.

        Args:
            names: New name -> arm. Arms that are not listed are left out.

        Raises:
            ValueError: If there is no such arm.
        """
        if absent := [arm for arm in names.values() if arm not in self.arms]:
            raise ValueError(f"there is no arm {absent[0]!r}, only {', '.join(self.arms)}.")
        return self._with(
            {
                (Arm(name, **arm.factors), seed): item
                for name, old in names.items()
                for (arm, seed), item in self._items.items()
                if arm == old
            }
        )

    def __or__(self, other: Self) -> Self:
        return self._with({**self._items, **other._items})

    def _with(self, items: Mapping[Key, Item]) -> Self:
        return type(self)(items)


class Results(Collection[Item]):
    """What a recorded step returns: results by (arm, seed), and what the record lacks.

    Args:
        items: (arm, seed) -> result. Results that are not there are left out.
        missing: Sentences that say which results are not there, and why.

    Attributes:
        missing: The same.
    """

    def __init__(self, items: Mapping[Key, Item], *, missing: Sequence[str] = ()) -> None:
        super().__init__(items)
        self.missing = list(dict.fromkeys(missing))

    def where(self, **wanted: Any) -> Self:
        """Return the part with these factors, arms or seeds; see ``Collection.where``.

        Where results are missing the part may be empty: nobody knows what they would have.
        """
        try:
            return super().where(**wanted)
        except ValueError:
            if not self.missing:
                raise
            return self._with({})

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return some arms under new names; see ``Collection.renamed``.

        Where results are missing, names of arms that are not there are left out.
        """
        there = {new: old for new, old in names.items() if old in self.arms}
        return super().renamed(there if self.missing else names)

    def grouped(self, *factors: str) -> dict[Any, list[Item]]:
        """Return the results by some of their factors, such as ``grouped("split", "bn")``.

        Args:
            factors: Names of factors, or ``arm``.

        Returns:
            Level of the factor, of several factors a tuple -> the results, in their order.
        """
        groups: dict[Any, list[Item]] = {}
        for (arm, _), item in self._items.items():
            levels = tuple({**arm.factors, "arm": str(arm)}[factor] for factor in factors)
            groups.setdefault(levels if len(factors) > 1 else levels[0], []).append(item)
        return groups

    def __or__(self, other: Self) -> Self:
        return type(self)(
            {**self._items, **dict(other.items())}, missing=[*self.missing, *other.missing]
        )

    def _with(self, items: Mapping[Key, Item]) -> Self:
        return type(self)(items, missing=self.missing)
