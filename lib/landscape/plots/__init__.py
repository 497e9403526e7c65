"""Plots: each function draws one kind of figure on plain matplotlib axes."""

from landscape.plots.curves import curves, pairs, spectra
from landscape.plots.panel import Band, Panel
from landscape.plots.planes import levels, planes
from landscape.plots.scatter import Cloud, scatter
from landscape.plots.style import maths
from landscape.plots.surfaces import surface, surface_data

__all__ = [
    "Band",
    "Cloud",
    "Panel",
    "curves",
    "levels",
    "maths",
    "pairs",
    "planes",
    "scatter",
    "spectra",
    "surface",
    "surface_data",
]
