"""The numbers of a recorded step, with their labels."""

from collections.abc import Collection, Sequence

from studies.measurements import Measurements
from studies.recorder import Part
from studies.recording import Request


def labelled_numbers(
    requests: Sequence[Request], parts: Sequence[Part | None], what: str
) -> Measurements:
    """Return the numbers of a step's parts, each with the labels of its request.

    Args:
        requests: What was asked for.
        parts: The content of each; None where the record lacks it.
        what: What a part holds, such as ``the step noise``, for the sentence about missing ones.
    """
    rows = [
        {**request.labels, **row}
        for request, part in zip(requests, parts, strict=True)
        if part is not None
        for row in part.measurements
    ]
    return Measurements(rows, missing=missing_sentences(parts, what))


def missing_sentences(parts: Collection[Part | None], what: str) -> list[str]:
    """Return one sentence that says how many parts the record lacks; none if it has all.

    Args:
        parts: The content of each request; None where the record lacks it.
        what: What a part holds.
    """
    absent = sum(part is None for part in parts)
    return [f"{what} of {absent} of {len(parts)} networks"] if absent else []
