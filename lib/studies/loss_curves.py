"""Curvature against training loss: curves along training, compared where their losses are equal."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from studies.formatting import number_text
from studies.intervals import Interval, paired_ratio
from studies.measurements import Measurements

FEWEST = 2  # Snapshots of a network after the first third, or a line has no slope.
MARGIN = 1.25  # Ratios from 1/1.25 to 1.25 count as equal.

Outcome = Literal["above", "below", "equal", "open"]


@dataclasses.dataclass(frozen=True)
class LossCurve:
    """A quantity of one network against its training loss, snapshot by snapshot.

    Attributes:
        losses: Training loss at each snapshot, in the order of training, in nats.
        values: The quantity there; NaN where there is no number.
        converged: Whether each value converged.
        note: Why there is no number where there is none, such as that the run diverged.
    """

    losses: tuple[float, ...]
    values: tuple[float, ...]
    converged: tuple[bool, ...]
    note: str = ""

    def late(self) -> "LossCurve":
        """Return the snapshots after the first third."""
        first = len(self.losses) // 3
        return LossCurve(
            self.losses[first:], self.values[first:], self.converged[first:], self.note
        )

    def at(self, level: float) -> float:
        """Return the value where the loss first falls to a level; NaN where it does not.

        Between the snapshots before and after, the logarithm of the value is a straight line in the
        logarithm of the loss.

        Args:
            level: Training loss in nats, > 0.
        """
        if not self.losses or not self.losses[0] >= level:
            return math.nan
        for (a, loss), (b, following) in itertools.pairwise(
            zip(self.values, self.losses, strict=True)
        ):
            if following <= level <= loss:
                return _between(level, (loss, a), (following, b))
        return math.nan


def _between(level: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    (x, a), (y, b) = one, other
    if not min(a, b, x, y) > 0:  # NaN too.
        return math.nan
    share = 0.0 if x == y else math.log(level / x) / math.log(y / x)
    return math.exp((1 - share) * math.log(a) + share * math.log(b))


@dataclasses.dataclass(frozen=True)
class Levelled:
    """What the arms of one seed have at one training loss.

    Attributes:
        values: One for each arm; NaN where there is none.
        loss: The training loss, in nats.
        reason: Why there are no values; empty if there are.
        converged: Whether all numbers behind them converged.
    """

    values: tuple[float, ...]
    loss: float
    reason: str
    converged: bool


def levelled(curves: Sequence[LossCurve]) -> Levelled:
    """Return the values of several networks at one training loss, by regression.

    log value = b log loss + an offset for each network, by least squares over the snapshots after
    the first third, as far as the losses of all networks overlap; of each network the nearest
    snapshot on either side counts too. The ratio of two values is the factor between the networks
    at equal loss. They are given at the middle of the overlap, on a logarithmic scale.

    Args:
        curves: One for each network, at least 2.
    """
    late = [curve.late() for curve in curves]
    places, reason = _places(late)
    if reason:
        return Levelled((math.nan,) * len(late), math.nan, reason, converged=False)
    x = [np.log(np.array(curve.losses)[at]) for curve, at in zip(late, places, strict=True)]
    y = [np.log(np.array(curve.values)[at]) for curve, at in zip(late, places, strict=True)]
    spread = sum(float(((one - one.mean()) ** 2).sum()) for one in x)
    moved = sum(float(((a - a.mean()) * (b - b.mean())).sum()) for a, b in zip(x, y, strict=True))
    low, high = _common(late)
    middle = (math.log(low) + math.log(high)) / 2
    return Levelled(
        tuple(
            math.exp(b.mean() + moved / spread * (middle - a.mean()))
            for a, b in zip(x, y, strict=True)
        ),
        math.exp(middle),
        "",
        all(curve.converged[i] for curve, at in zip(late, places, strict=True) for i in at),
    )


def _places(late: Sequence[LossCurve]) -> tuple[list[list[int]], str]:
    """Return the snapshots of each network that count, or why there are none."""
    for curve in late:
        if curve.note:
            return [], curve.note
        if len(curve.losses) < FEWEST or not all(0 < x < math.inf for x in curve.losses):
            return [], f"only {len(curve.losses)} snapshots with a loss follow the first third"
    low, high = _common(late)
    if not low < high:
        spans = ", and ".join(
            f"{number_text(min(curve.losses))} to {number_text(max(curve.losses))}"
            for curve in late
        )
        return [], f"the losses do not overlap ({spans} nats)"
    places = [_overlapping(curve, low, high) for curve in late]
    for curve, at in zip(late, places, strict=True):
        bad = sum(not 0 < curve.values[i] < math.inf for i in at)
        if bad:
            return [], f"{bad} of {len(at)} snapshots have no positive number"
    return places, ""


def _common(late: Sequence[LossCurve]) -> tuple[float, float]:
    """Return the lowest and the highest loss that all networks have."""
    return max(min(c.losses) for c in late), min(max(c.losses) for c in late)


def _overlapping(curve: LossCurve, low: float, high: float) -> list[int]:
    """Return the snapshots with a loss between two ends, and the nearest one beyond each end."""
    losses = np.array(curve.losses)
    inside = (losses >= low) & (losses <= high)
    for beyond, distance in ((losses > high, losses), (losses < low, -losses)):
        if beyond.any():
            inside[np.argmin(np.where(beyond, distance, np.inf))] = True
    return np.flatnonzero(inside).tolist()


@dataclasses.dataclass(frozen=True)
class AtLoss:
    """How two arms compare at one training loss.

    Attributes:
        loss: The loss, in nats.
        ratio: Geometric mean ratio over seeds with its 95% interval.
        outcome: ``above`` or ``below`` 1 by that interval, ``equal`` if the 90% interval lies
            within the margin, else ``open``.
    """

    loss: float
    ratio: Interval
    outcome: Outcome


def shared_levels(curves: Sequence[LossCurve], count: int = 7) -> list[float]:
    """Return losses that all networks pass on their way, evenly spaced in the logarithm.

    Args:
        curves: One for each network.
        count: Number of levels, at least 2.

    Returns:
        The losses, falling; empty if there is no loss that all pass.
    """
    known = [c for c in curves if c.losses and all(map(math.isfinite, c.losses))]
    if not curves or len(known) < len(curves):
        return []
    high = min(curve.losses[0] for curve in curves)
    low = max(min(curve.losses) for curve in curves)
    return [float(x) for x in np.geomspace(high, low, count)] if 0 < low < high else []


def compare(
    first: Sequence[LossCurve],
    second: Sequence[LossCurve],
    levels: Sequence[float],
    *,
    margin: float = MARGIN,
) -> list[AtLoss]:
    """Return how two arms compare at each of some training losses, over paired seeds.

    Args:
        first: One curve a seed, at least 2.
        second: Those of the other arm, in the same order of seeds.
        levels: Losses in nats.
        margin: Factor within which the arms count as equal, above 1.

    Returns:
        One for each level; the ratio is NaN, and the outcome open, where a network has no value.
    """
    compared = []
    for level in levels:
        pair = [[curve.at(level) for curve in curves] for curves in (first, second)]
        ratio, narrow = (paired_ratio(*pair, confidence=share) for share in (0.95, 0.9))
        outcome: Outcome = "above" if ratio.low > 1 else "below" if ratio.high < 1 else "open"
        if outcome == "open" and narrow.inside(1 / margin, margin):
            outcome = "equal"
        compared.append(AtLoss(level, ratio, outcome))
    return compared


def flips(compared: Sequence[AtLoss]) -> list[float]:
    """Return the losses at which the order of two arms turns round, both sides being decided.

    Args:
        compared: What ``compare`` returns, in the order of training.

    Returns:
        Losses in nats, where the mean ratio passes 1; empty if it turns nowhere.
    """
    decided = [i for i, one in enumerate(compared) if one.outcome in ("above", "below")]
    turned = []
    for i, j in itertools.pairwise(decided):
        if compared[i].outcome != compared[j].outcome:
            turned.append(_crossing(compared[i : j + 1]))
    return turned


def _crossing(compared: Sequence[AtLoss]) -> float:
    """Return where the ratio first passes 1 between levels whose ends lie on both sides of it."""
    for one, other in itertools.pairwise(compared):
        a, b = (math.log(x.ratio.estimate) for x in (one, other))
        if a == 0 or a * b < 0:
            share = a / (a - b)
            return math.exp((1 - share) * math.log(one.loss) + share * math.log(other.loss))
    return math.nan


def from_numbers(
    numbers: Measurements, quantity: str, *, bn: str = "frozen", **wanted: Any
) -> dict[tuple[str, Any], LossCurve]:
    """Return the curves of recorded networks: a quantity against the loss on the same examples.

    Args:
        numbers: Numbers at snapshots, with a column ``step``; ``loss`` is one of them.
        quantity: Its recorded name.
        bn: The statistics of normalisation under which loss and quantity are measured.
        wanted: Column -> value of the networks, such as ``family="BN"``.

    Returns:
        (arm, seed) -> curve, in the order of the record.
    """
    steps: dict[tuple[str, Any], dict[int, dict[str, Mapping[str, Any]]]] = {}
    for row in numbers.rows:
        fits = all(row.get(name) == value for name, value in wanted.items())
        if row.get("step") is None or row.get("bn", "frozen") != bn or not fits:
            continue
        if row["quantity"] in (quantity, "loss"):
            of_network = steps.setdefault((row["arm"], row["seed"]), {})
            of_network.setdefault(int(row["step"]), {})[row["quantity"]] = row
    return {key: _curve(rows, quantity) for key, rows in steps.items()}


def _curve(steps: Mapping[int, Mapping[str, Mapping[str, Any]]], quantity: str) -> LossCurve:
    rows = [of_step for _, of_step in sorted(steps.items()) if {quantity, "loss"} <= of_step.keys()]
    notes = [
        of_step["loss"].get("note", "")
        for of_step in rows
        if not math.isfinite(of_step["loss"]["value"])
    ]
    return LossCurve(
        tuple(of_step["loss"]["value"] for of_step in rows),
        tuple(of_step[quantity]["value"] for of_step in rows),
        tuple(bool(of_step[quantity].get("converged", True)) for of_step in rows),
        notes[0] if notes else "",
    )
