"""What arms have at one training loss: derived from snapshots, with schedules, and reasons."""

import math

import pytest
from landscape.training import SGD, Cosine
from studies import loss_curves
from studies.arms import Arm
from studies.records import instruments

from tests.sample_study import config_of, digits_task

GROUPS = {"both": ["rate 0.1", "rate 0.2", "rate 1e+30"]}
STEPS = (1, 2, 3, 4, 5, 6)  # The run has six.
QUANTITIES = ["lambda_max", "critical_sharpness"]


def snapshots(study, *, rates=(0.1, 0.2), seeds=(0, 1), **settings):
    configs = {
        Arm(f"rate {rate:g}", family="rates", rate=rate): config_of(
            optimizer=SGD(rate, momentum=0.5), snapshots=STEPS, schedule=Cosine(), **settings
        )
        for rate in rates
    }
    runs = study.train(configs, digits_task(), seeds=seeds)
    return [runs.solutions(digits_task().first(16), step=step) for step in STEPS]


def test_values_at_one_loss_are_those_of_the_regression(study):
    parts = snapshots(study)
    level = study.along_training(parts, QUANTITIES, groups=GROUPS, rho=0.05)
    each = [instruments.measure(study, part, ["loss", *QUANTITIES], rho=0.05) for part in parts]
    rows = [row for numbers in each for row in numbers.rows]
    curves = loss_curves.from_numbers(type(level)(rows), "lambda_max")
    for index, seed in enumerate((0, 1)):
        expected = loss_curves.levelled([curves[arm, seed] for arm in level.arms])
        for arm, value in zip(level.arms, expected.values, strict=True):
            assert level.values("lambda_max", arm)[index] == pytest.approx(value, nan_ok=True)
    row = level.where(quantity="lambda_max", seed=0).rows[0]
    assert (row["at"], row["group"], row["bn"]) == ("along training", "both", "frozen")
    assert len(curves["rate 0.1", 0].losses) == 6


def test_it_is_derived_without_measuring_again(study, monkeypatch):
    parts = snapshots(study)
    first = study.along_training(parts, ["lambda_max"], groups=GROUPS, rho=0.05)
    study.record.write()
    monkeypatch.setattr(study, "store", None)
    again = study.along_training(parts, ["lambda_max"], groups=GROUPS, rho=0.05)
    assert again.rows == first.rows and not again.missing


def test_a_run_that_diverged_leaves_no_number_but_its_reason(study):
    parts = snapshots(study, rates=(0.1, 1e30))
    level = study.along_training(parts, ["lambda_max"], groups=GROUPS, rho=0.05)
    assert all(map(math.isnan, level.values("lambda_max", "rate 0.1")))
    notes = {row["note"] for row in level.rows}
    assert notes == {"the run diverged"} and not level.converged("lambda_max")


def test_snapshots_of_other_networks_are_refused(study):
    parts = snapshots(study)
    with pytest.raises(ValueError, match="make no curves"):
        study.along_training([], ["lambda_max"], groups=GROUPS)
    with pytest.raises(ValueError, match="make no curves"):
        study.along_training(
            [parts[0], parts[1].where(seed=0)], ["lambda_max"], groups=GROUPS, rho=0.05
        )
