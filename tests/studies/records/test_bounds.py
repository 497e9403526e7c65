"""The bound that a source states on the trace, beside the trace."""

import dataclasses
import math

import pytest
from studies.arms import Arm
from studies.records import bounds

from tests.sample_study import Numbers, config_of, digits_task


def trained(study):
    return study.train({Arm("a", rate="low"): config_of()}, digits_task(), seeds=[0, 1])


def test_bounds_of_the_trace_are_those_of_each_run(study, numbers):
    runs = trained(study)
    config = runs["a", 0].config
    rate, batch = config.optimizer.learning_rate / (1 - config.optimizer.momentum), 20
    descents = [2 * float(r.history["train_loss"][0]) / (rate * r.steps) for r in runs.values()]
    for seed, (noise, share) in enumerate([(3.0, 2.0), (5.0, 0.5)]):
        numbers.add("noise_trace", noise, arm="a", seed=seed)
        numbers.add("trace", share * descents[seed], arm="a", seed=seed)
    measured = study.bounds(runs, numbers)
    want = [descents[0] + 3.0 / batch, descents[1] + 5.0 / batch]
    assert measured.values("trace_bound", "a") == pytest.approx(want)
    # With its constant the bound is the trace; without noise it may already be more.
    want = [descents[0] * batch / 3, -descents[1] / 2 * batch / 5]
    assert measured.values("trace_constant", "a") == pytest.approx(want)
    assert set(measured.frame["rate"]) == {"low"} and not measured.missing
    assert study.measurements.values("trace_bound", "a") == measured.values("trace_bound", "a")


def test_a_run_whose_trace_is_not_recorded_has_no_bound(study, numbers):
    runs = trained(study)
    numbers.add("noise_trace", 3.0, arm="a", seed=0)
    numbers.add("trace", 1.0, arm="a", seed=1)
    measured = study.bounds(runs, numbers)
    assert len(measured) == 0 and measured.missing == ["trace or noise of 2 of 2 networks"]


def test_a_run_without_a_step_or_a_start_has_no_bound(study):
    runs = trained(study)
    run = runs["a", 0]
    lost = {**run.history, "train_loss": run.history["train_loss"] * math.inf}
    for changed in (dataclasses.replace(run, steps=0), dataclasses.replace(run, history=lost)):
        numbers = Numbers()
        compute = bounds._Bounding(changed, math.nan, math.nan)
        compute(numbers)
        for name in ("trace_bound", "trace_constant"):
            (row,) = [row for row in numbers._rows if row["quantity"] == name]
            assert math.isnan(row["value"])
