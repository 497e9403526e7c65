"""Directions in parameter space: displacements (n,) along which a loss landscape is cut."""

from landscape.directions.affine import Coordinates, PlaneThrough, coordinates, through
from landscape.directions.normalization import Others, filter_normalize, layer_normalize
from landscape.directions.principal import PrincipalComponents, pca
from landscape.directions.single import between, eigenvectors, gradient, orthonormal, random

__all__ = [
    "Coordinates",
    "Others",
    "PlaneThrough",
    "PrincipalComponents",
    "between",
    "coordinates",
    "eigenvectors",
    "filter_normalize",
    "gradient",
    "layer_normalize",
    "orthonormal",
    "pca",
    "random",
    "through",
]
