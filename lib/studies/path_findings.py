"""What shapes of training paths say beside null models: counts, cells of tables, and sentences."""

import dataclasses
import functools
from collections.abc import Sequence

from studies.formatting import list_text, mean_text, number_text
from studies.intervals import mean_interval
from studies.measurements import Measurements

RUN = "the run"
NULLS = ("random walk", "correlated walk", "shuffled steps", "straight line")
_MOST = 0.9  # Share of two components that explains a path.
_SPANS = {
    "own path": "along their own path",
    "other order": "along a path that saw other batches",
    "random walk": "along random directions",
}
_PARABOLA = 0.05  # Residual that a parabola leaves at most.


@dataclasses.dataclass(frozen=True, eq=False)
class PathFindings:
    """Shapes of training paths of several arms.

    Attributes:
        shapes: The numbers of ``Study.path_shapes``, with factors ``network`` and ``optimizer``.
    """

    shapes: Measurements

    @functools.cached_property
    def shares(self) -> Measurements:
        """Shares of two components about the mean, by network, optimizer and source."""
        wanted = ["path_share", "path_share_high"]
        rows = self.shapes.where(quantity=wanted, components=2, centre="mean")
        return rows.by("network", "optimizer", "source")

    @functools.cached_property
    def arms(self) -> list[str]:
        """The arms, such as ``MLP, SGD``."""
        rows = self.shapes.where(quantity="path_share", source=RUN).by("network", "optimizer")
        return [str(arm) for arm in rows.arms]

    @property
    def sources(self) -> dict[str, dict[str, str]]:
        """Arm -> source -> its name among ``shares``, the rows and colours of a figure."""
        return {arm: {s: f"{arm}, {s}" for s in (RUN, *NULLS)} for arm in self.arms}

    def excess(self, arm: str, null: str) -> list[float]:
        """Return the share of each run minus the 97.5% quantile of its null model, in points."""
        own = self.shares.values("path_share", f"{arm}, {RUN}")
        high = self.shares.values("path_share_high", f"{arm}, {null}")
        return [100 * (x - y) for x, y in zip(own, high, strict=True)]

    @property
    def explained(self) -> str:
        """A sentence on the share of two components, without its full stop."""
        shares = {arm: self.shares.values("path_share", f"{arm}, {RUN}") for arm in self.arms}
        means = {arm: sum(values) / len(values) for arm, values in shares.items()}
        if not means:
            return "No path has a recorded share"
        low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        held = sum(_low(values) > _MOST for values in shares.values())
        return (
            f"Two principal components hold from {_percent(shares[low])} of a path's spread "
            f"({_after(low)}) to {_percent(shares[high])} ({_after(high)}); with 95% confidence, "
            f"more than 90% in {held} of {len(means)} settings"
        )

    @property
    def above(self) -> str:
        """A sentence on how many runs exceed each null model, without its full stop."""
        gaps = {
            null: [gap for arm in self.arms for gap in self.excess(arm, null)] for null in NULLS
        }
        counts = {null: sum(gap > 0 for gap in values) for null, values in gaps.items()}
        first, *others = NULLS
        words = [f"{counts[first]} of {len(gaps[first])} runs for the {first}"]
        words += [f"{counts[null]} for the {null}" for null in others]
        return (
            f"Two components hold more than in 97.5% of a null model's draws in {list_text(words)}"
        )

    @property
    def fewer(self) -> list[str]:
        """Settings whose paths have fewer dimensions than chance, in every seed."""
        return [
            _after(arm)
            for arm in self.arms
            if all(
                gap > 0
                for null in ("correlated walk", "shuffled steps")
                for gap in self.excess(arm, null)
            )
        ]

    def rows(self) -> dict[str, dict[str, str]]:
        """Return the rows of a table: shares, excess over null models, and cosines."""
        ends = self.shapes.where(quantity="path_share", components=2, centre="end", source=RUN)
        ends = ends.by("network", "optimizer")
        waves = self.shapes.where(quantity="lissajous", component=1).by("network", "optimizer")
        return {
            arm: {
                "share (%)": _percent(self.shares.values("path_share", f"{arm}, {RUN}"), unit=""),
                "from the end (%)": _percent(ends.values("path_share", arm), unit=""),
                **{f"minus {null} (points)": mean_text(self.excess(arm, null)) for null in NULLS},
                "correlation with a cosine": mean_text(waves.values("lissajous", arm)),
            }
            for arm in self.arms
        }

    def parabolas(self) -> dict[str, dict[str, str]]:
        """Return the rows of a table on the loss along the first component."""
        rows: dict[str, dict[str, str]] = {arm: {} for arm in self.arms}
        for window in ("path", "last epoch"):
            for arm in self.arms:
                for degree, name in ((2, "quadratic"), (4, "quartic")):
                    left = self._line("parabola_residual", arm, window=window, degree=degree)
                    rows[arm][f"{name} leaves, {window} (%)"] = _percent(left, unit="")
                ranges = self._line("line_range", arm, window=window)
                rows[arm][f"range, {window} (nats)"] = mean_text(ranges)
        for arm in self.arms:
            rows[arm]["widest parabola (% of the path)"] = _percent(
                self._line("parabola_window", arm), unit=""
            )
        return rows

    @property
    def parabola(self) -> str:
        """A sentence on where the loss along the first component is a parabola."""
        fits, ranges = [], []
        for window in ("path", "last epoch"):
            by_arm = {
                arm: self._line("parabola_residual", arm, window=window, degree=2)
                for arm in self.arms
            }
            fits.append(sum(x < _PARABOLA for values in by_arm.values() for x in values))
            total = sum(map(len, by_arm.values()))
            spread = [x for arm in self.arms for x in self._line("line_range", arm, window=window)]
            ranges.append((min(spread, default=float("nan")), max(spread, default=float("nan"))))
        (low, high), (late_low, late_high) = (map(number_text, pair) for pair in ranges)
        return (
            f"Along the first component a quadratic leaves less than 5% of the variation of the "
            f"loss in {fits[0]} of {total} runs over the whole path, where the loss varies by "
            f"{low} to {high} nats, and in {fits[1]} over the last epoch, where it varies by "
            f"{late_low} to {late_high} nats"
        )

    def _line(self, quantity: str, arm: str, **where: object) -> list[float]:
        rows = self.shapes.where(quantity=quantity, **where).by("network", "optimizer")
        return rows.values(quantity, arm)


def within_spans(confined: Measurements, k: int) -> str:
    """Return a sentence on networks trained within k directions, without its full stop.

    Args:
        confined: The numbers of ``Study.span_training``.
        k: Number of directions.
    """
    chosen = confined.where(quantity="span_change", components=k)
    parts = []
    for span, words in _SPANS.items():
        rows = chosen.where(span=span).by("network", "optimizer")
        changes = {arm: rows.values("span_change", arm) for arm in rows.arms}
        means = [100 * sum(values) / len(values) for values in changes.values()]
        # Sums of shares that cancel leave rounding errors.
        low, high = (number_text(round(end(means), 9)) for end in (min, max))
        parts.append(f"by {low} to {high} percentage points {words}")
    return (
        f"Trained within {k} directions instead of all, networks change their test accuracy "
        f"{list_text(parts)}"
    )


def _after(arm: str) -> str:
    return arm.replace(", ", " after ")


def _low(values: Sequence[float]) -> float:
    """Return the lower end of the mean's interval; −∞ where there is none."""
    return mean_interval(values).low if len(values) > 1 else -float("inf")


def _percent(values: Sequence[float], *, unit: str = "%") -> str:
    return mean_text([100 * value for value in values]) + unit
