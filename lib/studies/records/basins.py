"""Records of basins: how wide and how elongated the sets of low loss on planes and lines are."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import torch
from landscape.measurement import Measurement
from landscape.slices.grid import Line, Lines, Plane
from landscape.slices.shape import Basin, anisotropy, basin_width

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording
from studies.records.shapes import derived_numbers
from studies.slices import RecordedSlice, Slices

_MISSING: dict[str, Any] = {
    "value": math.nan,
    "converged": False,
    "note": "the loss at the centre is not finite",
}


def basins(recording: Recording, planes: Slices, *, level: float) -> Measurements:
    """Record how wide and how elongated the basin of each plane is.

    The basin is the set around the centre where the loss is at most ``level`` above the centre's.
    ``basin_width`` is the diameter of a disc with the basin's area, ``anisotropy`` the ratio of its
    axes: see ``landscape.slices``. The error of the width is half of the distance between its
    bounds. The error of the anisotropy follows if each semi-axis is wrong by half of that: too
    large, unless the short axis is below a step of the grid. Numbers of a basin that reaches the
    border are recorded as not converged. A plane without a finite loss at its centre has neither
    number.

    Args:
        recording: The record of the study.
        planes: Planes along filter-normalised directions, such as ``slices.random_planes`` returns.
        level: Height above the loss of the centre, in nats, > 0.

    Raises:
        ValueError: If the level is not positive, or the centre is not on a plane.
    """
    quantities = ("basin_width", "anisotropy")
    return derived_numbers(recording, "basins", planes, _record_basin, quantities, level=level)


def line_widths(recording: Recording, lines: Slices, *, level: float) -> Measurements:
    """Record how wide the basin along the lines through each solution is, as ``line_width``.

    The number is the mean of ``landscape.slices.basin_width`` over the directions, its error half
    of the distance between the mean bounds. It is not converged where the width of any line is a
    lower bound.

    Args:
        recording: The record of the study.
        lines: Lines along filter-normalised directions, such as ``slices.lines`` returns.
        level: Height above the loss of the centre, in nats, > 0.

    Raises:
        ValueError: If the level is not positive, or the centre is not on the lines.
    """
    quantities = ("line_width",)
    return derived_numbers(
        recording, "line widths", lines, _record_line_width, quantities, level=level
    )


def _record_basin(recorder: Recorder, item: RecordedSlice, *, level: float) -> None:
    plane, width, ratio = item.plane, _MISSING, _MISSING
    if _centre_is_finite(plane.loss, plane.alphas, plane.betas):
        basin = basin_width(plane, level=level)
        width, ratio = _mean_width([basin], plane), _ratio(basin, plane)
    columns: dict[str, Any] = {"source": plane, "level": level, **_cost(plane)}
    recorder.add_measurement("basin_width", unit="filter norms", **width, **columns)
    recorder.add_measurement("anisotropy", unit="long over short axis", **ratio, **columns)


def _record_line_width(recorder: Recorder, item: RecordedSlice, *, level: float) -> None:
    bundle, width = item.lines, _MISSING
    cuts = _single_lines(bundle)
    if all(_centre_is_finite(cut.loss, cut.alphas) for cut in cuts):
        width = _mean_width([basin_width(cut, level=level) for cut in cuts], bundle)
    columns: dict[str, Any] = {"source": bundle, "level": level, **_cost(bundle)}
    recorder.add_measurement("line_width", unit="filter norms", **width, **columns)


def _cost(slice_: Plane | Lines) -> dict[str, Any]:
    return {"cost": slice_.loss.numel(), "cost_unit": "passes"}


def _centre_is_finite(loss: torch.Tensor, *axes: torch.Tensor) -> bool:
    """Whether the losses at 0, or at the grid points on both sides of 0, are finite."""
    for dim, axis in enumerate(axes):
        below = torch.where(axis <= 0, axis, -math.inf).argmax()
        above = torch.where(axis >= 0, axis, math.inf).argmin()
        loss = loss.index_select(dim, torch.stack([below, above]))
    return bool(loss.isfinite().all())


def _mean_width(basins: Sequence[Basin], slice_: Plane | Lines) -> dict[str, Any]:
    """Return the columns that record the mean width of basins."""
    width, low, high = (
        math.fsum(getattr(basin, name) for basin in basins) / len(basins)
        for name in ("width", "low", "high")
    )
    censored = sum(basin.censored for basin in basins)
    where = f"on {censored} of {len(basins)} lines " if len(basins) > 1 else ""
    return {
        "value": width,
        "error": (high - low) / 2,
        "error_kind": "grid",
        "converged": not censored,
        "note": f"or more: {where}{_border(slice_)}" if censored else "",
    }


def _ratio(basin: Basin, plane: Plane) -> dict[str, Any]:
    """Return the columns that record the anisotropy of a plane's basin."""
    ellipse = anisotropy(plane, level=basin.level)
    # The bounds are diameters: the width is wrong by half their distance, a semi-axis by a quarter.
    axis_error = (basin.high - basin.low) / 4
    return {
        "value": ellipse.value,
        "error": ellipse.value * float((axis_error / ellipse.axes).sum()),
        "error_kind": "grid",
        "converged": not ellipse.censored,
        "note": f"also the grid's: {_border(plane)}" if ellipse.censored else "",
    }


def _border(slice_: Plane | Lines) -> str:
    lost = "" if bool(slice_.loss.isfinite().all()) else " or a loss that is not finite"
    return f"the set reaches the border{lost}"


def _single_lines(lines: Lines) -> list[Line]:
    carried = {field.name: getattr(lines, field.name) for field in dataclasses.fields(Measurement)}
    rows = zip(lines.loss, lines.accuracy, strict=True)
    return [Line(lines.alphas, loss, accuracy, **carried) for loss, accuracy in rows]
