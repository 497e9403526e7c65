"""What every measurement on an objective carries beside its values."""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landscape.objective import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """Where and how values were measured; the base of results.

    Attributes:
        bn: Batch-normalisation policy at every point.
        examples: Number of examples.
        examples_hash: Their hash.
        dtype: Type in which the network computed.
    """

    bn: str
    examples: int
    examples_hash: str
    dtype: str


def labels(objective: "Objective") -> dict[str, Any]:
    """Return the fields of ``Measurement`` for what is measured on an objective."""
    return {
        "bn": objective.bn,
        "examples": objective.num_examples,
        "examples_hash": objective.examples_hash,
        "dtype": str(objective.dtype).removeprefix("torch."),
    }
