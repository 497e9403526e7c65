"""Records of numbers that recorded lines and planes decide: radius, range, roughness, rise."""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from landscape.slices.shape import roughness

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers
from studies.slices import RecordedSlice, Slices


def quadratic_radii(recording: Recording, planes: Slices) -> Measurements:
    """Record up to which distance from its centre the quadratic model describes each plane.

    ``quadratic_radius`` is in filter norms on random planes, in parameters on those along
    eigenvectors; see ``landscape.slices.quadratic``. Its error reaches to the next points of the
    grid. Where the model holds on all points, or on none, the radius is not known.

    Args:
        recording: The record of the study.
        planes: The planes; a recorded radius does not need their models.
    """
    return derived_numbers(
        recording,
        "quadratic radii",
        planes,
        _record_radius,
        ("quadratic_radius",),
        needs_model=True,
    )


def shapes(recording: Recording, planes: Slices) -> Measurements:
    """Record two numbers on the shape of each plane.

    ``loss_range`` is the largest minus the smallest loss on the plane, in nats; infinite where a
    loss is infinite. ``roughness`` is defined in ``landscape.slices.roughness``.

    Args:
        recording: The record of the study.
        planes: The planes.
    """
    return derived_numbers(recording, "shapes", planes, _record_shape, ("loss_range", "roughness"))


def rises(recording: Recording, lines: Slices, distances: Sequence[float]) -> Measurements:
    """Record how far the loss rises along lines from a solution, at some distances from it.

    ``line_rise`` is the mean loss on both sides at a distance, over all directions, minus the loss
    at the solution, in nats; column ``distance`` in filter norms.

    Args:
        recording: The record of the study.
        lines: The lines.
        distances: Distances in filter norms, > 0; each takes the closest point of the lines.
    """
    numbers = (
        derived_numbers(
            recording,
            "rises",
            lines,
            _record_rise,
            ("line_rise",),
            distance=_closest(lines, distance),
        )
        for distance in distances
    )
    return functools.reduce(operator.or_, numbers, Measurements([]))


def derived_numbers(
    recording: Recording,
    kind: str,
    cuts: Slices,
    record: Callable[..., None],
    quantities: Sequence[str],
    *,
    needs_model: bool = False,
    **options: Any,
) -> Measurements:
    """Record numbers that recorded lines or planes decide, so that any profile may compute them.

    Args:
        recording: The record of the study.
        kind: Kind of the entries.
        cuts: The lines or planes.
        record: Takes the recorder, what the record holds of a slice, and the options.
        quantities: What it records; NaN where there is no network.
        needs_model: Whether it needs the quadratic model of a plane.
        options: Options of ``record``, as plain values; columns where there is no network.
    """
    requests = [
        Request(
            identity={"of": item.identity, "content": item.content, **options},
            labels=item.labels,
            compute=_Derived(item, record, quantities, options),
            derived=not needs_model or item.model is not None or item.cut is None,
        )
        for item in cuts.recorded.values()
    ]
    parts = recording.step(kind, requests)
    numbers = labelled_numbers(requests, parts, ", ".join(quantities))
    return Measurements([], missing=cuts.missing) | numbers


@dataclasses.dataclass(frozen=True, eq=False)
class _Derived:
    """Records numbers of one slice, or that there is no network."""

    item: RecordedSlice
    record: Callable[..., None]
    quantities: Sequence[str]
    options: dict[str, Any]

    def __call__(self, recorder: Recorder) -> None:
        if self.item.cut is None:
            # Policy and options choose rows: a network that is not there must not drop out.
            columns = {"note": self.item.note, "bn": self.item.bn, **self.options}
            for name in self.quantities:
                recorder.add(name, math.nan, converged=False, **columns)
        else:
            self.record(recorder, self.item, **self.options)


def _record_radius(recorder: Recorder, item: RecordedSlice) -> None:
    model: Any = item.model  # Not None: it was asked for.
    value, note, known = model.radius, f"parted at {model.disagrees_at:.4g}", model.radius > 0
    if math.isinf(model.radius):
        value, note, known = model.reach, "or more: the grid ends here", False
    elif not known:
        note = f"below {model.disagrees_at:.4g}, the first points of the grid"
    recorder.add_measurement(
        "quadratic_radius",
        value,
        model,
        unit="filter norms" if item.labels["directions"] == "random" else "parameters",
        error=math.inf if math.isinf(model.radius) else model.disagrees_at - model.radius,
        error_kind="to the next points of the grid",
        cost=model.products,
        cost_unit="products",
        converged=known,
        note=note,
    )


def _record_shape(recorder: Recorder, item: RecordedSlice) -> None:
    plane = item.plane
    loss_range = float(plane.loss.max() - plane.loss.min())
    recorder.add_measurement("loss_range", loss_range, plane, unit="nats")
    rough = roughness(plane)
    note = f"{rough.skipped} losses are not finite" if rough.skipped else ""
    recorder.add_measurement(
        "roughness", rough.value, rough, unit="share of the variation", note=note
    )


def _record_rise(recorder: Recorder, item: RecordedSlice, *, distance: float) -> None:
    alphas, loss = item.lines.alphas, item.lines.loss
    centre = loss[:, int(alphas.abs().argmin())].mean()
    sides = [int((alphas - end).abs().argmin()) for end in (-distance, distance)]
    rise = float(loss[:, sides].mean() - centre)
    recorder.add_measurement("line_rise", rise, item.cut, unit="nats", distance=distance)


def _closest(lines: Slices, distance: float) -> float:
    """Return the position of the lines that is closest to a distance."""
    alphas = next((cut.alphas for cut in lines.values()), torch.tensor([distance]))
    return float(alphas[int((alphas - distance).abs().argmin())])
