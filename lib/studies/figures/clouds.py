"""Ready scatter plots: one point a network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from landscape.plots.scatter import Cloud

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.measurements import Measurements
from studies.predictors import points
from studies.quantities import short_headings


def scatter(
    clouds: Sequence[Cloud], *, label: str, caption: str, alt: str, **options: Any
) -> Figure | Missing:
    """Return a figure of one point a network.

    Args:
        clouds: The panels, in reading order, of at most 20 arms together; those without points, of
            numbers that the record lacks, are left out.
        label: Such as ``fig-prediction``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
        options: ``columns`` of ``landscape.plots.scatter``.
    """
    known = [cloud for cloud in clouds if cloud.points]
    if not known:
        return Missing(label)
    return captioned.scatter(known, label=label, caption=caption, alt=alt, **options)


def against_target(
    numbers: Measurements,
    quantities: Iterable[str] | Mapping[str, str],
    target: str,
    arms: Sequence[str] | None = None,
    *,
    y: str,
    label: str,
    caption: str,
    alt: str,
) -> Figure | Missing:
    """Return a target, on a logarithmic axis, over each of some quantities: one point a network.

    Args:
        numbers: Where all were recorded, in the same order of seeds.
        quantities: Names of quantities; or name -> heading.
        target: Recorded name of the target, positive.
        arms: The arms, at most 20 together; None for all.
        y: The target in words, with its unit.
        label: Such as ``fig-prediction``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    chosen = arms or numbers.arms
    clouds = [
        Cloud(title, numbers.unit(name), y, points(numbers, name, target, chosen), scale="log")
        for name, title in short_headings(quantities).items()
    ]
    return scatter(clouds, label=label, caption=caption, alt=alt)
