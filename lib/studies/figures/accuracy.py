"""Ready figure of learning: test accuracy over epochs, a panel for each group of runs."""

import math
from collections.abc import Mapping

import numpy as np
from landscape.plots.panel import Panel

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.figures.bands import scaled_band
from studies.figures.subsets import subset_remark
from studies.formatting import list_text
from studies.runs import RecordedRun, Runs


def learning(
    groups: Mapping[str, Runs], *, label: str, caption: str, alt: str = ""
) -> Figure | Missing:
    """Return the test accuracy over epochs, a panel for each group of runs, a curve for each arm.

    A run that diverged counts up to its last measurement before that. An arm of which no run got
    beyond its first measurement has no curve, and the caption names it.

    Args:
        groups: Title -> runs; arms of one name look alike in all panels.
        label: Such as ``fig-starts``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    panels, absent = [], []
    for title, runs in groups.items():
        series = {}
        for arm, arm_runs in runs.grouped().items():
            curves = [_accuracy(run) for run in arm_runs]
            if any(np.isfinite(curve).sum() > 1 for curve in curves):
                epochs = arm_runs[0].measured_at.numpy()
                series[arm] = scaled_band(epochs, curves, "linear")
            else:
                absent.append(f"{arm} ({title})")
        if series:
            unit = "test accuracy (%)"
            panels.append(Panel(title, "epoch", unit, series, integers=True, limits=(0, 100)))
    if not panels:
        return Missing(label)
    if absent:
        caption += f" Runs diverge before a second measurement in {list_text(absent)}."
    remark = subset_remark(
        [run for runs in groups.values() for run in runs.values()], ["test_accuracy"]
    )
    caption = f"{caption} {remark}".strip()
    return captioned.curves(panels, label=label, caption=caption, alt=alt)


def _accuracy(run: RecordedRun) -> np.ndarray:
    """Return the accuracy in per cent at each planned measurement; NaN from divergence on."""
    curve = np.full(len(run.measured_at), math.nan)
    values = run.history["test_accuracy"].numpy() if run.history else np.empty(0)
    # The weights that divergence left may give any value.
    reached = len(values) - (run.diverged_at is not None)
    curve[: max(reached, 0)] = 100 * values[: max(reached, 0)]
    return curve
