"""Records of training runs: the end, step noise, curves and gradients of layers."""

import math

import numpy as np
import pytest
import torch
from landscape.training import SGD
from studies.records import runs

from tests.sample_study import rows_of, run_of


def test_run_is_recorded_with_its_end_its_noise_and_its_curves(study, tmp_path):
    run = run_of(study)
    runs.record_run(study, run, "a", 7)
    study.write("title", [], [])
    rows = {row["quantity"]: row for row in rows_of(tmp_path)}
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert float(rows[name]["value"]) == pytest.approx(float(run.history[name][-1]), rel=1e-9)
        assert (rows[name]["arm"], rows[name]["seed"], rows[name]["cost"]) == ("a", "7", "6")
    later = run.step_loss[3:].numpy()
    want = math.sqrt(np.square(np.diff(later)).mean() / 2)
    assert float(rows["step_noise"]["value"]) == pytest.approx(want, rel=1e-9)
    gap = run.history["test_loss"][-1] - run.history["train_loss"][-1]
    assert float(rows["loss_gap"]["value"]) == pytest.approx(float(gap), rel=1e-9)
    curves = rows_of(tmp_path, "curves.csv")
    assert [row["epoch"] for row in curves] == ["0", "1", "2"]
    assert curves[0]["gradient_norm"] == "nan"


@pytest.mark.parametrize("settings", [{"epochs": 1}, {"batch_size": 48}])
def test_run_too_short_for_step_noise_is_recorded_without_it(study, settings):
    runs.record_run(study, run_of(study, **settings), "a", 0)
    assert math.isnan(study.values("step_noise", "a")[0])


def test_run_that_diverged_is_recorded_as_such_with_its_step(study, tmp_path):
    runs.record_run(study, run_of(study, optimizer=SGD(1e30)), "a", 0)
    study.write("title", [], [])
    rows = rows_of(tmp_path)
    assert all(row["converged"] == "false" for row in rows)
    assert all(row["note"] == "diverged at step 1" for row in rows)
    assert not study.converged("train_loss")


def test_runs_are_recorded_with_the_gradients_of_their_layers(study, tmp_path):
    found = {("a", 0): run_of(study), ("b", 0): run_of(study, optimizer=SGD(1e30))}
    runs.record_runs(study, found)
    study.write("title", [], [])
    assert len(study.values("test_accuracy", "a")) == len(study.values("test_loss", "b")) == 1
    rows = rows_of(tmp_path, "gradients.csv")
    # Two convolutions and two linear layers; three epochs with the first mini-batch, and two.
    assert [row["arm"] for row in rows] == ["a"] * 12 + ["b"] * 8
    run = found["a", 0]
    weights = ("0.weight", "4.weight", "9.weight", "11.weight")
    norms = runs.layer_gradients(run)
    assert norms.shape == (4, 3)
    for row, name in zip(norms, weights, strict=True):
        assert torch.equal(row, run.gradient_norms[name])
    assert [row["layer"] for row in rows[:12:3]] == ["1", "2", "3", "4"]
    assert float(rows[4]["gradient_norm"]) == pytest.approx(float(norms[1, 1]), rel=1e-9)
