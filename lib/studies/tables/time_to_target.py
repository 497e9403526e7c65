"""Races: a table of how long arms take to reach levels, those that never do among them."""

import math
from collections.abc import Mapping, Sequence

from studies.display import Sentence, Table
from studies.formatting import number_text
from studies.time_to_target import Duration, Median, typical


def time_table(
    found: Mapping[str, Mapping[str, Sequence[Duration]]],
    headings: Mapping[str, str],
    *,
    label: str,
    caption: str,
) -> Table:
    """Return a table of epochs to levels: rows are arms, columns levels, cells medians over seeds.

    A cell such as ``12.3 (11.9 to 12.8)`` holds the median with its interval, without it where
    there are too few seeds; ``> 24 (3 of 5 never)`` a lower bound, where too many runs never get
    there.

    Args:
        found: What ``durations.record`` returns: name of a level -> arm -> durations.
        headings: Name -> heading, of the columns to show.
        label: Such as ``tab-epochs``.
        caption: What to see.
    """
    arms = list(dict.fromkeys(arm for name in headings for arm in found[name]))
    cells = {(name, arm): typical(found[name][arm]) for name in headings for arm in arms}
    every = [of for name in headings for own in found[name].values() for of in own]
    return Table(
        ["arm", *headings.values()],
        [[arm, *(_text(cells[name, arm]) for name in headings)] for arm in arms],
        label=label,
        caption=f"{caption} {_account(list(cells.values()), every)}",
        align=["left"] * (1 + len(headings)),
    )


def relapsed(
    found: Mapping[str, Sequence[Duration]],
    ends: Mapping[str, Sequence[float]],
    heading: str,
    level: float,
) -> Sentence:
    """Return the sentence on runs that reach an accuracy and end below it again.

    The epochs to a level are those to the first measurement where it holds, which a run that hovers
    about the level reaches by chance.

    Args:
        found: Arm -> durations, of one level of ``durations.record``.
        ends: Arm -> the accuracy at the end of training, in the same order of seeds.
        heading: What the level is called.
        level: The accuracy.
    """
    back = {
        arm: [end < level for duration, end in zip(own, ends[arm], strict=True) if duration.reached]
        for arm, own in found.items()
    }
    named = [f"{arm} ({sum(of)} of {len(of)})" for arm, of in back.items() if any(of)]
    total = f"the {sum(map(len, back.values()))} runs that reach {heading}"
    if not named:
        return Sentence(f"None of {total} ends below it.")
    return Sentence(f"Of {total} {sum(map(sum, back.values()))} end below it: {', '.join(named)}.")


def _text(median: Median) -> str:
    never = f"{median.censored} of {median.n} never" if median.censored else ""
    if median.reason:
        return f"> {number_text(median.least)} ({never})"
    ends = ""
    if median.confidence < 1:  # Else it is all there is.
        upper = f"to {number_text(median.high)}" if math.isfinite(median.high) else "or more"
        ends = f"{number_text(median.low)} {upper}"
    inside = ", ".join(filter(None, [ends, never]))
    return number_text(median.estimate) + (f" ({inside})" if inside else "")


def _account(medians: Sequence[Median], durations: Sequence[Duration]) -> str:
    """Return what a caption says of medians, intervals and interpolation."""
    text = "Median over seeds"
    covers = [median.confidence for median in medians if median.confidence < 1]
    if covers:
        text += f", in brackets its interval, which covers in {100 * min(covers):.4g}% of cases"
    apart = max((of.within for of in durations if of.reached), default=0.0)
    if apart:
        text += f"; interpolated between measurements at most {number_text(apart)} epochs apart"
        text += ", which the interval counts" if covers else ""
    if any(median.censored for median in medians):
        text += ". Runs that never get there count as later than all that do; > is a lower bound"
    return f"{text}."
