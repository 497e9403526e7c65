"""Theory: predictions of the literature, in a form that can be tested on a network."""

from landscape.theory.bounds import pac_bayes_bound, trace_bound
from landscape.theory.conditioning import layers_condition
from landscape.theory.reparametrization import reparametrized_twin

__all__ = [
    "layers_condition",
    "pac_bayes_bound",
    "reparametrized_twin",
    "trace_bound",
]
