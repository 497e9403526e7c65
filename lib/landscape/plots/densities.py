"""Drawings of spectral densities on a symmetric logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from landscape.plots.bands import band_over_seeds, draw_band
from landscape.plots.result_axes import name_axes, result_axes
from landscape.plots.ticks import PowersOfTen, UniformLabels

if TYPE_CHECKING:
    from landscape.spectrum.density import Density
    from landscape.spectrum.density_curve import DensityCurve
    from landscape.spectrum.survey import FullSpectrum

UNIT = "loss per parameter²"
DENSITY_WIDTH = 5.4  # Of a figure in inches: its horizontal axis has two logarithmic sides.

# Smoothing of a picture where the reader asks for no other. Quadrature of some tens of steps
# resolves nothing finer near 0: a narrower kernel would show its nodes in place of the density.
_SCALE, _KERNEL = 10.0, 0.2  # In units of the density's own scale, and of u.
# u = asinh(λ / scale) grows by this much where |λ| grows tenfold, far from 0: densities are shares
# of the eigenvalues per decade.
DECADE = math.log(10)
_SHARE = 0.03  # Of one eigenvalue's peak: the lower end of the vertical axis.


def draw_density(
    density: Density,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    width: float | None = None,
    scale: float | None = None,
    unit: str = UNIT,
    **style: Any,
) -> Axes:
    """Draw a spectral density: see ``Density.plot``.

    Args:
        density: The density.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        label: Name in a legend.
        width: Standard deviation of the kernel in units of u = asinh(λ / scale); None takes 0.2.
        scale: |λ| at which the axis turns from linear to logarithmic; None takes 10 times the
            density's own. Axes that have such a scale already keep theirs.
        unit: Unit of the eigenvalues.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The axes.

    Raises:
        ValueError: If ``width`` or ``scale`` is not positive.
    """
    width = _KERNEL if width is None else width
    # Before the axes are made: the curve refuses a scale that no axis can have.
    curve = density.curve(width=width, scale=shared_scale([density]) if scale is None else scale)
    with result_axes(ax, width=DENSITY_WIDTH) as axes:
        scale = axis_scale(axes, curve.scale)
        if scale != curve.scale:
            curve = density.curve(width=width, scale=scale)
        first = not axes.has_data()
        axes.plot(curve.eigenvalues.numpy(), DECADE * curve.density.numpy(), label=label, **style)
        _show(axes, [curve], density.n, unit, first=first)
    return axes


def draw_spectrum(
    spectrum: FullSpectrum, ax: Axes | None = None, *, label: str | None = None, **style: Any
) -> Axes:
    """Draw a density with the computed eigenvalues as tick marks: see ``FullSpectrum.plot``.

    Args:
        spectrum: Density and eigenpairs.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        label: Name of the density in a legend.
        style: Further arguments of ``draw_density``.

    Returns:
        The axes.

    Raises:
        ValueError: For the reasons of ``draw_density``.
    """
    with result_axes(ax, width=DENSITY_WIDTH) as axes:
        draw_density(spectrum.density, axes, label=label, **style)
        color = axes.get_lines()[-1].get_color()
        values, converged = spectrum.pairs.values.numpy(), spectrum.pairs.converged.numpy()
        # At a share of the axes' height, so that the marks stand below the curve in every view.
        look: dict[str, Any] = {
            "linestyle": "",
            "color": color,
            "transform": axes.get_xaxis_transform(),
        }
        names = ("computed eigenvalue", "not converged") if ax is None else (None, None)
        for selected, marker, size, name in zip(
            (converged, ~converged), ("|", "o"), (7, 3.5), names, strict=True
        ):
            if selected.any():
                height = np.full(int(selected.sum()), 0.04)
                look |= {"markersize": size, "markerfacecolor": "none"}
                axes.plot(values[selected], height, marker=marker, label=name, **look)
    return axes


def draw_mean_density(
    axes: Axes,
    densities: Sequence[Density],
    scale: float,
    *,
    label: str,
    style: Mapping[str, Any],
) -> Line2D:
    """Draw the mean of densities of several seeds, its 95% interval, and each density thin.

    Args:
        axes: Axes that ``axis_scale`` prepared.
        densities: One a seed, at least 2.
        scale: Where the axis turns from linear to logarithmic.
        label: Name in a legend.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The line of the mean.
    """
    curves = [density.curve(width=_KERNEL, scale=scale) for density in densities]
    ends = [float(curve.u[end]) for curve in curves for end in (0, -1)]
    u = np.linspace(min(ends), max(ends), 1024)
    # Each curve has a grid of its own; beyond it there is no eigenvalue.
    rows = [np.interp(u, curve.u.numpy(), DECADE * curve.density.numpy(), 0, 0) for curve in curves]
    first = not axes.has_data()
    line = draw_band(
        axes, band_over_seeds(scale * np.sinh(u), rows), label=label, style=style, least=0.0
    )
    _show(axes, curves, densities[0].n, UNIT, first=first)
    return line


def shared_scale(densities: Sequence[Density]) -> float:
    """Return the |λ| at which the axis of several densities turns from linear to logarithmic."""
    return _SCALE * max(density.scale for density in densities)


def axis_scale(axes: Axes, scale: float) -> float:
    """Give axes without data a symmetric logarithmic horizontal axis, and return its scale.

    Axes that have one already keep it, and densities are smoothed with its scale: the height of a
    density is a share per ln 10 of u = asinh(λ / scale), so heights of two scales do not compare.

    Args:
        axes: The axes.
        scale: |λ| at which a new axis turns from linear to logarithmic.

    Returns:
        The scale of the axis, in units of λ.
    """
    if axes.get_xscale() == "asinh":
        return float(axes.xaxis.get_transform().linear_width)  # type: ignore[attr-defined]  # asinh scales have it
    if not axes.has_data():
        axes.set_xscale("asinh", linear_width=scale)
        axes.xaxis.set_major_locator(PowersOfTen(scale))
        axes.xaxis.set_major_formatter(UniformLabels())
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_formatter(NullFormatter())
    return scale


def _show(axes: Axes, curves: Sequence[DensityCurve], n: int, unit: str, *, first: bool) -> None:
    """Name the axes, and show the curves down to a small share of one eigenvalue's peak."""
    name_axes(
        axes,
        f"eigenvalue λ ({unit}), linear within ±{curves[0].scale:.2g}\n"
        f"each λ is a peak of width {curves[0].width / DECADE:.2g} decades",
        "share of eigenvalues per decade",
    )
    if axes.get_xscale() != "asinh":
        return
    for curve in curves:
        values, density = curve.eigenvalues.numpy(), DECADE * curve.density.numpy()
        peak = DECADE / (n * curve.width * math.sqrt(2 * math.pi))  # Of a single eigenvalue.
        floor = _SHARE * min(peak, density.max())
        visible = values[density > floor]
        x_limits = (visible[0], visible[-1])
        y_limits = (floor, 2 * density.max())
        if not first:  # Later curves widen the view of the earlier ones.
            x_limits, y_limits = _hull(axes.get_xlim(), x_limits), _hull(axes.get_ylim(), y_limits)
        axes.set_xlim(*x_limits)
        axes.set_ylim(*y_limits)
        first = False


def _hull(limits: tuple[float, float], added: tuple[float, float]) -> tuple[float, float]:
    return min(limits[0], added[0]), max(limits[1], added[1])
