"""Mean and Student's 95% interval of curves over seeds, and their drawing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.plots.panel import Band

THIN: dict[str, Any] = {
    "linewidth": 0.6,
    "alpha": 0.4,
}  # The style of each single seed or direction.


def band_over_seeds(x: np.ndarray, rows: Sequence[np.ndarray], *, log: bool = False) -> Band:
    """Return the mean and Student's 95% interval at each position of several curves.

    At each position: mean ± t · s / √n, where s is the standard deviation over curves (divided by
    n - 1) and t the 97.5% quantile of Student's distribution with n - 1 degrees of freedom. The
    interval covers each single position, not the whole curve at once.

    Args:
        x: Positions (p,).
        rows: Curves (p,), one a seed, at least 1.
        log: Whether to take mean and interval of the logarithms, for a logarithmic axis: then the
            mean is geometric.

    Returns:
        The band. A position where a value is not finite, or not positive under ``log``, has NaN for
        mean and interval. One curve is its own mean and has NaN for the interval.

    Raises:
        ValueError: If a curve has not one value for each position.
    """
    x, curves = np.asarray(x, dtype=np.float64), [np.asarray(row, np.float64) for row in rows]
    for sample in curves:
        if sample.shape != x.shape:
            raise ValueError(
                f"a curve of {sample.shape} values does not fit {x.shape} positions. Pass curves "
                "of one grid."
            )
    samples = np.stack(curves)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(samples) if log else samples
    # A value that the axis cannot show leaves no mean. A mean without it would hide the failure.
    values = np.where(np.isfinite(values), values, np.nan)
    mean, half = values.mean(axis=0), np.full(len(x), np.nan)
    if len(values) > 1:
        quantile = float(scipy.special.stdtrit(len(values) - 1, 0.975))
        half = quantile * (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
    parts = [mean, mean - half, mean + half]
    mean, low, high = (np.exp(part) if log else part for part in parts)
    return Band(x, mean, low, high, samples, len(samples))


def draw_band(
    axes: Axes,
    band: Band,
    *,
    label: str,
    style: Mapping[str, Any],
    least: float | None = None,
) -> Line2D:
    """Draw a band: the mean as a line, its interval as an area, each sample as a thin line.

    Args:
        axes: The axes.
        band: Mean and interval over seeds.
        label: Name in a legend.
        style: Further arguments of matplotlib's ``plot`` for the mean.
        least: Smallest possible value, below which no interval is drawn; None if there is none.

    Returns:
        The line of the mean.
    """
    (mean,) = axes.plot(band.x, band.mean, label=label, **style)
    color, below = mean.get_color(), mean.get_zorder() - 0.1
    for sample in band.samples:
        axes.plot(band.x, sample, color=color, zorder=below, **THIN)
    low = band.low if least is None else np.maximum(band.low, least)
    axes.fill_between(band.x, low, band.high, color=color, alpha=0.18, linewidth=0)
    return mean


def vertical_limits(bands: Sequence[Band], scale: str) -> tuple[float, float] | None:
    """Return the ends of a vertical axis that holds all lines, and bands as far as there is room.

    Bands may enlarge the frame by half of the lines' span above and below: the interval of a few
    seeds far apart would else press the lines flat.

    Args:
        bands: The bands on the axes.
        scale: Scale of the vertical axis, ``linear``, ``log`` or ``symlog``.

    Returns:
        Lower and upper end; None leaves them to matplotlib.
    """
    forward, backward = (np.log, np.exp) if scale == "log" else (np.asarray, np.asarray)

    def ends(parts: list[np.ndarray]) -> tuple[float, float]:
        values = np.concatenate([np.ravel(part) for part in parts])
        shown = np.isfinite(values) & ((values > 0) | (scale != "log"))
        positions = forward(values[shown])
        return (positions.min(), positions.max()) if len(positions) else (0.0, 0.0)

    low, high = ends([part for band in bands for part in (band.mean, band.samples)])
    if scale == "symlog" or high <= low:
        return None
    bottom, top = ends([part for band in bands for part in (band.low, band.high)])
    room = (high - low) / 2
    # Where no curve is negative, the frame does not go below 0 for a band either.
    floor = 0.0 if low >= 0 and scale != "log" else -math.inf
    low, high = max(min(low, bottom), low - room, floor), min(max(high, top), high + room)
    margin = 0.05 * (high - low)
    return float(backward(low - margin)), float(backward(high + margin))
