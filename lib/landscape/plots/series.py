"""Series: results as positions and values with the names of their axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from landscape.plots.axes import suggests_log_scale
from landscape.plots.planes import VALUE_LABELS
from landscape.plots.result_axes import mark_not_finite, name_axes
from landscape.plots.ticks import log_ticks

if TYPE_CHECKING:
    from landscape.connectivity.path import Path
    from landscape.slices.grid import Line, Lines
    from landscape.training.run import Run

# Names of the quantities of a run: recorded at the measured epochs, and at every step.
HISTORY_LABELS = {
    "train_loss": "mean training loss",
    "train_accuracy": "training accuracy (share correct)",
    "test_loss": "mean test loss",
    "test_accuracy": "test accuracy (share correct)",
    "gradient_norm": "root mean square of mini-batch ‖g‖₂",
}
STEP_LABELS = {
    "step_loss": "mini-batch loss before the step",
    "step_gradient_norm": "mini-batch ‖g‖₂ before the step",
}


@dataclasses.dataclass(frozen=True)
class Series:
    """Values at positions, and the names of both.

    Attributes:
        x: Positions (p,).
        y: Values (p,); NaN and infinity where there is no number.
        xlabel: Name of the positions, with unit.
        ylabel: Name of the values, with unit.
        may_be_log: Whether the vertical axis is logarithmic where the values span a factor of 10.
        integers: Whether ticks of the positions are whole numbers.
        error: Standard errors (p,) of values that were measured on a part of the examples; None
            where all were measured on all.
    """

    x: np.ndarray
    y: np.ndarray
    xlabel: str
    ylabel: str
    may_be_log: bool = False
    integers: bool = False
    error: np.ndarray | None = None


def line_series(line: Line, quantity: str = "loss") -> Series:
    """Return a line's values over α.

    Args:
        line: The line.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The series, over positions in units of the direction.

    Raises:
        ValueError: If the quantity is unknown.
    """
    label = _value_label(quantity)
    values = getattr(line, quantity).numpy()
    xlabel = "α (in units of the direction)"
    return Series(line.alphas.numpy(), values, xlabel, label, quantity == "loss")


def lines_series(lines: Lines, quantity: str = "loss") -> Series:
    """Return the mean over directions of several lines, over α.

    Args:
        lines: The lines.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The series, over positions relative to filter norms. A position where a line's value is not
        finite has no finite mean.

    Raises:
        ValueError: If the quantity is unknown.
    """
    label = _value_label(quantity)
    values = getattr(lines, quantity).mean(0).numpy()
    xlabel = "α (relative to filter norms)"
    return Series(lines.alphas.numpy(), values, xlabel, label, quantity == "loss")


def path_series(path: Path, quantity: str = "loss") -> Series:
    """Return a path's values over t.

    Args:
        path: The path.
        quantity: ``loss`` or ``accuracy``.

    Returns:
        The series. Its vertical axis stays linear, so that the chord is straight.

    Raises:
        ValueError: If the quantity is unknown.
    """
    label = _value_label(quantity)
    return Series(path.ts.numpy(), getattr(path, quantity).numpy(), "position t on the path", label)


def run_series(run: Run, quantity: str = "train_loss") -> Series:
    """Return a quantity of a run over epochs, or over steps if it was recorded at each step.

    A run that diverged has NaN from there on: its last measurement belongs to weights of any size,
    at an epoch that it did not reach.

    Args:
        run: The run.
        quantity: A quantity of the run's history, ``step_loss`` or ``step_gradient_norm``.

    Returns:
        The series. The gradient norm has no value at initialization, and starts after it.

    Raises:
        ValueError: If the run has no such quantity.
    """
    diverged = run.diverged_at is not None
    if quantity in STEP_LABELS:
        values = getattr(run, quantity).numpy().astype(np.float64)
        steps = np.arange(len(values))
        return Series(steps, values, "step", STEP_LABELS[quantity], True, True)
    if quantity not in run.history:
        raise ValueError(
            f"quantity={quantity!r} is in no run's history. Choose from "
            f"{', '.join(map(repr, [*run.history, *STEP_LABELS]))}."
        )
    epochs, recorded = run.measured_at.numpy(), run.history[quantity].numpy()
    values, error = np.full((2, len(epochs)), np.nan)
    reached = len(recorded) - diverged
    values[:reached] = recorded[:reached]
    if (
        quantity == "gradient_norm"
    ):  # The initialisation has none; a cross there would report a failure.
        epochs, values = epochs[1:], values[1:]
    label = HISTORY_LABELS.get(quantity, quantity.replace("_", " "))
    series = Series(epochs, values, "epoch", label, "accuracy" not in quantity, True)
    if quantity not in run.history_errors:
        return series
    error[:reached] = run.history_errors[quantity].numpy()[:reached]
    subset = run.curve_subsets[quantity.partition("_")[0]]
    label = f"{label}\non {subset.size:,} of {subset.of:,} examples between the ends"
    return dataclasses.replace(series, ylabel=label, error=error)


def draw_series(axes: Axes, series: Series, *, label: str | None, style: dict[str, Any]) -> Line2D:
    """Draw a series as a line, with a cross at the upper edge where a value is not finite.

    Args:
        axes: The axes.
        series: The series.
        label: Name in a legend.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The line.
    """
    (line,) = axes.plot(series.x, series.y, label=label, **style)
    finite = np.isfinite(series.y)
    mark_not_finite(axes, series.x, ~finite, line.get_color())
    padded = np.concatenate([[False], finite, [False]])
    isolated = finite & ~padded[:-2] & ~padded[2:]
    if isolated.any():  # A line shows no point between two gaps.
        x, y = series.x[isolated], series.y[isolated]
        axes.plot(x, y, linestyle="", marker=".", color=line.get_color())
    name_axes(axes, series.xlabel, series.ylabel)
    return line


def choose_scale(axes: Axes, series: Sequence[Series]) -> None:
    """Make the vertical axis logarithmic where all series allow it and their values suit it.

    Positions that are whole numbers get ticks at whole numbers.

    Args:
        axes: Axes on which the series are drawn.
        series: The series.
    """
    values = np.concatenate([curve.y for curve in series])
    finite = values[np.isfinite(values)]
    if all(curve.may_be_log for curve in series) and suggests_log_scale(finite):
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    if all(curve.integers for curve in series):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _value_label(quantity: str) -> str:
    if quantity not in VALUE_LABELS:
        raise ValueError(f"quantity={quantity!r} is unknown. Choose 'loss' or 'accuracy'.")
    return VALUE_LABELS[quantity]
