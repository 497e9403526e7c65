"""Content of one set of axes: bands over seeds by name, and the meaning of the axes."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np


@dataclasses.dataclass(frozen=True)
class Band:
    """Mean and confidence interval at each position of a curve, over seeds.

    Attributes:
        x: Positions (p,).
        mean: Mean (p,); NaN where a sample is not finite.
        low: Lower ends of the interval (p,).
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
    """One set of axes: series by name, and the meaning of the axes.

    Attributes:
        title: Short heading.
        x: Label of the horizontal axis, with unit.
        y: Label of the vertical axis, with unit.
        series: Name -> band. A name has the same look in all panels of a figure.
        scale: Scale of the vertical axis.
        x_scale: Scale of the horizontal axis.
        integers: Whether horizontal ticks are whole numbers.
        limits: Ends of the vertical axis; None chooses them from the curves.
        unit: Where a horizontal axis of scale ``asinh`` turns from linear to logarithmic.
        marks: Values of x that get a tick mark, one row a seed.
        ticks: Positions of the horizontal labels; None takes round numbers.
        reference: Value that gets a horizontal line, such as the 1 of a ratio; None draws none.
        mark_ends: Whether a cross marks where the mean of a curve stops before its positions do.
    """

    title: str
    x: str
    y: str
    series: Mapping[str, Band]
    scale: Literal["linear", "log", "symlog"] = "linear"
    x_scale: Literal["linear", "log", "symlog", "asinh"] = "linear"
    integers: bool = False
    limits: tuple[float, float] | None = None
    unit: float | None = None
    marks: tuple[tuple[float, ...], ...] = ()
    ticks: tuple[float, ...] | None = None
    reference: float | None = None
    mark_ends: bool = False
