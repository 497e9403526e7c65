"""Dynamics: stability thresholds of optimizers, and the noise of mini-batch gradients."""

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
