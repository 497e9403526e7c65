"""Instruments: a study asks for quantities, and gets each from the function that measures it."""

import math

import pytest
from landscape.training import SGD
from studies.arms import Arm
from studies.quantities import QUANTITIES
from studies.records.instruments import INSTRUMENTS

from tests.sample_study import config_of, digits_task, study_in

RADII = {"rho": 0.05, "rho_adaptive": 0.5}
SOLUTION = ["lambda_max", "lambda_min", "kappa", "lambda_max_relative", "sam", "sam_adaptive"]


def trained(folder, *, seeds=(0, 1)):
    study, task = study_in(folder), digits_task()
    arms = {
        Arm("BN", norm="batch"): config_of(),
        Arm("lost", norm="none"): config_of(optimizer=SGD(1e30)),
    }
    return study, study.train(arms, task, seeds=seeds).solutions(task.first(24))


@pytest.mark.slow
def test_quantities_come_in_the_order_asked_with_labels(tmp_path):
    study, end = trained(tmp_path)
    numbers = study.measure(end.where(arm="BN"), ["sam", "lambda_max", "loss"], rho=0.05)
    assert numbers.quantities == ["sam", "lambda_max", "loss"]
    frame = numbers.frame
    assert frame["seed"].tolist() == [0, 1] * 3 and set(frame["norm"]) == {"batch"}
    assert set(frame["at"]) == {"end"} and set(frame["bn"]) == {"frozen"}
    assert set(frame["examples"]) == {24}


@pytest.mark.slow
def test_one_end_or_both_are_measured_by_different_searches(tmp_path):
    study, end = trained(tmp_path)
    alone = study.measure(end.where(arm="BN"), ["lambda_max"])
    entries = len(study.record)
    both = study.measure(end.where(arm="BN"), ["lambda_max", "lambda_min"])
    assert len(study.record) == entries + 2  # One for each seed: neither is taken for the other.
    assert alone.quantities == ["lambda_max"]
    for one, other in zip(
        alone.values("lambda_max", "BN"), both.values("lambda_max", "BN"), strict=True
    ):
        assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.slow
def test_a_run_that_diverged_has_rows_without_numbers(tmp_path):
    study, end = trained(tmp_path)
    numbers = study.measure(end, [*SOLUTION, "rounding", "test_loss"], **RADII)
    for name in (*SOLUTION, "rounding", "test_loss"):
        assert all(map(math.isnan, numbers.values(name, "lost")))
        assert not numbers.converged(name, ["lost"]) and numbers.converged(name, ["BN"])
    lost = numbers.where(arm="lost").frame
    assert set(lost["note"]) == {"the run diverged"}
    assert set(lost.loc[lost["quantity"] == "sam_adaptive", "rho"]) == {0.5}
    assert numbers.diverged_count() == len(lost)


@pytest.mark.slow
def test_nothing_is_measured_twice(tmp_path):
    study, end = trained(tmp_path)
    first = study.measure(end, SOLUTION, **RADII)
    again, end = trained(tmp_path)
    assert again.measure(end, SOLUTION, **RADII).frame.equals(first.frame)
    assert not again._measured


def test_losses_of_a_split_are_measured_in_eval_mode(tmp_path):
    study, end = trained(tmp_path)
    end = end.where(arm="BN").replace(bn="batch")
    numbers = study.measure(end, ["train_loss", "test_accuracy"])
    assert set(numbers.frame["bn"]) == {"frozen"}
    ended = study.measurements.where(quantity="train_loss", at="end", cost_unit="steps")
    assert numbers.values("train_loss", "BN") == pytest.approx(ended.values("train_loss", "BN"))


def test_each_quantity_that_is_measured_is_in_the_registry():
    measured = {name for instrument in INSTRUMENTS.values() for name in instrument.quantities}
    assert measured <= set(QUANTITIES)
    for instrument in INSTRUMENTS.values():
        assert set(instrument.required) <= set(instrument.options)
        assert set(instrument.columns) <= set(instrument.options)


@pytest.mark.parametrize(
    ("quantities", "options", "message"),
    [
        (["curvature"], {}, r"nothing measures 'curvature' at a solution\. Ask for .*lambda_max"),
        (["loss"], {"rho": 1.0, "points": 3}, r"'points' is no option of slope\. Pass only rho"),
        (["sam"], {}, r"sam need 'rho'\. Pass rho=\.\.\."),
    ],
)
def test_bad_requests_are_refused(tmp_path, quantities, options, message):
    study, end = trained(tmp_path, seeds=[0])
    with pytest.raises(ValueError, match=message):
        study.measure(end, quantities, **options)


def test_networks_of_another_study_are_refused(tmp_path):
    _, end = trained(tmp_path / "one", seeds=[0])
    other, _ = trained(tmp_path / "other", seeds=[0])
    with pytest.raises(ValueError, match="networks of another study cannot be recorded"):
        other.measure(end, ["lambda_max"])
