"""Figures of curvature against training loss, with the ratio of two arms at each loss."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from landscape.plots.panel import Band, Panel

from studies import loss_curves
from studies.display import Figure, Missing
from studies.figures import captioned
from studies.figures.bands import scaled_band
from studies.intervals import Interval
from studies.loss_curves import LossCurve
from studies.loss_pairs import LossPair
from studies.measurements import Measurements
from studies.quantities import quantity

_POINTS = 25  # Losses at which curves are drawn.
_X = "training loss (nats)"
_MODES = {"frozen": "", "batch": ", batch statistics"}


def by_loss(
    numbers: Measurements,
    arms: Mapping[str, str],
    quantities: Mapping[str, Sequence[str]],
    compared: Sequence[LossPair],
    *,
    label: str,
    caption: str,
    **options: Any,
) -> Figure | Missing:
    """Return curvature against training loss, one panel a quantity, and ratios at equal loss.

    Training goes from right to left. The last panel holds the ratio of λ_max of each pair.

    Args:
        numbers: Numbers at snapshots, as ``loss_curves.from_numbers`` reads them.
        arms: Name of each curve -> arm.
        quantities: Statistics of normalisation -> quantities.
        compared: The pairs of the last panel: those of λ_max are drawn.
        label: Such as ``fig-bn``.
        caption: What to see, in markdown with $maths$.
        options: ``columns`` of ``landscape.plots.curves``.
    """
    panels = []
    for bn, names in quantities.items():
        for name in names:
            curves = loss_curves.from_numbers(numbers, name, bn=bn)
            series = {
                shown: _band([c for (one, _), c in curves.items() if one == arm])
                for shown, arm in arms.items()
            }
            known = {shown: band for shown, band in series.items() if band is not None}
            if known:
                panels.append(_panel(name, bn, known))
    if not panels:
        return Missing(label)
    drawn = [pair for pair in compared if pair.quantity == "lambda_max"]
    ratios = {f"{p.first} / {p.second}{_MODES[p.bn]}": _ratios(p) for p in drawn if p.compared}
    if ratios:
        panels.append(
            Panel("λ_max at equal loss", _X, "ratio", ratios, "log", "log", reference=1.0)
        )
    return captioned.curves(panels, label=label, caption=caption, **{"columns": 3, **options})


def _panel(name: str, bn: str, series: Mapping[str, Band]) -> Panel:
    known = quantity(name)
    return Panel(f"{known.heading}{_MODES[bn]}", _X, known.unit, series, "log", "log")


def _band(curves: Sequence[LossCurve]) -> Band | None:
    """Return the band over seeds of curves on losses from the lowest to the highest."""
    losses = [x for curve in curves for x in curve.losses if x > 0 and math.isfinite(x)]
    if not losses or min(losses) == max(losses):
        return None
    levels = np.geomspace(min(losses), max(losses), _POINTS)
    return scaled_band(levels, [np.array([c.at(x) for x in levels]) for c in curves], "log")


def _ratios(pair: LossPair) -> Band:
    """Return the ratios of a pair at each loss, with their intervals."""
    ordered = sorted(pair.compared, key=lambda one: one.loss)
    ratios: list[Interval] = [one.ratio for one in ordered]
    mean, low, high = (
        np.array([getattr(ratio, end) for ratio in ratios]) for end in ("estimate", "low", "high")
    )
    return Band(np.array([one.loss for one in ordered]), mean, low, high, mean[None], 2)
