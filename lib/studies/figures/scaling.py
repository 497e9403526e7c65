"""Panels of recorded values against network size."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from landscape.plots.axes import suggests_log_scale
from landscape.plots.panel import Panel

from studies.figures.bands import scaled_band
from studies.measurements import Measurements
from studies.power_laws import Families, values_against_size

_WIDE_SPAN = 1000.0  # Values that span this factor show on a logarithmic axis alone.
_MAX_LABELS = 9  # They fit below a panel of half the width of a page.


def scaling_panels(
    numbers: Measurements,
    quantities: Mapping[str, str],
    families: Families,
    *,
    x: str,
    span: float = 1.0,
) -> list[Panel]:
    """Return a panel for each recorded quantity against size, a band over seeds for each family.

    The horizontal axis is logarithmic and labelled with as many sizes as it has room for. Where all
    finite values are positive, the vertical axis, means and intervals are logarithmic too: a power
    law is a straight line. The same holds where most values are positive and these span a factor of
    1,000, which a linear axis would not show; the title then counts the others, which cannot be
    drawn. A size at which a seed's value is not finite, or cannot be drawn, is a gap.

    Args:
        numbers: Where the values were recorded, in the same order of seeds.
        quantities: Recorded name -> heading.
        families: Family -> size, positive -> arm.
        x: Meaning of the sizes, such as ``width``.
        span: Factor between largest and smallest value from which the vertical axis is logarithmic.

    Raises:
        ValueError: If the sizes of a family have different numbers of values.
    """
    ticks = _ticks(sorted({size for sizes in families.values() for size in sizes}))
    panels = []
    for quantity, heading in quantities.items():
        curves = {
            name: values_against_size(numbers, quantity, name, sizes)
            for name, sizes in families.items()
        }
        values = np.concatenate([family_curves.ravel() for family_curves in curves.values()])
        scale, lost = _scale(values[np.isfinite(values)], span)
        if lost:
            curves = {name: np.where(values > 0, values, np.nan) for name, values in curves.items()}
        series = {
            name: scaled_band(sorted(families[name]), list(family_curves), scale)
            for name, family_curves in curves.items()
        }
        unit = numbers.unit(quantity) or heading
        title = f"{heading} ({lost} of {values.size} ≤ 0)" if lost else heading
        panels.append(Panel(title, x, unit, series, scale, "log", ticks=ticks))
    return panels


def _scale(values: np.ndarray, span: float) -> tuple[Literal["log", "linear"], int]:
    """Return the scale that suits finite values, and how many of them cannot be drawn on it."""
    if suggests_log_scale(values, span=span):
        return "log", 0
    positive = values[values > 0]
    if 2 * len(positive) > len(values) and suggests_log_scale(positive, span=_WIDE_SPAN):
        return "log", len(values) - len(positive)
    return "linear", 0


def _ticks(sizes: Sequence[float]) -> tuple[float, ...]:
    """Return the sizes, in increasing order, that get a label: neighbours must not overlap."""
    smallest_ratio = (sizes[-1] / sizes[0]) ** (1 / _MAX_LABELS)
    kept = [sizes[0]]
    for size in sizes[1:]:
        if size >= smallest_ratio * kept[-1]:
            kept.append(size)
    return tuple(kept)
