"""Table and sentence on the epochs that arms take to reach targets."""

import math
from collections.abc import Mapping, Sequence

from studies.display import Sentence, Table
from studies.durations import Duration, Median, median_duration
from studies.formatting import number_text
from studies.measurements import Measurements


def time_table(
    durations: Mapping[str, Mapping[str, Sequence[Duration]]],
    headings: Mapping[str, str] | None = None,
    *,
    label: str,
    caption: str,
) -> Table:
    """Return a table of the median epochs over seeds: rows are arms, columns targets.

    A cell such as ``12.3 (11.9 to 12.8)`` holds the median and its interval; with too few seeds it
    holds the median alone. ``> 24 (3 of 5 never)`` is a lower bound, where too many runs never
    reach the target.

    Args:
        durations: Name of a target -> arm -> durations, as ``time_to_target.record_times`` returns
            them.
        headings: Name -> heading, of the columns to show; None shows all under their names.
        label: Such as ``tab-epochs``.
        caption: What to see; how to read a cell is added.
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
    return Table(
        ["arm", *headings.values()],
        [[arm, *(_text(medians[name, arm]) for name in headings)] for arm in arms],
        label=label,
        caption=f"{caption} {_explanation(list(medians.values()), shown)}",
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
    counts = [f"{arm} ({sum(runs)} of {len(runs)})" for arm, runs in below.items() if any(runs)]
    total = f"the {sum(map(len, below.values()))} runs that reach {heading}"
    if not counts:
        return Sentence(f"None of {total} ends below it.")
    return Sentence(
        f"Of {total} {sum(map(sum, below.values()))} end below it: {', '.join(counts)}."
    )


def _text(median: Median) -> str:
    never = f"{median.censored} of {median.n} never" if median.censored else ""
    if median.reason:
        return f"> {number_text(median.least)} ({never})"
    interval = ""
    if median.confidence < 1:  # With too few seeds the interval is 0 to infinity and says nothing.
        upper = f"to {number_text(median.high)}" if math.isfinite(median.high) else "or more"
        interval = f"{number_text(median.low)} {upper}"
    bracket = ", ".join(filter(None, [interval, never]))
    return number_text(median.estimate) + (f" ({bracket})" if bracket else "")


def _explanation(medians: Sequence[Median], durations: Sequence[Duration]) -> str:
    """Return the part of a caption that explains medians, intervals and interpolation."""
    text = "Median over seeds"
    coverages = [median.confidence for median in medians if median.confidence < 1]
    if coverages:
        text += f", in brackets its interval, which covers in {100 * min(coverages):.4g}% of cases"
    spacing = max(
        (duration.measurement_interval for duration in durations if duration.reached), default=0.0
    )
    if spacing:
        text += f"; interpolated between measurements at most {number_text(spacing)} epochs apart"
        text += ", which the interval counts" if coverages else ""
    if any(median.censored for median in medians):
        text += ". Runs that never get there count as later than all that do; > is a lower bound"
    return f"{text}."
