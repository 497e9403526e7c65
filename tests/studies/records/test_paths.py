"""Routes between solutions: what is measured, what is recorded, and what the store keeps."""

import math

import pytest
import torch
from landscape import connectivity
from landscape.connectivity import CurveConfig, linear_barrier
from landscape.objective import Objective
from landscape.store.entries import Store
from studies.records import paths as path_records

from tests.sample_networks import digits, small_cnn
from tests.sample_study import rows_of

CURVE = CurveConfig(epochs=2, batch_size=12, learning_rate=0.02)


def measured(study, count=4, curve=CURVE):
    task = digits()
    solutions = {seed: small_cnn(seed=seed) for seed in range(count)}
    examples = task.first(24)
    train = task.first(48)
    return path_records.record_path_kinds(
        study, solutions, examples, train=train, curve=curve, points=5
    )


def test_each_kind_has_a_path_a_pair_of_disjoint_solutions(study):
    found = measured(study, count=5)  # The fifth has no partner.
    assert list(found) == ["straight", "aligned", "repaired", "bezier"]
    assert {len(paths) for paths in found.values()} == {2}
    assert all(path.ts.tolist() == [0, 0.25, 0.5, 0.75, 1] for of in found.values() for path in of)


def test_paths_are_those_of_connectivity_under_fresh_statistics(study):
    found, task = measured(study, count=2), digits()
    how = {"bn": "reestimate", "bn_examples": task.first(24)[0]}
    start, end = (Objective(small_cnn(seed=seed), task.first(24), **how) for seed in (0, 1))
    straight = linear_barrier(start, end, ts=5)
    torch.testing.assert_close(found["straight"][0].loss, straight.loss, rtol=0, atol=0)
    bent = connectivity.train_curve(start, end, CURVE, task.first(48))
    curved = connectivity.curve_path(start, end, bent, ts=5)
    torch.testing.assert_close(found["bezier"][0].loss, curved.loss, rtol=0, atol=0)
    # All kinds join networks that compute the same functions.
    for paths in found.values():
        ends = paths[0].loss[[0, -1]]
        torch.testing.assert_close(ends, straight.loss[[0, -1]], rtol=1e-4, atol=1e-5)


def test_barriers_lengths_and_similarity_are_recorded(study, tmp_path):
    found = measured(study, count=4)
    study.write("title", [], [])
    for kind, paths in found.items():
        assert study.values("route_barrier", kind) == [path.barrier for path in paths]
    rows = rows_of(tmp_path)
    lengths = [row for row in rows if row["quantity"] == "route_length"]
    assert {row["arm"] for row in lengths} == {"straight", "aligned", "bezier"}
    assert {row["bn"] for row in rows if row["arm"] != "repaired"} == {"reestimate"}
    assert {row["converged"] for row in rows} == {"true"}
    before, after = (study.values("similarity", arm) for arm in ("straight", "aligned"))
    assert all(a < b for a, b in zip(before, after, strict=True))
    points = rows_of(tmp_path, "routes.csv")
    assert len(points) == 4 * 2 * 5 and {row["pair"] for row in points} == {"0-1", "2-3"}


def test_a_curve_whose_training_diverged_is_recorded_as_such(study, tmp_path):
    wild = CurveConfig(epochs=2, batch_size=12, learning_rate=1e300)
    measured(study, count=2, curve=wild)
    study.write("title", [], [])
    rows = {row["arm"]: row for row in rows_of(tmp_path) if row["quantity"] == "route_barrier"}
    assert rows["bezier"]["converged"] == "false"
    assert "diverged at step" in rows["bezier"]["note"]
    assert rows["straight"]["converged"] == "true" and not rows["straight"]["note"]


def test_a_path_on_which_the_loss_is_no_number_has_not_converged(study, tmp_path):
    solutions = {seed: small_cnn(seed=seed) for seed in (0, 1)}
    with torch.no_grad():
        for tensor in solutions[1].parameters():
            tensor.mul_(1e300)
    sets = {"train": digits().first(24)}
    path_records.record_straight_paths(
        study, solutions, sets, points=3, arm="a", policies=("frozen",)
    )
    study.write("title", [], [])
    rows = {row["quantity"]: row for row in rows_of(tmp_path)}
    assert rows["error_barrier_train_frozen"]["value"] != "nan"
    assert rows["error_barrier_train_frozen"]["converged"] == "false"


def test_paths_are_read_back_from_the_store(study, monkeypatch):
    first = measured(study, count=2)

    def fail(*args, **kwargs):
        raise AssertionError("computed again")

    # Not a method of Objective: with a function put into it, it would be another one.
    monkeypatch.setattr(Store, "_write", fail)
    again = measured(study, count=2)
    for kind, (path,) in first.items():
        assert math.isfinite(path.barrier) and torch.equal(path.loss, again[kind][0].loss)


def test_one_solution_has_no_path(study):
    assert measured(study, count=1) == {}


@pytest.mark.parametrize("kind", ["bezier", "chain"])
def test_the_curve_goes_by_its_own_name(study, kind):
    curve = CurveConfig(kind=kind, epochs=1, batch_size=24, learning_rate=0.01)
    assert list(measured(study, count=2, curve=curve))[-1] == kind


def test_straight_paths_are_recorded_for_every_split_and_policy(study, tmp_path):
    task = digits()
    sets = {split: task.first(12, split=split) for split in ("train", "test")}
    models = {seed: small_cnn(seed=seed) for seed in range(2)}
    found = path_records.record_straight_paths(study, models, sets, points=3, arm="a")
    study.write("title", [], [])
    assert list(found) == [(s, p) for s in sets for p in ("frozen", "batch", "reestimate")]
    start, end = (Objective(models[seed], sets["test"]) for seed in (0, 1))
    path = linear_barrier(start, end, ts=3)
    torch.testing.assert_close(found["test", "frozen"][0].loss, path.loss, rtol=0, atol=0)
    assert [row["t"] for row in rows_of(tmp_path, "paths.csv")][:3] == ["0", "0.5", "1"]
    names = {row["quantity"]: row for row in rows_of(tmp_path)}
    assert float(names["barrier_test_frozen"]["value"]) == pytest.approx(path.barrier, rel=1e-9)
    assert names["error_barrier_test_frozen"]["seed"] == "0-1"
    how = {"points": 3, "arm": "b", "policies": ["batch"]}
    assert list(path_records.record_straight_paths(study, models, sets, **how)) == [
        (s, "batch") for s in sets
    ]
