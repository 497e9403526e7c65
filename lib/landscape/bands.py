"""Bands: what several seeds trace, as mean and interval, on linear and logarithmic axes."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from landscape.statistics import Band, band, single
from landscape.training import Run


def of_runs(
    runs: Mapping[tuple[str, int], Run],
    name: str,
    shown: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> dict[str, Band]:
    """Return for each arm the band over seeds of one quantity in the runs' histories, by epoch.

    Mean and interval are those of the logarithms. A run that diverged has no values from there on,
    and the band of its arm stops: what is measured of the weights that it left, at any size, would
    stand at an epoch that the run did not reach.

    Args:
        runs: (arm, seed) -> run; the runs of an arm share their epochs.
        name: The quantity's name in ``Run.history``.
        shown: Makes of its values what is shown.
    """
    found = {}
    for arm in dict.fromkeys(arm for arm, _ in runs):
        own = [run for (which, _), run in runs.items() if which == arm]
        epochs = own[0].measured_at.numpy()
        curves = np.full((len(own), len(epochs)), np.nan)
        for curve, run in zip(curves, own, strict=True):
            values = shown(run.history[name].numpy())
            reached = len(values) - (run.diverged_at is not None)
            curve[:reached] = values[:reached]
        found[arm] = over_seeds(epochs, list(curves), "log")
    return found


def over_seeds(x: Sequence[float], curves: Sequence[np.ndarray], scale: str) -> Band:
    """Return the band of curves, one a seed; on a logarithmic axis that of their logarithms.

    One curve alone has no interval. On a logarithmic axis values that are not positive and finite
    have no place, and the band has a gap.

    Args:
        x: Positions (p,).
        curves: One a seed, each (p,).
        scale: Scale of the vertical axis, ``linear`` or ``log``.
    """
    if scale != "log":
        return single(x, curves[0]) if len(curves) == 1 else band(x, curves)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log(curve) for curve in curves]
    # Without a finite logarithm there is no mean: -∞ would be drawn at the axis' lower end.
    logs = [np.where(np.isfinite(row), row, np.nan) for row in logs]
    of = over_seeds(x, logs, "linear")
    ends = {name: np.exp(getattr(of, name)) for name in ("mean", "low", "high")}
    return dataclasses.replace(of, samples=np.stack(curves), **ends)


def asks_for_log(values: np.ndarray, *, span: float = 10.0) -> bool:
    """Return whether finite values are all positive and span a factor of ``span`` or more."""
    return bool(len(values) and values.min() > 0 and values.max() >= span * values.min())
