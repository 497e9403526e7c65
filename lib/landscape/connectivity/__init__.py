"""Measure paths between solutions and their barriers, and lower them: align, repair, bend."""

from landscape.connectivity.axes import Units
from landscape.connectivity.bending import train_curve
from landscape.connectivity.calibration import Calibrated, calibrated_path
from landscape.connectivity.curves import Curve, CurveConfig, curve_path
from landscape.connectivity.matching import Matching, aligned, match
from landscape.connectivity.path import Path
from landscape.connectivity.repair import Repaired, repaired_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permutation_groups, permuted, random_permutations

__all__ = [
    "Calibrated",
    "Curve",
    "CurveConfig",
    "Matching",
    "Path",
    "Repaired",
    "Units",
    "aligned",
    "calibrated_path",
    "curve_path",
    "linear_barrier",
    "match",
    "permutation_groups",
    "permuted",
    "random_permutations",
    "repaired_path",
    "train_curve",
]
