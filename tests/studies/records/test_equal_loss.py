"""Levels: networks as they were where their training first reached a loss."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import models, training
from studies import time_to_target
from studies.records import equal_loss

from tests.sample_networks import digits
from tests.sample_study import rows_of

BASE = training.TrainConfig(
    models.MLP(hidden=(8,)),
    training.SGD(0.1, momentum=0.9),
    epochs=8,
    batch_size=10,
    measure_every=0.25,
)
STEPS = 5  # an epoch: 48 examples, the last batch of 8


def trained(store, **changes):
    configs = {"fast": BASE, "slow": dataclasses.replace(BASE, optimizer=training.SGD(0.1))}
    configs = {arm: dataclasses.replace(config, **changes) for arm, config in configs.items()}
    return training.sweep(configs, digits(), store, seeds=[0, 1])


def test_networks_are_those_of_the_step_at_which_the_loss_is_reached(store):
    runs = trained(store)
    target = 0.85 * sum(float(run.history["train_loss"][0]) for run in runs.values()) / 4
    task = digits()
    found = equal_loss.equal_loss_objectives(runs, target, task, task.train, store)
    assert list(found) == list(runs)
    seen = set()
    for key, run in runs.items():
        there = time_to_target.reach(run, "train_loss", target)
        assert there.reached and there.epochs > 0
        step = round(there.epochs * STEPS)
        kept = dataclasses.replace(run.config, snapshots=(step,))  # The whole of its training.
        whole = training.train(kept, task, store).model(step=step)
        want = torch.nn.utils.parameters_to_vector(whole.parameters()).double()
        assert torch.equal(found[key].theta, want)
        # A step is a fifth of an epoch: the loss is near the target, and was further at the start.
        assert found[key].loss(found[key].theta) == pytest.approx(target, rel=0.2)
        seen.add(tuple(want.tolist()))
    assert len(seen) == len(runs)  # Seeds are told apart.


def test_a_target_of_each_seed_is_the_loss_that_all_its_arms_reach(store):
    runs, task = trained(store), digits()
    shared = time_to_target.shared_target(runs, ["fast", "slow"])
    for seed, target in shared.items():
        ends = [float(runs[arm, seed].history["train_loss"][-1]) for arm in ("fast", "slow")]
        assert target == max(ends) > min(ends)
    found = equal_loss.equal_loss_objectives(runs, None, task, task.train, store)
    assert None not in found.values()
    for seed, target in shared.items():
        slow = found["slow", seed]
        assert slow.loss(slow.theta) == pytest.approx(target, rel=1e-5)  # Where it ended.
        want = torch.nn.utils.parameters_to_vector(runs["slow", seed].model().parameters())
        assert torch.equal(slow.theta, want.double())


def test_what_never_gets_there_has_no_network(store):
    runs, task = trained(store), digits()
    assert set(equal_loss.equal_loss_objectives(runs, 1e-6, task, task.train, store).values()) == {
        None
    }
    found = equal_loss.equal_loss_objectives(runs, 10.0, task, task.train, store)
    start = models.MLP(hidden=(8,)).build((1, 8, 8), 10, seed=1)  # 10 nats are passed at once.
    want = torch.nn.utils.parameters_to_vector(start.parameters()).double()
    assert torch.equal(found["fast", 1].theta, want)


def test_a_seed_of_which_a_run_diverged_shares_no_level(store):
    runs = trained(store)
    runs["slow", 1] = dataclasses.replace(runs["slow", 1], diverged_at=3)
    shared = time_to_target.shared_target(runs, ["fast", "slow"])
    assert math.isfinite(shared[0]) and math.isnan(shared[1])
    found = equal_loss.equal_loss_objectives(runs, None, digits(), digits().train, store)
    assert [key for key, L in found.items() if L is None] == [("fast", 1), ("slow", 1)]


def test_a_schedule_is_refused_since_a_shorter_run_is_another(store):
    runs = trained(store, schedule=training.Cosine(), epochs=1)
    with pytest.raises(ValueError, match=r"schedule=Cosine.* constant learning rate"):
        equal_loss.equal_loss_objectives(runs, 0.5, digits(), digits().train, store)


def with_losses(run, losses):
    return dataclasses.replace(run, step_loss=torch.tensor(losses, dtype=torch.float64))


def test_step_noise_is_compared_where_the_mean_mini_batch_loss_is_the_same(store, study, tmp_path):
    runs = {key: run for key, run in trained(store, epochs=4).items() if key[1] == 0}
    # Noise of half the mean of an epoch of 5 steps: 8, 4, 2, 1 in one arm and 16, 8, 4, 2 in the
    # other. The second ends at 2, which the first has in its third epoch.
    jumps = np.array([1, -1, 1, -1, 0])
    epochs = [scale * (1 + jumps / 2) for scale in (8.0, 4.0, 2.0, 1.0)]
    fast, slow = runs["fast", 0], runs["slow", 0]
    runs["fast", 0] = with_losses(fast, np.concatenate(epochs).tolist())
    runs["slow", 0] = with_losses(slow, (2 * np.concatenate(epochs)).tolist())
    equal_loss.record_step_noise(study, runs)
    found = {arm: study.values("step_noise_matched", arm)[0] for arm in ("fast", "slow")}
    # The first stretch of 5 steps with a mean of at most 2 may begin within an epoch.
    for arm, run in (("fast", runs["fast", 0]), ("slow", runs["slow", 0])):
        losses = run.step_loss.numpy()
        means = [losses[i : i + STEPS].mean() for i in range(len(losses) - STEPS + 1)]
        i = next(i for i, mean in enumerate(means) if mean <= 2)
        want = np.sqrt(np.square(np.diff(losses[i : i + STEPS])).mean() / 2)
        assert found[arm] == pytest.approx(want, rel=1e-12)
    assert found["slow"] == pytest.approx(found["fast"], rel=1e-12)  # By construction.
    study.write("title", [], [])
    assert {row["note"] for row in rows_of(tmp_path)} == {"at a mean of 2 nats"}


def test_step_noise_of_a_seed_of_which_a_run_diverged_is_none(store, study):
    runs = trained(store)
    runs["slow", 1] = dataclasses.replace(runs["slow", 1], diverged_at=3)
    equal_loss.record_step_noise(study, runs)
    values = [
        value for arm in ("fast", "slow") for value in study.values("step_noise_matched", arm)
    ]
    assert [math.isfinite(value) for value in values] == [True, False, True, False]
    assert not study.converged("step_noise_matched")


def test_step_noise_of_epochs_of_one_step_is_none(store, study):
    equal_loss.record_step_noise(study, trained(store, batch_size=48, measure_every=1, epochs=2))
    assert math.isnan(study.values("step_noise_matched", "fast")[0])


def test_how_far_apart_arms_are_is_the_largest_ratio_within_a_seed(study):
    for arm, values in {
        "a": [1.0, 4.0, 9.0],
        "b": [2.0, 3.0, math.nan],
        "c": [1.5, 2.0, 1.0],
    }.items():
        for seed, value in enumerate(values):
            study.add("loss", value, arm=arm, seed=seed)
    assert equal_loss.largest_ratio(study, "loss", ["a", "b", "c"]) == 2
    assert equal_loss.largest_ratio(study, "loss", ["a", "c"]) == 9
    study.add("lost", math.nan, arm="a", seed=0)
    study.add("lost", 1.0, arm="b", seed=0)
    assert math.isnan(equal_loss.largest_ratio(study, "lost", ["a", "b"]))
