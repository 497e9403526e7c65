"""Panels of recorded values against the size of a network."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from landscape.plots.axes import suggests_log_scale
from landscape.plots.panel import Panel

from studies.figures.bands import band_over_seeds
from studies.power_laws import Families, values_against_size
from studies.study import Study

_WIDE = 1000.0  # Values that span as much show on a logarithmic axis alone.
_LABELS = 9  # As many fit below a panel of half the width of a page.


def scaling_panels(
    study: Study,
    quantities: Mapping[str, str],
    families: Families,
    *,
    x: str,
    span: float = 1.0,
) -> list[Panel]:
    """Return a panel for each recorded quantity against size, a band over seeds for each family.

    The horizontal axis is logarithmic and labelled with the sizes, as many as it has room for. The
    vertical axis is logarithmic, and so are mean and interval, where all finite values are
    positive: a power law is a straight line. So it is where most are and these span a factor of
    1,000, which a linear axis would not show; the title then counts the others, which have no place
    on it. A size of which a seed's value is not finite, or has no place, is a gap.

    Args:
        study: Where the values were recorded, in the same order of seeds.
        quantities: Recorded name -> heading.
        families: Family -> size, positive -> arm.
        x: What the sizes are, such as ``width``.
        span: Largest over smallest value from which the vertical axis is logarithmic.

    Raises:
        ValueError: If the sizes of a family have different numbers of values.
    """
    ticks = _ticks(sorted({size for sizes in families.values() for size in sizes}))
    made = []
    for quantity, heading in quantities.items():
        curves = {
            name: values_against_size(study, quantity, name, of) for name, of in families.items()
        }
        values = np.concatenate([of.ravel() for of in curves.values()])
        scale, lost = _scale(values[np.isfinite(values)], span)
        if lost:
            curves = {name: np.where(of > 0, of, np.nan) for name, of in curves.items()}
        series = {
            name: band_over_seeds(sorted(families[name]), list(of), scale)
            for name, of in curves.items()
        }
        unit = study.unit(quantity) or heading
        title = f"{heading} ({lost} of {values.size} ≤ 0)" if lost else heading
        made.append(Panel(title, x, unit, series, scale, "log", ticks=ticks))
    return made


def _scale(values: np.ndarray, span: float) -> tuple[Literal["log", "linear"], int]:
    """Return the scale that finite values ask for, and how many have no place on it."""
    if suggests_log_scale(values, span=span):
        return "log", 0
    positive = values[values > 0]
    if 2 * len(positive) > len(values) and suggests_log_scale(positive, span=_WIDE):
        return "log", len(values) - len(positive)
    return "linear", 0


def _ticks(sizes: Sequence[float]) -> tuple[float, ...]:
    """Return which sizes, in increasing order, have a label: neighbours must not overlap."""
    least = (sizes[-1] / sizes[0]) ** (1 / _LABELS)
    kept = [sizes[0]]
    for size in sizes[1:]:
        if size >= least * kept[-1]:
            kept.append(size)
    return tuple(kept)
