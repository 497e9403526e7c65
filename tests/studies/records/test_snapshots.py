"""Means over snapshots: of what, with which error, and what has none."""

import math

import numpy as np
import pytest
from landscape.training import SGD
from studies.arms import Arm
from studies.records import instruments, snapshots

from tests.sample_study import config_of, digits_task

STEPS = (4, 5, 6)  # The run has six.
QUANTITIES = ["lambda_max", "trace", "sam_symmetric", "test_accuracy"]


def solutions(study, *, seeds=(0, 1), **settings):
    runs = study.train(
        {Arm("a", rate="low"): config_of(snapshots=STEPS, **settings)}, digits_task(), seeds=seeds
    )
    return [runs.solutions(digits_task().first(16), step=step) for step in STEPS]


def test_means_are_geometric_for_ratios_and_arithmetic_for_shares(study):
    parts = solutions(study)
    means = study.snapshot_means(parts, QUANTITIES, at="late", rho=0.1)
    each = [instruments.measure(study, part, QUANTITIES, rho=0.1) for part in parts]
    for seed in range(2):
        values = {q: [one.values(q, "a")[seed] for one in each] for q in QUANTITIES}
        for name in ("lambda_max", "trace"):
            logs = np.log(values[name])
            assert means.values(name, "a")[seed] == pytest.approx(math.exp(logs.mean()), rel=1e-8)
            want = math.exp(logs.mean()) * logs.std(ddof=1)
            assert means.errors(name, "a")[seed] == pytest.approx(want, rel=1e-8)
        want = np.mean(values["test_accuracy"])
        assert means.values("test_accuracy", "a")[seed] == pytest.approx(want, rel=1e-8)


def test_means_carry_what_was_measured_and_on_what(study):
    means = study.snapshot_means(solutions(study), QUANTITIES, at="late", rho=0.1)
    row = means.where(quantity="sam_symmetric", seed=1).rows[0]
    assert (row["at"], row["rate"], row["examples"], row["bn"]) == ("late", "low", 16, "frozen")
    assert (row["rho"], row["cost"], row["cost_unit"]) == (0.1, 15, "passes")
    assert row["error_kind"] == "spread over snapshots" and row["converged"] is True
    assert list(dict.fromkeys(r["quantity"] for r in means.rows)) == QUANTITIES
    recorded = study.measurements.where(at="late", quantity="lambda_max")
    assert recorded.values("lambda_max", "a") == means.values("lambda_max", "a")


def test_means_are_derived_without_measuring_again(study, monkeypatch):
    parts = solutions(study)
    first = study.snapshot_means(parts, ["lambda_max"], at="late")
    study.record.write()
    monkeypatch.setattr(study, "store", None)
    again = study.snapshot_means(parts, ["lambda_max"], at="late")
    assert again.values("lambda_max", "a") == first.values("lambda_max", "a")
    assert not again.missing


def test_a_run_that_diverged_has_means_that_say_so(study):
    parts = solutions(study, seeds=(0,), optimizer=SGD(1e8))
    means = study.snapshot_means(parts, ["lambda_max"], at="late")
    (row,) = means.rows
    assert math.isnan(row["value"]) and row["converged"] is False
    assert row["note"] == "the run diverged"


@pytest.mark.parametrize(
    ("numbers", "geometric", "mean", "spread", "note"),
    [
        ([1.0, 4.0], True, 2.0, 2 * math.log(4) / math.sqrt(2), ""),
        ([1.0, 4.0], False, 2.5, 3 / math.sqrt(2), ""),
        ([1.0, -4.0, 0.0], True, math.nan, math.nan, "2 of 3 snapshots are not positive"),
        ([1.0, math.nan], True, math.nan, math.nan, "1 of 2 snapshots are not positive"),
        ([-1.0, -4.0], False, -2.5, 3 / math.sqrt(2), ""),
    ],
)
def test_a_mean_of_numbers_has_the_spread_of_a_single_one(numbers, geometric, mean, spread, note):
    got = snapshots._mean(np.array(numbers), geometric=geometric)
    assert got[:2] == pytest.approx((mean, spread), nan_ok=True) and got[2] == note


def test_one_spike_in_ten_moves_the_geometric_mean_little():
    values = np.full(10, 5.0)
    values[-1] = 40.0
    mean, *_ = snapshots._mean(values, geometric=True)
    assert mean == pytest.approx(5 * 8**0.1)


def test_snapshots_of_other_networks_have_no_mean(study):
    two = solutions(study)
    with pytest.raises(ValueError, match=r"1 snapshots of .* have no mean for each network"):
        study.snapshot_means(two[:1], ["lambda_max"], at="late")
    with pytest.raises(ValueError, match=r"snapshots of \[2, 1\] networks .* of the same runs"):
        study.snapshot_means([two[0], two[1].where(seed=0)], ["lambda_max"], at="late")
