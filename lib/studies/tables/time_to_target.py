"""Table and sentence on the epochs that arms take to reach targets."""

import math
from collections.abc import Mapping, Sequence

from studies.display import Sentence, Table
from studies.durations import Duration, Median, median_duration
from studies.formatting import list_text, number_text
from studies.measurements import Measurements
from studies.tables.layout import table_of


def time_table(
    durations: Mapping[str, Mapping[str, Sequence[Duration]]],
    headings: Mapping[str, str] | None = None,
    *,
    label: str,
    caption: str,
    emphasise: str = "",
) -> Table:
    """Return a table of the median epochs over seeds: rows are arms, columns targets.

    A cell such as ``12.3 [11.9, 12.8]`` holds the median and its interval; with too few seeds it
    holds the median alone. ``> 24 (3 of 5 never)`` is a lower bound, where too many runs never
    reach the target.

    Args:
        durations: Name of a target -> arm -> durations, as ``time_to_target.record_times`` returns
            them.
        headings: Name -> heading, of the columns to show; None shows all under their names.
        label: Such as ``tab-epochs``.
        caption: What to see; how to read a cell is added.
        emphasise: The row or column to print bold, by its heading; empty for none.

    Raises:
        ValueError: If there is no row or column to emphasise.
    """
    headings = headings or {name: name for name in durations}
    arms = list(dict.fromkeys(arm for name in headings for arm in durations[name]))
    medians = {
        (name, arm): median_duration(durations[name][arm]) for name in headings for arm in arms
    }
    shown = [
        duration
        for name in headings
        for arm_durations in durations[name].values()
        for duration in arm_durations
    ]
    return table_of(
        ["configuration", *headings.values()],
        [[arm, *(_text(medians[name, arm]) for name in headings)] for arm in arms],
        label=label,
        caption=f"{caption} {_explanation(list(medians.values()), shown)}",
        emphasise=emphasise,
        align=["left"] * (1 + len(headings)),
    )


def relapsed(
    durations: Mapping[str, Mapping[str, Sequence[Duration]]],
    targets: Mapping[str, tuple[str, float]],
    numbers: Measurements,
) -> Sentence:
    """Return the sentence on runs that reach the lowest target accuracy and end below it again.

    The epochs to a target end at the first measurement that meets it, which a run that fluctuates
    about the target meets by chance.

    Args:
        durations: Name of a target -> arm -> durations, as ``study.times`` returns them.
        targets: Name of a target -> quantity and its level, at least one of ``test_accuracy``.
        numbers: Where ``test_accuracy`` at the end of training was recorded, in the same order of
            seeds.
    """
    accuracies = {
        name: level for name, (quantity, level) in targets.items() if quantity == "test_accuracy"
    }
    heading = min(accuracies, key=accuracies.__getitem__)
    below = {
        arm: [
            accuracy < accuracies[heading]
            for duration, accuracy in zip(
                arm_durations, numbers.values("test_accuracy", arm), strict=True
            )
            if duration.reached
        ]
        for arm, arm_durations in durations[heading].items()
    }
    total = f"the {sum(map(len, below.values()))} runs that reach {heading}"
    counts = [f"{sum(runs)} of {len(runs)} with {arm}" for arm, runs in below.items() if any(runs)]
    if not counts:
        return Sentence(f"None of {total} ends below it.")
    ended = sum(map(sum, below.values()))
    verb = "ends" if ended == 1 else "end"
    return Sentence(f"{ended} of {total} {verb} below it again: {list_text(counts)}.")


def _text(median: Median) -> str:
    never = f"{median.censored} of {median.n} never" if median.censored else ""
    if median.reason:
        return f"> {number_text(median.least)} ({never})"
    interval = ""
    if median.confidence < 1:  # With too few seeds the interval is 0 to infinity and says nothing.
        high = f"{number_text(median.high)}]" if math.isfinite(median.high) else "∞)"
        interval = f" [{number_text(median.low)}, {high}"
    return number_text(median.estimate) + interval + (f", {never}" if never else "")


def _explanation(medians: Sequence[Median], durations: Sequence[Duration]) -> str:
    """Return the part of a caption that explains medians, intervals and interpolation."""
    coverages = [100 * median.confidence for median in medians if median.confidence < 1]
    bracket = f", with its {min(coverages):.4g}% interval in brackets" if coverages else ""
    text = f"Median epochs over seeds{bracket}."
    spacing = max(
        (duration.measurement_interval for duration in durations if duration.reached), default=0.0
    )
    if spacing:
        text += f" Measurements are at most {number_text(spacing)} epochs apart"
        text += ", which the interval includes." if coverages else "."
    if any(median.censored for median in medians):
        text += " Runs that never reach a level count as the slowest; > marks a lower bound."
    return text
