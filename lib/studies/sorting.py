"""A border between networks that fail and networks that learn: how well it sorts them."""

import dataclasses
from collections.abc import Mapping, Sequence

import scipy.stats

from studies.formatting import interval_text, number_text
from studies.intervals import Interval, share_interval
from studies.measurements import Measurements


@dataclasses.dataclass(frozen=True)
class Sorting:
    """Cases on both sides of a border, above which they are expected to fail, whatever that means.

    Attributes:
        above: Number of cases above the border.
        failed: How many of these fail.
        below: Number of cases at or below it.
        learned: How many of these learn.
    """

    above: int
    failed: int
    below: int
    learned: int

    @property
    def shares(self) -> list[Interval]:
        """Share that fails above the border, and share that learns below it.

        Exact binomial intervals; a side without cases has none.
        """
        sides = ((self.failed, self.above), (self.learned, self.below))
        return [share_interval(count, n) for count, n in sides if n]

    @property
    def sorts(self) -> bool:
        """Whether both sides have cases, and both intervals lie above one half."""
        return len(self.shares) == 2 and all(share.low > 0.5 for share in self.shares)

    @property
    def p(self) -> float:
        """Probability of as many failures above, or more, if the border told nothing.

        Reference: Fisher (1935), The Design of Experiments, section 11: the exact test of a table
        of two by two.
        """
        table = [
            [self.failed, self.above - self.failed],
            [self.below - self.learned, self.learned],
        ]
        return float(scipy.stats.fisher_exact(table, alternative="greater").pvalue)

    def words(self, noun: str, border: str, verbs: Sequence[str] = ("fail", "learn")) -> str:
        """Return the counts with their intervals as the beginning of a sentence.

        Args:
            noun: Plural of a case, such as ``networks``.
            border: The border in words, such as ``2(1 + β)/η``.
            verbs: What cases are expected to do above the border, and below it.
        """
        counts = (
            (self.failed, self.above, f"start above {border}", verbs[0]),
            (self.learned, self.below, "start below it", verbs[1]),
        )
        intervals = iter(self.shares)
        parts = [
            f"{n} {noun} {side}; {count} of these {verb} ({interval_text(next(intervals))})"
            if n
            else f"no {noun} {side}"
            for count, n, side, verb in counts
        ]
        text = f"{parts[0][0].upper()}{parts[0][1:]}, and {parts[1]}"
        return (
            f"{text} (Fisher's exact test: p = {number_text(self.p)})"
            if all(n for _, n, *_ in counts)
            else text
        )


def sort(
    quotients: Mapping[str, Sequence[float]], learned: Mapping[str, Sequence[bool]]
) -> Sorting:
    """Return how a border at 1 sorts networks.

    Args:
        quotients: Arm -> for each network its number over the border.
        learned: Arm -> whether each of the same networks learned.

    Raises:
        ValueError: If an arm has different numbers of both, or a quotient is NaN.
    """
    pairs = [
        (quotient, flag)
        for arm, values in quotients.items()
        for quotient, flag in zip(values, learned[arm], strict=True)
    ]
    if any(quotient != quotient for quotient, _ in pairs):
        raise ValueError(
            "a quotient is NaN, which lies on no side of a border. Leave the network out, and say "
            "so."
        )
    above = [flag for quotient, flag in pairs if quotient > 1]
    below = [flag for quotient, flag in pairs if not quotient > 1]
    return Sorting(len(above), above.count(False), len(below), below.count(True))


def by_arm(
    quotients: Mapping[str, Sequence[float]], learned: Mapping[str, Sequence[bool]]
) -> Sorting:
    """Return the same with arms as cases, on the side, and with the end, of most of their networks.

    Networks of one arm differ in their seed alone and are nearly repetitions.

    Args:
        quotients: As for ``sort``.
        learned: As for ``sort``.

    Raises:
        ValueError: As ``sort``.
    """
    sort(quotients, learned)  # Refuses what has no side.
    return sort(
        {arm: [float(_most([q > 1 for q in values])) * 2] for arm, values in quotients.items()},
        {arm: [_most(learned[arm])] for arm in quotients},
    )


def _most(flags: Sequence[bool]) -> bool:
    return 2 * sum(flags) > len(flags)


def quotients(numbers: Measurements, number: str, border: str) -> dict[str, list[float]]:
    """Return arm -> a recorded number over a recorded border, for each network.

    Args:
        numbers: Where both were recorded, in the same order of seeds.
        number: Name of the first quantity, such as ``lambda_max``.
        border: Name of the other one, such as ``threshold``.

    Raises:
        KeyError: If an arm lacks one of the two.
        ValueError: If an arm has different numbers of both.
    """
    return {
        arm: [
            value / limit
            for value, limit in zip(
                numbers.values(number, arm), numbers.values(border, arm), strict=True
            )
        ]
        for arm in numbers.arms
    }
