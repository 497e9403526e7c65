"""Ticks of logarithmic axes, and their labels: all of an axis in one notation."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, Locator, LogLocator, MaxNLocator, NullLocator

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def tick_texts(values: Sequence[float] | np.ndarray) -> list[str]:
    """Return the labels of ticks: plain numbers, or all as powers of ten where one is far from 1.

    Args:
        values: The ticks.

    Returns:
        Such as ``0.01``, ``0.1``, ``1``; or ``10⁻⁶``, ``10⁻³``, ``1``; or ``2·10⁻⁵``.
    """
    # Rounded: a locator's 0 may be 1e-17, which would be its label.
    sizes = [float(f"{abs(value):.12g}") for value in values]
    far = any(0 < size < 0.000999 or size >= 99_999 for size in sizes)
    texts = [_power_text(size) if far else f"{size:g}" for size in sizes]
    return [f"−{text}" if value < 0 else text for value, text in zip(values, texts, strict=True)]


def _power_text(size: float) -> str:
    if size == 0:
        return "0"
    power = math.floor(math.log10(size) + 1e-9)
    mantissa = f"{size / 10.0**power:.3g}"
    if power == 0:
        return mantissa
    ten = "10" + str(power).translate(_SUPERSCRIPTS)
    return ten if mantissa == "1" else f"{mantissa}·{ten}"


class UniformLabels(Formatter):
    """Labels of the ticks that an axis shows, by ``tick_texts``."""

    axis: Axis  # matplotlib sets it before it asks for labels.

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Return the label of one tick alone."""
        return tick_texts([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks; those out of sight do not decide the notation."""
        low, high = sorted(self.axis.get_view_interval())
        room = 1e-9 * (high - low)
        inside = [value for value in values if low - room <= value <= high + room]
        texts = dict(zip(inside, tick_texts(inside), strict=True))
        return [texts.get(value, "") for value in values]


def log_locator(low: float, high: float) -> MaxNLocator | LogLocator:
    """Return the locator that places the ticks of a logarithmic axis.

    Below one decade the ticks are round numbers at equal distances; below three decades they are 1,
    2 and 5 times the powers of ten; beyond, powers of ten.

    Args:
        low: Lower end of the axis.
        high: Upper end.

    Returns:
        The locator. A lower end that is not positive counts as an axis below one decade.
    """
    span = high / low if low > 0 else 1.0
    subs = (1, 2, 5) if span < 1000 else (1,)
    return MaxNLocator(5) if span < 10 else LogLocator(subs=subs, numticks=9)


def log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers, or with powers of ten alone.

    matplotlib's own labels of a short logarithmic axis all have the form "2.3 × 10⁰".
    """
    axis.set_major_locator(log_locator(*axis.get_view_interval()))
    axis.set_major_formatter(UniformLabels())
    axis.set_minor_locator(NullLocator())


class PowersOfTen(Locator):
    """Ticks of a symmetric logarithmic axis: 0, and powers of ten on both sides.

    Args:
        scale: Where the axis turns from linear to logarithmic.
    """

    # From dense to sparse: mantissas of the ticks, and decades from one to the next.
    _CHOICES = (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 6))

    axis: Axis  # matplotlib sets it before it asks for ticks.

    def __init__(self, scale: float) -> None:
        self.scale = scale

    # Arrays, as matplotlib's own locators return, although its stubs say sequences.
    def __call__(self) -> np.ndarray:  # type: ignore[override]  # see above
        """Return the ticks of the axis' view."""
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:  # type: ignore[override]  # see above
        """Return as many ticks between two ends as have room for their labels.

        Args:
            vmin: Lower end of the view, in units of the axis.
            vmax: Upper end.

        Returns:
            The ticks within the view (k,), increasing; 0 among them if it is in the view.
        """
        reach = max(abs(vmin), abs(vmax), self.scale)
        first, last = math.floor(math.log10(self.scale)), math.floor(math.log10(reach))
        for mantissas, step in self._CHOICES:
            powers = np.arange(last, first - 1, -step)[::-1]
            sizes = (10.0 ** powers[:, None] * mantissas).ravel()
            # Where the axis is linear, powers of ten crowd 0: those that touch its label go.
            apart = [size for size in sizes if self._apart([0.0, float(size)], vmin, vmax)]
            ticks = np.array([*(-size for size in reversed(apart)), 0.0, *apart])
            ticks = ticks[(ticks >= vmin) & (ticks <= vmax)]
            if self._apart(ticks, vmin, vmax):
                break
        return ticks

    def _apart(self, ticks: Sequence[float] | np.ndarray, vmin: float, vmax: float) -> bool:
        """Return whether the labels of ticks keep apart on an axis between two ends."""
        axes = self.axis.axes
        width = axes.get_window_extent().width / axes.figure.dpi
        u, ends = (np.arcsinh(np.asarray(x) / self.scale) for x in (ticks, (vmin, vmax)))
        letter = float(self.axis.majorTicks[0].label1.get_fontsize()) / 112  # Inches.
        sizes = np.array([letter * (1 + len(text)) for text in tick_texts(ticks)])
        gaps = np.diff(u) * width / np.ptp(ends)
        return bool((gaps > (sizes[1:] + sizes[:-1]) / 2).all())
