"""Bands over seeds: mean and interval of several curves, on linear and logarithmic axes."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from landscape.plots.bands import band_over_seeds
from landscape.plots.panel import Band
from numpy.typing import ArrayLike

from studies.intervals import band, single_curve


def scaled_band(x: ArrayLike, curves: Sequence[np.ndarray], scale: str) -> Band:
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
    log = scale == "log"
    if len(curves) > 1:
        return band(x, curves, log=log)
    curve = single_curve(x, curves[0])
    if log:
        mean = band_over_seeds(curve.x, curves, log=True).mean
        return dataclasses.replace(curve, mean=mean, low=mean, high=mean)
    return curve
