"""Dynamics: stability, critical steps, noise of gradients, trajectories, and training watched."""

from landscape.dynamics.critical import CriticalStep, critical_step
from landscape.dynamics.gradient_noise import (
    BatchSharpness,
    GradientNoise,
    batch_sharpness,
    gradient_noise,
)
from landscape.dynamics.parabola import ParabolaWindow, parabola_window, polynomial_residual
from landscape.dynamics.path_components import PathComponents, lissajous, path_components
from landscape.dynamics.path_nulls import (
    NullShares,
    correlated_walk_shares,
    lag_correlations,
    shuffled_shares,
    straight_shares,
    walk_shares,
)
from landscape.dynamics.recorded_training import train_trajectory
from landscape.dynamics.snapshots import (
    Trajectory,
    TrajectoryRecorder,
    record_trajectory,
    snapshot_steps,
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
    "NullShares",
    "ParabolaWindow",
    "PathComponents",
    "ProjectedDescent",
    "ProjectedTrajectory",
    "TopSpace",
    "Trajectory",
    "TrajectoryRecorder",
    "Watch",
    "WatchedStep",
    "batch_sharpness",
    "correlated_walk_shares",
    "critical_sharpness",
    "critical_step",
    "gradient_noise",
    "is_adaptive",
    "lag_correlations",
    "lissajous",
    "next_update",
    "parabola_window",
    "path_components",
    "polynomial_residual",
    "preconditioner",
    "project_trajectory",
    "projected_descent",
    "record_trajectory",
    "shuffled_shares",
    "snapshot_steps",
    "straight_shares",
    "threshold",
    "top_space",
    "train_trajectory",
    "walk_shares",
    "watch",
]
