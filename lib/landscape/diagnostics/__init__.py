"""Diagnostics: what a network's numbers can carry: rounding, signals through its layers."""

from landscape.diagnostics.rounding import RoundingError, rounding_error
from landscape.diagnostics.signal_propagation import SignalPropagation, decay, signal_propagation

__all__ = [
    "RoundingError",
    "SignalPropagation",
    "decay",
    "rounding_error",
    "signal_propagation",
]
