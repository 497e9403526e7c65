"""Curvature along training, beside the threshold of each optimizer; panels of it."""

import dataclasses
import math
import statistics

import numpy as np
import pytest
import torch
from landscape import models
from landscape.dynamics.gradient_noise import batch_sharpness
from landscape.dynamics.stability import preconditioner
from landscape.objective import Objective
from landscape.training import SAM, SGD, Adam, Cosine, TrainConfig
from studies.arms import Arm
from studies.figures import captioned, edge_of_stability
from studies.recorder import Recorder
from studies.records import dynamics
from studies.study import Study
from studies.trajectories import Curvature, CurvatureSnapshot, CurvatureTrajectory

pytestmark = pytest.mark.slow

COUNT = 24
STEPS = (0, 2, 3, 5, 6)
DOUBLE = {"dtype": torch.float64}


def task_of(study):
    return study.load("digits", max_train=COUNT, max_test=COUNT)


def config_of(optimizer=SGD(0.1), **settings):  # noqa: B008 (frozen)
    """Three epochs of two steps on 24 examples."""
    settings = {"epochs": 3, "batch_size": 12, "snapshots": STEPS, **settings}
    return TrainConfig(models.MLP(hidden=(3,)), optimizer, **settings)


def runs_of(study, seed=0, **configs):
    arms = {Arm(name, arm=name): config for name, config in configs.items()}
    return study.train(arms, task_of(study), seeds=[seed])


def along(study, runs, *, count=COUNT, **options):
    examples = task_of(study).first(count)
    return study.trajectories(runs, examples, **{"steps": STEPS, "rtol": 0.5, **DOUBLE, **options})


def objective(run, step):
    return Objective(run.model(step=step), run.task.first(COUNT).tensors, **DOUBLE)


def dense_top(run, step, d=1.0):
    L = objective(run, step)
    H = L.hessian(L.theta).to_dense().numpy()
    d = np.broadcast_to(d, L.n)
    return float(np.linalg.eigvalsh(d[:, None] * H * d)[-1])


def number(study, quantity, arm="a"):
    (row,) = study.measurements.where(quantity=quantity, arm=arm).frame.to_dict("records")
    return row


def rows_of(study, arm="a"):
    frame = study.frame("dynamics")
    return frame[frame["arm"] == arm].to_dict("records")


def test_curvature_of_descent_is_compared_with_its_threshold_at_each_snapshot(study):
    runs = runs_of(study, seed=7, a=config_of(SGD(0.1, momentum=0.5)))
    snapshots = along(study, runs)["a", 7].snapshots
    assert [snapshot.step for snapshot in snapshots] == list(STEPS)
    for snapshot, row in zip(snapshots, rows_of(study), strict=True):
        top = dense_top(runs["a", 7], snapshot.step)
        assert snapshot.edge == snapshot.lambda_max
        assert snapshot.edge.value == pytest.approx(top, rel=1e-6)
        assert snapshot.edge.ratio == pytest.approx(top / 30, rel=1e-6)
        assert (row["seed"], row["step"], row["epoch"]) == (7, snapshot.step, snapshot.step / 2)
        # What is returned is what the record holds, to its last digit.
        assert (row["quantity"], row["value"]) == ("lambda_max", snapshot.lambda_max.value)
        assert (row["error"], row["threshold"]) == (snapshot.edge.error, 30)
        assert row["converged"] and row["products"] == snapshot.edge.products > 0
        assert snapshot.batch_sharpness is None
    last = snapshots[-2:]  # The last third of five, rounded up.
    row = number(study, "edge_ratio")
    want = statistics.median(snapshot.edge.ratio for snapshot in last)
    assert row["value"] == pytest.approx(want, rel=1e-9)
    largest = max(snapshot.edge.error for snapshot in last) / 30
    assert row["error"] == pytest.approx(largest, rel=1e-6, abs=1e-300)
    assert row["cost"] == sum(snapshot.edge.products for snapshot in last)
    assert (row["error_kind"], row["converged"], row["seed"]) == ("residual", True, 7)
    assert (row["examples"], row["dtype"], row["bn"]) == (COUNT, "float64", "frozen")
    assert "batch_edge_ratio" not in study.measurements.quantities
    peak = number(study, "edge_peak")
    want = max(snapshot.edge.ratio for snapshot in snapshots)
    assert peak["value"] == pytest.approx(want, rel=1e-9)
    assert peak["cost"] == sum(snapshot.edge.products for snapshot in snapshots)
    assert (peak["error_kind"], peak["converged"]) == ("residual", True)


def test_an_adaptive_optimizer_is_compared_by_its_preconditioned_curvature(study):
    runs = runs_of(study, a=config_of(Adam(0.01)))
    run = runs["a", 0]
    first, *snapshots = along(study, runs)["a", 0].snapshots
    # Before the first step there is nothing to divide by.
    assert math.isnan(first.edge.value) and math.isnan(first.edge.ratio)
    assert not first.edge.converged and first.lambda_max.converged
    assert first.lambda_max.value == pytest.approx(dense_top(run, 0), rel=1e-6)
    for snapshot in snapshots:
        top = dense_top(run, snapshot.step, preconditioner(run.live(), step=snapshot.step).numpy())
        line = 3800 * (1 - 0.9**snapshot.step)
        assert snapshot.edge.value == pytest.approx(top, rel=1e-6)
        assert snapshot.edge.ratio == pytest.approx(top / line, rel=1e-6)
        assert snapshot.lambda_max.value == pytest.approx(dense_top(run, snapshot.step), rel=1e-6)
        assert math.isnan(snapshot.lambda_max.ratio)
    rows = rows_of(study)
    assert [row["quantity"] for row in rows[2:4]] == ["lambda_max", "lambda_max_preconditioned"]
    assert rows[3]["value"] == snapshots[0].edge.value and rows[3]["converged"]
    assert number(study, "edge_ratio")["converged"] and number(study, "edge_peak")["converged"]
    want = max(snapshot.edge.ratio for snapshot in snapshots)
    assert number(study, "edge_peak")["value"] == pytest.approx(want, rel=1e-9)


def test_the_threshold_follows_the_schedule(study):
    runs = runs_of(study, a=config_of(schedule=Cosine(warmup_epochs=0.5)))
    snapshots = along(study, runs, batch_size=12)["a", 0].snapshots
    # After the last step the rate is that of the last one.
    for snapshot, step in zip(snapshots, (0, 2, 3, 5, 5), strict=True):
        schedule = runs["a", 0].config.schedule
        rate = 0.1 * schedule.factor(step, steps=6, steps_per_epoch=2)
        assert snapshot.edge.threshold == pytest.approx(2 / rate, rel=1e-9)
        assert snapshot.batch_sharpness.threshold == pytest.approx(2 / rate, rel=1e-9)


def test_batch_sharpness_stands_beside_two_over_the_rate(study):
    runs = runs_of(study, seed=7, a=config_of(SGD(0.1, momentum=0.5)))
    snapshots = along(study, runs, batch_size=5)["a", 7].snapshots
    for snapshot in snapshots:
        L = objective(runs["a", 7], snapshot.step)
        want = batch_sharpness(L, L.theta, batch_size=5, rtol=0.5, seed=7)
        batch = snapshot.batch_sharpness
        assert (batch.value, batch.error) == pytest.approx((want.value, want.stderr), rel=1e-9)
        assert batch.ratio == pytest.approx(want.value / 20, rel=1e-9)
    row = number(study, "batch_edge_ratio")
    want = (snapshots[3].batch_sharpness.ratio + snapshots[4].batch_sharpness.ratio) / 2
    assert row["value"] == pytest.approx(want, rel=1e-9)
    assert (row["error_kind"], row["cost_unit"]) == ("standard error", "products")


def test_batch_sharpness_of_adam_has_no_line(study):
    runs = runs_of(study, a=config_of(Adam(0.01)))
    (snapshot,) = along(study, runs, steps=(2,), batch_size=5)["a", 0].snapshots
    assert snapshot.batch_sharpness.value > 0 and math.isnan(snapshot.batch_sharpness.ratio)
    measured = study.measurements
    assert not measured.converged("batch_edge_ratio") and measured.converged("edge_ratio")


def test_the_threshold_of_an_optimizer_is_a_number_of_its_solutions(study):
    runs = runs_of(study, a=config_of(Adam(0.01)), b=config_of(SGD(0.1)))
    limits = study.measure(runs.solutions(task_of(study).train), ["threshold"])
    assert limits.values("threshold", "a") == pytest.approx([3800])
    assert limits.values("threshold", "b") == pytest.approx([20])


DIVERGING = config_of(SGD(1e30), snapshots=(0, 1))


def test_a_run_that_diverged_has_its_snapshots_until_then_and_a_row_that_says_so(study):
    runs = runs_of(study, b=DIVERGING, a=config_of())
    assert runs["b", 0].diverged_at == 1
    measured = along(study, runs, batch_size=5, steps=(0, 5, 6))
    assert [snapshot.step for snapshot in measured["b", 0].snapshots] == [0]
    assert measured["b", 0].diverged_at == 1 and measured["a", 0].diverged_at is None
    *before, last = rows_of(study, "b")
    assert {row["step"] for row in before} == {0}
    assert before[0]["value"] == pytest.approx(rows_of(study, "a")[0]["value"], rel=1e-9)
    assert (last["step"], last["epoch"], last["note"]) == (1, 0.5, "the run diverged")
    assert not last["converged"] and math.isnan(last["value"])
    numbers = study.measurements
    for name in ("edge_ratio", "edge_peak", "batch_edge_ratio"):
        assert math.isnan(number(study, name, "b")["value"])
        assert number(study, name, "b")["note"] == "diverged at step 1"
        assert numbers.converged(name, ["a"]) and not numbers.converged(name, ["b"])


def test_a_snapshot_whose_own_loss_is_not_finite_is_not_measured(study):
    measured = along(study, runs_of(study, b=DIVERGING), steps=(0, 1))
    assert [snapshot.step for snapshot in measured["b", 0].snapshots] == [0]


def test_a_run_that_diverged_before_its_first_snapshot_still_has_its_row(study):
    measured = along(study, runs_of(study, b=DIVERGING), steps=(5,))
    assert measured["b", 0].snapshots == ()
    assert [row["step"] for row in rows_of(study, "b")] == [1]
    assert math.isnan(number(study, "edge_peak", "b")["value"])


def overflowing(run, **changes):
    """The run, its snapshot at step 2 so large that products are not finite in float32."""
    live = run.live()
    huge = {name: 1e25 * tensor for name, tensor in live.snapshots[2].items()}
    live = dataclasses.replace(live, snapshots={**live.snapshots, 2: huge})
    return type("Overflowing", (), {**vars(run), "live": lambda self: live, **changes})()


@pytest.mark.parametrize("diverged_at", [4, None])
def test_curvature_that_overflows_before_a_run_diverged_is_no_number(study, diverged_at):
    task, recorder = task_of(study), Recorder(study.store)
    changes = {"diverged_at": diverged_at, "diverged": diverged_at is not None}
    run = overflowing(runs_of(study, a=config_of())["a", 0], **changes)
    measuring = dynamics._Measuring(dynamics._Descent(run), task.train, (0, 2), None, {})
    measuring(recorder)
    first, second, *_ = recorder.tables["dynamics"]
    assert first["converged"] and math.isnan(second["value"]) and not second["converged"]


def test_nothing_is_computed_twice_and_a_record_read_again_says_the_same(study, monkeypatch):
    runs = runs_of(study, a=config_of(Adam(0.01)), b=DIVERGING)
    first = along(study, runs, batch_size=12)
    monkeypatch.setattr(dynamics._Measuring, "__call__", None)
    folders = {"data_dir": str(study.data_dir), "build_dir": str(study.store.root.parent)}
    again = Study("09_tests", {"profile": "paper", **folders})
    second = along(again, runs_of(again, a=config_of(Adam(0.01)), b=DIVERGING), batch_size=12)
    assert list(second) == list(first)
    assert str(list(second.values())) == str(list(first.values()))  # As text NaN equals NaN.


def test_fewer_examples_than_those_of_training_leave_epochs_as_they_are(study):
    (snapshot,) = along(study, runs_of(study, a=config_of()), count=8, steps=(6,))["a", 0].snapshots
    assert snapshot.epoch == 3.0 and number(study, "edge_peak")["examples"] == 8


def test_what_the_record_lacks_is_said(study):
    runs = runs_of(study, a=config_of(), b=config_of(SGD(0.2)))
    along(study, runs.where(arm="a"))
    study.store = None  # As in profile published.
    some = along(study, runs)
    assert list(some) == [("a", 0)] and some.missing == ["curvature along 1 of 2 runs"]
    assert (some | some.where(arm="a")).missing == some.missing


def test_what_cannot_be_measured_is_refused(study):
    with pytest.raises(ValueError, match=r"no steps were given. Pass steps among"):
        along(study, runs_of(study, a=config_of()), steps=())
    with pytest.raises(ValueError, match=r"no snapshot at step 1"):
        along(study, runs_of(study, a=config_of()), steps=(1,))
    with pytest.raises(ValueError, match=r"SAM has no curvature at which"):
        along(study, runs_of(study, a=config_of(), b=config_of(SAM(0.1))))


def test_curvature_above_the_line_gives_way_and_at_a_small_rate_stays_below(study):
    task, steps = study.load("digits", max_train=64), tuple(range(0, 33, 8))
    options = {"epochs": 32, "batch_size": 64, "snapshots": steps, "measure_every": 32}
    config = TrainConfig(models.MLP(hidden=(16,), activation="tanh"), SGD(2.0), **options)
    slow = dataclasses.replace(config, optimizer=SGD(0.1))
    runs = study.train({"fast": config, "slow": slow}, task, seeds=[0])
    measured = study.trajectories(runs, task.train, steps=steps)
    fast, slow = ([m.edge.ratio for m in measured[arm, 0].snapshots] for arm in ("fast", "slow"))
    assert max(fast) > 1 and fast[-1] < max(fast) / 2 and max(slow) < 0.5


# Panels


def snapshot(step, ratio, batch=None):
    edge = Curvature(ratio * 20, 0.1, 20.0, True, 5)
    batch = None if batch is None else Curvature(batch * 10, 0.1, 10.0, True, 5)
    return CurvatureSnapshot(
        step=step, epoch=step / 2, lambda_max=edge, edge=edge, batch_sharpness=batch
    )


def trajectory(ratios, *, batches=None, diverged_at=None):
    batches = batches or [None] * len(ratios)
    pairs = enumerate(zip(ratios, batches, strict=True))
    return CurvatureTrajectory(tuple(snapshot(10 * i, *pair) for i, pair in pairs), diverged_at)


def test_panels_have_a_band_for_each_arm_and_a_line_at_one():
    found = {
        ("a", 0): trajectory([0.2, 0.8, 1.0], batches=[0.5, 1.0, 1.5]),
        ("b", 0): trajectory([0.1, 0.2, 0.3], batches=[math.nan] * 3),
        ("a", 1): trajectory([0.4, 1.0, 1.2], batches=[0.7, 1.0, 1.1]),
    }
    full, few = edge_of_stability.stability_panels(found)
    assert list(full.series) == ["a", "b"] and full.reference == 1
    np.testing.assert_allclose(full.series["a"].mean, [0.3, 0.9, 1.1])
    assert full.series["a"].n == 2 and full.series["a"].x.tolist() == [0, 10, 20]
    np.testing.assert_allclose(full.series["b"].mean, [0.1, 0.2, 0.3])
    assert (full.x, full.y) == ("step", "λ_max / threshold")
    # Adam's batch sharpness has no line to stand beside.
    assert list(few.series) == ["a"]
    np.testing.assert_allclose(few.series["a"].mean, [0.6, 1.0, 1.3])
    assert few.y == "over 2/η"


def test_without_batch_sharpness_there_is_one_panel():
    (panel,) = edge_of_stability.stability_panels({("a", 0): trajectory([0.2, 0.8])})
    assert panel.title == "largest eigenvalue"


def test_an_arm_that_diverged_says_so_and_has_no_mean_from_there():
    found = {
        ("a", 0): trajectory([0.2, 0.8, 1.0]),
        ("a", 1): trajectory([0.4], diverged_at=7),
        ("b", 0): trajectory([], diverged_at=3),
    }
    (panel,) = edge_of_stability.stability_panels(found)
    assert list(panel.series) == ["a", "b"] and panel.reference == 1
    some, every = panel.series.values()
    assert some.x.tolist() == [0, 7, 10, 20] and some.mean[0] == pytest.approx(0.3)
    assert np.isnan(some.mean[1:]).all() and every.x.tolist() == [3]
    words = {"label": "fig-test", "caption": "See.", "alt": "Curves."}
    assert captioned.curves([panel], **words).figure.axes


def test_no_trajectories_are_refused():
    with pytest.raises(ValueError, match="there are no trajectories to draw"):
        edge_of_stability.stability_panels({})
