"""Ready scatter plots: one point a network."""

from collections.abc import Sequence
from typing import Any

from landscape.plots.scatter import Cloud

from studies.display import Figure, Missing
from studies.figures import captioned


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
