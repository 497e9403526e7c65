"""Sharpness: the rise of the loss around a solution."""

from landscape.sharpness.average import AverageCase, Distribution, average_case
from landscape.sharpness.ball import Ball, Rise
from landscape.sharpness.microbatches import MicrobatchSharpness, m_sharpness
from landscape.sharpness.onestep import Sharpness, sam
from landscape.sharpness.symmetric import SymmetricRise, symmetric_rise
from landscape.sharpness.worst import WorstCase, worst_case

__all__ = [
    "AverageCase",
    "Ball",
    "Distribution",
    "MicrobatchSharpness",
    "Rise",
    "Sharpness",
    "SymmetricRise",
    "WorstCase",
    "average_case",
    "m_sharpness",
    "sam",
    "symmetric_rise",
    "worst_case",
]
