"""Levels: networks as they were where their training first reached a loss."""

import dataclasses
import math

import pytest
import torch
from landscape import durations, levels, models, training

from tests.sample_networks import digits

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
    level = 0.85 * sum(float(run.history["train_loss"][0]) for run in runs.values()) / 4
    task = digits()
    found = levels.objectives(runs, level, task, task.train, store)
    assert list(found) == list(runs)
    seen = set()
    for key, run in runs.items():
        there = durations.reach(run, "train_loss", level)
        assert there.reached and there.epochs > 0
        step = round(there.epochs * STEPS)
        kept = dataclasses.replace(run.config, snapshots=(step,))  # The whole of its training.
        whole = training.train(kept, task, store).model(step=step)
        want = torch.nn.utils.parameters_to_vector(whole.parameters()).double()
        assert torch.equal(found[key].theta, want)
        # A step is a fifth of an epoch: the loss is near the level, and was further at the start.
        assert found[key].loss(found[key].theta) == pytest.approx(level, rel=0.2)
        seen.add(tuple(want.tolist()))
    assert len(seen) == len(runs)  # Seeds are told apart.


def test_a_level_of_each_seed_is_the_loss_that_all_its_arms_reach(store):
    runs, task = trained(store), digits()
    shared = durations.shared_level(runs, ["fast", "slow"])
    for seed, level in shared.items():
        ends = [float(runs[arm, seed].history["train_loss"][-1]) for arm in ("fast", "slow")]
        assert level == max(ends) > min(ends)
    found = levels.objectives(runs, None, task, task.train, store)
    assert None not in found.values()
    for seed, level in shared.items():
        slow = found["slow", seed]
        assert slow.loss(slow.theta) == pytest.approx(level, rel=1e-5)  # Where it ended.


def test_what_never_gets_there_has_no_network(store):
    runs, task = trained(store), digits()
    assert set(levels.objectives(runs, 1e-6, task, task.train, store).values()) == {None}
    found = levels.objectives(runs, 10.0, task, task.train, store)
    start = models.MLP(hidden=(8,)).build((1, 8, 8), 10, seed=1)  # 10 nats are passed at once.
    want = torch.nn.utils.parameters_to_vector(start.parameters()).double()
    assert torch.equal(found["fast", 1].theta, want)


def test_a_seed_of_which_a_run_diverged_shares_no_level(store):
    runs = trained(store)
    runs["slow", 1] = dataclasses.replace(runs["slow", 1], diverged_at=3)
    shared = durations.shared_level(runs, ["fast", "slow"])
    assert math.isfinite(shared[0]) and math.isnan(shared[1])
    found = levels.objectives(runs, None, digits(), digits().train, store)
    assert [key for key, L in found.items() if L is None] == [("fast", 1), ("slow", 1)]


def test_a_schedule_is_refused_since_a_shorter_run_is_another(store):
    runs = trained(store, schedule=training.Cosine(), epochs=1)
    with pytest.raises(ValueError, match=r"schedule=Cosine.* constant learning rate"):
        levels.objectives(runs, 0.5, digits(), digits().train, store)
