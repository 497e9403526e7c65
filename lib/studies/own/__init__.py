"""A reader's own network and examples, as solutions that every recorded step measures."""

from studies.own.examples import examples, shortened
from studies.own.networks import (
    OwnNetwork,
    another,
    network,
    objectives,
    options,
    pair,
    solutions,
)
from studies.own.words import (
    advice,
    findings,
    has_accuracy,
    most_vectors,
    named_paths,
    path_policies,
)

__all__ = [
    "OwnNetwork",
    "advice",
    "another",
    "examples",
    "findings",
    "has_accuracy",
    "most_vectors",
    "named_paths",
    "network",
    "objectives",
    "options",
    "pair",
    "path_policies",
    "shortened",
    "solutions",
]
