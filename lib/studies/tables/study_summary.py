"""The sentences that close a study: how many numbers it rests on, what failed, what is missing."""

from studies.display import Sentence
from studies.formatting import count_text, list_text
from studies.measurements import Measurements
from studies.quantities import QUANTITIES, quantity
from studies.recording import Recording

# Kinds of entries whose names are no words.
_KINDS = {"quadratics": "quadratic models", "densities": "densities of eigenvalues"}
# Code that entries rest on, by what it measures.
_MEASURED = {
    "Objective": "the training loss",
    "linear_barrier": "barriers on straight lines",
    "sam": "the SAM rise",
    "train": "training",
}


def closing(study: Recording, *, evidence: bool) -> Sentence:
    """Return what a study rests on, for the appendix: its numbers, failures, and what is missing.

    Args:
        study: The study; all numbers that it asked for count.
        evidence: Whether its profile is evidence; if not, the sentence says so.
    """
    rows = study.record.rows("measurements")
    numbers = Measurements(rows)
    # What a diverged run lacks is counted once, and not for each quantity.
    others = Measurements([row for row in rows if "diverged" not in str(row.get("note"))])
    total, failed = numbers.counts()
    failures = [
        f"{_values(count)} of {quantity_words(name)}{_reasons(others, name)}"
        for name, count in others.failures().items()
    ]
    if lost := failed - others.counts()[1]:
        failures.insert(0, f"{_values(lost)} of runs that diverged")
    parts = [] if evidence else ["These numbers are a trial on a small run, and no evidence."]
    verb = "has" if failed == 1 else "have"
    rests = f"The study rests on {count_text(total)} recorded numbers. "
    if failed:
        rests += f"**{count_text(failed)} {verb} not converged**: {list_text(failures)}."
    else:
        rests += "All of them have converged."
    parts += [rests, *_missing(study), *_stale(study)]
    return Sentence("\n\n".join(parts)).at("appendix")


def quantity_words(name: str) -> str:
    """Return the name of a recorded quantity in words: ``ritz_max_0.001`` is no name in prose.

    Args:
        name: The recorded name; a setting may stand behind the last underscore.
    """
    stem, _, setting = name.rpartition("_")
    for known, words in ((name, ""), (stem, f", {setting}")):
        if known.partition(", ")[0] in QUANTITIES:
            return quantity(known).heading + words
    return name.replace("_", " ")


def _values(count: int) -> str:
    return f"{count_text(count)} value{'s' * (count > 1)}"


def _reasons(numbers: Measurements, quantity: str) -> str:
    """Return why numbers failed; more than two reasons are left to the record."""
    reasons = numbers.reasons(quantity)
    return f" ({'; '.join(reasons)})" if 0 < len(reasons) <= 2 else ""


def _missing(study: Recording) -> list[str]:
    if not study.missing:
        return []
    kinds = list_text(
        [f"{len(labels)} {_KINDS.get(kind, kind)}" for kind, labels in study.missing.items()]
    )
    return [
        f"This version of the report was made without {kinds} that the study also plans; no "
        "number of the report rests on them."
    ]


def _stale(study: Recording) -> list[str]:
    if not study.stale:
        return []
    names = sorted({name for changed in study.stale.values() for name in changed})
    measured = list_text([_MEASURED.get(name, name.replace("_", " ")) for name in names])
    count = len(study.stale)
    entries = "1 recorded entry comes" if count == 1 else f"{count_text(count)} entries come"
    return [
        f"{entries} from an earlier version of the code that measures {measured}. The report shows "
        "them as they were measured."
    ]
