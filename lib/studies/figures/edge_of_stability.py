"""Trails: panels of curvature along training, as shares of what an optimizer can bear."""

from collections.abc import Callable, Mapping

import numpy as np
from landscape.plots.panel import Band, Panel

from studies.figures.bands import band_over_seeds
from studies.formatting import diverged_text
from studies.intervals import single_curve
from studies.records.dynamics import Curvature, CurvatureSnapshot, CurvatureTrajectory


def stability_panels(found: Mapping[tuple[str, int], CurvatureTrajectory]) -> list[Panel]:
    """Return the panels of a figure of trails: curvature over its threshold, over the steps.

    The first has λ_max (of adaptive optimizers the preconditioned one) over the curvature at which
    full-batch descent loses stability, the second, where batch sharpness was measured, that over
    2/η, of the arms trained by SGD. Both have a line at 1. Curves are bands over seeds. The name
    of an arm says how many of its runs diverged; its mean ends where the first of them did.

    Args:
        found: (arm, seed) -> trail, as ``dynamics.record_dynamics`` returns them.

    Raises:
        ValueError: If there are no trails.
    """
    if not found:
        raise ValueError("there are no trails to draw. Pass those of at least one arm and seed.")
    full = _series(found, lambda moment: moment.edge.ratio)
    made = [_panel("largest eigenvalue", "λ_max / threshold", full)]
    few = _series(found, lambda moment: (moment.batch or Curvature()).ratio)
    if few := {name: of for name, of in few.items() if np.isfinite(of.samples).any()}:
        made.append(_panel("batch sharpness", "over 2/η", few))
    return made


def _series(
    found: Mapping[tuple[str, int], CurvatureTrajectory],
    ratio: Callable[[CurvatureSnapshot], float],
) -> dict[str, Band]:
    made = {}
    for arm in dict.fromkeys(arm for arm, _ in found):
        trails = [trail for (own, _), trail in found.items() if own == arm]
        ends = [trail.diverged_at for trail in trails if trail.diverged_at is not None]
        steps = sorted({moment.step for trail in trails for moment in trail.moments} | {*ends})
        curves = np.full((len(trails), len(steps)), np.nan)
        for curve, trail in zip(curves, trails, strict=True):
            for moment in trail.moments:
                curve[steps.index(moment.step)] = ratio(moment)
        said = diverged_text(len(ends), len(trails))
        name = f"{arm} ({said})" if said else arm
        made[name] = band_over_seeds(steps, list(curves), "linear")
    return made


def _panel(title: str, y: str, series: Mapping[str, Band]) -> Panel:
    steps = np.concatenate([of.x for of in series.values()])
    ends = [steps.min(), steps.max()]
    return Panel(
        title, "step", y, {**series, "stability threshold": single_curve(ends, [1.0, 1.0])}
    )
