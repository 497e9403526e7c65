"""Bounds of the error in the record: where the prior comes from, and what is bounded."""

import dataclasses

import pytest
import torch
from landscape import sharpness
from landscape.objective import Objective
from studies.records.certificates import QUANTITY_NAMES, measure_certificates

from tests.sample_solutions import again, trained

pytestmark = pytest.mark.slow

OPTIONS = {"sigmas": [0.02, 0.1], "draws": 6}


def half_of(study):
    return study.load("digits", max_train=24, max_test=24)


def bounds_of(study):
    """Both priors for runs on 48 digits, and for a run that diverged."""
    runs = trained(study, rates=(0.05, 1e30), seeds=(0, 1), epochs=2)
    task = next(iter(runs.values())).task
    ends = runs.solutions(task.train)
    half = study.train(runs.configs, half_of(study), seeds=(0, 1))
    from_start = measure_certificates(study, ends, **OPTIONS)
    later = ends.replace(examples=task.after(24))
    priors = half.solutions(half_of(study).train)
    return ends, from_start, measure_certificates(study, later, priors=priors, **OPTIONS)


def test_the_record_holds_what_the_library_computes(study):
    ends, from_start, _ = bounds_of(study)
    solution = ends["rate 0.05", 1]
    L, config, task = solution.objective, solution.config, solution.task
    start = Objective(
        config.model.build(task.shape, task.classes, seed=1).eval(), solution.examples.tensors
    )
    want = sharpness.certificate(L, L.theta, prior=start.theta, seed=1, **OPTIONS)
    rows = from_start.where(arm="rate 0.05", seed=1).by("prior")
    assert rows.values("certified_error", "initialisation") == pytest.approx([want.bound])
    assert rows.values("prior_divergence", "initialisation") == pytest.approx([want.divergence])
    assert set(from_start.frame["quantity"]) == set(QUANTITY_NAMES)


def test_the_bound_uses_examples_that_the_prior_has_not_seen(study):
    ends, from_start, from_half = bounds_of(study)
    task = ends["rate 0.05", 0].task
    later = task.after(24)
    assert [len(part) for part in later.tensors] == [later.count] * 2 == [task.train_size - 24] * 2
    whole = task.train.tensors
    for part, all_of_it in zip(later.tensors, whole, strict=True):
        assert torch.equal(part, all_of_it[24:])
    assert later.identity != task.first(later.count).identity
    bounded = from_half.where(arm="rate 0.05", quantity="certified_error").frame
    assert set(bounded["examples"]) == {later.count}
    assert set(bounded["prior"]) == {"other examples"}
    fresh = from_half.where(arm="rate 0.05", quantity="stochastic_test_error").frame
    assert set(fresh["examples"]) == {task.test_size}
    near, far = (
        one.where(arm="rate 0.05").values("prior_divergence", "rate 0.05")
        for one in (from_half, from_start)
    )
    assert len(near) == len(far) == 2


def test_a_diverged_run_has_rows_without_numbers(study):
    _, from_start, from_half = bounds_of(study)
    for numbers in (from_start, from_half):
        frame = numbers.where(arm="rate 1e+30").frame
        assert len(frame) == 2 * len(QUANTITY_NAMES)
        assert frame["value"].isna().all() and not frame["converged"].any()


def test_the_record_gives_the_same_again(study, tmp_path):
    _, from_start, from_half = bounds_of(study)
    reader = again(study, tmp_path)
    _, *both = bounds_of(reader)
    assert [one.rows for one in both] == [from_start.rows, from_half.rows]


def test_priors_of_other_networks_are_refused(study):
    ends, *_ = bounds_of(study)
    with pytest.raises(ValueError, match="Pass priors with the arms and seeds of the solutions"):
        measure_certificates(study, ends, priors=ends.where(seed=0), **OPTIONS)


@pytest.mark.parametrize("count", [0, 200, 300])
def test_examples_that_are_not_there_are_refused(study, count):
    task = dataclasses.replace(half_of(study), train_size=200)
    with pytest.raises(ValueError, match=rf"after\({count}\) of 200 training examples"):
        task.after(count)
