"""The sentences that close a study: how many numbers it rests on, what failed, what is missing."""

from studies.display import Sentence
from studies.formatting import list_text
from studies.measurements import Measurements
from studies.recording import Recording


def closing(study: Recording, *, evidence: bool) -> Sentence:
    """Return what a study rests on: its numbers, those that failed, and what its record lacks.

    Args:
        study: The study; all numbers that it asked for count.
        evidence: Whether its profile is evidence; if not, the sentence says so.
    """
    numbers = Measurements(study.record.rows("measurements"))
    total, failed = numbers.counts()
    failures = ", ".join(
        f"{count} of {name}{_reasons(numbers, name)}" for name, count in numbers.failures().items()
    )
    count = numbers.diverged_count()
    diverged = f" ({count} of runs that diverged)" if count else ""
    parts = [] if evidence else ["These numbers are not evidence: the run is a small one."]
    parts.append(
        f"The study rests on {total} recorded numbers. "
        + (
            f"**{failed} of them did not converge**{diverged}: {failures}."
            if failed
            else "None of them failed to converge."
        )
    )
    parts += [*_missing(study), *_stale(study)]
    return Sentence("\n\n".join(parts))


def _reasons(numbers: Measurements, quantity: str) -> str:
    """Return why numbers failed; more than two reasons are left to the record."""
    reasons = numbers.reasons(quantity)
    return f" ({'; '.join(reasons)})" if 0 < len(reasons) <= 2 else ""


def _missing(study: Recording) -> list[str]:
    if not study.missing:
        return []
    kinds = list_text([f"{len(labels)} {kind}" for kind, labels in study.missing.items()])
    return [
        f"The record lacks what newer code would show: {kinds}. The command "
        f"`make study STUDY={study.name} PROFILE=paper` measures it."
    ]


def _stale(study: Recording) -> list[str]:
    if not study.stale:
        return []
    names = sorted({name for changed in study.stale.values() for name in changed})
    return [
        f"{len(study.stale)} entries of the record were measured by code that has changed since: "
        f"{', '.join(names)}. They stand as they were measured; `REMEASURE=stale` measures them "
        "again."
    ]
