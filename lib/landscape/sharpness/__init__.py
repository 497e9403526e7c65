"""Sharpness: how much the loss rises around a solution."""

from landscape.sharpness.onestep import Sharpness, sam

__all__ = ["Sharpness", "sam"]
