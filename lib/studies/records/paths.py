"""Recorded paths between solutions: straight, aligned, repaired and curved."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from landscape.connectivity.bending import train_curve
from landscape.connectivity.curves import CurveConfig, curve_path
from landscape.connectivity.matching import Matching, match
from landscape.connectivity.path import Path
from landscape.connectivity.repair import repaired_straight_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permuted
from landscape.network.batchnorm import Policy
from landscape.objective import Objective
from torch import nn

from studies.arms import Arm
from studies.collection import Key, Results
from studies.quantities import QUANTITIES
from studies.recorder import Part, Recorder
from studies.recording import Recording, Request, plain
from studies.solutions import Solution, Solutions
from studies.tasks import Examples, Split

PathKind = Literal["straight", "aligned", "repaired"]
Paths = Results[Path]

_BARRIERS = ("barrier", "barrier_above_mean", "error_barrier")
_MATCHING = ("similarity", "similarity_before")
_KINDS = ("straight", "aligned", "repaired")
_POLICIES = ("frozen", "batch", "reestimate")

# Number of inputs on which an aligned network must give the outputs of the original.
_CHECKED_INPUTS = 16


def paths(
    recording: Recording,
    solutions: Solutions,
    *,
    points: int,
    kinds: Sequence[PathKind] = ("straight",),
    policies: Sequence[Policy] = _POLICIES,
    splits: Sequence[Split] = ("train",),
    curve: CurveConfig | None = None,
) -> Paths:
    """Measure paths between pairs of solutions of an arm, and record them; each is an entry.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.
    The kinds of paths:

    - ``straight`` joins the solutions as they are.
    - ``aligned`` joins them after permuting the units of the second towards the first.
    - ``repaired`` restores the statistics of each unit, over the examples of the path, on the
      aligned path; its policy in the record is ``repaired``.
    - A ``curve`` is trained between the solutions as they are, on all training examples.

    Recorded are ``barrier`` and ``barrier_above_mean`` in nats, ``error_barrier`` as a share wrong,
    and ``length`` in straight lengths, where a path has one; of an aligned path ``similarity``, the
    inner product of the parameters, and ``similarity_before`` the alignment. The table ``paths``
    holds the points.

    Args:
        recording: The record of the study.
        solutions: (arm, seed) -> solution; its examples are those of each split, as many of them,
            and ``reestimate`` takes its statistics from the first training examples.
        points: Positions on each path, evenly spaced, at least 3.
        kinds: Kinds of paths.
        policies: Policies for running statistics. For networks without them all policies give the
            same path, and one is enough.
        splits: ``train`` and ``test``.
        curve: Kind of a curve and how to train it; None measures none.

    Returns:
        (arm, pair) -> path. The arms have the factors ``path``, ``split`` and ``bn``; a pair, such
        as ``0-1``, stands in the place of a seed.

    Raises:
        ValueError: If a kind, policy or split is unknown, or there are fewer than 3 points.

    References: Ainsworth et al. (2023), Git Re-Basin, ICLR, for the alignment; Jordan et al.
        (2023), REPAIR, ICLR; Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast
        Ensembling of DNNs, NeurIPS, for the curves.
    """
    _check(points, kinds, policies, splits)
    names = [*kinds, *([curve.kind] if curve is not None else [])]
    plan = {
        _Place(arm, path, split, bn, f"{first[1]}-{second[1]}"): _Measuring(
            solutions[first], solutions[second], path, split, bn, points, curve
        )
        for arm in solutions.arms
        for path, split, bn in itertools.product(names, splits, policies)
        for first, second in _pairs(solutions, arm)
    }
    requests = [
        Request(
            identity=measuring.identity,
            labels=place.labels(solutions),
            compute=measuring,
            networks=measuring.networks,
            derived=bool(measuring.missing),
        )
        for place, measuring in plan.items()
    ]
    parts = recording.step("paths", requests)
    return _collected(dict(zip(plan, parts, strict=True)), solutions)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Which path a recorded one is."""

    arm: Arm
    path: str
    split: str
    bn: str
    pair: str

    def labels(self, solutions: Solutions) -> dict[str, Any]:
        labels = solutions.labels(next(key for key in solutions if key[0] == self.arm))
        del labels["seed"]
        # The policy is no label: it stands beside each number, as for all measurements.
        return {**labels, "pair": self.pair, "path": self.path, "split": self.split}

    def key(self, bn: str) -> Key:
        factors = {"path": self.path, "split": self.split, "bn": bn}
        name = ", ".join([self.arm, *factors.values()])
        return Arm(name, **{**self.arm.factors, **factors}), self.pair


@dataclasses.dataclass(frozen=True, eq=False)
class _Measuring:
    """Measures one path, or records that there is none."""

    first: Solution
    second: Solution
    path: str
    split: Split
    bn: Policy
    points: int
    curve: CurveConfig | None

    @property
    def missing(self) -> str:
        return self.first.missing or self.second.missing

    @property
    def networks(self) -> list[Any]:
        return [] if self.missing else [*self.first.networks, *self.second.networks]

    @property
    def identity(self) -> dict[str, Any]:
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
        return self.path not in _KINDS

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
        return [*_BARRIERS, *length, *(_MATCHING if self.path == "aligned" else ())]

    def _record_aligned(self, recorder: Recorder, start: Objective, end: Objective) -> None:
        matching = recorder.store.remember(match, start, end)
        checked = self._placed(self.second).examples.tensors[0][:_CHECKED_INPUTS]
        twin = permuted(self.second.model(), matching.permutations, checked)
        aligned = self._objective(self.second, twin)
        measure = repaired_straight_path if self.path == "repaired" else linear_barrier
        _record(recorder, recorder.store.remember(measure, start, aligned, ts=self.points))
        if self.path == "aligned":
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
        examples = solution.task.first(examples.count, split=self.split)
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


def _pairs(solutions: Solutions, arm: Arm) -> Iterator[tuple[Key, Key]]:
    keys = [key for key in solutions if key[0] == arm]
    return zip(keys[::2], keys[1::2], strict=False)


def _record(recorder: Recorder, path: Path, *, complete: bool = True, note: str = "") -> None:
    """Record barriers, length and points of a path.

    Outputs that are not numbers have an accuracy too: they always answer the first class.
    So where a loss is not finite, nothing of the path counts as converged.
    """
    complete = complete and bool(path.loss.isfinite().all())
    # A repaired path also changes statistics: it has no length in parameters.
    for name in (*_BARRIERS, "length") if math.isfinite(path.length) else _BARRIERS:
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


def _collected(parts: dict[_Place, Part | None], solutions: Solutions) -> Paths:
    """Return the recorded paths, and a sentence for each kind of path that is not there."""
    items, lacking = {}, {}
    for place, part in parts.items():
        if part is not None and part.table("paths"):
            path = _from_part(part, place.path)
            items[place.key(path.bn)] = path
        else:
            why = "not in the record" if part is None else part.measurements[0]["note"]
            heading = f"{place.path} path of {place.arm}, {place.split} examples, {place.bn}"
            lacking.setdefault((heading, why), []).append(place.pair)
    missing = [
        f"The {heading}: {', '.join(pairs)} ({why})." for (heading, why), pairs in lacking.items()
    ]
    paired = {place.arm for place in parts}
    missing += [f"{a}: no path, which needs two seeds." for a in solutions.arms if a not in paired]
    return Results(items, missing=missing)


def _from_part(part: Part, kind: str) -> Path:
    """Return the path that an entry of the record holds."""
    rows, numbers = part.table("paths"), {row["quantity"]: row for row in part.measurements}
    ts, loss, accuracy = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64)
        for name in ("t", "loss", "accuracy")
    )
    excess = loss - (1 - ts) * loss[0] - ts * loss[-1]
    conditions = ("bn", "examples", "examples_hash", "dtype")
    return Path(
        ts,
        loss,
        accuracy,
        *(numbers[name]["value"] for name in _BARRIERS),
        position=float(ts[excess.argmax()]) if bool(excess.isfinite().all()) else math.nan,
        kind=kind,
        length=numbers["length"]["value"] if "length" in numbers else math.nan,
        **{name: numbers["barrier"][name] for name in conditions},
    )


def _check(points: int, kinds: Sequence[str], policies: Sequence[str], splits: Sequence[str]) -> None:
    if points < 3:
        raise ValueError(f"points={points} make no path. Pass at least 3 positions.")
    for name, given, known in (
        ("kinds", kinds, _KINDS),
        ("policies", policies, _POLICIES),
        ("splits", splits, ("train", "test")),
    ):
        if unknown := [value for value in given if value not in known]:
            raise ValueError(f"{name} holds {unknown[0]!r}. Pass some of {', '.join(known)}.")
