"""Paths between solutions: what is measured, what is recorded, and what is rebuilt from that."""

import dataclasses
import math

import pytest
import torch
from landscape import connectivity, rng
from landscape.connectivity import CurveConfig, linear_barrier
from landscape.objective import Objective
from landscape.training import SGD, Branch
from studies.arms import Arm
from studies.records.paths import paths as measure_paths
from studies.solutions import Solution
from studies.study import Study

from tests.sample_study import config_of

pytestmark = pytest.mark.slow

CURVE = CurveConfig(epochs=2, batch_size=12, learning_rate=0.02)
KINDS = ["straight", "aligned", "repaired"]


def solutions_of(study, count=4, **settings):
    task = study.load("digits", max_train=48, max_test=24)
    runs = study.train({Arm("BN", norm="batch"): config_of(**settings)}, task, seeds=range(count))
    return runs.solutions(task.first(24))


def measured(study, count=4, curve=CURVE):
    solutions = solutions_of(study, count)
    options = {"kinds": KINDS, "policies": ["reestimate"], "curve": curve}
    return study.paths(solutions, points=5, **options).by("path")


def numbers(study, quantity, **wanted):
    return study.measurements.where(quantity=quantity, **wanted).frame["value"].tolist()


def test_each_kind_has_a_path_a_pair_of_disjoint_solutions(study):
    paths = measured(study, count=5)  # The fifth has no partner.
    assert paths.arms == ["straight", "aligned", "repaired", "bezier"]
    assert list(paths) == [(kind, pair) for kind in paths.arms for pair in ("0-1", "2-3")]
    assert all(path.ts.tolist() == [0, 0.25, 0.5, 0.75, 1] for path in paths.values())
    assert [path.kind for (_, pair), path in paths.items() if pair == "0-1"] == paths.arms
    assert paths.missing == []


def test_paths_are_those_of_connectivity_under_fresh_statistics(study):
    paths, ends = measured(study, count=2), solutions_of(study, count=2)
    task = next(iter(ends.values())).task
    start, end = (
        Objective(solution.model(), task.first(24).tensors, bn="reestimate")
        for solution in ends.values()
    )
    straight = linear_barrier(start, end, ts=5)
    # A record keeps ten digits.
    torch.testing.assert_close(paths["straight", "0-1"].loss, straight.loss, rtol=1e-9, atol=0)
    assert paths["straight", "0-1"].barrier == pytest.approx(straight.barrier, rel=1e-9)
    assert paths["straight", "0-1"].position == straight.position
    bent = connectivity.train_curve(start, end, CURVE, task.train.tensors)
    curved = connectivity.curve_path(start, end, bent, ts=5)
    torch.testing.assert_close(paths["bezier", "0-1"].loss, curved.loss, rtol=1e-9, atol=0)
    assert paths["bezier", "0-1"].length == pytest.approx(curved.length, rel=1e-9)
    # All kinds join networks that compute the same functions.
    for path in paths.values():
        torch.testing.assert_close(path.loss[[0, -1]], straight.loss[[0, -1]], rtol=1e-4, atol=1e-5)


def test_barriers_lengths_and_similarity_are_recorded_with_kind_pair_and_split(study):
    paths = measured(study, count=4)
    for kind in paths.arms:
        pairs = [path for (arm, _), path in paths.items() if arm == kind]
        assert numbers(study, "barrier", path=kind) == [path.barrier for path in pairs]
        assert numbers(study, "barrier", path=kind, split="train", norm="batch", at="end")
    frame = study.measurements.where(split="train").frame
    lengths = frame[frame["quantity"] == "length"]
    assert set(lengths["path"]) == {"straight", "aligned", "bezier"}
    assert set(frame["bn"][frame["path"] != "repaired"]) == {"reestimate"}
    assert set(frame["bn"][frame["path"] == "repaired"]) == {"repaired"}
    assert frame["converged"].all() and set(frame["pair"]) == {"0-1", "2-3"}
    before, after = (numbers(study, name) for name in ("similarity_before", "similarity"))
    assert len(before) == 2 and all(a < b for a, b in zip(before, after, strict=True))
    points = study.frame("paths")
    assert len(points) == 4 * 2 * 5 and set(points["pair"]) == {"0-1", "2-3"}


def test_a_curve_whose_training_diverged_is_recorded_as_such(study):
    wild = CurveConfig(epochs=2, batch_size=12, learning_rate=1e30)
    measured(study, count=2, curve=wild)
    frame = study.measurements.where(quantity="barrier").frame.set_index("path")
    assert not frame["converged"]["bezier"]
    assert "diverged at step" in frame["note"]["bezier"]
    assert frame["converged"]["straight"]


def test_a_path_on_which_the_loss_is_no_number_has_not_converged(study, monkeypatch):
    solutions = solutions_of(study, 2)
    networks = {0: solutions["BN", 0].model(), 1: solutions["BN", 1].model()}
    with torch.no_grad():
        for tensor in networks[1].parameters():
            tensor.mul_(1e30)
    monkeypatch.setattr(Solution, "model", lambda solution: networks[solution.config.seed])
    paths = study.paths(solutions, points=3, policies=["frozen"])
    assert len(paths) == 1
    frame = study.measurements.where(split="train").frame.set_index("quantity")
    assert math.isfinite(frame["value"]["length"]) and not frame["converged"]["length"]
    assert math.isnan(frame["value"]["barrier"])


def test_a_pair_with_a_run_that_diverged_has_rows_but_no_path(study):
    solutions = solutions_of(study, 2, optimizer=SGD(1e30))
    paths = study.paths(solutions, points=3, policies=["frozen"])
    assert dict(paths) == {} and dict(paths.where(split="train").by("bn")) == {}
    assert paths.missing == [
        "The straight path of BN, train examples, frozen: 0-1 (the run diverged)."
    ]
    rows = study.measurements.where(split="train").frame
    assert rows["quantity"].tolist() == ["barrier", "barrier_above_mean", "error_barrier", "length"]
    assert rows["value"].isna().all() and not rows["converged"].any()
    assert set(rows["note"]) == {"the run diverged"} and set(rows["bn"]) == {"frozen"}


def test_straight_paths_are_measured_for_every_split_and_policy(study):
    solutions = solutions_of(study, 2)
    paths = study.paths(solutions, points=3, splits=["train", "test"])
    splits, policies = ("train", "test"), ("frozen", "batch", "reestimate")
    groups = paths.grouped("split", "bn")
    assert list(groups) == [(split, bn) for split in splits for bn in policies]
    task = solutions["BN", 0].task
    start, end = (
        Objective(solutions["BN", seed].model(), task.first(24, split="test").tensors)
        for seed in (0, 1)
    )
    path = linear_barrier(start, end, ts=3)
    torch.testing.assert_close(groups["test", "frozen"][0].loss, path.loss, rtol=1e-9, atol=0)
    # Statistics are those of training examples, whatever the split.
    statistics = task.first(24).tensors[0]
    again = [
        objective.replace(bn="reestimate", bn_examples=statistics) for objective in (start, end)
    ]
    path = linear_barrier(*again, ts=3)
    torch.testing.assert_close(groups["test", "reestimate"][0].loss, path.loss, rtol=1e-9, atol=0)
    assert paths.where(split="test", bn="batch").by("path").arms == ["straight"]


def test_a_straight_path_asked_for_twice_is_one_entry(study):
    measured(study, count=2)
    before = len(study.record)
    study.paths(solutions_of(study, count=2), points=5, policies=["reestimate"])
    assert len(study.record) == before
    study.paths(solutions_of(study, count=2), points=7, policies=["reestimate"])
    assert len(study.record) == before + 1


def test_paths_are_rebuilt_from_the_record_without_any_network(study, tmp_path, monkeypatch):
    first = measured(study, count=2)
    study.close("title")
    published = reader(study, tmp_path, monkeypatch)
    again = measured(published, count=2)
    assert list(again) == list(first) and again.missing == [] and published.missing == {}
    for key, path in first.items():
        for name, value in vars(path).items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, getattr(again[key], name))
            else:
                assert repr(value) == repr(getattr(again[key], name))


def test_what_the_record_lacks_is_missing_in_words(study, tmp_path, monkeypatch):
    study.paths(solutions_of(study, 4), points=3, policies=["frozen"])
    study.close("title")
    published = reader(study, tmp_path, monkeypatch)
    paths = published.paths(solutions_of(published, 4), points=3, policies=["frozen", "batch"])
    assert list(paths.by("bn")) == [("frozen", "0-1"), ("frozen", "2-3")]
    assert paths.missing == [
        "The straight path of BN, train examples, batch: 0-1, 2-3 (not in the record)."
    ]
    assert dict(paths.where(bn="batch")) == {} and len(published.missing["paths"]) == 2


def reader(study, tmp_path, monkeypatch):
    monkeypatch.setattr("studies.study.PUBLISHED", str(study.record.folder.parent))
    folders = {"data_dir": str(tmp_path / "none"), "build_dir": str(tmp_path / "again")}
    return Study(study.name, {"profile": "published", **folders})


def test_one_solution_has_no_path(study):
    paths = measure_paths(study, solutions_of(study, 1), points=3)
    assert dict(paths) == {} and paths.missing == ["BN: no path, which needs two seeds."]


@pytest.mark.parametrize("kind", ["bezier", "chain"])
def test_the_curve_goes_by_its_own_name(study, kind):
    curve = CurveConfig(kind=kind, epochs=1, batch_size=24, learning_rate=0.01)
    assert measured(study, count=2, curve=curve).arms[-1] == kind


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 2}, "points=2 make no path. Pass at least 3"),
        ({"kinds": ["bezier"]}, "kinds holds 'bezier'. Pass some of straight, aligned"),
        ({"policies": ["eval"]}, "policies holds 'eval'. Pass some of frozen, batch"),
        ({"splits": ["valid"]}, "splits holds 'valid'. Pass some of train, test"),
    ],
)
def test_unknown_options_are_refused(study, options, message):
    with pytest.raises(ValueError, match=message):
        measure_paths(study, solutions_of(study, 1), **{"points": 3, **options})


def test_a_calibrated_path_has_the_losses_of_the_fitted_temperature(study):
    solutions = solutions_of(study, 2)
    kinds = ["straight", "calibrated", "aligned", "aligned calibrated"]
    paths = study.paths(solutions, points=5, kinds=kinds, policies=["batch"]).by("path")
    start, end = (s.replace(bn="batch") for s in (x.objective for x in solutions.values()))
    expected = connectivity.calibrated_path(start, end, ts=5).path
    torch.testing.assert_close(paths["calibrated", "0-1"].loss, expected.loss, rtol=1e-9, atol=0)
    for plain, calibrated in (kinds[:2], kinds[2:]):
        pair = [paths[kind, "0-1"] for kind in (plain, calibrated)]
        assert (pair[1].loss <= pair[0].loss + 1e-6).all()
        assert torch.equal(pair[0].accuracy, pair[1].accuracy)
    rows = study.measurements.where(path="aligned calibrated")
    assert {"similarity", "similarity_before"} <= set(rows.quantities)


def test_a_twin_has_a_barrier_of_symmetry_alone_and_none_once_aligned(study):
    options = {"kinds": ["twin", "twin aligned"], "policies": ["frozen"]}
    paths = study.paths(solutions_of(study, 4), points=5, **options).by("path")
    for pair in ("0-1", "2-3"):
        twin, aligned = (paths[kind, pair] for kind in options["kinds"])
        assert twin.loss[0] == pytest.approx(float(twin.loss[-1]), rel=1e-5)
        assert twin.barrier > 0.01 and twin.length == 1
        assert (aligned.barrier, aligned.error_barrier, aligned.length) == (0, 0, 0)
        assert aligned.loss.tolist() == pytest.approx([float(twin.loss[0])] * 5, rel=1e-6)
    assert numbers(study, "length", path="twin aligned") == [0, 0]


def test_noise_goes_as_far_as_the_other_solution_lies(study):
    solutions = solutions_of(study, 2)
    paths = study.paths(solutions, points=5, kinds=["noise"], policies=["frozen"]).by("path")
    start, end = (solution.objective for solution in solutions.values())
    noise = torch.randn(start.n, generator=rng.stream(0, "noise"), dtype=torch.float64)
    far = start.theta + noise / noise.norm() * (end.theta - start.theta).norm()
    assert paths["noise", "0-1"].loss[-1] == pytest.approx(start.loss(far), rel=1e-6)
    assert paths["noise", "0-1"].loss[0] == pytest.approx(start.loss(), rel=1e-6)


def test_solutions_are_paired_with_those_of_their_seed(study):
    task = study.load("digits", max_train=48, max_test=24)
    base = config_of()
    trunk, branch = Arm("trunk", moment="none"), Arm("branch", moment=0)
    configs = {trunk: base, branch: dataclasses.replace(base, branch=Branch(0, seed=1))}
    ends = study.train(configs, task, seeds=[3, 5]).solutions(task.first(24))
    pair = [ends.where(arm=arm) for arm in (trunk, branch)]
    paths = study.paths(pair[1], points=3, policies=["frozen"], against=pair[0])
    assert [name for _, name in paths] == ["3-3", "5-5"]
    path = next(iter(paths.values()))
    start, end = (
        solutions.replace(bn="frozen")[arm, 3]
        for solutions, arm in zip(pair[::-1], (branch, trunk), strict=True)
    )
    straight = linear_barrier(start.objective, end.objective, ts=3)
    torch.testing.assert_close(path.loss, straight.loss, rtol=1e-9, atol=0)
    # The labels are those of the first end.
    assert numbers(study, "barrier", moment=0) == [p.barrier for p in paths.values()]


def test_solutions_without_partners_are_refused(study):
    ends = solutions_of(study, 3)
    with pytest.raises(ValueError, match=r"seeds \[\[0, 1, 2\]\] and \[\[0, 1\]\], arm by arm"):
        study.paths(ends, points=3, against=ends.where(seed=[0, 1]))
