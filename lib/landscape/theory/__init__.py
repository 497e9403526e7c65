"""Theory: predictions of the literature, in a form that can be tested on a network."""

from landscape.theory.bounds import kl_inverse, pac_bayes_bound, trace_bound
from landscape.theory.conditioning import layers_condition
from landscape.theory.reparametrization import reparametrized_twin
from landscape.theory.two_wells import Occupancy, TwoWells, occupancy

__all__ = [
    "Occupancy",
    "TwoWells",
    "kl_inverse",
    "layers_condition",
    "occupancy",
    "pac_bayes_bound",
    "reparametrized_twin",
    "trace_bound",
]
