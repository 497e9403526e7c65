"""Drawing of what was watched along a training loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from landscape.plots.result_axes import name_axes, result_axes

if TYPE_CHECKING:
    from landscape.dynamics.watching import WatchedStep


def draw_watched(steps: Sequence[WatchedStep], ax: Axes | None = None, **style: Any) -> Axes:
    """Draw λ_max, critical sharpness and threshold against the steps: see ``Watch.plot``.

    Args:
        steps: What was measured.
        ax: Axes in the reader's style; None makes a figure in the library's style.
        style: Further arguments of matplotlib's ``plot``.

    Returns:
        The axes.

    Raises:
        ValueError: If nothing was measured yet.
    """
    if not steps:
        raise ValueError(
            "nothing was watched yet: the first measurement is made by the first optimizer.step()."
        )
    x = [step.step for step in steps]
    series = {
        "λ_max": [step.lambda_max for step in steps],
        "critical sharpness": [step.critical_sharpness for step in steps],
        "threshold of stability": [step.threshold for step in steps],
    }
    with result_axes(ax) as axes:
        for name, values in series.items():
            drawn = np.where(np.isfinite(values), values, np.nan)
            if not np.isnan(drawn).all():
                line = "--" if name.startswith("threshold") else "-"
                axes.plot(x, drawn, **{"ls": line, "label": name, "marker": ".", **style})
        if ax is None:
            positive = np.concatenate([np.asarray(values) for values in series.values()])
            positive = positive[np.isfinite(positive)]
            if len(positive) and positive.min() > 0 and positive.max() > 10 * positive.min():
                axes.set_yscale("log")
        name_axes(axes, "step", "loss per parameter²")
    return axes
