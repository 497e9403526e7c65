"""Slices of a loss landscape: measure lines and planes, and their basins and roughness."""

from landscape.slices.grid import (
    Line,
    Lines,
    Plane,
    Planes,
    centred_positions,
    quantiles,
    shared_levels,
)
from landscape.slices.line import line, random_lines
from landscape.slices.persistence import persistent_minima
from landscape.slices.plane import PlaneRows, plane, plane_rows, random_plane, random_planes
from landscape.slices.quadratic import Agreement, Quadratic, quadratic, radius_along
from landscape.slices.refined import RefinedPlane, refined_plane
from landscape.slices.shape import Anisotropy, Basin, Roughness, anisotropy, basin_width, roughness
from landscape.slices.spread import spread_plane

__all__ = [
    "Agreement",
    "Anisotropy",
    "Basin",
    "Line",
    "Lines",
    "Plane",
    "PlaneRows",
    "Planes",
    "Quadratic",
    "RefinedPlane",
    "Roughness",
    "anisotropy",
    "basin_width",
    "centred_positions",
    "line",
    "persistent_minima",
    "plane",
    "plane_rows",
    "quadratic",
    "quantiles",
    "radius_along",
    "random_lines",
    "random_plane",
    "random_planes",
    "refined_plane",
    "roughness",
    "shared_levels",
    "spread_plane",
]
