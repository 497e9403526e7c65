"""Diagnostics: what a network's numbers can carry: rounding, signals through its layers."""

from landscape.diagnostics.rounding import Rounding, rounding
from landscape.diagnostics.signal_propagation import Signals, decay, signals

__all__ = [
    "Rounding",
    "Signals",
    "decay",
    "rounding",
    "signals",
]
