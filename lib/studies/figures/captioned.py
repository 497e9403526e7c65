"""The library's figures with label, caption and alternative text, as the report shows them.

Each function draws as the function of its name in ``landscape.plots`` and takes that function's
options. Losses of the report are cross-entropies, whose unit is the nat.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.plots.curves import IntervalLike, faceted
from landscape.plots.curves import curves as draw_curves
from landscape.plots.curves import pairs as draw_pairs
from landscape.plots.panel import Panel
from landscape.plots.planes import VALUE_LABELS
from landscape.plots.planes import planes as draw_planes
from landscape.plots.scatter import Cloud
from landscape.plots.scatter import scatter as draw_scatter
from landscape.plots.spectra import spectra as draw_spectra
from landscape.plots.surfaces import surface as draw_surface
from landscape.plots.surfaces import surface_data
from landscape.slices.grid import Plane

from studies.display import Figure, Surface
from studies.figures.panel_descriptions import panels_text

_VALUE_LABELS = VALUE_LABELS | {"loss": "loss (nats)"}


def curves(
    panels: Sequence[Panel], *, label: str, caption: str, alt: str = "", **options: Any
) -> Figure:
    """Return a figure of curves over seeds.

    Args:
        panels: The panels, in reading order.
        label: Such as ``fig-training``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names panels and curves.
        options: ``columns`` of ``landscape.plots.curves``.
    """
    drawn = draw_curves(panels, **options)
    words = {"label": label, "caption": caption, "alt": alt or panels_text(panels)}
    return Figure(drawn, **words, panels=faceted(panels))


def pairs(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    intervals: Mapping[str, Mapping[str, IntervalLike]],
    *,
    label: str,
    caption: str,
    alt: str,
    **options: Any,
) -> Figure:
    """Return a figure of one point a seed in each arm.

    Args:
        panels: Quantity -> arm -> values, in the same order of seeds in all arms.
        intervals: Quantity -> arm -> interval over seeds.
        label: Such as ``fig-curvature``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: ``units`` and ``columns`` of ``landscape.plots.pairs``.
    """
    drawn = draw_pairs(panels, intervals, **options)
    return Figure(drawn, label=label, caption=caption, alt=alt)


def spectra(panels: Sequence[Panel], *, label: str, caption: str, alt: str) -> Figure:
    """Return a figure of spectral densities one below the other.

    Args:
        panels: What ``builders.spectrum_panels`` returns.
        label: Such as ``fig-density``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    return Figure(draw_spectra(panels), label=label, caption=caption, alt=alt, panels=panels)


def planes(
    named: Mapping[str, Plane], *, label: str, caption: str, alt: str, **options: Any
) -> Figure:
    """Return a figure of planes as contours, with losses in nats.

    Args:
        named: Title -> plane.
        label: Such as ``fig-plane``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: ``levels`` and the other options of ``landscape.plots.planes``.
    """
    drawn = draw_planes(named, **_with_unit(options))
    return Figure(drawn, label=label, caption=caption, alt=alt)


def scatter(
    clouds: Sequence[Cloud], *, label: str, caption: str, alt: str, **options: Any
) -> Figure:
    """Return a figure of one point a network.

    Args:
        clouds: The panels, in reading order, of at most 20 arms together.
        label: Such as ``fig-prediction``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: ``columns`` of ``landscape.plots.scatter``.
    """
    return Figure(draw_scatter(clouds, **options), label=label, caption=caption, alt=alt)


def surface(
    named: Mapping[str, Plane], *, label: str, caption: str, alt: str, **options: Any
) -> Surface:
    """Return a figure of planes as surfaces, with losses in nats, which the HTML report turns.

    Args:
        named: Title -> plane.
        label: Such as ``fig-surface``.
        caption: What to see; also the meaning and unit of α and β.
        alt: What the picture shows, in plain text.
        options: Those of ``landscape.plots.surface``.
    """
    options = _with_unit(options)
    data = surface_data(named, **options)
    return Surface(draw_surface(named, **options), data, label=label, caption=caption, alt=alt)


def _with_unit(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"value_label": _VALUE_LABELS.get(options.get("quantity", "loss")), **options}
