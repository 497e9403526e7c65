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
        draw_series(axes, series, label=label, style=style)
        if ax is None:
            choose_scale(axes, [series])
    return axes
