"""Wording: how numbers, intervals and settings read in tables and sentences."""

import math
from collections.abc import Sequence
from typing import Any

from studies.intervals import Interval, mean_interval, paired_ratio


def mean_text(values: Sequence[float]) -> str:
    """Return the mean with its interval; of one value, the value."""
    if len(values) > 1:
        return interval_text(mean_interval(values))
    return number(values[0])


def number(value: float) -> str:
    """Return a number with the digits that a reader takes in, or a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    form = ".0f" if 1e3 <= abs(value) < 1e6 else ".3g"
    return format(value, form).replace("-", "−")


def interval_text(interval: Interval) -> str:
    """Return an interval with the digits that it carries, or a dash where there is none.

    A mean or difference as ``estimate ± half-width``; a ratio, share or correlation, whose interval
    is not symmetric, as ``estimate [low, high]``.
    """
    if not math.isfinite(interval.estimate):
        return "–"
    low, estimate, high = rounded_interval(
        interval.low, interval.estimate, interval.high, kind=interval.kind
    )
    if interval.kind not in ("mean", "difference"):
        return f"{estimate} [{low}, {high}]"
    half = (interval.high - interval.low) / 2
    digits = len(estimate.partition(".")[2])
    text = f"{half:.1e}".replace("-", "−") if "e" in estimate else f"{half:.{digits}f}"
    return f"{estimate} ± {text}"


def ratio_text(first: Sequence[float], second: Sequence[float]) -> str:
    """Return the paired ratio; that of negative numbers is the ratio of their magnitudes."""
    sign = -1 if all(value < 0 for value in (*first, *second)) else 1
    first, second = ([sign * value for value in values] for values in (first, second))
    if len(first) > 1:
        return interval_text(paired_ratio(first, second))
    return number(first[0] / second[0] if min(*first, *second) > 0 else math.nan)


def seeds_text(values: Sequence[float], diverged: int = 0) -> str:
    """Return the mean over seeds, or how many values are finite or diverged."""
    finite = sum(map(math.isfinite, values))
    if finite == len(values):
        return mean_text(values)
    if diverged == len(values) - finite:
        return f"– ({diverged} of {len(values)} diverged)"
    return f"– ({finite} of {len(values)} finite)"


def diverged_text(count: int, runs: int) -> str:
    """Return how many of an arm's runs diverged: nothing, all, or some of so many."""
    some = f"{count} of {runs} " if count < runs else ""
    return f"{some}diverged" if count else ""


def converged_text(failed: Sequence[str], count: int) -> str:
    """Return whether all of so many converged: yes, or no and which of them did not."""
    if not failed:
        return "yes"
    return "**no**" if len(failed) == count else f"**no**: {'; '.join(failed)}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def setting(value: Any) -> str:
    """Return a setting of a run in words: numbers, yes and no, none, lists."""
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.12g}".replace("-", "−") if isinstance(value, float) else str(value)


def against(interval: Interval, value: float) -> str:
    """Return on which side of a value an interval lies, such as ``lies above 13``."""
    where = "cannot be set against"
    if interval.low <= value <= interval.high:
        where = "covers"
    elif interval.low > value:
        where = "lies above"
    elif interval.high < value:
        where = "lies below"
    return f"{where} {value:g}"


def rounded_interval(
    low: float, estimate: float, high: float, *, kind: str = "", border: float = math.nan
) -> tuple[str, str, str]:
    """Return an interval's numbers as text, with the decimals that its width calls for.

    Two significant digits of the half-width, so that no digit is shown that the data do not carry;
    of a ratio whose ends are more than a factor of ten apart, two of each number, since it is their
    logarithms that have a width.

    Args:
        low: Lower end.
        estimate: The estimate.
        high: Upper end.
        kind: ``Interval.kind``.
        border: A value beside which the interval lies: as many digits more as tell them apart.
    """
    numbers = (low, estimate, high)
    if kind == "ratio" and all(map(math.isfinite, numbers)) and high > 10 * low > 0:
        return tuple(_significant(value) for value in numbers)
    width = (high - low) / 2
    decimals = 2
    if math.isfinite(width) and width > 1e-12 * abs(estimate):  # Less is rounding of equal samples.
        decimals = max(1 - _place(width), 0)
    largest = max(map(abs, filter(math.isfinite, (low, estimate, high))), default=0.0)
    small = decimals > 6 and 0 < largest < 1e-3
    large = decimals == 0 and largest >= 1e6  # As what diverges is.
    if small or large:  # Fixed digits would be zeros.
        digits = max(_place(largest) + 1 - _place(width), 2 if small else 1)
        return tuple(_power(value, digits) for value in numbers)
    while decimals < 6 and border in (round(low, decimals), round(high, decimals)):
        decimals += 1
    # Adding zero turns a negative zero into zero.
    numbers = (round(value, decimals) + 0.0 for value in (low, estimate, high))
    texts = (f"{value:.{decimals}f}".replace("-", "−") for value in numbers)
    return tuple(text.replace("inf", "∞") for text in texts)


def _place(value: float) -> int:
    """Return the power of ten of a number's first digit."""
    return math.floor(math.log10(value))


def _power(value: float, digits: int) -> str:
    return f"{value:.{digits}e}".replace("-", "−")


def _significant(value: float) -> str:
    if not 1e-3 <= value < 1e6:
        return _power(value, 1)
    return f"{value:.{max(1 - _place(value), 0)}f}"
