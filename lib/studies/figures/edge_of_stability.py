"""Curvature along training, as shares of the optimizer's stability threshold."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from landscape.plots.panel import Band, Panel

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.figures.bands import scaled_band
from studies.figures.panel_descriptions import divergence_remark
from studies.trajectories import Curvature, CurvatureSnapshot, CurvatureTrajectory


def stability(
    trajectories: Mapping[tuple[str, Any], CurvatureTrajectory],
    *,
    label: str,
    caption: str,
    alt: str = "",
) -> Figure | Missing:
    """Return curvature along training over the optimizer's stability threshold, a line at 1.

    The caption goes on with the arms whose runs diverged.

    Args:
        trajectories: (arm, seed) -> curvature along the run.
        label: Such as ``fig-edge``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
    """
    if not trajectories:
        return Missing(label)
    panels = stability_panels(trajectories)
    ends: dict[str, list[bool]] = {}
    for (arm, _), trajectory in trajectories.items():
        ends.setdefault(arm, []).append(trajectory.diverged_at is not None)
    counts = {arm: (sum(diverged), len(diverged)) for arm, diverged in ends.items()}
    remark = divergence_remark(counts, panels)
    caption = f"{caption} {remark}".strip()
    return captioned.curves(panels, label=label, caption=caption, alt=alt)


def stability_panels(
    trajectories: Mapping[tuple[str, int], CurvatureTrajectory],
) -> list[Panel]:
    """Return the panels of curvature over its threshold along the steps of training.

    The first panel shows λ_max (for adaptive optimizers the largest eigenvalue of P⁻¹H) over the
    curvature at which full-batch descent loses stability. The second, where batch sharpness was
    measured, shows it over 2/η, for the arms trained by SGD. Both have a line at 1. Curves are
    bands over seeds. The mean of an arm ends with a cross where the first of its runs diverged.

    Args:
        trajectories: (arm, seed) -> curvature along the run, as ``study.trajectories``
            returns them.

    Raises:
        ValueError: If there are no trajectories.

    Reference: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the Edge
        of Stability, ICLR.
    """
    if not trajectories:
        raise ValueError(
            "there are no trajectories to draw. Pass one or more, each with its arm and seed."
        )
    full_batch = _series(trajectories, lambda snapshot: snapshot.edge.ratio)
    panels = [_panel("largest eigenvalue", "λ_max / threshold", full_batch)]
    mini_batch = _series(
        trajectories, lambda snapshot: (snapshot.batch_sharpness or Curvature()).ratio
    )
    measured = {name: band for name, band in mini_batch.items() if np.isfinite(band.samples).any()}
    if measured:
        panels.append(_panel("batch sharpness", "over 2/η", measured))
    return panels


def _series(
    trajectories: Mapping[tuple[str, int], CurvatureTrajectory],
    ratio: Callable[[CurvatureSnapshot], float],
) -> dict[str, Band]:
    """Return for each arm the band over seeds of a ratio at each step."""
    series = {}
    for arm in dict.fromkeys(arm for arm, _ in trajectories):
        seeds = [trajectory for (key, _), trajectory in trajectories.items() if key == arm]
        ends = [seed.diverged_at for seed in seeds if seed.diverged_at is not None]
        # A step of divergence has no value, so that the mean of the arm ends there.
        steps = sorted({snapshot.step for seed in seeds for snapshot in seed.snapshots} | {*ends})
        curves = np.full((len(seeds), len(steps)), np.nan)
        for curve, seed in zip(curves, seeds, strict=True):
            for snapshot in seed.snapshots:
                curve[steps.index(snapshot.step)] = ratio(snapshot)
        series[arm] = scaled_band(steps, list(curves), "linear")
    return series


def _panel(title: str, y: str, series: Mapping[str, Band]) -> Panel:
    return Panel(title, "step", y, series, reference=1.0, mark_ends=True)
