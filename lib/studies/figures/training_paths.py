"""Figures of training paths: the path on its loss surface, and the loss around it on the way."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.plots.plane_table import plane_table
from landscape.plots.planes import levels, planes
from landscape.plots.surfaces import surface_data
from landscape.slices.grid import Plane, shared_levels

from studies.collection import Results
from studies.display import Missing, Surface
from studies.formatting import number_text
from studies.training_paths import TrainingPath

_LOSS = "loss (nats)"
_PRINTED = 5  # Moments of training whose surroundings stand side by side on paper.

Shown = Surface | Missing


def training_path(paths: Results[TrainingPath], *, label: str, caption: str, alt: str) -> Shown:
    """Return the paths of training on the planes of their principal directions.

    On paper they are contours on shared levels; the page turns surfaces and moves along the paths.

    Args:
        paths: (arm, seed) -> path.
        label: Such as ``fig-path``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    if not paths:
        return Missing(label)
    titled = _titled(paths)
    named = {title: path.plane for title, path in titled.items()}
    axes: dict[str, Any] = {
        "xlabel": "first principal direction (parameter units)",
        "ylabel": "second (parameter units)",
    }
    picture = planes(
        named,
        **axes,
        value_label=_LOSS,
        # A constant factor apart also where losses span less than 10: the path ends in the valley.
        levels=shared_levels(list(named.values())),
        paths={title: {"training": path.coordinates.tolist()} for title, path in titled.items()},
        marks={title: {"end": (0.0, 0.0)} for title in titled},
    )
    data = surface_data(named, xlabel="PC 1", ylabel="PC 2", value_label=_LOSS)
    for panel, path in zip(data["panels"], titled.values(), strict=True):
        points = np.column_stack([path.coordinates, path.projected_loss]).tolist()
        panel["path"] = [[_short(value) for value in point] for point in points]
        panel["facts"] = [_texts(path.loss), _texts(path.projected_loss), _texts(path.distance)]
    data["slider"] = {
        "name": "Moment of training",
        "stops": [_moment(epoch) for epoch in _first(titled).epochs],
        "facts": [
            "loss (nats)",
            "loss on the plane (nats)",
            "distance from the plane (parameter units)",
        ],
    }
    return Surface(picture, data, label=label, caption=caption, alt=alt)


def surroundings(paths: Results[TrainingPath], *, label: str, caption: str, alt: str) -> Shown:
    """Return the loss around the network at several moments of training, on shared levels.

    On paper small contour pictures stand side by side; the page has surfaces and a slider.

    Args:
        paths: (arm, seed) -> path.
        label: Such as ``fig-surroundings``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    titled = {title: path for title, path in _titled(paths).items() if path.surroundings}
    if not titled:
        return Missing(label)
    steps = [step for step in _first(titled).surroundings if _everywhere(step, titled)]
    everything = {
        f"{title}, {step}": path.surroundings[step]
        for title, path in titled.items()
        for step in steps
    }
    chosen = [
        steps[i] for i in sorted({round(i) for i in np.linspace(0, len(steps) - 1, _PRINTED)})
    ]
    rows = {
        title: {_moment(path.epoch(step)): path.surroundings[step] for step in chosen}
        for title, path in titled.items()
    }
    picture = plane_table(
        rows,
        levels=levels(list(everything.values())),
        xlabel="α (relative to filter norms)",
        value_label=_LOSS,
    )
    return Surface(
        picture, _around(titled, steps, everything), label=label, caption=caption, alt=alt
    )


def moments(paths: Results[TrainingPath], *, label: str, caption: str, alt: str) -> Shown:
    """Return path, surroundings and spectrum at several moments of training, under one slider.

    On paper small contour pictures of the surroundings stand side by side.

    Args:
        paths: (arm, seed) -> path, with surroundings and largest eigenvalues.
        label: Such as ``fig-moments``.
        caption: What to see, in markdown with $maths$.
        alt: What the picture shows, in plain text.
    """
    still = surroundings(paths, label=label, caption=caption, alt=alt)
    if isinstance(still, Missing):
        return still
    titled = {title: path for title, path in _titled(paths).items() if path.surroundings}
    steps = [step for step in _first(titled).surroundings if _everywhere(step, titled)]
    planes_of_paths = {f"{title}, path": path.plane for title, path in titled.items()}
    around = still.data["panels"]
    axes: dict[str, Any] = {
        "xlabel": "axis 1",
        "ylabel": "axis 2",
        "value_label": _LOSS,
    }
    data = surface_data(planes_of_paths, **axes)
    panels = []
    for panel, near, path in zip(data["panels"], around, titled.values(), strict=True):
        places = [path.steps.index(step) for step in steps]
        points = np.column_stack([path.coordinates, path.projected_loss])[places].tolist()
        panel["path"] = [[_short(value) for value in point] for point in points]
        facts = [_texts(path.loss[places]), _texts(path.distance[places])]
        blank = [""] * len(steps)
        panel["facts"] = [*facts, blank]
        spectra = [blank, blank, [_spectrum_text(path, step) for step in steps]]
        panels += [panel, {**near, "title": f"{near['title']}, around", "facts": spectra}]
    slider = {
        "name": "Moment of training",
        "stops": still.data["slider"]["stops"],
        "facts": [_LOSS, "distance from the plane", "largest eigenvalues (nats per parameter²)"],
    }
    data = {**still.data, **data, "panels": panels, "slider": slider}
    return Surface(still.figure, data, label=label, caption=caption, alt=alt)


def _spectrum_text(path: TrainingPath, step: int) -> str:
    known = path.spectra.get(step) or [path.lambda_max.get(step, float("nan"))]
    return ", ".join(_texts(known))


def _around(
    titled: Mapping[str, TrainingPath], steps: Sequence[int], everything: Mapping[str, Plane]
) -> dict[str, Any]:
    """Return the data of surfaces that a slider changes: a panel an arm, a plane a step."""
    data = surface_data(everything, value_label=_LOSS)
    panels = iter(data["panels"])
    merged = []
    for title, path in titled.items():
        parts = [next(panels) for _ in steps]
        curvature = [path.lambda_max.get(step, float("nan")) for step in steps]
        losses = [float(path.loss[path.steps.index(step)]) for step in steps]
        frames = [part["values"] for part in parts]
        facts = [_texts(losses), _texts(curvature)]
        merged.append({**parts[-1], "title": title, "frames": frames, "facts": facts})
    first = _first(titled)
    slider = {
        "name": "Moment of training",
        "stops": [_moment(first.epoch(step)) for step in steps],
        "facts": ["loss (nats)", "λ_max (nats per parameter²)"],
    }
    return {**data, "panels": merged, "slider": slider}


def _titled(paths: Results[TrainingPath]) -> dict[str, TrainingPath]:
    """Return title -> path: the arm, with its seed where there are several seeds."""
    several = len(paths.seeds) > 1
    if len({tuple(path.steps) for path in paths.values()}) > 1:
        raise ValueError(
            "these paths have snapshots at different steps, and one slider moves along all. Draw "
            "runs of the same length in one figure."
        )
    return {
        f"{arm}, seed {seed}" if several else str(arm): path for (arm, seed), path in paths.items()
    }


def _first(titled: Mapping[str, TrainingPath]) -> TrainingPath:
    return next(iter(titled.values()))


def _everywhere(step: int, titled: Mapping[str, TrainingPath]) -> bool:
    return all(step in path.surroundings for path in titled.values())


def _moment(epoch: float) -> str:
    return f"epoch {round(epoch, 1):g}"


def _texts(values: Iterable[Any]) -> list[str]:
    return [number_text(float(value)) for value in values]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
