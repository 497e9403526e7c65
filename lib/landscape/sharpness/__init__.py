"""Sharpness: the rise of loss and error around a solution, and what that bounds."""

from landscape.sharpness.average import AverageCase, Distribution, average_case
from landscape.sharpness.ball import Ball, Rise
from landscape.sharpness.certificates import (
    Certificate,
    StochasticError,
    certificate,
    stochastic_error,
)
from landscape.sharpness.microbatches import MicrobatchSharpness, m_sharpness
from landscape.sharpness.onestep import Sharpness, sam
from landscape.sharpness.symmetric import SymmetricRise, symmetric_rise
from landscape.sharpness.worst import WorstCase, worst_case

__all__ = [
    "AverageCase",
    "Ball",
    "Certificate",
    "Distribution",
    "MicrobatchSharpness",
    "Rise",
    "Sharpness",
    "StochasticError",
    "SymmetricRise",
    "WorstCase",
    "average_case",
    "certificate",
    "m_sharpness",
    "sam",
    "stochastic_error",
    "symmetric_rise",
    "worst_case",
]
