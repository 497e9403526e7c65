"""Diagnostics: rounding errors of gradients, and gradient norms through the layers."""

from landscape.diagnostics.rounding import RoundingError, rounding_error
from landscape.diagnostics.signal_propagation import SignalPropagation, decay, signal_propagation

__all__ = [
    "RoundingError",
    "SignalPropagation",
    "decay",
    "rounding_error",
    "signal_propagation",
]
