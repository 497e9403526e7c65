"""Dynamics: stability thresholds, the noise of mini-batch gradients, and projected trajectories."""

from landscape.dynamics.gradient_noise import (
    BatchSharpness,
    GradientNoise,
    batch_sharpness,
    gradient_noise,
)
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.dynamics.trajectory import ProjectedTrajectory, project_trajectory

__all__ = [
    "BatchSharpness",
    "GradientNoise",
    "ProjectedTrajectory",
    "batch_sharpness",
    "gradient_noise",
    "is_adaptive",
    "preconditioner",
    "project_trajectory",
    "threshold",
]
