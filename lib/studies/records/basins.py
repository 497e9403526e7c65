"""Basins: how wide and how elongated the sets of low loss are, on planes and lines, recorded."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from landscape.measurement import Measurement
from landscape.slices.grid import Line, Lines, Plane
from landscape.slices.shape import Basin, anisotropy, basin_width

from studies.study import Study

_MISSING = {
    "value": math.nan,
    "converged": False,
    "note": "the loss at the centre is not finite",
}


def record_basins(study: Study, planes: Mapping[str, Plane], *, level: float, seed: int) -> None:
    """Record how wide and how elongated the basin of each plane is.

    ``basin_width`` is the diameter of a disc with the area of the set around the centre where the
    loss is at most ``level`` above the centre's, ``anisotropy`` the ratio of its axes: see
    ``slices.basin_width`` and ``slices.anisotropy``. The width's error is half of what lies between
    its bounds, and that of anisotropy is what follows if each semi-axis is off by half as much:
    generous, unless the short axis is below a step of the grid. Numbers of a set that reaches the
    border are recorded as not converged. A plane whose centre has no finite loss has neither.

    Args:
        study: Where to record.
        planes: Arm -> plane along filter-normalised directions, such as ``cuts.random_planes``
            returns.
        level: Height above the loss of the centre, in nats, > 0.
        seed: Seed of the solutions.

    Raises:
        ValueError: If the level is not positive, or the centre is not on a plane.
    """
    for arm, plane in planes.items():
        width = ratio = _MISSING
        if _known(plane.loss, plane.alphas, plane.betas):
            basin = basin_width(plane, level=level)
            width, ratio = _width([basin], plane), _ratio(basin, plane)
        labels = {"source": plane, "arm": arm, "seed": seed, **_cost(plane)}
        study.add_measurement("basin_width", unit="filter norms", **width, **labels)
        study.add_measurement("anisotropy", unit="long over short axis", **ratio, **labels)


def record_line_widths(
    study: Study, cuts: Mapping[tuple[str, int], Lines], *, level: float
) -> None:
    """Record how wide the basin along the lines through each solution is, as ``line_width``.

    The mean over the directions of ``slices.basin_width``, with the mean of its bounds; not
    converged where it is a lower bound on some line.

    Args:
        study: Where to record.
        cuts: (arm, seed) -> lines along filter-normalised directions, such as ``cuts.lines``
            returns.
        level: Height above the loss of the centre, in nats, > 0.

    Raises:
        ValueError: If the level is not positive, or the centre is not on the lines.
    """
    for (arm, seed), cut in cuts.items():
        width, each = _MISSING, _each(cut)
        if all(_known(line.loss, line.alphas) for line in each):
            width = _width([basin_width(line, level=level) for line in each], cut)
        labels = {"source": cut, "arm": arm, "seed": seed, **_cost(cut)}
        study.add_measurement("line_width", unit="filter norms", **width, **labels)


def _cost(cut: Plane | Lines) -> dict[str, Any]:
    return {"cost": cut.loss.numel(), "cost_unit": "passes"}


def _known(loss: torch.Tensor, *axes: torch.Tensor) -> bool:
    """Whether the losses on both sides of 0, or there, are finite."""
    for dim, axis in enumerate(axes):
        below = torch.where(axis <= 0, axis, -math.inf).argmax()
        above = torch.where(axis >= 0, axis, math.inf).argmin()
        loss = loss.index_select(dim, torch.stack([below, above]))
    return bool(loss.isfinite().all())


def _width(found: Sequence[Basin], cut: Plane | Lines) -> dict[str, Any]:
    """Return what is recorded of the mean width of basins."""
    width, low, high = (
        math.fsum(getattr(basin, name) for basin in found) / len(found)
        for name in ("width", "low", "high")
    )
    ends = sum(basin.censored for basin in found)
    where = f"on {ends} of {len(found)} lines " if len(found) > 1 else ""
    return {
        "value": width,
        "error": (high - low) / 2,
        "error_kind": "grid",
        "converged": not ends,
        "note": f"or more: {where}{_border(cut)}" if ends else "",
    }


def _ratio(basin: Basin, plane: Plane) -> dict[str, Any]:
    """Return what is recorded of the anisotropy of a plane's basin."""
    found = anisotropy(plane, level=basin.level)
    off = (basin.high - basin.low) / 4
    return {
        "value": found.value,
        "error": found.value * float((off / found.axes).sum()),
        "error_kind": "grid",
        "converged": not found.censored,
        "note": f"also the grid's: {_border(plane)}" if found.censored else "",
    }


def _border(cut: Plane | Lines) -> str:
    lost = "" if bool(cut.loss.isfinite().all()) else " or a loss that is not finite"
    return f"the set reaches the border{lost}"


def _each(cut: Lines) -> list[Line]:
    carried = {field.name: getattr(cut, field.name) for field in dataclasses.fields(Measurement)}
    rows = zip(cut.loss, cut.accuracy, strict=True)
    return [Line(cut.alphas, loss, accuracy, **carried) for loss, accuracy in rows]
