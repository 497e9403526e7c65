"""Cuts through a loss landscape: lines and planes, and what they show as numbers."""

from landscape.slices.grid import Line, Lines, Plane, Planes, centred, quantiles, shared_levels
from landscape.slices.line import line, random_lines
from landscape.slices.plane import PlaneBlock, block, plane, random_plane, random_planes
from landscape.slices.quadratic import Agreement, Quadratic, quadratic, radius_along
from landscape.slices.refined import RefinedPlane, refined_plane
from landscape.slices.shape import Anisotropy, Basin, Roughness, anisotropy, basin_width, roughness

__all__ = [
    "Agreement",
    "Anisotropy",
    "Basin",
    "Line",
    "Lines",
    "Plane",
    "PlaneBlock",
    "Planes",
    "Quadratic",
    "RefinedPlane",
    "Roughness",
    "anisotropy",
    "basin_width",
    "block",
    "centred",
    "line",
    "plane",
    "quadratic",
    "quantiles",
    "radius_along",
    "random_lines",
    "random_plane",
    "random_planes",
    "refined_plane",
    "roughness",
    "shared_levels",
]
