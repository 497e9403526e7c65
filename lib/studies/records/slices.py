"""Records of slices: lines and planes through solutions, and numbers that describe them."""

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

# Arm -> measured plane, and arm -> the quadratic model that the Hessian predicts on it.
PlanesAndModels = tuple[dict[str, Plane], dict[str, Quadratic]]


def record_lines(
    study: Study,
    objectives: Mapping[tuple[str, int], Objective],
    *,
    points: int,
    count: int,
    reach: float = 1.0,
) -> dict[tuple[str, int], Lines]:
    """Measure lines through solutions along random filter-normalised directions.

    Args:
        study: Where to record; losses and accuracies go to ``lines.csv``.
        objectives: (arm, seed) -> objective, measured at its own theta; the seed also draws the
            directions.
        points: Positions along each direction.
        count: Number of directions from each solution.
        reach: Largest position, in units of the filter norms, > 0.

    Returns:
        (arm, seed) -> its lines.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, NeurIPS.
    """
    alphas = torch.linspace(-reach, reach, points, dtype=torch.float64)
    lines = {}
    for (arm, seed), L in objectives.items():
        measured = study.store.remember(
            random_lines, L, L.theta, alphas=alphas, seed=seed, count=count
        )
        study.table("lines", _line_rows(measured, {"arm": arm, "seed": seed}))
        lines[arm, seed] = measured
    return lines


def record_rises(
    study: Study, lines: Mapping[tuple[str, int], Lines], positions: Sequence[float]
) -> dict[str, str]:
    """Record how far the loss rises along lines from a solution, at some distances from it.

    ``line_rise_<position>`` is the mean loss on both sides at that distance, over all directions,
    minus the loss at the solution; in nats.

    Args:
        study: Where to record.
        lines: (arm, seed) -> lines, as ``record_lines`` returns them.
        positions: Distances in filter norms; each takes the closest point of the lines.

    Returns:
        Recorded name -> heading.
    """
    headings = {}
    for (arm, seed), measured in lines.items():
        centre = measured.loss[:, int(measured.alphas.abs().argmin())].mean()
        for position in positions:
            sides = [int((measured.alphas - end).abs().argmin()) for end in (-position, position)]
            distance = float(measured.alphas[sides[1]])
            name = f"line_rise_{distance:g}"
            headings[name] = f"rise at ±{distance:g} (nats)"
            rise = float(measured.loss[:, sides].mean() - centre)
            study.add_measurement(name, rise, measured, unit="nats", arm=arm, seed=seed)
    return headings


def record_random_planes(
    study: Study,
    objectives: Mapping[str, Objective],
    *,
    points: int,
    seed: int,
    reach: float = 1.0,
) -> PlanesAndModels:
    """Measure a plane through each solution along two random filter-normalised directions.

    Positions are closer near the centre. ``slices.random_plane`` draws the same directions from the
    seed.

    Args:
        study: Where to record; losses and accuracies go to ``planes.csv``.
        objectives: Arm -> objective, measured at its own theta.
        points: Positions along each direction.
        seed: Seed of the solutions and of the directions.
        reach: Largest position, in units of the filter norms, > 0.

    Returns:
        Arm -> plane, and arm -> quadratic model. The radius up to which the model describes the
        plane is recorded as ``quadratic_radius_random``, in filter norms.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, NeurIPS.
    """
    planes, models = {}, {}
    for arm, L in objectives.items():
        drawn = (random(L.layout, generator=rng.stream(seed, "plane", axis)) for axis in (1, 2))
        directions = [filter_normalize(d, L.theta, L.layout) for d in drawn]
        labels = {"arm": arm, "seed": seed}
        planes[arm], models[arm] = _plane(study, L, directions, points, reach, "random", labels)
    return planes, models


def record_top_planes(
    study: Study, objectives: Mapping[str, Objective], *, points: int, reach: float, seed: int
) -> PlanesAndModels:
    """Measure a plane through each solution along its two sharpest eigenvectors.

    Args:
        study: Where to record; losses and accuracies go to ``planes.csv``.
        objectives: Arm -> objective, measured at its own theta.
        points: Positions along each direction.
        reach: Largest position, in parameter units, > 0: eigenvectors have norm 1.
        seed: Seed of the solutions.

    Returns:
        As ``record_random_planes``; the radius is recorded as ``quadratic_radius_top``, in
        parameter units.
    """
    planes, models = {}, {}
    for arm, L in objectives.items():
        top = study.store.remember(eigenpairs, L.hessian(L.theta), 2, vectors=True)
        directions = eigenvectors(top)
        labels = {"arm": arm, "seed": seed}
        planes[arm], models[arm] = _plane(study, L, directions, points, reach, "top", labels)
    return planes, models


def record_shapes(study: Study, planes: Mapping[str, Plane], *, seed: int) -> None:
    """Record two numbers on the shape of a plane through each solution.

    ``loss_range`` is the largest minus the smallest loss on the plane, in nats; infinite where a
    loss is infinite. ``roughness`` is defined in ``slices.roughness``.

    Args:
        study: Where to record.
        planes: Arm -> plane.
        seed: Seed of the solutions.
    """
    for arm, plane in planes.items():
        labels = {"arm": arm, "seed": seed}
        loss_range = float(plane.loss.max() - plane.loss.min())
        study.add_measurement("loss_range", loss_range, plane, unit="nats", **labels)
        rough = roughness(plane)
        study.add_measurement(
            "roughness",
            rough.value,
            rough,
            unit="share of the variation",
            note=f"{rough.skipped} losses are not finite" if rough.skipped else "",
            **labels,
        )


def _plane(
    study: Study,
    L: Objective,
    directions: Sequence[torch.Tensor],
    points: int,
    reach: float,
    name: str,
    labels: Mapping,
) -> tuple[Plane, Quadratic]:
    """Measure and record a plane, and the radius up to which the quadratic model describes it."""
    # Positions are closer near the centre: there the model first departs from the loss.
    grid = centred_positions(points, reach)
    plane = measured_plane(L, L.theta, *directions, alphas=grid, betas=grid, store=study.store)
    model = study.store.remember(quadratic, L, L.theta, plane, *directions)
    study.table("planes", _plane_rows(plane, {**labels, "plane": name}))
    value, note, known = model.radius, f"parted at {model.disagrees_at:.4g}", model.radius > 0
    if math.isinf(model.radius):
        value, note, known = model.reach, "or more: the grid ends here", False
    elif not known:
        note = f"below {model.disagrees_at:.4g}, the first points of the grid"
    study.add_measurement(
        f"quadratic_radius_{name}",
        value,
        model,
        unit="filter norms" if name == "random" else "parameters",
        error=math.inf if math.isinf(model.radius) else model.disagrees_at - model.radius,
        error_kind="to the next points of the grid",
        cost=model.products,
        cost_unit="products",
        converged=known,
        note=note,
        **labels,
    )
    return plane, model


def _line_rows(lines: Lines, labels: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {
            **labels,
            "direction": index,
            "bn": lines.bn,
            "alpha": alpha,
            "loss": float(lines.loss[index, i]),
            "accuracy": float(lines.accuracy[index, i]),
        }
        for index in range(len(lines.loss))
        for i, alpha in enumerate(lines.alphas.tolist())
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
