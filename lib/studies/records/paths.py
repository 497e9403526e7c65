"""Records of paths between solutions: straight, aligned, repaired and curved."""

import itertools
import math
from collections.abc import Mapping, Sequence

from landscape.connectivity.bending import train_curve
from landscape.connectivity.curves import CurveConfig, curve_path
from landscape.connectivity.matching import Matching, match
from landscape.connectivity.path import Path
from landscape.connectivity.repair import repaired_straight_path
from landscape.connectivity.straight import linear_barrier
from landscape.connectivity.units import permuted
from landscape.data import Examples
from landscape.objective import Objective
from torch import nn

from studies.study import Study

_BARRIERS = ("barrier", "barrier_above_mean", "error_barrier")
_UNITS = dict(zip(_BARRIERS, ("nats", "nats", "share wrong"), strict=True))
_UNITS["length"] = "straight lengths"

# Number of inputs on which an aligned network must give the outputs of the original.
_CHECKED_INPUTS = 16


def record_straight_paths(
    study: Study,
    models: Mapping[int, nn.Module],
    sets: Mapping[str, Examples],
    *,
    points: int,
    arm: str,
    policies: Sequence[str] = ("frozen", "batch", "reestimate"),
) -> dict[tuple[str, str], list[Path]]:
    """Measure straight paths between solutions under BN policies, through the store; record them.

    Pairs are disjoint, first with second, third with fourth, so that they are independent samples.
    ``barrier_<split>_<policy>`` and ``barrier_above_mean_<split>_<policy>`` are in nats,
    ``error_barrier_<split>_<policy>`` is a share wrong. The points go to ``paths.csv``.

    Args:
        study: Where to record.
        models: Seed -> solution.
        sets: Split -> examples; ``reestimate`` takes its statistics from ``train``.
        points: Positions on each path.
        arm: Label of the solutions.
        policies: Policies for running statistics. For networks without them all policies give the
            same path, and one is enough.

    Returns:
        (split, policy) -> one path for each pair.
    """
    seeds = list(models)
    paths: dict[tuple[str, str], list[Path]] = {}
    for split, bn in itertools.product(sets, policies):
        for pair in zip(seeds[::2], seeds[1::2], strict=False):
            start, end = (
                Objective(models[seed], sets[split], bn=bn, bn_examples=sets["train"][0])
                for seed in pair
            )
            path = study.store.remember(linear_barrier, start, end, ts=points)
            label = f"{pair[0]}-{pair[1]}"
            row = {"pair": label, "split": split}
            pattern = f"{{}}_{split}_{bn}"
            _record(study, path, "paths", row, pattern, arm=arm, seed=label, note=split)
            paths.setdefault((split, bn), []).append(path)
    return paths


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
    Running statistics are estimated anew at each point. The kinds:

    - ``straight`` joins the solutions as they are.
    - ``aligned`` joins them after permuting the units of the second towards the first.
    - ``repaired`` restores the statistics of each unit on the aligned path.
    - The kind of ``curve`` is the trained curve between the solutions as they are.

    Recorded are ``route_barrier`` and ``route_barrier_above_mean`` in nats, ``route_error_barrier``
    as a share wrong, ``route_length`` in straight lengths, and ``similarity``, the inner product of
    the parameters before and after the alignment. The points go to ``routes.csv``.

    Args:
        study: Where to record.
        models: Seed -> solution.
        examples: Inputs and targets to measure on, and to take statistics from.
        train: Inputs and targets to train the curves on.
        curve: Kind of curve and how to train it.
        points: Positions on each path.

    Returns:
        Kind -> one path for each pair.

    References: Ainsworth et al. (2023), Git Re-Basin, ICLR, for the alignment; Jordan et al.
        (2023), REPAIR, ICLR; Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast
        Ensembling of DNNs, NeurIPS, for the curves.
    """
    seeds, store = list(models), study.store
    paths: dict[str, list[Path]] = {}
    for pair in zip(seeds[::2], seeds[1::2], strict=False):
        label, options = f"{pair[0]}-{pair[1]}", {"bn": "reestimate", "bn_examples": examples[0]}
        start, end = (Objective(models[seed], examples, **options) for seed in pair)
        matching = store.remember(match, start, end)
        checked = examples[0][:_CHECKED_INPUTS]
        twin = permuted(models[pair[1]], matching.permutations, checked)
        aligned = Objective(twin, examples, **options)
        trained_curve = store.remember(train_curve, start, end, curve, train)
        pair_paths = {
            "straight": store.remember(linear_barrier, start, end, ts=points),
            "aligned": store.remember(linear_barrier, start, aligned, ts=points),
            "repaired": store.remember(repaired_straight_path, start, aligned, ts=points),
            curve.kind: store.remember(curve_path, start, end, trained_curve, ts=points),
        }
        _record_matching(study, matching, start, label)
        for kind, path in pair_paths.items():
            stopped = kind == curve.kind and trained_curve.diverged_at is not None
            note = f"training diverged at step {trained_curve.diverged_at}" if stopped else ""
            _record(
                study,
                path,
                "routes",
                {"pair": label, "kind": kind},
                "route_{}",
                # A repaired path also changes statistics: it has no length in parameters.
                names=(*_BARRIERS, "length") if math.isfinite(path.length) else _BARRIERS,
                complete=not note,
                arm=kind,
                seed=label,
                note=note,
            )
            paths.setdefault(kind, []).append(path)
    return paths


def _record_matching(study: Study, matching: Matching, objective: Objective, pair: str) -> None:
    similarities = {"straight": matching.similarity_before, "aligned": matching.similarity}
    for arm, similarity in similarities.items():
        study.add_measurement(
            "similarity",
            similarity,
            objective,
            arm=arm,
            cost=matching.sweeps,
            cost_unit="sweeps",
            seed=pair,
            converged=matching.converged,
            unit="parameter²",
        )


def _record(
    study: Study,
    path: Path,
    table: str,
    row: Mapping[str, str],
    pattern: str,
    *,
    names: Sequence[str] = _BARRIERS,
    complete: bool = True,
    **labels: str,
) -> None:
    """Record attributes of a path, named by the pattern, and its points in a table.

    Outputs that are not numbers have an accuracy too: they always answer the first class.
    So where a loss is not finite, nothing of the path counts as converged.
    """
    complete = complete and bool(path.loss.isfinite().all())
    for name in names:
        value = getattr(path, name)
        converged = complete and math.isfinite(value)
        study.add_measurement(
            pattern.format(name), value, path, unit=_UNITS[name], converged=converged, **labels
        )
    points = zip(path.ts.tolist(), path.loss.tolist(), path.accuracy.tolist(), strict=True)
    rows = [{**row, "bn": path.bn, "t": t, "loss": a, "accuracy": b} for t, a, b in points]
    study.table(table, rows)
