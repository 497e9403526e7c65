"""Figures of recorded planes: contours on shared levels, and what the quadratic model predicts."""

import math
from collections.abc import Mapping
from typing import Any

from landscape.plots.planes import levels as shared_levels
from landscape.slices.quadratic import Quadratic

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.slices import Slices


def predicted_planes(
    planes: Slices, *, unit: str, label: str, caption: str, alt: str = "", **options: Any
) -> Figure | Missing:
    """Return planes as contours on shared levels, with their quadratic models where there are some.

    The caption goes on with the distances at which model and plane separate, or says that the
    record lacks the models.

    Args:
        planes: The planes; arms are their titles, with the seed where there are several.
        unit: Unit of the positions, such as ``filter norms``.
        label: Such as ``fig-planes``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text; empty names the planes.
        options: Those of ``landscape.plots.planes``.
    """
    if not planes:
        return Missing(label)
    titled = planes.titled
    models = {
        title: planes.models[key]
        for title, key in zip(titled, planes, strict=True)
        if key in planes.models
    }
    options = {"levels": shared_levels(list(titled.values())), "predictions": models, **options}
    return captioned.planes(
        titled,
        label=label,
        caption=f"{caption} {_prediction(models, len(planes), unit)}",
        alt=alt or f"Contour plots side by side: {'; '.join(titled)}.",
        **options,
    )


def _prediction(models: Mapping[str, Quadratic], count: int, unit: str) -> str:
    """Return the part of a caption on the predictions that are drawn, or are not."""
    if not models:
        return "The record lacks the quadratic models, so that no prediction is drawn."
    texts = [
        f"{title} not within {model.reach:.2g}"
        if math.isinf(model.radius)
        else f"{title} between {model.radius:.3g} and {model.disagrees_at:.3g}"
        for title, model in models.items()
    ]
    lacking = count - len(models)
    absent = f"; of {lacking} planes the record lacks it" if lacking else ""
    return (
        "Dashed: the quadratic prediction, inside the circle it holds. It parts from the loss, in "
        f"{unit}: {'; '.join(texts)}{absent}."
    )
