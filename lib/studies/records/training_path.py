"""Recorded training paths: where training went on the loss surface, and what surrounded it."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from landscape.dynamics.trajectory import ProjectedTrajectory, project_trajectory
from landscape.objective import Objective
from landscape.slices.line import random_direction
from landscape.slices.plane import plane as measured_plane
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.training.config import TrainConfig
from landscape.training.run import Run

from studies import slices
from studies.collection import Key, Results
from studies.identity import plain
from studies.recorder import Part, Recorder
from studies.recording import Recording, Request
from studies.runs import RecordedRun, Runs
from studies.tasks import Examples
from studies.training_paths import TrainingPath, path_from, path_rows

_COMPONENTS = 5  # Principal directions whose shares are recorded; two span the plane.
_MARGIN = 0.2  # Of the plane around the path, as a share of the path's longer side.
_NARROWEST = 0.5  # Shorter over longer side of the plane, at least.
_CURVATURE_TOL = 0.005  # Residual of λ_max over the spectral range: two digits are shown.


def training_path(
    recording: Recording,
    runs: Runs,
    examples: Examples,
    *,
    snapshots: int = 61,
    stops: int = 9,
    points: int = 25,
    surrounding_points: int = 13,
    reach: float = 1.0,
    eigenvalues: int = 1,
    **options: Any,
) -> Results[TrainingPath]:
    """Measure the paths of training runs on the loss surface, and their surroundings on the way.

    All losses of a run are one function of the parameters: the objective of its last iterate. For
    networks with batch normalisation pass ``bn="batch"``. Running statistics of the last iterate
    fit no other point; under batch statistics the loss is defined everywhere by the parameters
    alone, and it is the loss that training descends.

    ``training_path`` holds, for each snapshot, its place on the plane through the last iterate
    along the first two principal directions of the path (α, β and the distance from the plane, in
    parameter units), its loss, the loss at that place, and at the stops λ_max of the Hessian;
    ``principal_directions`` the shares of the squared distances along the first directions;
    ``planes`` losses on the plane. Further entries hold the planes around the stops along two
    random directions. These are scaled to the filters of the last iterate and are the same at
    every stop, so that what changes is the place alone.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run; the seed also draws the two random directions. A run that
            diverged has no path.
        examples: Where losses are measured.
        snapshots: Iterates of the path, evenly spaced over training, at least 3.
        stops: Snapshots with surroundings, denser at the beginning, at least 2.
        points: Positions along each direction of the plane, at least 5.
        surrounding_points: Positions along each random direction, odd and at least 3.
        reach: Largest position along the random directions, in units of the filter norms, > 0.
        eigenvalues: Number of largest eigenvalues of the Hessian at each stop; more than one are
            rows of the table ``path_spectra``.
        options: Options of ``Objective``, such as ``bn`` and ``bn_block``.

    Returns:
        (arm, seed) -> the path of the run.

    Raises:
        ValueError: If there are fewer than 3 snapshots, 2 stops or 5 points.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, NeurIPS, section 7.
    """
    if snapshots < 3 or stops < 2 or points < 5:
        raise ValueError(
            f"snapshots={snapshots}, stops={stops}, points={points} make no path on a plane. Pass "
            "snapshots >= 3, stops >= 2 and points >= 5."
        )
    plans = {
        key: _Plan(run, key, examples, snapshots, stops, options)
        for key, run in runs.items()
        if not run.diverged
    }
    paths = _parts(
        recording,
        "training_paths",
        {key: _Path(plan, points, eigenvalues) for key, plan in plans.items()},
    )
    around = {
        (key, step): _Surroundings(plan, step, surrounding_points, reach)
        for key, plan in plans.items()
        for step in plan.stops
    }
    planes = _parts(recording, "planes", around)
    surroundings = {
        key: {step: planes[key, step] for step in plan.stops} for key, plan in plans.items()
    }
    return _results(paths, surroundings)


def _results(
    paths: Mapping[Key, Part | None], surroundings: Mapping[Key, Mapping[int, Part | None]]
) -> Results[TrainingPath]:
    """Return the paths that are there, and a sentence for each kind of thing that is not."""
    there = {
        key: path_from(part, {s: plane for s, plane in surroundings[key].items() if plane})
        for key, part in paths.items()
        if part is not None
    }
    absent = len(paths) - len(there)
    planes = [plane for around in surroundings.values() for plane in around.values()]
    lacking = sum(plane is None for plane in planes)
    missing = [f"training paths of {absent} of {len(paths)} runs"] if absent else []
    missing += [f"{lacking} of {len(planes)} planes around training paths"] if lacking else []
    return Results(there, missing=missing)


def _parts(
    recording: Recording, kind: str, measuring: Mapping[Any, "_Path | _Surroundings"]
) -> dict[Any, Part | None]:
    requests = [
        Request(
            identity=measure.identity,
            labels={**measure.plan.labels, **measure.labels},
            compute=measure,
            networks=[(measure.plan.config, measure.plan.run.task)],
        )
        for measure in measuring.values()
    ]
    return dict(zip(measuring, recording.step(kind, requests), strict=True))


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Which snapshots of a run the path takes, and by which objective."""

    run: RecordedRun
    key: Key
    examples: Examples
    snapshots: int
    stop_count: int
    options: Mapping[str, Any]

    @property
    def seed(self) -> int:
        return self.key[1]

    @property
    def labels(self) -> dict[str, Any]:
        arm, seed = self.key
        return {"arm": str(arm), **arm.factors, "seed": seed}

    @property
    def per_epoch(self) -> int:
        return math.ceil(self.run.task.train_size / self.run.config.batch_size)

    @property
    def steps(self) -> list[int]:
        """Steps of the snapshots: evenly spaced, from the initialisation to the end."""
        last = self.per_epoch * self.run.config.epochs
        return sorted({round(last * k / (self.snapshots - 1)) for k in range(self.snapshots)})

    @property
    def stops(self) -> list[int]:
        """Steps of the stops: training changes most at its beginning, where they are denser."""
        steps, last = self.steps, self.stop_count - 1
        places = [(len(steps) - 1) * (k / last) ** 2 for k in range(last + 1)]
        return [steps[i] for i in sorted({round(place) for place in places})]

    @property
    def config(self) -> TrainConfig:
        return dataclasses.replace(self.run.config, snapshots=tuple(self.steps))

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the objective and its run, as plain values."""
        return {
            "run": self.run.identity,
            "examples": self.examples.identity,
            "options": plain(self.options),
        }

    def trained(self) -> Run:
        return self.run.recording.run(self.config, self.run.task)

    def objective(self) -> Objective:
        """Return the objective of the last iterate."""
        return Objective(self.trained().model(), self.examples.tensors, **self.options)

    def theta(self, L: Objective, step: int) -> torch.Tensor:
        return L.layout.flatten(dict(self.trained().model(step=step).named_parameters()))


@dataclasses.dataclass(frozen=True)
class _Path:
    """Measures the path of one run on its plane."""

    plan: _Plan
    points: int
    eigenvalues: int = 1

    @property
    def labels(self) -> dict[str, Any]:
        return {"at": "training path"}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the path, as plain values."""
        plan = self.plan
        steps: dict[str, Any] = {"steps": plan.steps, "curvature_at": plan.stops}
        if self.eigenvalues > 1:  # Records of λ_max alone do not name their number.
            steps["eigenvalues"] = self.eigenvalues
        return {**plan.identity, **steps, "points": self.points}

    def __call__(self, recorder: Recorder) -> None:
        plan, L = self.plan, self.plan.objective()
        iterates = torch.stack([plan.theta(L, step) for step in plan.steps])
        components = min(_COMPONENTS, len(iterates) - 1)
        path = recorder.store.remember(project_trajectory, L, iterates, components=components)
        curvature = {step: self._curvature(recorder, L, step) for step in plan.stops}
        rows = path_rows(path, plan.steps, plan.per_epoch, curvature)
        recorder.table("training_path", rows)
        shares = enumerate(path.explained.tolist(), start=1)
        recorder.table(
            "principal_directions", [{"direction": i, "explained": share} for i, share in shares]
        )
        alphas, betas = _grids(path, self.points)
        plane = measured_plane(
            L, L.theta, *path.directions, alphas=alphas, betas=betas, store=recorder.store
        )
        recorder.table("planes", slices.plane_rows(plane))
        recorder.table("slices", [slices.record_condition(plane)])

    def _curvature(self, recorder: Recorder, L: Objective, step: int) -> dict[str, Any]:
        pairs = recorder.store.remember(
            eigenpairs,
            L.hessian(self.plan.theta(L, step)),
            tol=_CURVATURE_TOL,
            **({"k": self.eigenvalues} if self.eigenvalues > 1 else {}),
        )
        if self.eigenvalues > 1:
            rows = enumerate(zip(pairs.values.tolist(), pairs.converged.tolist(), strict=True), 1)
            recorder.table(
                "path_spectra",
                [
                    {"step": step, "rank": rank, "eigenvalue": value, "converged": known}
                    for rank, (value, known) in rows
                ],
            )
        return {
            "lambda_max": pairs.largest,
            "residual": float(pairs.residuals[0]),
            "converged": bool(pairs.converged[0]),
        }


@dataclasses.dataclass(frozen=True)
class _Surroundings:
    """Measures the plane around one snapshot, along directions that all snapshots share."""

    plan: _Plan
    step: int
    points: int
    reach: float

    @property
    def labels(self) -> dict[str, Any]:
        return {"at": f"step {self.step}", "step": self.step, "directions": "random, shared"}

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the plane, as plain values."""
        directions = {"directions": "random", "scaled_to": "end", "seed": self.plan.seed}
        grid = {"grid": "even", "points": self.points, "reach": self.reach}
        return {**self.plan.identity, "step": self.step, **directions, **grid}

    def __call__(self, recorder: Recorder) -> None:
        L = self.plan.objective()
        seed = self.plan.seed
        directions = [random_direction(L, L.theta, seed, "plane", axis) for axis in (1, 2)]
        theta = self.plan.theta(L, self.step)
        plane = measured_plane(
            L, theta, *directions, points=self.points, reach=self.reach, store=recorder.store
        )
        recorder.table("planes", slices.plane_rows(plane))
        recorder.table("slices", [slices.record_condition(plane)])


def _grids(path: ProjectedTrajectory, points: int) -> list[torch.Tensor]:
    """Return positions along both directions: around the path, evenly spaced, through 0."""
    low, high = path.coordinates.min(dim=0).values, path.coordinates.max(dim=0).values
    margin = _MARGIN * float((high - low).max())
    longest = float((high - low).max()) + 2 * margin
    sides = (high - low + 2 * margin).clamp_min(_NARROWEST * longest)
    return [
        # Shifted by half a step at most, so that the last iterate is a point of the grid.
        side / (points - 1) * (torch.arange(points).double() + round(first / side * (points - 1)))
        for first, side in zip(((low + high - sides) / 2).tolist(), sides.tolist(), strict=True)
    ]
