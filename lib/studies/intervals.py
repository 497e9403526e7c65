"""Confidence intervals over seeds: of means, paired differences, ratios and shares."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
from landscape.plots.bands import band_over_seeds
from landscape.plots.panel import Band
from numpy.typing import ArrayLike


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate over independent samples with its confidence interval.

    Attributes:
        estimate: Mean, mean difference, geometric mean ratio, share or correlation; NaN where
            there is no estimate.
        low: Lower end, in the unit of the estimate.
        high: Upper end.
        n: Number of samples; of pairs, for a paired comparison.
        confidence: Coverage, 0.95 for a 95% interval.
        invalid: Samples that are not finite or, for a ratio, not positive. They are not left out:
            one invalid sample leaves no estimate.
        kind: ``mean``, ``difference``, ``ratio``, ``share``, ``correlation`` or ``median``.
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

    def inside(self, low: float, high: float) -> bool:
        """Return whether the whole interval lies between two values.

        With a coverage of 90% this is the test of equivalence at the level of 5%: two one-sided
        tests (Schuirmann 1987).

        Args:
            low: Lower end of the margin, in the unit of the estimate.
            high: Upper end.
        """
        return low < self.low and self.high < high


def mean_interval(samples: ArrayLike, *, confidence: float = 0.95, kind: str = "mean") -> Interval:
    """Return the mean and Student's t interval of independent samples.

    The interval is mean ± t(n − 1)·s/√n. It assumes roughly normal samples; with n = 2 or 3 it is
    wide, as it should be.

    Args:
        samples: One value per seed, at least 2.
        confidence: Coverage in (0, 1).
        kind: ``kind`` of the result.

    Returns:
        Mean and interval, in the unit of the samples; all NaN if a sample is not finite.

    Raises:
        ValueError: If there are fewer than 2 samples or the coverage is out of range.

    Reference: Student (1908), The Probable Error of a Mean, Biometrika 6(1).
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not 0 < confidence < 1:
        raise ValueError(
            f"{values.size} samples at confidence={confidence} give no interval. "
            "Pass at least 2 samples (one per seed) and a confidence in (0, 1)."
        )
    invalid = int((~np.isfinite(values)).sum())
    mean, low, high = (float(end) for end in _student(values, confidence))
    return Interval(mean, low, high, len(values), confidence, invalid, kind)


def _student(samples: np.ndarray, confidence: float) -> tuple[np.ndarray, ...]:
    """Return mean, lower and upper end over the first axis; NaN where a sample is not finite."""
    finite = np.isfinite(samples).all(axis=0)
    samples = np.where(finite, samples, np.nan)
    mean, error = samples.mean(axis=0), scipy.stats.sem(samples, axis=0)
    # Of equal samples, t.interval(loc=mean, scale=0) is NaN, and ttest_1samp warns of precision.
    _, quantile = scipy.stats.t.interval(confidence, len(samples) - 1)
    return mean, mean - quantile * error, mean + quantile * error


def band(x: ArrayLike, curves: Sequence[ArrayLike], *, log: bool = False) -> Band:
    """Return the pointwise band of several curves over one grid.

    At each position the band is the 95% interval of ``mean_interval``. It covers each position by
    itself, not all positions at once.

    Args:
        x: Positions (points,).
        curves: One curve per seed, at least 2, each of shape (points,).
        log: Whether the mean and interval are those of the logarithms, for a logarithmic axis.

    Returns:
        Mean, lower and upper end (points,) and the curves (n, points), in the unit of the curves.

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
        raise ValueError(f"{len(rows)} curves give no band. Pass at least 2 samples, one per seed.")
    return band_over_seeds(positions, rows, log=log)


def single_curve(x: ArrayLike, values: ArrayLike) -> Band:
    """Return one curve as a band of no width, so that it can be drawn as bands are.

    Args:
        x: Positions (points,).
        values: The curve (points,).

    Returns:
        A band with n = 1 whose ends are the curve.

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


def paired_difference(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the mean of first − second over pairs, such as two arms of one seed, and its interval.

    Args:
        first: One value per pair, at least 2.
        second: The other values of the same pairs, in the same order.
        confidence: Coverage in (0, 1).

    Returns:
        Mean difference and Student's t interval, in the unit of the values; all NaN if a value is
        not finite.

    Raises:
        ValueError: If the two have different lengths or fewer than 2 pairs.
    """
    one, other = _pairs(first, second)
    return mean_interval(one - other, confidence=confidence, kind="difference")


def paired_ratio(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the geometric mean of first / second over pairs, and its interval.

    Both come from ``mean_interval`` of log first − log second. A pair with a value that is not
    positive has no logarithm and counts as invalid.

    Args:
        first: One value per pair, at least 2.
        second: The other values of the same pairs, in the same order.
        confidence: Coverage in (0, 1).

    Returns:
        Ratio and interval, without unit; all NaN if a pair is invalid.

    Raises:
        ValueError: If the two have different lengths or fewer than 2 pairs.
    """
    above, below = _pairs(first, second)
    logs = np.full(len(above), np.nan)
    valid = (above > 0) & (below > 0)
    logs[valid] = np.log(above[valid]) - np.log(below[valid])
    logarithm = mean_interval(logs, confidence=confidence, kind="ratio")
    return dataclasses.replace(
        logarithm,
        estimate=float(np.exp(logarithm.estimate)),
        low=float(np.exp(logarithm.low)),
        high=float(np.exp(logarithm.high)),
    )


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if one.shape != other.shape:
        raise ValueError(
            f"{one.size} and {other.size} samples are no pairs. "
            "Pass one value of each arm for the same seeds, in the same order."
        )
    return one, other


def share_interval(count: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return a share of independent cases with its exact binomial interval.

    Args:
        count: Cases that count, from 0 to n.
        n: All cases, at least 1.
        confidence: Least coverage, in (0, 1); with few cases the interval covers more often.

    Returns:
        The share in [0, 1] and its interval.

    Raises:
        ValueError: If the count is not within 0 and n, or n < 1.

    Reference: Clopper and Pearson (1934), The Use of Confidence or Fiducial Limits Illustrated in
        the Case of the Binomial, Biometrika 26(4).
    """
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} cases is no share. Pass 0 <= count <= n and n >= 1.")
    ends = scipy.stats.binomtest(count, n).proportion_ci(confidence, method="exact")
    return Interval(count / n, float(ends.low), float(ends.high), n, confidence, 0, "share")


def power_law(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the exponent b of the power law y = a·x^b, by least squares in the logarithms.

    Args:
        xs: Positions, positive and not all the same.
        ys: One value for each position.

    Returns:
        The exponent; NaN if a value is not finite or not positive. Such a value has no logarithm,
        and it is not left out.

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


def step_noise(losses: ArrayLike) -> float:
    """Return the standard deviation of a series' noise from step to step, free of its slow trend.

    It is the root mean square of successive differences, divided by √2. For independent noise
    around a slow trend this is the standard deviation of the noise.

    Args:
        losses: The series, at least 2 values.

    Returns:
        The deviation, in the unit of the series: nats for losses of mini-batches. Not finite if a
        value is not finite.

    Raises:
        ValueError: If there are fewer than 2 values.

    Reference: von Neumann (1941), Distribution of the Ratio of the Mean Square Successive
        Difference to the Variance, Ann. Math. Statist. 12(4).
    """
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"{values.size} values have no successive differences. Pass at least 2.")
    return float(np.sqrt(np.square(np.diff(values)).mean() / 2))


def mean_intervals(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, dict[str, Interval]]:
    """Return the 95% mean interval of each list of values.

    Args:
        panels: Quantity -> arm -> values, one per seed.

    Returns:
        Quantity -> arm -> interval.

    Raises:
        ValueError: If a list has fewer than 2 values.
    """
    return {
        quantity: {arm: mean_interval(values) for arm, values in arms.items()}
        for quantity, arms in panels.items()
    }
