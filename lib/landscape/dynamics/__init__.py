"""Dynamics: stability, critical steps, noise of gradients, trajectories, and training watched."""

from landscape.dynamics.critical import CriticalStep, critical_step
from landscape.dynamics.gradient_noise import (
    BatchSharpness,
    GradientNoise,
    batch_sharpness,
    gradient_noise,
)
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.dynamics.top_space import (
    ProjectedDescent,
    TopSpace,
    projected_descent,
    top_space,
)
from landscape.dynamics.trajectory import ProjectedTrajectory, project_trajectory
from landscape.dynamics.updates import CriticalSharpness, critical_sharpness, next_update
from landscape.dynamics.watching import Watch, WatchedStep, watch

__all__ = [
    "BatchSharpness",
    "CriticalSharpness",
    "CriticalStep",
    "GradientNoise",
    "ProjectedDescent",
    "ProjectedTrajectory",
    "TopSpace",
    "Watch",
    "WatchedStep",
    "batch_sharpness",
    "critical_sharpness",
    "critical_step",
    "gradient_noise",
    "is_adaptive",
    "next_update",
    "preconditioner",
    "project_trajectory",
    "projected_descent",
    "threshold",
    "top_space",
    "watch",
]
