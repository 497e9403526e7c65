"""Figures of single networks, whose loss may have any unit."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from landscape.connectivity.path import Path
from landscape.plots.panel import Panel
from landscape.plots.planes import levels
from landscape.spectrum.survey import FullSpectrum

from studies.display import Figure, NotMeasured, Sentence
from studies.figures import builders, captioned
from studies.figures.panel_descriptions import panels_text
from studies.formatting import path_text
from studies.intervals import single_curve
from studies.slices import Slices

Shown = Figure | Sentence


def single_lines(lines: Slices | None, *, unit: str, label: str, caption: str) -> Shown:
    """Return the loss along lines through networks: median and middle 80% over the directions.

    Args:
        lines: The lines; None or empty where they were not measured.
        unit: Unit of the loss.
        label: Such as ``fig-lines``.
        caption: What to see.
    """
    if not lines:
        return NotMeasured()
    panels = builders.line_spread_panels({str(arm): lines[arm, seed] for arm, seed in lines})
    return _curves(_in_unit(panels, unit), label, caption)


def single_planes(
    planes: Slices | None, *, unit: str, label: str, caption: str
) -> tuple[Shown, Shown]:
    """Return planes through networks as surfaces, and as contours with their quadratic models.

    Args:
        planes: The planes; None or empty where they were not measured.
        unit: Unit of the loss.
        label: Such as ``fig-plane``; the surface has ``-surface`` behind it.
        caption: What to see.
    """
    surface_label = f"{label}-surface"
    if not planes:
        return NotMeasured(), NotMeasured()
    named = {str(arm): planes[arm, seed] for arm, seed in planes}
    models = {str(arm): model for (arm, _), model in planes.models.items()}
    options: dict[str, Any] = {"value_label": f"loss ({unit})"}
    surface = captioned.surface(
        named,
        label=surface_label,
        caption=f"{caption} α and β are relative to filter norms.",
        alt="The loss as a surface above a plane through each network.",
        **options,
    )
    contours = captioned.planes(
        named,
        label=label,
        caption="The same as contours; dashed lines are contours of the quadratic model, which "
        "holds inside the circle.",
        alt="Contours of the loss on a plane through each network.",
        levels=levels(list(named.values())),
        predictions=models,
        **options,
    )
    return surface, contours


def single_spectra(
    spectra: Mapping[str, Sequence[FullSpectrum]], *, unit: str, label: str, caption: str
) -> Shown:
    """Return the spectral density of each network, one below the other.

    Args:
        spectra: Arm -> its spectra.
        unit: Unit of the loss.
        label: Such as ``fig-density``.
        caption: What to see.
    """
    if not any(spectra.values()):
        return NotMeasured()
    panels = builders.spectrum_panels({arm: kept for arm, kept in spectra.items() if kept})
    alt = "The share of the eigenvalues at each λ, with ticks at the outermost eigenvalues."
    return captioned.spectra(_in_unit(panels, unit), label=label, caption=caption, alt=alt)


def single_paths(paths: Mapping[str, Path], *, unit: str, label: str, caption: str) -> Shown:
    """Return the loss, and the accuracy where there is one, along paths between two networks.

    Args:
        paths: Kind of path -> path.
        unit: Unit of the loss.
        label: Such as ``fig-paths``.
        caption: What to see.
    """
    if not paths:
        return NotMeasured()
    panels = [
        Panel(
            quantity,
            "position t on the path",
            y,
            {
                path_text(kind): single_curve(path.ts.numpy(), getattr(path, quantity).numpy())
                for kind, path in paths.items()
            },
            limits=limits,
        )
        for quantity, y, limits in (
            ("loss", f"loss ({unit})", None),
            ("accuracy", "share correct", (0.0, 1.0)),
        )
    ]
    return _curves(_in_unit(panels, unit), label, caption)


def _curves(panels: list[Panel], label: str, caption: str) -> Figure:
    return captioned.curves(panels, label=label, caption=caption, alt=panels_text(panels))


def _in_unit(panels: Sequence[Panel], unit: str) -> list[Panel]:
    """Return the panels with the unit of the loss, without those that show no number."""
    return [
        dataclasses.replace(
            panel,
            title=panel.title.removeprefix("training "),
            x=panel.x.replace("nats", unit),
            y=panel.y.replace("nats", unit),
        )
        for panel in panels
        if any(np.isfinite(band.mean).any() for band in panel.series.values())
    ]
