"""Intervals over seeds: what a set of runs says, and how surely."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
from landscape.plots.panel import Band


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate over independent samples with its confidence interval.

    Attributes:
        estimate: Mean, mean difference or geometric mean ratio; NaN if a sample is not finite.
        low: Lower end.
        high: Upper end.
        n: Number of samples (pairs, for a paired comparison).
        confidence: Coverage, 0.95 for a 95% interval.
        invalid: Samples that are not finite, or not positive for a ratio. They are not left out:
            with one of them there is no estimate.
        kind: ``mean``, ``difference``, ``ratio``, ``share`` or ``correlation``.
    """

    estimate: float
    low: float
    high: float
    n: int
    confidence: float
    invalid: int
    kind: str

    @property
    def neutral(self) -> float:
        """The value that means no effect: 1 for a ratio, else 0."""
        return 1.0 if self.kind == "ratio" else 0.0


def mean_interval(
    samples: Sequence[float], *, confidence: float = 0.95, kind: str = "mean"
) -> Interval:
    """Return the mean and Student's t interval of independent samples.

    The interval assumes roughly normal samples; with n = 2 or 3 it is wide, as it should be.

    Args:
        samples: One value a seed, at least 2.
        confidence: Coverage in (0, 1).
        kind: Label of the result.

    Raises:
        ValueError: If there are fewer than 2 samples or the coverage is out of range.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not 0 < confidence < 1:
        raise ValueError(
            f"{values.size} samples at confidence={confidence} give no interval. "
            "Pass at least 2 samples (one a seed) and a confidence in (0, 1)."
        )
    invalid = int((~np.isfinite(values)).sum())
    if invalid:
        return Interval(math.nan, math.nan, math.nan, len(values), confidence, invalid, kind)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return Interval(mean, mean - half, mean + half, len(values), confidence, 0, kind)


def band(x: Sequence[float], curves: Sequence[Sequence[float]]) -> Band:
    """Return the pointwise band of several curves over one grid.

    The interval at a position is that of ``mean_interval``; it says nothing of all positions at
    once.

    Raises:
        ValueError: If there are fewer than 2 curves or one does not fit the grid.
    """
    positions = np.asarray(x, dtype=np.float64)
    rows = [np.asarray(curve, dtype=np.float64) for curve in curves]
    for row in rows:
        if row.shape != positions.shape:
            raise ValueError(
                f"curves of {row.shape} points do not fit a grid of {positions.shape}. "
                "Pass one value for each position."
            )
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} curves give no band. Pass at least 2 samples, one a seed.")
    samples = np.stack(rows)
    found = [mean_interval(column) for column in samples.T]
    mean, low, high = (
        np.array([getattr(item, name) for item in found]) for name in ("estimate", "low", "high")
    )
    return Band(positions, mean, low, high, samples, len(samples))


def single(x: Sequence[float], values: Sequence[float]) -> Band:
    """Return one curve, without interval, as a band.

    Raises:
        ValueError: If there is not one value for each position.
    """
    positions, curve = (np.asarray(item, dtype=np.float64) for item in (x, values))
    if curve.shape != positions.shape or curve.ndim != 1:
        raise ValueError(
            f"{curve.shape} values do not fit a grid of {positions.shape}. "
            "Pass one value for each position."
        )
    return Band(positions, curve, curve, curve, curve[None], 1)


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95
) -> Interval:
    """Return mean and interval of first - second over pairs, such as two arms of one seed.

    Raises:
        ValueError: If the two have different lengths or fewer than 2 pairs.
    """
    first, second = _pairs(first, second)
    return mean_interval(first - second, confidence=confidence, kind="difference")


def paired_ratio(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95
) -> Interval:
    """Return geometric mean and interval of first / second over pairs, from their logarithms.

    A pair with a value that is not positive has no logarithm: it counts as invalid.

    Raises:
        ValueError: If the two have different lengths or fewer than 2 pairs.
    """
    first, second = _pairs(first, second)
    logs = np.full(len(first), np.nan)
    valid = (first > 0) & (second > 0)
    logs[valid] = np.log(first[valid]) - np.log(second[valid])
    found = mean_interval(logs, confidence=confidence, kind="ratio")
    ends = {name: float(np.exp(getattr(found, name))) for name in ("estimate", "low", "high")}
    return dataclasses.replace(found, **ends)


def _pairs(first: Sequence[float], second: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if first.shape != second.shape:
        raise ValueError(
            f"{first.size} and {second.size} samples are no pairs. "
            "Pass one value of each arm for the same seeds, in the same order."
        )
    return first, second


def share_interval(count: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return a share of independent cases with its exact interval.

    Args:
        count: Cases in which it happened.
        n: All cases, at least 1.
        confidence: Coverage in (0, 1), at least; with few cases it is more.

    Raises:
        ValueError: If the count does not lie within 0 and n, or n < 1.

    Reference: Clopper and Pearson (1934), The Use of Confidence or Fiducial Limits Illustrated in
        the Case of the Binomial, Biometrika 26(4).
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} cases is no share. Pass 0 <= count <= n and n >= 1.")
    found = scipy.stats.binomtest(count, n).proportion_ci(confidence, method="exact")
    return Interval(count / n, float(found.low), float(found.high), n, confidence, 0, "share")


def power_law(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the exponent b of the power law y = a·x^b that fits best in the logarithms.

    NaN where a y is not finite or not positive: such a point has no logarithm and is not left out.

    Args:
        xs: Positions, positive and not all the same.
        ys: One value for each.

    Raises:
        ValueError: If there is not one value for each position, or the positions give no slope.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (xs, ys))
    if x.shape != y.shape or not (x > 0).all() or len(np.unique(x)) < 2:
        raise ValueError(
            f"{y.size} values at the positions {x.tolist()} give no exponent. Pass a value for "
            "each position, all positions positive and at least two of them different."
        )
    if not (np.isfinite(y) & (y > 0)).all():
        return math.nan
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def step_noise(losses: Sequence[float]) -> float:
    """Return how much a series jumps from step to step, free of its slow trend.

    The root mean square of successive differences over √2: for independent noise around a slow
    trend this is the noise's standard deviation.

    Args:
        losses: The series, at least 2 values; for mini-batch losses the result is in nats.

    Raises:
        ValueError: If there are fewer than 2 values.

    Reference: von Neumann (1941), Distribution of the Ratio of the Mean Square Successive
        Difference to the Variance, Ann. Math. Statist. 12(4).
    """
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"{values.size} values have no successive differences. Pass at least 2.")
    return float(np.sqrt(np.square(np.diff(values)).mean() / 2))


def intervals(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> dict:
    """Return the mean interval of each list of values in a mapping of mappings."""
    return {
        quantity: {arm: mean_interval(values) for arm, values in arms.items()}
        for quantity, arms in panels.items()
    }
