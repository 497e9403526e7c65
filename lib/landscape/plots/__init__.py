"""Plots on plain matplotlib axes.

A result draws itself: ``result.plot()``. ``compare`` draws several results of one kind together.
The other functions draw one kind of figure each, from panels or planes.
"""

from landscape.plots.compare import compare
from landscape.plots.curves import curves, pairs
from landscape.plots.dots import DotPanel, dots
from landscape.plots.forest import ForestPanel, ForestRow
from landscape.plots.panel import Band, Panel
from landscape.plots.planes import levels, planes
from landscape.plots.scatter import Cloud, scatter
from landscape.plots.spectra import spectra
from landscape.plots.style import maths
from landscape.plots.surfaces import surface, surface_data

__all__ = [
    "Band",
    "Cloud",
    "DotPanel",
    "ForestPanel",
    "ForestRow",
    "Panel",
    "compare",
    "curves",
    "dots",
    "levels",
    "maths",
    "pairs",
    "planes",
    "scatter",
    "spectra",
    "surface",
    "surface_data",
]
