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
from landscape.store.fingerprint import digest
from landscape.training import SAM, SGD, Adam, Cosine, TrainConfig, train
from studies.figures import captioned, edge_of_stability
from studies.records import dynamics
from studies.records.dynamics import Curvature, CurvatureSnapshot, CurvatureTrajectory

from tests.sample_measurements import MEASURED
from tests.sample_networks import digits
from tests.sample_study import rows_of

COUNT = 24
STEPS = (0, 2, 3, 5, 6)
DOUBLE = {"dtype": torch.float64}


def run_of(study, optimizer=SGD(0.1), **settings):  # noqa: B008 (frozen)
    """Three epochs of two steps on 24 examples."""
    settings = {"epochs": 3, "batch_size": 12, "snapshots": STEPS, **settings}
    config = TrainConfig(models.MLP(hidden=(3,)), optimizer, **settings)
    return train(config, digits(train=COUNT), study.store)


def examples():
    return digits(train=COUNT).first(COUNT)


def dense_top(run, step, d=1.0):
    L = Objective(run.model(step=step), examples(), **DOUBLE)
    H = L.hessian(L.theta).to_dense().numpy()
    d = np.broadcast_to(d, L.n)
    return float(np.linalg.eigvalsh(d[:, None] * H * d)[-1])


def along(study, runs, **how):
    return dynamics.record_dynamics(
        study, runs, examples(), **{"steps": STEPS, "rtol": 0.5, **DOUBLE, **how}
    )


def tables(study, tmp_path):
    study.write("title", [], [])
    measured = {row["quantity"]: row for row in rows_of(tmp_path)}
    return rows_of(tmp_path, "dynamics.csv"), measured


def test_curvature_of_descent_is_compared_with_its_threshold_at_each_snapshot(study, tmp_path):
    run = run_of(study, SGD(0.1, momentum=0.5))
    found = along(study, {("a", 7): run})
    snapshots = found["a", 7].snapshots
    assert [snapshot.step for snapshot in snapshots] == list(STEPS)
    rows, measured = tables(study, tmp_path)
    for snapshot, row in zip(snapshots, rows, strict=True):
        top = dense_top(run, snapshot.step)
        assert snapshot.edge.value == snapshot.lambda_max.value == pytest.approx(top, rel=1e-6)
        assert snapshot.edge.ratio == pytest.approx(top / 30, rel=1e-6)
        assert (row["arm"], row["seed"], row["step"]) == ("a", "7", str(snapshot.step))
        assert float(row["epoch"]) == snapshot.step / 2
        assert float(row["lambda_max"]) == pytest.approx(top, rel=1e-6)
        assert float(row["residual"]) == pytest.approx(
            snapshot.lambda_max.error, rel=1e-6, abs=1e-300
        )
        assert float(row["threshold"]) == pytest.approx(30)
        assert float(row["ratio"]) == pytest.approx(top / 30, rel=1e-6)
        assert (row["converged"], row["preconditioned"], row["note"]) == ("true", "nan", "")
        assert row["batch_sharpness"] == row["stderr"] == row["batch_ratio"] == "nan"
        assert snapshot.batch_sharpness is None and snapshot.examples == COUNT
    last = snapshots[-2:]  # The last third of five, rounded up.
    row = measured["edge_ratio"]
    want = statistics.median(snapshot.edge.ratio for snapshot in last)
    assert float(row["value"]) == pytest.approx(want, rel=1e-9)
    largest = max(snapshot.edge.error for snapshot in last) / 30
    assert float(row["error"]) == pytest.approx(largest, rel=1e-6, abs=1e-300)
    assert int(row["cost"]) == sum(snapshot.edge.products for snapshot in last)
    assert (row["error_kind"], row["converged"], row["seed"]) == ("residual", "true", "7")
    assert "batch_edge_ratio" not in measured
    peak = measured["edge_peak"]
    want = max(snapshot.edge.ratio for snapshot in snapshots)
    assert float(peak["value"]) == pytest.approx(want, rel=1e-9)
    assert int(peak["cost"]) == sum(snapshot.edge.products for snapshot in snapshots)
    assert (peak["error_kind"], peak["converged"]) == ("residual", "true")


def test_an_adaptive_optimizer_is_compared_by_its_preconditioned_curvature(study, tmp_path):
    run = run_of(study, Adam(0.01))
    first, *snapshots = along(study, {("a", 0): run})["a", 0].snapshots
    # Before the first step there is nothing to divide by.
    assert math.isnan(first.edge.value) and math.isnan(first.edge.ratio)
    assert not first.edge.converged and first.lambda_max.converged
    assert first.lambda_max.value == pytest.approx(dense_top(run, 0), rel=1e-6)
    for snapshot in snapshots:
        d = preconditioner(run, step=snapshot.step).numpy()
        top = dense_top(run, snapshot.step, d)
        line = 3800 * (1 - 0.9**snapshot.step)
        assert snapshot.edge.value == pytest.approx(top, rel=1e-6)
        assert snapshot.edge.ratio == pytest.approx(top / line, rel=1e-6)
        assert snapshot.lambda_max.value == pytest.approx(dense_top(run, snapshot.step), rel=1e-6)
        assert math.isnan(snapshot.lambda_max.ratio)
    rows, measured = tables(study, tmp_path)
    assert rows[0]["converged"] == "false" and rows[1]["converged"] == "true"
    assert float(rows[1]["preconditioned"]) == pytest.approx(snapshots[0].edge.value, rel=1e-9)
    assert measured["edge_ratio"]["converged"] == measured["edge_peak"]["converged"] == "true"
    want = max(snapshot.edge.ratio for snapshot in snapshots)
    assert float(measured["edge_peak"]["value"]) == pytest.approx(want, rel=1e-9)


def test_the_threshold_follows_the_schedule(study):
    run = run_of(study, schedule=Cosine(warmup_epochs=0.5))
    snapshots = along(study, {("a", 0): run}, batch_size=12)["a", 0].snapshots
    # After the last step the rate is that of the last one.
    for snapshot, step in zip(snapshots, (0, 2, 3, 5, 5), strict=True):
        rate = 0.1 * run.config.schedule.factor(step, steps=6, steps_per_epoch=2)
        assert snapshot.edge.threshold == pytest.approx(2 / rate, rel=1e-12)
        assert snapshot.batch_sharpness.threshold == pytest.approx(2 / rate, rel=1e-12)


def test_batch_sharpness_stands_beside_two_over_the_rate(study, tmp_path):
    run = run_of(study, SGD(0.1, momentum=0.5))
    snapshots = along(study, {("a", 7): run}, batch_size=5)["a", 7].snapshots
    for snapshot in snapshots:
        L = Objective(run.model(step=snapshot.step), examples(), **DOUBLE)
        want = batch_sharpness(L, L.theta, batch_size=5, rtol=0.5, seed=7)
        assert (snapshot.batch_sharpness.value, snapshot.batch_sharpness.error) == (
            want.value,
            want.stderr,
        )
        assert snapshot.batch_sharpness.ratio == pytest.approx(want.value / 20, rel=1e-12)
    rows, measured = tables(study, tmp_path)
    assert float(rows[3]["batch_sharpness"]) == pytest.approx(
        snapshots[3].batch_sharpness.value, rel=1e-9
    )
    assert float(rows[3]["stderr"]) == pytest.approx(snapshots[3].batch_sharpness.error, rel=1e-9)
    assert float(rows[3]["batch_ratio"]) == pytest.approx(
        snapshots[3].batch_sharpness.ratio, rel=1e-9
    )
    row = measured["batch_edge_ratio"]
    want = (snapshots[3].batch_sharpness.ratio + snapshots[4].batch_sharpness.ratio) / 2
    assert float(row["value"]) == pytest.approx(want, rel=1e-9)
    assert (row["error_kind"], row["cost_unit"]) == ("standard error", "products")


def test_batch_sharpness_of_adam_has_no_line(study):
    snapshots = along(study, {("a", 0): run_of(study, Adam(0.01))}, steps=(2,), batch_size=5)
    (snapshot,) = snapshots["a", 0].snapshots
    assert snapshot.batch_sharpness.value > 0 and math.isnan(snapshot.batch_sharpness.ratio)
    assert not study.converged("batch_edge_ratio") and study.converged("edge_ratio")


def diverging(study):
    run = run_of(study, SGD(1e30), snapshots=(0, 1))
    assert run.diverged_at == 1 and list(run.snapshots) == [0, 1]
    return run


def test_a_run_that_diverged_has_its_snapshots_until_then_and_a_row_that_says_so(study, tmp_path):
    runs = {("b", 0): diverging(study), ("a", 0): run_of(study)}
    found = along(study, runs, batch_size=5, steps=(0, 5, 6))
    assert [snapshot.step for snapshot in found["b", 0].snapshots] == [0]
    assert found["b", 0].diverged_at == 1 and found["a", 0].diverged_at is None
    rows, _ = tables(study, tmp_path)
    assert [(row["arm"], row["step"]) for row in rows] == [
        ("b", "0"),
        ("b", "1"),
        ("a", "0"),
        ("a", "5"),
        ("a", "6"),
    ]
    assert float(rows[0]["lambda_max"]) == pytest.approx(float(rows[2]["lambda_max"]), rel=1e-9)
    assert (rows[1]["note"], rows[1]["converged"]) == ("the run diverged", "false")
    assert (rows[1]["epoch"], rows[1]["lambda_max"]) == ("0.5", "")
    for name in ("edge_ratio", "edge_peak", "batch_edge_ratio"):
        assert math.isnan(study.values(name, "b")[0]) and not study.converged(name, ["b"])
        assert study.converged(name, ["a"])


def test_a_snapshot_whose_own_loss_is_not_finite_is_not_measured(study):
    found = along(study, {("b", 0): diverging(study)}, steps=(0, 1))
    assert [snapshot.step for snapshot in found["b", 0].snapshots] == [0]


def test_a_run_that_diverged_before_its_first_snapshot_still_has_its_row(study, tmp_path):
    runs = {("b", 0): diverging(study), ("a", 0): run_of(study)}
    found = along(study, runs, steps=(5,))
    assert found["b", 0].snapshots == ()
    rows, _ = tables(study, tmp_path)
    assert [row["step"] for row in rows] == ["1", "5"] and float(rows[1]["ratio"]) > 0


def overflowing(run):
    """The run, its snapshot at step 2 so large that products are not finite in float32."""
    huge = {name: 1e25 * tensor for name, tensor in run.snapshots[2].items()}
    return dataclasses.replace(run, snapshots={**run.snapshots, 2: huge})


def test_curvature_that_overflows_before_a_run_diverged_is_no_number(study):
    run = dataclasses.replace(overflowing(run_of(study)), diverged_at=4)
    found = along(study, {("a", 0): run}, steps=(0, 2), dtype=torch.float32)
    first, second = found["a", 0].snapshots
    assert first.edge.converged and math.isnan(second.edge.ratio) and not second.edge.converged
    whole = overflowing(run_of(study))
    with pytest.raises(RuntimeError, match="not finite"):
        along(study, {("a", 0): whole}, steps=(2,), dtype=torch.float32)


def test_nothing_is_computed_twice(study, monkeypatch):
    runs = {("a", 0): run_of(study, Adam(0.01)), ("b", 1): run_of(study)}
    first = along(study, runs, batch_size=12)
    monkeypatch.setattr(type(study.store), "_write", None)  # Nothing is left to be written.
    assert digest(list(along(study, runs, batch_size=12).values())) == digest(list(first.values()))


def test_fewer_examples_than_those_of_training_need_their_number(study):
    runs = {("a", 0): run_of(study)}
    few = tuple(part[:8] for part in examples())
    text = r"took 6 steps, but 3 epochs of 8 examples in batches of 12 have 3. Pass as train_size"
    with pytest.raises(ValueError, match=text):
        dynamics.record_dynamics(study, runs, few, steps=STEPS)
    found = dynamics.record_dynamics(study, runs, few, steps=(6,), train_size=COUNT)
    assert (found["a", 0].snapshots[0].epoch, found["a", 0].snapshots[0].examples) == (3.0, 8)


def test_what_cannot_be_measured_is_refused(study):
    with pytest.raises(ValueError, match=r"no steps were given. Pass steps among"):
        along(study, {("a", 0): run_of(study)}, steps=())
    with pytest.raises(ValueError, match=r"no snapshot at step 1"):
        along(study, {("a", 0): run_of(study)}, steps=(1,))
    runs = {("a", 0): run_of(study), ("b", 0): run_of(study, SAM(0.1))}
    with pytest.raises(ValueError, match=r"SAM has no curvature at which"):
        along(study, runs)


def test_curvature_above_the_line_gives_way_and_at_a_small_rate_stays_below(study):
    task, steps = digits(train=64), tuple(range(0, 33, 8))
    how = {"epochs": 32, "batch_size": 64, "snapshots": steps, "measure_every": 32}
    config = TrainConfig(models.MLP(hidden=(16,), activation="tanh"), SGD(2.0), **how)
    slow = dataclasses.replace(config, optimizer=SGD(0.1))
    runs = {("a", 0): train(config, task, study.store), ("b", 0): train(slow, task, study.store)}
    found = dynamics.record_dynamics(study, runs, task.first(64), steps=steps)
    fast, slow = ([m.edge.ratio for m in found[arm, 0].snapshots] for arm in "ab")
    assert max(fast) > 1 and fast[-1] < max(fast) / 2 and max(slow) < 0.5


# Panels


def snapshot(step, ratio, batch=None):
    edge = Curvature(ratio * 20, 0.1, 20.0, True, 5)
    batch = None if batch is None else Curvature(batch * 10, 0.1, 10.0, True, 5)
    return CurvatureSnapshot(
        step=step, epoch=step / 2, lambda_max=edge, edge=edge, batch_sharpness=batch, **MEASURED
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
    assert list(full.series) == ["a", "b", "stability threshold"]
    np.testing.assert_allclose(full.series["a"].mean, [0.3, 0.9, 1.1])
    assert full.series["a"].n == 2 and full.series["a"].x.tolist() == [0, 10, 20]
    np.testing.assert_allclose(full.series["b"].mean, [0.1, 0.2, 0.3])
    line = full.series["stability threshold"]
    assert (line.x.tolist(), line.mean.tolist()) == ([0, 20], [1, 1])
    assert (full.x, full.y) == ("step", "λ_max / threshold")
    # Adam's batch sharpness has no line to stand beside.
    assert list(few.series) == ["a", "stability threshold"]
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
    assert list(panel.series) == ["a (1 of 2 diverged)", "b (diverged)", "stability threshold"]
    some, every, _ = panel.series.values()
    assert some.x.tolist() == [0, 7, 10, 20] and some.mean[0] == pytest.approx(0.3)
    assert np.isnan(some.mean[1:]).all() and every.x.tolist() == [3]
    words = {"label": "fig-test", "caption": "See.", "alt": "Curves."}
    figure = captioned.curves([panel], **words).figure
    assert "b (diverged)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_no_trajectories_are_refused():
    with pytest.raises(ValueError, match="there are no trajectories to draw"):
        edge_of_stability.stability_panels({})
