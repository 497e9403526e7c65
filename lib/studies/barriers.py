"""Barriers on many kinds of paths: choose them by factors, and say whether they count."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from landscape.connectivity.path import Path
from landscape.training.batches import Branch

from studies.arms import Arm
from studies.collection import Results
from studies.formatting import depending, mean_text
from studies.intervals import mean_interval
from studies.measurements import Measurements

Expected = Literal["a barrier", "no barrier"]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A barrier that was predicted before it was measured.

    Attributes:
        words: The paths that it is about.
        expected: Whether a barrier was expected on them.
        heights: Error barriers of the paths, in percentage points.
    """

    words: str
    expected: Expected
    heights: Sequence[float]

    def row(self, margin: float) -> dict[str, str]:
        """Return predicted, measured and outcome, as a row of a table.

        Args:
            margin: Percentage points from which on a barrier counts.
        """
        measured = outcome(self.heights, margin)
        held = "open" if measured == "open" else "held" if measured == self.expected else "failed"
        return {
            "predicted": self.expected,
            "error barrier (points)": mean_text(self.heights) if self.heights else "–",
            "measured": measured,
            "prediction": held,
        }


def outcome(heights: Sequence[float], margin: float) -> str:
    """Return ``a barrier``, ``no barrier`` or ``open``, by the 95% interval of some heights.

    Args:
        heights: Heights in the unit of the margin; fewer than two decide nothing.
        margin: From which on a barrier counts.
    """
    if len(heights) < 2:
        return "open"
    words = {"above": "a barrier", "below": "no barrier", "undecided": "open"}
    return depending(mean_interval(heights), border=margin, **words)


class Barriers:
    """Paths of all kinds, chosen by what they join and how they were measured.

    Args:
        paths: (arm, pair) -> path; the arms have the factors ``path``, ``split`` and ``bn``, and
            those of their networks.
    """

    def __init__(self, paths: Results[Path]) -> None:
        self._paths = paths

    def where(self, **wanted: Any) -> list[Path]:
        """Return the paths with these factors; None stands for a factor that is not there.

        Args:
            wanted: Factor -> its value.
        """
        return [
            path
            for (arm, _), path in self._paths.items()
            if all(arm.factors.get(name) == value for name, value in wanted.items())
        ]

    def points(self, **wanted: Any) -> list[float]:
        """Return error barriers in percentage points; see ``where``."""
        return [100 * path.error_barrier for path in self.where(**wanted)]

    def nats(self, **wanted: Any) -> list[float]:
        """Return loss barriers in nats; see ``where``."""
        return [path.barrier for path in self.where(**wanted)]

    def middle(self, **wanted: Any) -> list[float]:
        """Return the error at the middle above that at the start, in percentage points.

        A path whose end is no solution, such as random noise, has no barrier; this number tells how
        soon the error rises on it.
        """
        return [
            100 * float(path.accuracy[0] - path.accuracy[len(path.accuracy) // 2])
            for path in self.where(**wanted)
        ]

    def left(
        self, after: Mapping[str, Any], before: Mapping[str, Any], names: Sequence[str]
    ) -> str:
        """Return how much of the mean error barrier is left, as a range over networks.

        Networks without a barrier to begin with, of less than a point, do not count.

        Args:
            after: Factor -> value, of the paths on which something is left.
            before: The same of the paths that they are compared with.
            names: Levels of the factor ``network``.
        """
        shares = []
        for name in names:
            first, then = (self.points(network=name, **way) for way in (before, after))
            if first and then and sum(first) / len(first) > 1:
                shares.append(100 * (sum(then) / len(then)) / (sum(first) / len(first)))
        if not shares:
            return "an unknown share"
        ends = dict.fromkeys(f"{round(extreme(shares)) + 0:d}%" for extreme in (min, max))
        return " to ".join(ends)


def parting(networks: Mapping[Arm, Mapping[str, Any]], moment: float) -> dict[Arm, dict[str, Any]]:
    """Return settings of runs that part from those of some arms, as ``arms.variants`` takes them.

    Args:
        networks: Arm -> its settings.
        moment: Epochs after which the runs see other batches; the factor ``parted``.
    """
    return {
        Arm(f"{arm}, parted at {moment:g}", **arm.factors, parted=moment): {
            **settings,
            "branch": Branch(moment),
        }
        for arm, settings in networks.items()
    }


def tally(predictions: Sequence[Prediction], margin: float) -> str:
    """Return how many predictions held, failed and are open, as words.

    Args:
        predictions: The predictions.
        margin: Percentage points from which on a barrier counts.
    """
    words = [one.row(margin)["prediction"] for one in predictions]
    counts = {word: words.count(word) for word in ("held", "failed", "open")}
    text = f"Of {len(words)} predictions {counts['held']} held and {counts['failed']} failed"
    rest = counts["open"]
    return text + (f"; {rest} {'is' if rest == 1 else 'are'} open" if rest else "")


def shared(heights: Mapping[str, Sequence[float]], margin: float) -> str:
    """Return the outcome that all networks share; ``mixed`` where they do not.

    Args:
        heights: Network -> heights of its barriers, in the unit of the margin.
        margin: From which on a barrier counts.
    """
    outcomes = {outcome(values, margin) for values in heights.values() if values}
    return outcomes.pop() if len(outcomes) == 1 else "mixed"


def counted(heights: Mapping[str, Sequence[float]], margin: float) -> str:
    """Return how many networks have a barrier, and how many have none, as words.

    Args:
        heights: Network -> heights of its barriers, in the unit of the margin.
        margin: From which on a barrier counts.
    """
    outcomes = [outcome(values, margin) for values in heights.values() if values]
    with_barrier, without = outcomes.count("a barrier"), outcomes.count("no barrier")
    rest = outcomes.count("open")
    total = len(outcomes)
    if total > 1 and with_barrier == total:
        return f"all {total} networks cross a barrier"
    if total > 1 and without == total:
        return f"none of {total} networks crosses a barrier"
    verb = "crosses" if with_barrier == 1 else "cross"
    text = f"{with_barrier} of {total} networks {verb} a barrier"
    if without:
        text += f", {without} {'crosses' if without == 1 else 'cross'} none"
    return text + (f", {rest} {'is' if rest == 1 else 'are'} open" if rest else "")


def by_path(numbers: Measurements, policies: Mapping[str, str]) -> Measurements:
    """Return the barriers between different starts, in arms named by network and path.

    Args:
        numbers: Numbers of paths, with the factors ``network`` and ``path``.
        policies: Network -> the policy of batch normalisation that counts; repaired paths always
            do.
    """
    rows = [
        {**row, "arm": f"{row['network']}, {row['path']}"}
        for row in numbers.rows
        if row["quantity"] in ("error_barrier", "barrier")
        and row.get("parted") is None
        and row.get("split") == "train"
        and row["bn"] in (policies[row["network"]], "repaired")
    ]
    return Measurements(rows, missing=numbers.missing)
