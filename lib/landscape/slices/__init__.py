"""Cuts through a loss landscape: lines and planes, and what they show as numbers."""

from landscape.slices.grid import (
    Line,
    Lines,
    Plane,
    line,
    plane,
    random_lines,
    random_plane,
    shared_levels,
)

__all__ = [
    "Line",
    "Lines",
    "Plane",
    "line",
    "plane",
    "random_lines",
    "random_plane",
    "shared_levels",
]
