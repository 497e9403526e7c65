"""Cuts: lines and planes through solutions, measured through the store and recorded."""

import math
from collections.abc import Mapping, Sequence

import torch
from landscape import rng
from landscape.directions.normalization import filter_normalize
from landscape.directions.single import eigenvectors, random
from landscape.objective import Objective
from landscape.slices.grid import Lines, Plane, centred_positions
from landscape.slices.line import random_lines
from landscape.slices.plane import plane as measured_plane
from landscape.slices.quadratic import Quadratic, quadratic
from landscape.slices.shape import roughness
from landscape.spectrum.eigenpairs import eigenpairs

from studies.study import Study

# Arm -> measured plane, and arm -> what the Hessian predicts on it.
Found = tuple[dict[str, Plane], dict[str, Quadratic]]


def record_lines(
    study: Study,
    at: Mapping[tuple[str, int], Objective],
    *,
    points: int,
    count: int,
    reach: float = 1.0,
) -> dict[tuple[str, int], Lines]:
    """Measure lines through solutions along random filter-normalised directions.

    Args:
        at: (arm, seed) -> objective, measured at its own theta; the seed is that of the directions.
        points: Positions along each direction.
        count: Number of directions from each solution.
        reach: Largest position, in units of the filter norms.

    Returns:
        (arm, seed) -> its lines; their points are in ``lines.csv``.
    """
    alphas, found = torch.linspace(-reach, reach, points, dtype=torch.float64), {}
    for (arm, seed), L in at.items():
        how = {"alphas": alphas, "seed": seed, "count": count}
        cuts = study.store.remember(random_lines, L, L.theta, **how)
        study.table("lines", _line_rows(cuts, {"arm": arm, "seed": seed}))
        found[arm, seed] = cuts
    return found


def record_rises(
    study: Study, lines: Mapping[tuple[str, int], Lines], positions: Sequence[float]
) -> dict[str, str]:
    """Record how far the loss rises along lines from a solution, at some distances from it.

    ``line_rise_<position>``: the loss on both sides at that distance, mean over directions, less
    the loss at the solution.

    Args:
        study: Where to record.
        lines: (arm, seed) -> lines, as ``lines`` returns them.
        positions: Distances in filter norms; each takes the closest point of the lines.

    Returns:
        Recorded name -> heading.
    """
    names = {}
    for (arm, seed), cut in lines.items():
        centre = cut.loss[:, int(cut.alphas.abs().argmin())].mean()
        for position in positions:
            sides = [int((cut.alphas - end).abs().argmin()) for end in (-position, position)]
            there = float(cut.alphas[sides[1]])
            name = f"line_rise_{there:g}"
            names[name] = f"rise at ±{there:g} (nats)"
            rise = float(cut.loss[:, sides].mean() - centre)
            study.add_measurement(name, rise, cut, unit="nats", arm=arm, seed=seed)
    return names


def record_random_planes(
    study: Study, at: Mapping[str, Objective], *, points: int, seed: int, reach: float = 1.0
) -> Found:
    """Measure a plane through each solution along two random filter-normalised directions.

    Positions are closer near the centre. The two directions are those of ``slices.random_plane``,
    drawn from the seed.

    Args:
        at: Arm -> objective, measured at its own theta.
        points: Positions along each direction.
        reach: Largest position, in units of the filter norms.
        seed: Seed of the solutions and of the directions.

    Returns:
        Arm -> plane and arm -> quadratic model; the points are in ``planes.csv``, the radius up to
        which the model describes the plane is recorded as ``quadratic_radius_random``.
    """
    planes, models = {}, {}
    for arm, L in at.items():
        drawn = (random(L.layout, generator=rng.stream(seed, "plane", axis)) for axis in (1, 2))
        pair = [filter_normalize(d, L.theta, L.layout) for d in drawn]
        labels = {"arm": arm, "seed": seed}
        planes[arm], models[arm] = _plane(study, L, pair, points, reach, "random", labels)
    return planes, models


def record_top_planes(
    study: Study, at: Mapping[str, Objective], *, points: int, reach: float, seed: int
) -> Found:
    """Measure a plane through each solution along its two sharpest eigenvectors.

    Args:
        at: Arm -> objective, measured at its own theta.
        points: Positions along each direction.
        reach: Largest position, in units of the parameters: eigenvectors have norm 1.
        seed: Seed of the solutions.

    Returns:
        As ``random_planes``; recorded as ``quadratic_radius_top``.
    """
    planes, models = {}, {}
    for arm, L in at.items():
        top = study.store.remember(eigenpairs, L.hessian(L.theta), 2, vectors=True)
        pair = eigenvectors(top)
        labels = {"arm": arm, "seed": seed}
        planes[arm], models[arm] = _plane(study, L, pair, points, reach, "top", labels)
    return planes, models


def record_shapes(study: Study, planes: Mapping[str, Plane], *, seed: int) -> None:
    """Record what a plane through each solution looks like, as numbers.

    ``loss_range`` is the largest minus the smallest loss on the plane, infinite where a loss is;
    ``roughness`` as ``slices.roughness`` has it.

    Args:
        study: Where to record.
        planes: Arm -> plane.
        seed: Seed of the solutions.
    """
    for arm, plane in planes.items():
        labels = {"arm": arm, "seed": seed}
        losses = plane.loss
        spread = float(losses.max() - losses.min())
        study.add_measurement("loss_range", spread, plane, unit="nats", **labels)
        found = roughness(plane)
        note = f"{found.skipped} losses are not finite" if found.skipped else ""
        how = {"unit": "share of the variation", "note": note}
        study.add_measurement("roughness", found.value, found, **how, **labels)


def _plane(
    study: Study, L: Objective, pair, points: int, reach: float, name: str, labels: Mapping
) -> tuple[Plane, Quadratic]:
    # Closer near the centre, where the model parts from the loss first.
    grid = centred_positions(points, reach)
    plane = measured_plane(L, L.theta, *pair, alphas=grid, betas=grid, store=study.store)
    model = study.store.remember(quadratic, L, L.theta, plane, *pair)
    study.table("planes", _plane_rows(plane, {**labels, "plane": name}))
    value, note, known = model.radius, f"parted at {model.parts_at:.4g}", model.radius > 0
    if math.isinf(model.radius):
        value, note, known = model.reach, "or more: the grid ends here", False
    elif not known:
        note = f"below {model.parts_at:.4g}, the first points of the grid"
    study.add_measurement(
        f"quadratic_radius_{name}",
        value,
        model,
        unit="filter norms" if name == "random" else "parameters",
        error=math.inf if math.isinf(model.radius) else model.parts_at - model.radius,
        error_kind="to the next points of the grid",
        cost=model.products,
        cost_unit="products",
        converged=known,
        note=note,
        **labels,
    )
    return plane, model


def _line_rows(cuts: Lines, labels: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {
            **labels,
            "direction": index,
            "bn": cuts.bn,
            "alpha": alpha,
            "loss": float(cuts.loss[index, i]),
            "accuracy": float(cuts.accuracy[index, i]),
        }
        for index in range(len(cuts.loss))
        for i, alpha in enumerate(cuts.alphas.tolist())
    ]


def _plane_rows(plane: Plane, labels: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {
            **labels,
            "bn": plane.bn,
            "alpha": alpha,
            "beta": beta,
            "loss": float(plane.loss[i, j]),
            "accuracy": float(plane.accuracy[i, j]),
        }
        for i, alpha in enumerate(plane.alphas.tolist())
        for j, beta in enumerate(plane.betas.tolist())
    ]
