"""Measure one path between two solutions, and record it."""

import dataclasses
import math
from typing import Any, Literal, get_args

import torch
from landscape import rng
from landscape.connectivity.bending import train_curve
from landscape.connectivity.calibration import calibrated_straight_path
from landscape.connectivity.curves import CurveConfig, curve_path
from landscape.connectivity.matching import Matching, match
from landscape.connectivity.path import Path, measure_path, positions
from landscape.connectivity.repair import repaired_straight_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permuted, random_permutations
from landscape.network.batchnorm import Policy
from landscape.objective import Objective
from landscape.store.entries import Store
from landscape.training.config import TrainConfig
from torch import nn

from studies.identity import plain
from studies.quantities import QUANTITIES
from studies.recorder import Recorder
from studies.solutions import Solution
from studies.tasks import Examples, Split, Task

PathKind = Literal[
    "straight",
    "aligned",
    "repaired",
    "calibrated",
    "aligned calibrated",
    "twin",
    "twin aligned",
    "noise",
]
KINDS = get_args(PathKind)
BARRIERS = ("barrier", "barrier_above_mean", "error_barrier")
_MATCHING = ("similarity", "similarity_before")

# Number of inputs on which an aligned network must give the outputs of the original.
_CHECKED_INPUTS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class PathMeasuring:
    """Measures one path, or records that there is none.

    Attributes:
        first: The solution at t = 0.
        second: The solution at t = 1.
        path: Kind of the path, see ``paths.paths``, or that of the curve.
        split: Examples to measure on, as many as those of the solutions.
        bn: Policy for running statistics.
        points: Positions on the path, evenly spaced.
        curve: How to train a curve; other kinds ignore it.
    """

    first: Solution
    second: Solution
    path: str
    split: Split
    bn: Policy
    points: int
    curve: CurveConfig | None

    @property
    def missing(self) -> str:
        """Why there is no path; empty if there is one."""
        return self.first.missing or self.second.missing

    @property
    def networks(self) -> list[tuple[TrainConfig, Task]]:
        """The runs whose weights measuring needs."""
        return [] if self.missing else [*self.first.networks, *self.second.networks]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the path, as plain values."""
        identity = {
            "path": self.path,
            "start": self._placed(self.first).identity,
            "end": self._placed(self.second).identity,
            "points": self.points,
        }
        if self.bn == "reestimate":
            identity["statistics"] = self._statistics(self.first).identity
        if self._curved:
            identity["curve"] = plain(self.curve)
        return identity

    @property
    def _curved(self) -> bool:
        return self.path not in KINDS

    def __call__(self, recorder: Recorder) -> None:
        if self.missing:
            for name in self._quantities:
                recorder.add(name, math.nan, bn=self.bn, converged=False, note=self.missing)
            return
        start = self._objective(self.first)
        if self._curved:
            self._record_curve(recorder, start, self._objective(self.second))
            return
        model, matching = self._unaligned(start), None
        end = self._objective(self.second, model)
        if self._aligned:
            matching = recorder.store.remember(match, start, end)
            checked = self._placed(self.second).examples.tensors[0][:_CHECKED_INPUTS]
            end = self._objective(self.second, permuted(model, matching.permutations, checked))
        if torch.equal(start.theta, end.theta):
            _record(recorder, _resting(start, self.points))
        else:
            _record(recorder, self._straight(recorder.store, start, end))
        if matching is not None and self.path != "repaired":
            _record_matching(recorder, matching, start)

    def _straight(self, store: Store, start: Objective, end: Objective) -> Path:
        if self.path == "repaired":
            return store.remember(repaired_straight_path, start, end, ts=self.points)
        if "calibrated" in self.path:
            return store.remember(calibrated_straight_path, start, end, ts=self.points)
        return store.remember(linear_barrier, start, end, ts=self.points)

    @property
    def _aligned(self) -> bool:
        return self.path == "repaired" or "aligned" in self.path

    @property
    def _quantities(self) -> list[str]:
        length = [] if self.path == "repaired" else ["length"]
        return [*BARRIERS, *length, *(_MATCHING if "aligned" in self.path else ())]

    def _unaligned(self, start: Objective) -> nn.Module:
        """Return the network at the end of the path, before it is aligned."""
        if self.path.startswith("twin"):
            model = self.first.model()
            inputs = self._placed(self.first).examples.tensors[0][:_CHECKED_INPUTS]
            permutations = random_permutations(model, inputs, seed=self.first.config.seed)
            return permuted(model, permutations, inputs)
        if self.path == "noise":
            distance = (self._objective(self.second).theta - start.theta).norm()
            generator = rng.stream(self.first.config.seed, "noise")
            noise = torch.randn(start.n, generator=generator, dtype=torch.float64)
            model = self.first.model()
            moved = start.theta + (distance * noise / noise.norm()).to(start.theta)
            nn.utils.vector_to_parameters(moved.to(start.dtype), model.parameters())
            return model
        return self.second.model()

    def _record_curve(self, recorder: Recorder, start: Objective, end: Objective) -> None:
        train = self.first.task.train.tensors
        curve = recorder.store.remember(train_curve, start, end, self.curve, train)
        path = recorder.store.remember(curve_path, start, end, curve, ts=self.points)
        stopped = curve.diverged_at is not None
        _record(
            recorder,
            path,
            complete=not stopped,
            note=f"training diverged at step {curve.diverged_at}" if stopped else "",
        )

    def _placed(self, solution: Solution) -> Solution:
        examples = solution.task.first(solution.examples.count, split=self.split)
        options = {**solution.options, "bn": self.bn}
        return dataclasses.replace(solution, examples=examples, options=options)

    def _statistics(self, solution: Solution) -> Examples:
        return solution.task.first(solution.examples.count)

    def _objective(self, solution: Solution, model: nn.Module | None = None) -> Objective:
        placed = self._placed(solution)
        options = dict(placed.options)
        if self.bn == "reestimate" and self.split == "test":
            options["bn_examples"] = self._statistics(solution).tensors[0]
        network = solution.model() if model is None else model
        return Objective(network, placed.examples.tensors, **options)


def _resting(start: Objective, points: int) -> Path:
    """Return the path of a network to itself: alignment has found all that was permuted."""
    ts = positions(points)
    evaluation = start.evaluate()
    return measure_path(start, ts, lambda t: evaluation, kind="straight", length=0.0)


def _record(recorder: Recorder, path: Path, *, complete: bool = True, note: str = "") -> None:
    """Record barriers, length and points of a path.

    Outputs that are not numbers have an accuracy too: they always answer the first class.
    So where a loss is not finite, nothing of the path counts as converged.
    """
    complete = complete and bool(path.loss.isfinite().all())
    # A repaired path also changes statistics: it has no length in parameters.
    for name in (*BARRIERS, "length") if math.isfinite(path.length) else BARRIERS:
        value = getattr(path, name)
        converged = complete and math.isfinite(value)
        unit = QUANTITIES[name].unit
        recorder.add_measurement(name, value, path, unit=unit, converged=converged, note=note)
    points = zip(path.ts.tolist(), path.loss.tolist(), path.accuracy.tolist(), strict=True)
    rows = [{"bn": path.bn, "t": t, "loss": a, "accuracy": b} for t, a, b in points]
    recorder.table("paths", rows)


def _record_matching(recorder: Recorder, matching: Matching, objective: Objective) -> None:
    for name in _MATCHING:
        recorder.add_measurement(
            name,
            getattr(matching, name),
            objective,
            cost=matching.sweeps,
            cost_unit="sweeps",
            converged=matching.converged,
            unit=QUANTITIES[name].unit,
        )
