"""The sentence of a caption on curves that were measured on a part of the examples."""

from collections.abc import Iterable, Sequence

from studies.formatting import list_text, number_text
from studies.runs import RecordedRun

_SPLITS = {"train": "training", "test": "test"}


def subset_remark(runs: Iterable[RecordedRun], quantities: Sequence[str]) -> str:
    """Return the sentence that says which examples curves come from, and how far off they may be.

    Args:
        runs: The runs whose curves are drawn.
        quantities: The losses and accuracies that are drawn, such as ``test_accuracy``.

    Returns:
        The sentence, with the beginning of each subset's hash and the largest standard error of
        each quantity; empty where all curves are measured in full.
    """
    drawn = list(runs)
    partial = [run for run in drawn if any(name in run.errors for name in quantities)]
    if not partial:
        return ""
    parts = dict.fromkeys(
        f"{subset.size:,} of {subset.of:,} {_SPLITS[split]} examples (hash {subset.sha256[:8]})"
        for split in _SPLITS
        if any(name.startswith(split) for name in quantities)
        for run in partial
        for subset in [run.subsets.get(split)]
        if subset is not None
    )
    errors = [text for name in quantities if (text := _largest_error(partial, name))]
    where = "" if len(partial) == len(drawn) else f"of {len(partial)} of {len(drawn)} runs "
    bound = f"; their standard errors are at most {list_text(errors)}" if errors else ""
    return (
        f"Between first and last measurement, curves {where}come from {list_text(list(parts))}"
        f"{bound}."
    )


def _largest_error(runs: Sequence[RecordedRun], name: str) -> str:
    """Return the largest finite standard error of a quantity in words; empty if there is none."""
    errors = [run.errors[name] for run in runs if name in run.errors]
    known = [float(row[row.isfinite()].max()) for row in errors if row.isfinite().any()]
    if not known:
        return ""
    split, _, kind = name.partition("_")
    if kind == "loss":
        return f"{number_text(max(known))} nats ({_SPLITS[split]} loss)"
    return f"{number_text(100 * max(known))} points ({_SPLITS[split]} accuracy)"
