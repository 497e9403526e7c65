"""What one set of axes shows: bands over seeds by name, and what the axes mean."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np


@dataclasses.dataclass(frozen=True)
class Band:
    """Mean and confidence interval at each position of a curve that several seeds trace.

    Attributes:
        x: Positions (p,).
        mean: Mean (p,); NaN where a sample is not finite.
        low: Lower ends (p,).
        high: Upper ends (p,).
        samples: The curves themselves (n, p).
        n: Number of curves.
    """

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    samples: np.ndarray
    n: int


@dataclasses.dataclass(frozen=True)
class Panel:
    """One set of axes: series by name, and what the axes mean.

    Attributes:
        title: Short heading.
        x: Label of the horizontal axis, with unit.
        y: Label of the vertical axis, with unit.
        series: Name -> band. A series keeps the look of its name in all panels of a figure.
        scale: Scale of the vertical axis.
        x_scale: Scale of the horizontal axis.
        integers: Whether horizontal ticks are whole numbers.
        limits: Ends of the vertical axis, or None.
        unit: The horizontal axis shows x for positions u = asinh(x / unit); None for x itself.
        marks: Values of x to mark by ticks, a row for each seed.
        ticks: Where the horizontal axis has its labels; None takes round numbers.
    """

    title: str
    x: str
    y: str
    series: Mapping[str, Band]
    scale: Literal["linear", "log", "symlog"] = "linear"
    x_scale: Literal["linear", "log"] = "linear"
    integers: bool = False
    limits: tuple[float, float] | None = None
    unit: float | None = None
    marks: tuple[tuple[float, ...], ...] = ()
    ticks: tuple[float, ...] | None = None
