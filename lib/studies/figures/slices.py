"""Figures of recorded planes: contours on shared levels, and what the quadratic model predicts."""

import math
from collections.abc import Mapping
from typing import Any

from landscape.plots.overlays import circle_is_small
from landscape.plots.planes import levels as shared_levels
from landscape.slices.quadratic import Quadratic

from studies.display import Figure, Missing
from studies.figures import captioned
from studies.formatting import list_text
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
        alt=alt or f"Contours show the loss on planes through {list_text(list(titled))}.",
        **options,
    )


def _prediction(models: Mapping[str, Quadratic], count: int, unit: str) -> str:
    """Return the part of a caption on the predictions that are drawn, or are not."""
    if not models:
        return "The record lacks the quadratic models, so no prediction is drawn."
    ranges: dict[str, list[str]] = {}
    for title, model in models.items():
        if math.isinf(model.radius):
            text = f"at no distance up to {model.reach:.2g}"
        else:
            text = f"between {model.radius:.2g} and {model.disagrees_at:.2g}"
        ranges.setdefault(text, []).append(title)
    texts = [f"{text} {unit} ({list_text(titles)})" for text, titles in ranges.items()]
    sentences = [
        "Dashed lines are contours of the quadratic model, which holds inside the circle.",
        f"It departs from the loss {'; '.join(texts)}.",
    ]
    if any(circle_is_small(model) for model in models.values()):
        sentences.append("A circle too small to be seen is left out.")
    if lacking := count - len(models):
        sentences.append(f"The record lacks the model of {lacking} of {count} planes.")
    return " ".join(sentences)
