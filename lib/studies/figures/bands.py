"""Bands over seeds: mean and interval of several curves, on linear and logarithmic axes."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from landscape.plots.panel import Band

from studies.intervals import band, single_curve


# The report's figures keep this band and ``studies.intervals.band``, although
# ``landscape.plots.bands.band_over_seeds`` has the same formula. Its intervals differ in the last
# bits, because it takes the quantile from another function and divides in another order, and a
# single curve has no interval there. Published figures would change.
def scaled_band(x: Sequence[float], curves: Sequence[np.ndarray], scale: str) -> Band:
    """Return the mean and interval of curves over seeds; on a logarithmic axis of their logarithms.

    A single curve has no interval. On a logarithmic axis, values that are not positive and finite
    cannot be drawn, and the band has a gap there.

    Args:
        x: Positions (p,).
        curves: One for each seed, each (p,).
        scale: Scale of the vertical axis, ``linear`` or ``log``.

    Returns:
        The band, in units of the curves.
    """
    if scale != "log":
        return single_curve(x, curves[0]) if len(curves) == 1 else band(x, curves)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(curve) for curve in curves]
    # Without a finite logarithm there is no mean: -∞ would be drawn at the axis' lower end.
    logs = [np.where(np.isfinite(row), row, np.nan) for row in logs]
    log_band = scaled_band(x, logs, "linear")
    return dataclasses.replace(
        log_band,
        samples=np.stack(curves),
        mean=np.exp(log_band.mean),
        low=np.exp(log_band.low),
        high=np.exp(log_band.high),
    )
