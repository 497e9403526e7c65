"""Records of the bound that a source states on the trace."""

import dataclasses
import math

import pytest
from studies.records import bounds

from tests.sample_study import run_of


def test_bounds_of_the_trace_are_those_of_each_run(study):
    run = run_of(study, epochs=2)
    optimizer = run.config.optimizer
    settings = optimizer.learning_rate / (1 - optimizer.momentum), run.config.batch_size
    descent = 2 * float(run.history["train_loss"][0]) / (settings[0] * run.steps)
    for seed, (noise, trace) in enumerate([(3.0, 2 * descent), (5.0, descent / 2)]):
        study.add("noise_trace", noise, arm="a", seed=seed)
        study.add("trace", trace, arm="a", seed=seed)
    bounds.record_bounds(study, {("a", 0): run, ("a", 1): run})
    want = [descent + noise / settings[1] for noise in (3.0, 5.0)]
    assert study.values("trace_bound", "a") == pytest.approx(want)
    # With its constant the bound is the trace; without noise it may already be more.
    want = [descent * settings[1] / 3, -descent / 2 * settings[1] / 5]
    assert study.values("trace_constant", "a") == pytest.approx(want)


def test_a_run_without_a_step_or_a_start_has_no_bound(study):
    run = run_of(study, epochs=2)
    lost = {**run.history, "train_loss": run.history["train_loss"] * math.inf}
    for arm, own in {
        "never began": dataclasses.replace(run, step_loss=run.step_loss[:0]),
        "infinite": dataclasses.replace(run, history=lost),
    }.items():
        for name in ("noise_trace", "trace"):
            study.add(name, math.nan, arm=arm, seed=0)
        bounds.record_bounds(study, {(arm, 0): own})
        for name in ("trace_bound", "trace_constant"):
            assert math.isnan(study.values(name, arm)[0])
