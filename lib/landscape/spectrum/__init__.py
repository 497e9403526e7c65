"""The spectrum of a symmetric operator: extreme eigenvalues, trace, density, condition number.

Only ``exact_trace``, ``trace_by_layer`` and ``ggn_spectrum`` know about networks; everything else
takes a ``SymmetricOperator``.
"""

from landscape.spectrum.conditioning import ConditionNumber, condition_number
from landscape.spectrum.density import Density, Mass
from landscape.spectrum.density_curve import DensityCurve
from landscape.spectrum.diagonals import Diagonal, diagonal
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.estimate import Estimate
from landscape.spectrum.estimates import frobenius, trace
from landscape.spectrum.exact_trace.exact import ExactTrace, exact_trace
from landscape.spectrum.gauss_newton import GGNSpectrum, RangeSpectrum, ggn_spectrum
from landscape.spectrum.krylov import OperatorError
from landscape.spectrum.layers import LayerTraces, trace_by_layer
from landscape.spectrum.quadrature import density
from landscape.spectrum.results import Eigenpairs, Which
from landscape.spectrum.survey import FullSpectrum, full_spectrum

__all__ = [
    "ConditionNumber",
    "Density",
    "DensityCurve",
    "Diagonal",
    "Eigenpairs",
    "Estimate",
    "ExactTrace",
    "FullSpectrum",
    "GGNSpectrum",
    "LayerTraces",
    "Mass",
    "OperatorError",
    "RangeSpectrum",
    "Which",
    "condition_number",
    "density",
    "diagonal",
    "eigenpairs",
    "exact_trace",
    "frobenius",
    "full_spectrum",
    "ggn_spectrum",
    "trace",
    "trace_by_layer",
]
