"""Plots: one function a kind of figure; they draw what they are given."""

from landscape.plots.curves import curves, pairs, spectra
from landscape.plots.figure import Figure, Surface, maths
from landscape.plots.panel import Band, Panel
from landscape.plots.planes import levels, planes
from landscape.plots.scatter import Cloud, scatter
from landscape.plots.surfaces import surface

__all__ = [
    "Band",
    "Cloud",
    "Figure",
    "Panel",
    "Surface",
    "curves",
    "levels",
    "maths",
    "pairs",
    "planes",
    "scatter",
    "spectra",
    "surface",
]
