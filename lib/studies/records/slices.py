"""Records of lines and planes through solutions, and of the quadratic models of planes."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from landscape.directions.single import eigenvectors
from landscape.objective import Objective
from landscape.slices.grid import Lines, Plane, centred_positions
from landscape.slices.line import random_direction, random_lines
from landscape.slices.plane import plane as measured_plane
from landscape.slices.quadratic import Quadratic, quadratic
from landscape.spectrum.eigenpairs import eigenpairs

from studies import slices
from studies.collection import Key
from studies.recorder import Part, Recorder
from studies.recording import Recording, Request
from studies.records.numbers import missing_sentences
from studies.slices import RecordedSlice, Slices
from studies.solutions import Solution, Solutions

_RANDOM = "random"


def lines(
    recording: Recording, solutions: Solutions, *, points: int, count: int, reach: float = 1.0
) -> Slices:
    """Measure lines through solutions along random filter-normalised directions.

    ``lines`` holds losses and accuracies, point by point.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> solution; the seed also draws the directions. Where there is no
            network there are no lines.
        points: Positions along each direction.
        count: Number of directions from each solution.
        reach: Largest position, in units of the filter norms, > 0.

    Returns:
        (arm, seed) -> its ``Lines``.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, NeurIPS.
    """
    alphas = torch.linspace(-reach, reach, points, dtype=torch.float64)
    options = {"points": points, "count": count, "reach": reach}
    requests = {
        key: Request(
            identity={"at": solution.identity, "seed": key[1], **options},
            labels=solutions.labels(key),
            compute=_Lines(solution, alphas, key[1], count),
            networks=solution.networks,
        )
        for key, solution in solutions.items()
    }
    parts = _measured(recording, "lines", solutions, requests)
    cuts = {k: slices.lines_from(part, seed=k[1]) for k, part in parts.items() if part is not None}
    missing = missing_sentences(parts.values(), "lines")
    return _collected(solutions, requests, cuts, {}, missing)


def random_planes(
    recording: Recording, solutions: Solutions, *, points: int, reach: float = 1.0
) -> Slices:
    """Measure a plane through each solution along two random filter-normalised directions.

    Positions are closer near the centre: there the quadratic model first departs from the loss.
    ``landscape.slices.random_plane`` draws the same directions from the seed. ``planes`` holds
    losses and accuracies, point by point, ``quadratics`` the coefficients of the quadratic model
    that gradient and Hessian predict.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> solution; the seed also draws the directions. Where there is no
            network there is no plane.
        points: Positions along each direction.
        reach: Largest position, in units of the filter norms, > 0.

    Returns:
        (arm, seed) -> its ``Plane``; ``.models`` holds the quadratic models.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, NeurIPS.
    """
    return _planes(recording, solutions, points, reach, _RANDOM)


def top_planes(recording: Recording, solutions: Solutions, *, points: int, reach: float) -> Slices:
    """Measure a plane through each solution along its two sharpest eigenvectors.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> solution.
        points: Positions along each direction.
        reach: Largest position, in parameter units, > 0: eigenvectors have norm 1.

    Returns:
        As ``random_planes``.
    """
    return _planes(recording, solutions, points, reach, "top")


def _planes(
    recording: Recording, solutions: Solutions, points: int, reach: float, kind: str
) -> Slices:
    plans = {key: _Plane(s, kind, key[1], points, reach) for key, s in solutions.items()}
    requests = {
        key: Request(
            identity=plan.identity,
            labels={**solutions.labels(key), "directions": kind},
            compute=plan,
            networks=plan.solution.networks,
        )
        for key, plan in plans.items()
    }
    parts = _measured(recording, "planes", solutions, requests)
    cuts = {key: slices.plane_from(part) for key, part in parts.items() if part is not None}
    predicting = {
        key: dataclasses.replace(requests[key], compute=_Model(plans[key], plane))
        for key, plane in cuts.items()
    }
    model_parts = _measured(recording, "quadratics", solutions, predicting)
    models = {
        key: slices.quadratic_from(part, cuts[key])
        for key, part in model_parts.items()
        if part is not None
    }
    missing = [
        *missing_sentences(parts.values(), f"{kind} planes"),
        *missing_sentences(model_parts.values(), f"quadratic models of {kind} planes"),
    ]
    return _collected(solutions, requests, cuts, models, missing)


def _measured(
    recording: Recording, kind: str, solutions: Solutions, requests: Mapping[Key, Request]
) -> dict[Key, Part | None]:
    """Return the parts of the networks that exist."""
    asked = {key: request for key, request in requests.items() if not solutions[key].missing}
    return dict(zip(asked, recording.step(kind, list(asked.values())), strict=True))


def _collected(
    solutions: Solutions,
    requests: Mapping[Key, Request],
    cuts: Mapping[Key, Lines | Plane],
    models: Mapping[Key, Quadratic],
    missing: list[str],
) -> Slices:
    """Return the slices that are there, and which networks do not exist."""
    items = {
        key: RecordedSlice(
            cuts.get(key),
            request.identity,
            request.labels,
            note=solutions[key].missing,
            model=models.get(key),
            bn=solutions[key].options.get("bn", "frozen"),
        )
        for key, request in requests.items()
        if key in cuts or solutions[key].missing
    }
    return Slices(items, missing=missing)


@dataclasses.dataclass(frozen=True, eq=False)
class _Lines:
    """Measures lines through one solution."""

    solution: Solution
    alphas: torch.Tensor
    seed: int
    count: int

    def __call__(self, recorder: Recorder) -> None:
        L = self.solution.objective
        measured = recorder.store.remember(
            random_lines, L, L.theta, alphas=self.alphas, seed=self.seed, count=self.count
        )
        recorder.table("lines", slices.line_rows(measured))
        recorder.table("slices", [slices.record_condition(measured)])


@dataclasses.dataclass(frozen=True, eq=False)
class _Plane:
    """Measures a plane through one solution."""

    solution: Solution
    kind: str
    seed: int
    points: int
    reach: float

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the plane, as plain values."""
        seed = {"seed": self.seed} if self.kind == _RANDOM else {}
        options = {"points": self.points, "reach": self.reach}
        return {"at": self.solution.identity, "directions": self.kind, **seed, **options}

    def __call__(self, recorder: Recorder) -> None:
        L = self.solution.objective
        grid = centred_positions(self.points, self.reach)
        directions = self.directions(recorder, L)
        plane = measured_plane(
            L, L.theta, *directions, alphas=grid, betas=grid, store=recorder.store
        )
        recorder.table("planes", slices.plane_rows(plane))
        recorder.table("slices", [slices.record_condition(plane)])

    def directions(self, recorder: Recorder, L: Objective) -> list[torch.Tensor]:
        """Return the two directions of the plane."""
        if self.kind != _RANDOM:
            top = recorder.store.remember(eigenpairs, L.hessian(L.theta), 2, vectors=True)
            return list(eigenvectors(top))
        return [random_direction(L, L.theta, self.seed, "plane", axis) for axis in (1, 2)]


@dataclasses.dataclass(frozen=True, eq=False)
class _Model:
    """Measures the quadratic model of a recorded plane, wherever the plane was measured."""

    plan: _Plane
    plane: Plane

    def __call__(self, recorder: Recorder) -> None:
        L = self.plan.solution.objective
        first, second = self.plan.directions(recorder, L)
        plane = self.plane
        if math.isnan(plane.cosine):  # An older record lacks it.
            cosine = float(first @ second / (first.norm() * second.norm()))
            plane = dataclasses.replace(plane, cosine=cosine)
        model = recorder.store.remember(quadratic, L, L.theta, plane, first, second)
        recorder.table("quadratics", [slices.quadratic_row(model)])
