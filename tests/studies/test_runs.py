"""Recorded runs: what the record keeps of training, and what of it is known without weights."""

import math

import numpy as np
import pytest
import torch
from landscape.training import SGD
from studies.arms import Arm
from studies.recorder import Part
from studies.records.training import layer_gradients
from studies.runs import from_part

from tests.sample_study import config_of, digits_task, rows_of

pytestmark = pytest.mark.slow


def trained(study, seeds=(0, 1), **settings):
    arm = Arm("a", norm="batch")
    return study.train({arm: config_of(**settings)}, digits_task(), seeds=list(seeds))


def test_a_recorded_run_is_the_run_to_ten_digits(study):
    recorded = trained(study)["a", 0]
    run = recorded.live()
    assert torch.equal(recorded.measured_at, run.measured_at)
    for name, curve in run.history.items():
        torch.testing.assert_close(recorded.history[name], curve, rtol=1e-9, atol=0, equal_nan=True)
    gradients = layer_gradients(run).double()
    torch.testing.assert_close(recorded.gradients, gradients, rtol=1e-9, atol=0)
    assert (recorded.steps, recorded.diverged_at) == (run.steps, None)
    assert recorded.parameters == sum(p.numel() for p in run.model().parameters())
    assert recorded.last["loss_before"] == pytest.approx(float(run.step_loss[-1]), rel=1e-9)


def test_numbers_of_a_run_are_its_end(study, tmp_path):
    run = trained(study, seeds=[7])["a", 7].live()
    rows = {row["quantity"]: row for row in rows_of(tmp_path)}
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        assert float(rows[name]["value"]) == pytest.approx(float(run.history[name][-1]), rel=1e-9)
        assert (rows[name]["arm"], rows[name]["seed"], rows[name]["cost"]) == ("a", "7", "6")
    later = run.step_loss[3:].numpy()
    want = math.sqrt(np.square(np.diff(later)).mean() / 2)
    assert float(rows["step_noise"]["value"]) == pytest.approx(want, rel=1e-9)
    gap = run.history["test_loss"][-1] - run.history["train_loss"][-1]
    assert float(rows["loss_gap"]["value"]) == pytest.approx(float(gap), rel=1e-9)


@pytest.mark.parametrize("settings", [{"epochs": 1}, {"batch_size": 48}])
def test_a_run_too_short_for_step_noise_is_recorded_without_it(study, settings):
    trained(study, seeds=[0], **settings)
    assert math.isnan(study.measurements.values("step_noise", "a")[0])


def test_a_run_that_diverged_says_so_and_keeps_its_plan(study, tmp_path):
    runs = trained(study, seeds=[0], optimizer=SGD(1e30))
    run = runs["a", 0]
    assert run.diverged and run.diverged_at == 1 and not run.learned
    assert run.measured_at.tolist() == [0, 1, 2] and len(run.history["train_loss"]) == 2
    assert runs.diverged("a") == (1, 1) and math.isfinite(run.last["loss_before"])
    rows = rows_of(tmp_path)
    assert {(row["converged"], row["learned"], row["note"]) for row in rows} == {
        ("false", "false", "diverged at step 1")
    }


def test_runs_are_grouped_and_sized_by_arm(study):
    runs = trained(study)
    assert list(runs.grouped()) == ["a"] and len(runs.grouped()["a"]) == 2
    assert runs.sizes == {"a": runs["a", 0].parameters}
    assert runs.configs["a"] == config_of() and runs.configs["a"].seed == 0


def test_workers_train_the_same_runs_and_each_is_recorded(study, tmp_path):
    arm, task = Arm("a", norm="batch"), digits_task()
    runs = study.train({arm: config_of()}, task, seeds=[0, 1], workers=2)
    assert runs.seeds == [0, 1]
    rows = [row for row in rows_of(tmp_path) if row["quantity"] == "train_loss"]
    assert [row["seed"] for row in rows] == ["0", "1"]


def test_a_record_may_say_how_a_run_ended_and_hold_no_history(study):
    task, ends = digits_task(), {"lost": {"diverged_at": 2}, "kept": {}}
    runs = {
        name: from_part(
            config_of(),
            task,
            study,
            Part([], {"runs": [{"steps": 6, "parameters": 5, **end}]}, "o"),
        )
        for name, end in ends.items()
    }
    assert runs["lost"].diverged and not runs["kept"].diverged
    assert not any(run.learned for run in runs.values())
    assert math.isnan(runs["kept"].final("test_accuracy")) and runs["kept"].measured_at.numel() == 0
