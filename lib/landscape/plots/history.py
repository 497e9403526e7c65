"""Drawing of a training run's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from landscape.plots.result_axes import result_axes
from landscape.plots.series import choose_scale, draw_series, run_series

if TYPE_CHECKING:
    from landscape.training.run import Run


def draw_run(
    run: Run,
    ax: Axes | None = None,
    *,
    quantity: str = "train_loss",
    label: str | None = None,
    **style: Any,
) -> Axes:
    """Draw a quantity of a training run: see ``Run.plot``.

    Where values come from a part of the examples, a band of two standard errors lies around them.

    Args:
        run: The run.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        quantity: A quantity of the run's history, ``step_loss`` or ``step_gradient_norm``.
        label: Name in a legend.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The axes.

    Raises:
        ValueError: If the run has no such quantity.
    """
    series = run_series(run, quantity)
    with result_axes(ax) as axes:
        line = draw_series(axes, series, label=label, style=style)
        if series.error is not None:
            low, high = series.y - 2 * series.error, series.y + 2 * series.error
            axes.fill_between(series.x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        if ax is None:
            choose_scale(axes, [series])
    return axes
