"""Bands: what several seeds trace, as mean and interval, on linear and logarithmic axes."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from landscape.plots.panel import Band

from studies.intervals import band, single_curve


def band_over_seeds(x: Sequence[float], curves: Sequence[np.ndarray], scale: str) -> Band:
    """Return the band of curves, one a seed; on a logarithmic axis that of their logarithms.

    One curve alone has no interval. On a logarithmic axis values that are not positive and finite
    have no place, and the band has a gap.

    Args:
        x: Positions (p,).
        curves: One a seed, each (p,).
        scale: Scale of the vertical axis, ``linear`` or ``log``.
    """
    if scale != "log":
        return single_curve(x, curves[0]) if len(curves) == 1 else band(x, curves)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(curve) for curve in curves]
    # Without a finite logarithm there is no mean: -∞ would be drawn at the axis' lower end.
    logs = [np.where(np.isfinite(row), row, np.nan) for row in logs]
    of = band_over_seeds(x, logs, "linear")
    ends = {name: np.exp(getattr(of, name)) for name in ("mean", "low", "high")}
    return dataclasses.replace(of, samples=np.stack(curves), **ends)
