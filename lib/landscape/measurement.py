"""The conditions that every measurement on an objective records beside its values."""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """The conditions under which values were measured; the base class of results.

    Attributes:
        bn: Policy of batch normalisation at every point.
        examples: Number of examples.
        examples_hash: SHA-256 of the examples' inputs and targets.
        dtype: Type in which the network computed, such as ``float32``.
        weight_decay: Coefficients of the penalty in the loss, in words; ``0`` without one.
    """

    bn: str
    examples: int
    examples_hash: str
    dtype: str
    weight_decay: str = "0"


def conditions(objective: "Objective") -> dict[str, Any]:
    """Return the fields of ``Measurement``, by name, for a measurement on an objective."""
    return {
        "bn": objective.bn,
        "examples": objective.num_examples,
        "examples_hash": objective.examples_hash,
        "dtype": str(objective.dtype).removeprefix("torch."),
        "weight_decay": objective.weight_decay_text,
    }
