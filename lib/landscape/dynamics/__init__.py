"""Dynamics: how the landscape and the noise of its gradients steer training."""

from landscape.dynamics.gradient_noise import (
    BatchSharpness,
    GradientNoise,
    batch_sharpness,
    gradient_noise,
)
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold

__all__ = [
    "BatchSharpness",
    "GradientNoise",
    "batch_sharpness",
    "gradient_noise",
    "is_adaptive",
    "preconditioner",
    "threshold",
]
