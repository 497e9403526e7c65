"""Measure one path between two solutions, and record it."""

import dataclasses
import math
from typing import Any

from landscape.connectivity.bending import train_curve
from landscape.connectivity.curves import CurveConfig, curve_path
from landscape.connectivity.matching import Matching, match
from landscape.connectivity.path import Path
from landscape.connectivity.repair import repaired_straight_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permuted
from landscape.network.batchnorm import Policy
from landscape.objective import Objective
from landscape.training.config import TrainConfig
from torch import nn

from studies.identity import plain
from studies.quantities import QUANTITIES
from studies.recorder import Recorder
from studies.solutions import Solution
from studies.tasks import Examples, Split, Task

KINDS = ("straight", "aligned", "repaired")
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
        path: Kind of the path: ``straight``, ``aligned``, ``repaired``, or that of the curve.
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
        start, end = self._objective(self.first), self._objective(self.second)
        if self._curved:
            self._record_curve(recorder, start, end)
        elif self.path == "straight":
            _record(recorder, recorder.store.remember(linear_barrier, start, end, ts=self.points))
        else:
            self._record_aligned(recorder, start, end)

    @property
    def _quantities(self) -> list[str]:
        length = [] if self.path == "repaired" else ["length"]
        return [*BARRIERS, *length, *(_MATCHING if self.path == "aligned" else ())]

    def _record_aligned(self, recorder: Recorder, start: Objective, end: Objective) -> None:
        matching = recorder.store.remember(match, start, end)
        checked = self._placed(self.second).examples.tensors[0][:_CHECKED_INPUTS]
        twin = permuted(self.second.model(), matching.permutations, checked)
        aligned = self._objective(self.second, twin)
        if self.path == "repaired":
            path = recorder.store.remember(repaired_straight_path, start, aligned, ts=self.points)
            _record(recorder, path)
            return
        _record(recorder, recorder.store.remember(linear_barrier, start, aligned, ts=self.points))
        _record_matching(recorder, matching, start)

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
