"""Drawing of eigenvalues in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.plots.axes import suggests_log_scale
from landscape.plots.bands import band_over_seeds
from landscape.plots.densities import UNIT
from landscape.plots.result_axes import name_axes, result_axes
from landscape.plots.style import INK
from landscape.plots.ticks import log_ticks

if TYPE_CHECKING:
    from landscape.spectrum.results import Eigenpairs

_BARS: dict[str, Any] = {"fmt": "none", "elinewidth": 1, "capsize": 2.5}


def draw_eigenpairs(
    pairs: Eigenpairs,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    unit: str = UNIT,
    shift: float = 0.0,
    **style: Any,
) -> Axes:
    """Draw eigenvalues in order with their residuals as error bars: see ``Eigenpairs.plot``.

    Args:
        pairs: The eigenpairs.
        ax: Axes; None makes a figure.
        label: Name in a legend.
        unit: Unit of the eigenvalues.
        shift: Added to the horizontal positions, for several results beside each other.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The axes. Eigenvalues that have not converged are open markers.
    """
    values, residuals, converged = (
        part.numpy() for part in (pairs.values, pairs.residuals, pairs.converged)
    )
    order = np.arange(1, len(values) + 1) + shift
    with result_axes(ax) as axes:
        points = {"linestyle": "", "marker": "o"} | style
        (line,) = axes.plot(order[converged], values[converged], label=label, **points)
        color = line.get_color()
        if not converged.all():
            points |= {"color": color, "markerfacecolor": "none"}
            name = "not converged" if ax is None else None
            axes.plot(order[~converged], values[~converged], label=name, **points)
        axes.errorbar(order, values, residuals, ecolor=color, **_BARS)
        _label_axes(axes, pairs, unit)
        if ax is None:
            finish_eigenvalues(axes, values)
    return axes


def draw_mean_eigenvalues(
    axes: Axes,
    seeds: Sequence[Eigenpairs],
    *,
    label: str,
    shift: float,
    style: Mapping[str, Any],
) -> None:
    """Draw the mean over seeds of each eigenvalue, with its 95% interval as an error bar.

    Args:
        axes: The axes.
        seeds: Eigenpairs, one a seed, at least 2.
        label: Name in a legend.
        shift: Added to the horizontal positions.
        style: Further arguments of matplotlib's ``plot``.

    Raises:
        ValueError: If the seeds have different numbers of eigenvalues, or of different ends.
    """
    if len({(pairs.which, len(pairs.values)) for pairs in seeds}) > 1:
        raise ValueError(
            f"the seeds of {label!r} have {[len(pairs.values) for pairs in seeds]} eigenvalues, "
            f"the {', the '.join(dict.fromkeys(pairs.which for pairs in seeds))}. Compute the same "
            "number at the same end for each, or give each a name."
        )
    order = np.arange(1, len(seeds[0].values) + 1) + shift
    band = band_over_seeds(order, [pairs.values.numpy() for pairs in seeds])
    (line,) = axes.plot(order, band.mean, label=label, **{"linestyle": "", "marker": "o", **style})
    axes.errorbar(order, band.mean, band.high - band.mean, ecolor=line.get_color(), **_BARS)
    _label_axes(axes, seeds[0], UNIT)


def finish_eigenvalues(axes: Axes, values: np.ndarray) -> None:
    """Give new axes whole numbers, and a logarithmic scale or the line at 0.

    Args:
        axes: The axes.
        values: All eigenvalues on the axes.
    """
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if suggests_log_scale(values):
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    elif values.min() < 0 < values.max():
        axes.axhline(0, color=INK, linewidth=0.6)


def _label_axes(axes: Axes, pairs: Eigenpairs, unit: str) -> None:
    m = len(pairs.values)
    # The numbers count the computed eigenvalues only: the smallest follow right after the largest.
    order = {
        "largest": "number, from the largest eigenvalue",
        "smallest": f"number among the {m} smallest eigenvalues",
        "both ends": f"number among the {m - m // 2} largest and {m // 2} smallest eigenvalues",
    }
    name_axes(axes, order.get(pairs.which, "number"), f"eigenvalue λ ({unit})")
