"""Recorded times to target: also of runs that never get there."""

import dataclasses
import math

import pytest
from landscape import models
from landscape.training import SGD, TrainConfig
from studies.arms import Arm
from studies.durations import Duration
from studies.recording import Recording
from studies.records import times
from studies.time_to_target import reach

from tests.sample_study import digits_task, rows_of


def trained(study, *, rates=(0.1,), **settings):
    """Runs of a small network; an arm for each learning rate."""
    given = {"epochs": 2, "batch_size": 20, "measure_every": 1 / 3, **settings}
    configs = {
        Arm(f"rate {rate:g}", rate=rate): TrainConfig(
            models.MLP((4,)), SGD(rate, momentum=0.9), **given
        )
        for rate in rates
    }
    return study.train(configs, digits_task(), seeds=[0, 1])


def test_times_are_those_of_the_recorded_curves(study, tmp_path):
    runs = trained(study)
    target = 1.001 * float(runs["rate 0.1", 0].history["train_loss"].min())
    durations = times.measure_times(study, runs, {"low": ("train_loss", target)})["low"]
    (arm,) = durations
    assert durations[arm][0].epochs == pytest.approx(
        reach(runs["rate 0.1", 0], "train_loss", target).epochs, rel=1e-9
    )
    assert durations[arm][0].measurement_interval == pytest.approx(1 / 3, rel=1e-8)
    rows = [row for row in rows_of(tmp_path) if row["quantity"] == "epochs_to_target"]
    assert [(row["seed"], row["target"], row["rate"]) for row in rows] == [
        ("0", "low", "0.1"),
        ("1", "low", "0.1"),
    ]
    assert float(rows[0]["latest"]) - float(rows[0]["earliest"]) == pytest.approx(1 / 3, rel=1e-8)


def test_a_run_that_never_gets_there_is_recorded_and_not_dropped(study, tmp_path):
    runs = trained(study, rates=(0.001, 1e30))
    durations = times.measure_times(study, runs, {"all": ("test_accuracy", 1.0)})["all"]
    assert durations["rate 0.001"] == [Duration(2.0, 2.0, math.inf)] * 2
    # Also a run that diverged counts to the end of its plan.
    assert durations["rate 1e+30"] == [Duration(2.0, 2.0, math.inf)] * 2
    rows = [row for row in rows_of(tmp_path) if row["quantity"] == "epochs_to_target"]
    assert {(row["value"], row["error"], row["converged"]) for row in rows} == {
        ("2", "inf", "false")
    }
    assert [row["note"] for row in rows[:2]] == ["never within 2 epochs"] * 2
    assert all("diverged at step" in row["note"] for row in rows[2:])


def test_the_beginning_measured_more_often_counts_where_it_reaches_the_target(study):
    runs = trained(study, measure_every=1.0)
    begun = trained(study, epochs=1, measure_every=1 / 3)
    first = runs["rate 0.1", 0].history["train_loss"]
    high, low = float(first[0]) * 0.999, float(first[-1]) * 1.0001
    targets = {"high": ("train_loss", high), "low": ("train_loss", low)}
    durations = times.measure_times(study, runs, targets, beginnings=begun)
    assert durations["high"]["rate 0.1"][0].measurement_interval == pytest.approx(1 / 3, rel=1e-6)
    assert durations["low"]["rate 0.1"][0].measurement_interval == pytest.approx(1.0)


def test_recorded_times_need_no_curves_again(study, tmp_path):
    runs = trained(study)
    targets = {"low": ("train_loss", 2.0)}
    first = times.measure_times(study, runs, targets)
    bare = type(runs)({key: dataclasses.replace(run, history={}) for key, run in runs.items()})
    place = study.record.folder
    reading = Recording("09_tests", source=place, target=tmp_path / "read", store=None)
    assert times.measure_times(reading, bare, targets) == first


def test_an_unknown_quantity_is_refused(study):
    with pytest.raises(ValueError, match=r"quantity='sharpness' has no target to reach"):
        times.measure_times(study, trained(study), {"x": ("sharpness", 1.0)})
