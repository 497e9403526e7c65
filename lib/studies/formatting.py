"""Write numbers, intervals and settings as text for tables and sentences."""

import math
from collections.abc import Sequence
from typing import Any

from studies.intervals import Interval, mean_interval, paired_ratio

_ROUNDING = 1e-12  # Samples that differ by less, relative to their mean, are equal.
_SUPERSCRIPTS = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def mean_text(values: Sequence[float], *, sign: int = 0) -> str:
    """Return the mean of values with its 95% interval as text; of a single value, the value.

    Args:
        values: One value per seed, at least one.
        sign: 1 for a quantity that is positive, −1 for a negative one. Where the interval of its
            mean would reach beyond 0, the text is the geometric mean with its interval in brackets.
    """
    if len(values) < 2:
        return number_text(values[0])
    interval = mean_interval(values)
    magnitudes = [sign * value for value in values]
    reaches_zero = min(sign * interval.low, sign * interval.high) <= 0
    if reaches_zero and min(magnitudes) > 0:
        geometric = paired_ratio(magnitudes, [1.0] * len(magnitudes))
        if sign > 0:
            return interval_text(geometric)
        low, middle, high = rounded_interval(
            geometric.low, geometric.estimate, geometric.high, kind=geometric.kind
        )
        return f"−{middle} [−{high}, −{low}]"
    return interval_text(interval)


def number_text(value: float) -> str:
    """Return a number as text with three significant digits; a dash where it is not finite.

    From 1,000 to 1,000,000 it is written to the unit, without an exponent.
    """
    if not math.isfinite(value):
        return "–"
    precision = ".0f" if 1e3 <= abs(value) < 1e6 else ".3g"
    return power_text(format(value, precision))


def power_text(number: str) -> str:
    """Return a formatted number as it is printed: ``−1.2e-05`` becomes ``−1.2×10⁻⁵``.

    Args:
        number: The number as ``format`` writes it.
    """
    mantissa, e, exponent = number.replace("-", "−").partition("e")
    if not e:
        return mantissa
    power = exponent.removeprefix("+").replace("−0", "−").lstrip("0")
    return f"{mantissa}×10{power.translate(_SUPERSCRIPTS)}"


def count_text(count: int) -> str:
    """Return a number of things as text, with separators between thousands."""
    return f"{count:,}"


def interval_text(interval: Interval) -> str:
    """Return an interval as text, with the digits that its width allows.

    A mean or difference is written as ``estimate ± half-width``. A ratio, share or correlation,
    whose interval is not symmetric, is written as ``estimate [low, high]``.

    Args:
        interval: The interval; without a finite estimate the text is a dash.
    """
    if not math.isfinite(interval.estimate):
        return "–"
    low, estimate, high = rounded_interval(
        interval.low, interval.estimate, interval.high, kind=interval.kind
    )
    if interval.kind not in ("mean", "difference"):
        return f"{estimate} [{low}, {high}]"
    half = (interval.high - interval.low) / 2
    if half <= _ROUNDING * abs(interval.estimate):  # All samples are one number, such as a setting.
        return number_text(interval.estimate)
    digits = len(estimate.partition(".")[2])
    half_text = power_text(f"{half:.1e}") if "×" in estimate else f"{half:.{digits}f}"
    return f"{estimate} ± {half_text}"


def ratio_text(first: Sequence[float], second: Sequence[float]) -> str:
    """Return the paired ratio first / second with its 95% interval as text.

    Where all numbers are negative, it is the ratio of their magnitudes. A single pair has no
    interval; a dash stands where there is no ratio.

    Args:
        first: One value per seed, at least one.
        second: The other values of the same seeds, in the same order.

    Raises:
        ValueError: If the two have different lengths.
    """
    sign = -1 if all(value < 0 for value in (*first, *second)) else 1
    first, second = ([sign * value for value in values] for values in (first, second))
    if len(first) > 1:
        return interval_text(paired_ratio(first, second))
    return number_text(first[0] / second[0] if min(*first, *second) > 0 else math.nan)


def seeds_text(values: Sequence[float], diverged: int = 0, *, sign: int = 0) -> str:
    """Return the mean over seeds with its interval; where values are not finite, how many are.

    Args:
        values: One value per seed, at least one.
        diverged: Number of seeds whose run diverged. Where these are all that lack a finite value,
            the text names divergence as the cause.
        sign: As for ``mean_text``.
    """
    finite = sum(map(math.isfinite, values))
    if finite == len(values):
        return mean_text(values, sign=sign)
    if diverged == len(values) - finite:
        return f"– ({diverged} of {len(values)} diverged)"
    return f"– ({finite} of {len(values)} finite)"


def list_text(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a``, ``a and b``, ``a, b and c``.

    Raises:
        ValueError: If there is no word.
    """
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def setting_text(value: Any) -> str:
    """Return the value of a setting of a run as text.

    Args:
        value: None (``none``), a boolean (``yes``, ``no``), a number, a text, or a list of these
            (joined by commas).
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(setting_text, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return power_text(f"{value:.12g}") if isinstance(value, float) else str(value)


def policy_text(bn: str) -> str:
    """Return in words how statistics of BN are taken on a path, such as ``re-estimated``.

    Args:
        bn: The policy, such as ``reestimate``; any other text is returned as it is.
    """
    return {"reestimate": "re-estimated"}.get(bn, bn)


def path_text(kind: str) -> str:
    """Return in words what kind of path joins two solutions, such as ``trained Bézier curve``.

    Args:
        kind: The kind, such as ``bezier``; any other text is returned as it is.
    """
    return {"bezier": "trained Bézier curve"}.get(kind, kind)


def depending(
    interval: Interval, *, above: str, below: str, undecided: str, border: float | None = None
) -> str:
    """Return the words that fit where an interval lies, so that prose cannot contradict numbers.

    Args:
        interval: The interval.
        above: The words if the whole interval lies above the border.
        below: The words if it lies below.
        undecided: The words if it holds the border, or has no end.
        border: The border; None takes 1 for a ratio and 0 for everything else.
    """
    border = interval.neutral if border is None else border
    if interval.low > border:
        return above
    return below if interval.high < border else undecided


def rounded_interval(
    low: float, estimate: float, high: float, *, kind: str = "", border: float = math.nan
) -> tuple[str, str, str]:
    """Return the three numbers of an interval as text, with the decimals that its width allows.

    The decimals show two significant digits of the half-width, so that no digit goes beyond the
    data. Where the ends of a ratio are more than a factor of ten apart, each number gets two
    significant digits: the interval of a ratio has its width in the logarithm.

    Args:
        low: Lower end.
        estimate: The estimate.
        high: Upper end.
        kind: ``kind`` of the interval.
        border: A value that the interval excludes. More decimals are shown until no end reads like
            it, at most 6. NaN: there is no such value.

    Returns:
        Texts of low, estimate and high.
    """
    numbers = (low, estimate, high)
    if kind == "ratio" and all(map(math.isfinite, numbers)) and high > 10 * low > 0:
        return _two_digits(low), _two_digits(estimate), _two_digits(high)
    width = (high - low) / 2
    decimals = 2
    # A narrower interval is rounding error of equal samples: its digits would mean nothing.
    if math.isfinite(width) and width > _ROUNDING * abs(estimate):
        decimals = max(1 - _exponent(width), 0)
    largest = max(map(abs, filter(math.isfinite, (low, estimate, high))), default=0.0)
    if math.isinf(width) and largest >= 10:  # Three digits, as a number without interval.
        decimals = max(2 - _exponent(largest), 0)
    small = decimals > 6 and 0 < largest < 1e-3
    large = decimals == 0 and largest >= 1e6
    if small or large:  # With fixed decimals most digits would be zeros.
        digits = max(_exponent(largest) + 1 - _exponent(width), 2 if small else 1)
        least, middle, most = (_scientific(value, digits) for value in numbers)
        return least, middle, most
    while decimals < 6 and border in (round(low, decimals), round(high, decimals)):
        decimals += 1
    # Adding zero turns a negative zero into zero.
    rounded = (round(value, decimals) + 0.0 for value in numbers)
    texts = (f"{value:.{decimals}f}".replace("-", "−") for value in rounded)
    least, middle, most = (text.replace("inf", "∞") for text in texts)
    return least, middle, most


def _exponent(value: float) -> int:
    """Return the power of ten of a positive number's first digit."""
    return math.floor(math.log10(value))


def _scientific(value: float, digits: int) -> str:
    return power_text(f"{value:.{digits}e}")


def _two_digits(value: float) -> str:
    if not 1e-3 <= value < 1e4:
        return _scientific(value, 1)
    digits = 1 - _exponent(value)
    return f"{round(value, digits):.{max(digits, 0)}f}"
