"""Verdicts: the atomic claims judged from the records of all studies, as ``09_verdicts`` does.

``Judgements`` reads records and collects rules; a rule asks for relations between numbers of
networks (``asked``, ``expressions``), which are measured when it is judged. Where a record lacks a
number, what needs it is not measured in this profile, with the reason.
"""

from studies.verdicts.asked import barrier, level, points, ratio, share
from studies.verdicts.expressions import (
    Parameter,
    diverged,
    factor,
    largest,
    learned,
    least,
    lowest,
    minima,
    number,
    parameter_count,
)
from studies.verdicts.gaps import bounded_gaps
from studies.verdicts.judgements import Judgements
from studies.verdicts.network_pairs import NetworkPairs
from studies.verdicts.one_loss import OneLoss

__all__ = [
    "Judgements",
    "NetworkPairs",
    "OneLoss",
    "Parameter",
    "barrier",
    "bounded_gaps",
    "diverged",
    "factor",
    "largest",
    "learned",
    "least",
    "level",
    "lowest",
    "minima",
    "number",
    "parameter_count",
    "points",
    "ratio",
    "share",
]
