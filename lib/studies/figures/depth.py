"""Gradient norms layer by layer: the ready figure, and its panels."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.plots.panel import Band, Panel

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.figures.bands import scaled_band
from studies.formatting import list_text
from studies.intervals import single_curve

# (arm, seed) -> norms of the gradients of the layers' weights or outputs, from the input on.
Norms = Mapping[tuple[str, int], Sequence[float]]


def gradients(
    norms: Mapping[str, Norms], *, label: str, caption: str, alt: str = "", **options: Any
) -> Figure | Missing:
    """Return gradient norms layer by layer, a panel a title: see ``gradient_panels``.

    The caption goes on with the arms whose norms cannot all be drawn.
    """
    known = {title: kept for title, kept in norms.items() if kept}
    if not known:
        return Missing(label)
    panels = gradient_panels(known, **options)
    caption = f"{caption} {remarks(known)}".strip()
    return captioned.curves(panels, label=label, caption=caption, alt=alt)


def gradient_panels(
    norms_by_title: Mapping[str, Norms], *, variable: str = "W", reference: float | None = None
) -> list[Panel]:
    """Return a panel of the layers' gradient norms for each title, as bands over seeds.

    Norms of layers span decades, so the axis is logarithmic, and mean and interval are taken of the
    logarithms. Where a seed's norm is not finite its arm has no mean, and a norm of 0 cannot be
    drawn on this axis either; ``remarks`` says both.

    Args:
        norms_by_title: Title, such as ``at initialisation`` -> (arm, seed) -> norms (layers,) of
            the gradients of the layers' weights, outputs or other tensors, in order from the input.
        variable: What the gradients are taken by: W for weights, z for outputs.
        reference: Factor by which a gradient is said to shrink from layer to layer towards the
            input, such as 0.9: adds that curve, through the first arm's mean at the last layer.
            None adds none.

    Raises:
        ValueError: If a title has no norms, an arm's seeds have different numbers of layers, or the
            reference is not positive and finite.
    """
    if empty := [title for title, norms in norms_by_title.items() if not norms]:
        raise ValueError(
            f"there are no norms under {empty[0]!r}. Pass norms of at least one arm and seed."
        )
    if reference is not None and not 0 < reference < math.inf:
        raise ValueError(
            f"reference={reference} is no factor from layer to layer. Pass a positive number, such "
            "as 0.9, or None."
        )
    arms = dict.fromkeys(arm for norms in norms_by_title.values() for arm, _ in norms)
    panels = []
    for title, norms in norms_by_title.items():
        series = {}
        for arm in arms:
            if rows := [row for _, row in _seed_norms(arm, [norms])]:
                layers = np.arange(1, len(rows[0]) + 1)
                series[arm] = scaled_band(layers, rows, "log")
        if reference is not None:
            series[f"factor {reference:g} a layer"] = _decay(series, reference)
        unit = f"‖∂L/∂{variable}‖₂"
        panels.append(Panel(title, "layer, from the input", unit, series, "log", integers=True))
    return panels


def remarks(norms_by_title: Mapping[str, Norms]) -> str:
    """Return the sentences on the arms whose norms cannot all be drawn; empty if all can be.

    Args:
        norms_by_title: As for ``gradient_panels``.
    """
    arms = dict.fromkeys(arm for norms in norms_by_title.values() for arm, _ in norms)
    rows = {arm: _seed_norms(arm, norms_by_title.values()) for arm in arms}
    seeds = {arm: {seed for seed, _ in rows[arm]} for arm in arms}
    diverged = {
        arm: {seed for seed, row in rows[arm] if not np.isfinite(row).all()} for arm in arms
    }
    zeros = [arm for arm in arms if any((row == 0).any() for _, row in rows[arm])]
    texts = [
        f"{arm} ({len(diverged[arm])} of {len(seeds[arm])} runs)" for arm in arms if diverged[arm]
    ]
    said = [f"Means are missing where runs diverged: {list_text(texts)}."] if texts else []
    if zeros:
        said.append(f"Gradients that are exactly 0 are not drawn: {list_text(zeros)}.")
    return " ".join(said)


def _seed_norms(arm: str, norms_of_panels: Iterable[Norms]) -> list[tuple[int, np.ndarray]]:
    """Return the seeds of an arm, each with its norms, panel by panel."""
    return [
        (seed, np.asarray(row, dtype=np.float64))
        for norms in norms_of_panels
        for (norms_arm, seed), row in norms.items()
        if norms_arm == arm
    ]


def _decay(series: Mapping[str, Band], reference: float) -> Band:
    first = next(iter(series.values()))
    return single_curve(first.x, first.mean[-1] * reference ** (first.x[-1] - first.x))
