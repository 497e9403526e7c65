"""Theory: predictions of the literature, in a form that can be tested on a network."""

from landscape.theory.bounds import pac_bayes_bound, trace_bound
from landscape.theory.certificates import (
    Certificate,
    StochasticError,
    certificate,
    kl_inverse,
    stochastic_error,
)
from landscape.theory.conditioning import layers_condition
from landscape.theory.reparametrization import reparametrized_twin
from landscape.theory.two_wells import Occupancy, TwoWells, occupancy

__all__ = [
    "Certificate",
    "Occupancy",
    "StochasticError",
    "TwoWells",
    "certificate",
    "kl_inverse",
    "layers_condition",
    "occupancy",
    "pac_bayes_bound",
    "reparametrized_twin",
    "stochastic_error",
    "trace_bound",
]
