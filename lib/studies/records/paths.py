"""Routes: straight, aligned, repaired and curved paths between solutions, measured and recorded."""

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
from landscape.connectivity.bending import train_curve
from landscape.connectivity.curves import CurveConfig, curve_path
from landscape.connectivity.matching import Matching, match
from landscape.connectivity.path import Path
from landscape.connectivity.repair import repaired_straight_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permuted
from landscape.objective import Objective
from torch import nn

from studies.study import Study

Examples = tuple[torch.Tensor, torch.Tensor]

_BARRIERS = ("barrier", "barrier_above_mean", "error_barrier")
_UNITS = dict(zip(_BARRIERS, ("nats", "nats", "share wrong"), strict=True))
_UNITS["length"] = "straight lengths"

# Inputs on which an aligned network must give the outputs of the original.
_CHECKED = 16


def record_straight_paths(
    study: Study,
    models: Mapping[int, nn.Module],
    sets: Mapping[str, Examples],
    *,
    points: int,
    arm: str,
    policies: Sequence[str] = ("frozen", "batch", "reestimate"),
) -> dict[tuple[str, str], list[Path]]:
    """Measure straight paths between solutions under policies, through the store; record them.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.

    Args:
        models: Seed -> solution.
        sets: Split -> examples; ``reestimate`` takes its statistics from ``train``.
        points: Positions on each path.
        arm: Label of the solutions.
        policies: For running statistics; without any, all are the same.

    Returns:
        (split, policy) -> one path a pair.
    """
    seeds = list(models)
    found: dict[tuple[str, str], list[Path]] = {}
    for split, bn in itertools.product(sets, policies):
        for pair in zip(seeds[::2], seeds[1::2], strict=False):
            how = {"bn": bn, "bn_examples": sets["train"][0]}
            ends = [Objective(models[seed], sets[split], **how) for seed in pair]
            cut = study.store.remember(linear_barrier, *ends, ts=points)
            label = f"{pair[0]}-{pair[1]}"
            labels = {"arm": arm, "seed": label, "note": split}
            row = {"pair": label, "split": split}
            _record(study, cut, "paths", row, f"{{}}_{split}_{bn}", **labels)
            found.setdefault((split, bn), []).append(cut)
    return found


def record_path_kinds(
    study: Study,
    models: Mapping[int, nn.Module],
    examples: Examples,
    *,
    train: Examples,
    curve: CurveConfig,
    points: int,
) -> dict[str, list[Path]]:
    """Measure, through the store, several kinds of paths between pairs of solutions; record them.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.
    Running statistics are estimated anew at each point. ``straight`` joins the solutions as they
    are; ``aligned`` after the second one's units are permuted towards the first; ``repaired``
    restores the statistics of each unit on the aligned path; the last kind is the trained curve
    between the solutions as they are.

    Args:
        models: Seed -> solution.
        examples: Inputs and targets to measure on, and to take statistics from.
        train: Inputs and targets to train the curves on.
        curve: How to train them.
        points: Positions on each path.

    Returns:
        Kind -> one path a pair.
    """
    seeds, store = list(models), study.store
    found: dict[str, list[Path]] = {}
    for pair in zip(seeds[::2], seeds[1::2], strict=False):
        label, how = f"{pair[0]}-{pair[1]}", {"bn": "reestimate", "bn_examples": examples[0]}
        start, end = (Objective(models[seed], examples, **how) for seed in pair)
        matching = store.remember(match, start, end)
        few = examples[0][:_CHECKED]
        twin = permuted(models[pair[1]], matching.permutations, few)
        aligned = Objective(twin, examples, **how)
        bent = store.remember(train_curve, start, end, curve, train)
        made = {
            "straight": store.remember(linear_barrier, start, end, ts=points),
            "aligned": store.remember(linear_barrier, start, aligned, ts=points),
            "repaired": store.remember(repaired_straight_path, start, aligned, ts=points),
            curve.kind: store.remember(curve_path, start, end, bent, ts=points),
        }
        _matching(study, matching, start, label)
        for kind, path in made.items():
            stopped = kind == curve.kind and bent.diverged_at is not None
            note = f"training diverged at step {bent.diverged_at}" if stopped else ""
            labels = {"arm": kind, "seed": label, "note": note}
            row = {"pair": label, "kind": kind}
            # A repaired path is none of the parameters alone and has no length.
            names = (*_BARRIERS, "length") if math.isfinite(path.length) else _BARRIERS
            how = {"names": names, "complete": not note}
            _record(study, path, "routes", row, "route_{}", **how, **labels)
            found.setdefault(kind, []).append(path)
    return found


def _matching(study: Study, matching: Matching, at: Objective, pair: str) -> None:
    labels = {"seed": pair, "converged": matching.converged, "unit": "parameter²"}
    cost = {"cost": matching.sweeps, "cost_unit": "sweeps"}
    for arm, value in (
        ("straight", matching.similarity_before),
        ("aligned", matching.similarity),
    ):
        study.add_measurement("similarity", value, at, arm=arm, **cost, **labels)


def _record(
    study: Study,
    path: Path,
    table: str,
    row: Mapping[str, str],
    quantity: str,
    *,
    names: Sequence[str] = _BARRIERS,
    complete: bool = True,
    **labels: str,
) -> None:
    """Record attributes of a path as ``quantity`` with their name, and its points in a table.

    Outputs that are no numbers have an accuracy too, that of always answering the first class:
    where the loss is not finite somewhere, nothing of the path has converged.
    """
    complete = complete and bool(path.loss.isfinite().all())
    for name in names:
        value = getattr(path, name)
        found = {"unit": _UNITS[name], "converged": complete and math.isfinite(value), **labels}
        study.add_measurement(quantity.format(name), value, path, **found)
    points = zip(path.ts.tolist(), path.loss.tolist(), path.accuracy.tolist(), strict=True)
    rows = [{**row, "bn": path.bn, "t": t, "loss": a, "accuracy": b} for t, a, b in points]
    study.table(table, rows)
