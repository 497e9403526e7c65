"""Recorded paths between solutions: straight, aligned, repaired and curved."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from landscape.connectivity.curves import CurveConfig
from landscape.connectivity.path import Path
from landscape.network.batchnorm import Policy

from studies.arms import Arm
from studies.collection import Key, Results
from studies.recorder import Part
from studies.recording import Recording, Request
from studies.records.single_path import BARRIERS, KINDS, PathKind, PathMeasuring
from studies.solutions import Solution, Solutions
from studies.tasks import Split

Paths = Results[Path]

_POLICIES: tuple[Policy, ...] = ("frozen", "batch", "reestimate")


def paths(
    recording: Recording,
    solutions: Solutions,
    *,
    points: int,
    kinds: Sequence[PathKind] = ("straight",),
    policies: Sequence[Policy] = _POLICIES,
    splits: Sequence[Split] = ("train",),
    curve: CurveConfig | None = None,
    against: Solutions | None = None,
) -> Paths:
    """Measure paths between pairs of solutions of an arm, and record them; each is an entry.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.
    With other solutions to pair with, each is paired with that of its seed. The kinds of paths:

    - ``straight`` joins the solutions as they are.
    - ``aligned`` joins them after permuting the units of the second towards the first.
    - ``repaired`` restores the statistics of each unit, over the examples of the path, on the
      aligned path; its policy in the record is ``repaired``.
    - ``calibrated`` is the straight path with a temperature fitted at each position, ``aligned
      calibrated`` the aligned one.
    - A ``twin`` is a control: it joins the first solution to itself with its units permuted at
      random; ``twin aligned`` permutes them back as well as alignment can.
    - ``noise`` is a control too: it joins the first solution to itself with random noise as long as
      the pair is apart.
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
        against: The ends of the paths at t = 1, arm by arm in the order of ``solutions``, with the
            same seeds; None pairs the solutions of an arm with each other.

    Returns:
        (arm, pair) -> path. The arms have the factors ``path``, ``split`` and ``bn``; a pair, such
        as ``0-1``, stands in the place of a seed.

    Raises:
        ValueError: If a kind, policy or split is unknown, there are fewer than 3 points, or arms
            or seeds of ``against`` are others.

    References: Ainsworth et al. (2023), Git Re-Basin, ICLR, for the alignment; Jordan et al.
        (2023), REPAIR, ICLR; Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast
        Ensembling of DNNs, NeurIPS, for the curves.
    """
    _check(points, kinds, policies, splits)
    names = [*kinds, *([curve.kind] if curve is not None else [])]
    plan = {
        _PathKind(arm, path, split, bn, pair): PathMeasuring(*ends, path, split, bn, points, curve)
        for arm, pairs in _pairs(solutions, against).items()
        for path, split, bn in itertools.product(names, splits, policies)
        for pair, ends in pairs.items()
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
class _PathKind:
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


def _pairs(
    solutions: Solutions, against: Solutions | None
) -> dict[Arm, dict[str, tuple[Solution, Solution]]]:
    """Return arm -> pair -> both ends."""
    seeds = {arm: [seed for name, seed in solutions if name == arm] for arm in solutions.arms}
    if against is None:
        return {
            arm: {
                f"{one}-{two}": (solutions[arm, one], solutions[arm, two])
                for one, two in zip(given[::2], given[1::2], strict=False)
            }
            for arm, given in seeds.items()
        }
    others = {arm: [seed for name, seed in against if name == arm] for arm in against.arms}
    if list(seeds.values()) != list(others.values()):
        raise ValueError(
            f"solutions of the seeds {list(seeds.values())} and {list(others.values())}, arm by "
            "arm, have no partners. Pass as many arms with the same seeds."
        )
    return {
        arm: {f"{seed}-{seed}": (solutions[arm, seed], against[other, seed]) for seed in given}
        for (arm, given), other in zip(seeds.items(), others, strict=True)
    }


def _collected(parts: dict[_PathKind, Part | None], solutions: Solutions) -> Paths:
    """Return the recorded paths, and a sentence for each kind of path that is not there."""
    items: dict[Any, Path] = {}
    lacking: dict[tuple[str, str], list[str]] = {}
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
        **{name: numbers[name]["value"] for name in BARRIERS},
        position=float(ts[excess.argmax()]) if bool(excess.isfinite().all()) else math.nan,
        kind=kind,
        length=numbers["length"]["value"] if "length" in numbers else math.nan,
        **{name: numbers["barrier"][name] for name in conditions},
    )


def _check(
    points: int, kinds: Sequence[str], policies: Sequence[str], splits: Sequence[str]
) -> None:
    if points < 3:
        raise ValueError(f"points={points} make no path. Pass at least 3 positions.")
    for name, given, known in (
        ("kinds", kinds, KINDS),
        ("policies", policies, _POLICIES),
        ("splits", splits, ("train", "test")),
    ):
        if unknown := [value for value in given if value not in known]:
            raise ValueError(f"{name} holds {unknown[0]!r}. Pass some of {', '.join(known)}.")
