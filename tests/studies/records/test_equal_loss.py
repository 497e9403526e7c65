"""Equal loss: networks as they were where their training first reached a loss."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import models, training
from studies import time_to_target
from studies.arms import Arm
from studies.recorder import Recorder
from studies.records import equal_loss
from studies.runs import Runs

from tests.sample_networks import digits
from tests.sample_study import Numbers, digits_task, study_in

BASE = training.TrainConfig(
    models.MLP(hidden=(8,)),
    training.SGD(0.1, momentum=0.9),
    epochs=8,
    batch_size=10,
    measure_every=0.25,
)
STEPS = 5  # an epoch: 48 examples, the last batch of 8


def trained(study, *, seeds=(0, 1), **changes):
    configs = {
        Arm("fast", momentum=0.9): BASE,
        Arm("slow", momentum=0.0): dataclasses.replace(BASE, optimizer=training.SGD(0.1)),
    }
    configs = {arm: dataclasses.replace(config, **changes) for arm, config in configs.items()}
    return study.train(configs, digits_task(), seeds=seeds)


def diverged(runs, key):
    return Runs({**runs, key: dataclasses.replace(runs[key], diverged_at=3)})


def theta_of(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).double()


@pytest.mark.slow
def test_networks_are_those_of_the_step_at_which_the_loss_is_reached(study):
    runs, task = trained(study), digits_task()
    target = 0.85 * sum(float(run.history["train_loss"][0]) for run in runs.values()) / 4
    solutions = study.at_equal_loss(runs, task.train, target=target)
    assert list(solutions) == list(runs)
    thetas = set()
    for key, run in runs.items():
        there = time_to_target.reach(run, "train_loss", target)
        assert there.reached and there.epochs > 0
        step = round(there.epochs * STEPS)
        kept = dataclasses.replace(run.config, snapshots=(step,))  # The whole of its training.
        whole = training.train(kept, digits(), study.store).model(step=step)
        L = solutions[key].objective
        assert torch.equal(L.theta, theta_of(whole))
        labels = solutions.labels(key)
        assert (labels["at"], labels["step"], labels["seed"]) == ("equal loss", step, key[1])
        # A step is a fifth of an epoch: the loss is near the target, and was further at the start.
        assert L.loss(L.theta) == pytest.approx(target, rel=0.2)
        thetas.add(tuple(L.theta.tolist()))
    assert len(thetas) == len(runs)  # Seeds are told apart.


def test_a_target_of_each_seed_is_the_loss_that_all_its_arms_reach(study):
    runs, task = trained(study), digits_task()
    shared = time_to_target.shared_target(runs, ["fast", "slow"])
    for seed, target in shared.items():
        ends = [runs[arm, seed].final("train_loss") for arm in ("fast", "slow")]
        assert target == max(ends) > min(ends)
    solutions = study.at_equal_loss(runs, task.train)
    assert not solutions.missing
    for seed, target in shared.items():
        slow = solutions["slow", seed].objective
        assert slow.loss(slow.theta) == pytest.approx(target, rel=1e-5)  # Where it ended.
        assert torch.equal(slow.theta, theta_of(runs["slow", seed].model()))
        (key,) = solutions.where(arm="slow", seed=seed)
        assert solutions.labels(key)["step"] == runs["slow", seed].steps


def test_levels_of_a_factor_have_a_target_each(study):
    runs, examples = trained(study, seeds=(0,)), digits_task().train
    apart = study.at_equal_loss(runs, examples, within="momentum")
    # Each arm alone is taken where it first reaches its own last loss.
    for key, run in runs.items():
        duration = time_to_target.reach(run, "train_loss", run.final("train_loss"))
        assert apart.labels(key)["step"] == round(duration.epochs * STEPS)
    together = study.at_equal_loss(runs, examples)
    assert together["fast", 0].step < apart["fast", 0].step


@pytest.mark.slow
def test_networks_are_measured_from_the_record_alone_the_second_time(tmp_path, monkeypatch):
    def measured():
        study = study_in(tmp_path)
        solutions = study.at_equal_loss(trained(study), digits_task().train, target=1.5)
        return study.measure(solutions, ["loss", "lambda_max"], rho=0.05)

    first = measured()
    monkeypatch.setattr(type(study_in(tmp_path)), "run", None)  # Nothing may be trained.
    assert measured().frame.equals(first.frame)
    assert set(first.frame["at"]) == {"equal loss"}


@pytest.mark.slow
def test_what_never_gets_there_has_no_network(study):
    runs, task = trained(study), digits_task()
    never = study.at_equal_loss(runs, task.train, target=1e-6)
    assert never.missing == dict.fromkeys(runs, "no network at the level")
    numbers = study.measure(never, ["lambda_max"])
    assert numbers.reasons("lambda_max") == ["no network at the level"]
    at_start = study.at_equal_loss(runs, task.train, target=10.0)  # Passed at once.
    start = models.MLP(hidden=(8,)).build((1, 8, 8), 10, seed=1)
    assert torch.equal(at_start["fast", 1].objective.theta, theta_of(start))


def test_a_seed_of_which_a_run_diverged_shares_no_level(study):
    runs = diverged(trained(study), ("slow", 1))
    shared = time_to_target.shared_target(runs, ["fast", "slow"])
    assert math.isfinite(shared[0]) and math.isnan(shared[1])
    solutions = study.at_equal_loss(runs, digits_task().train)
    assert list(solutions.missing) == [("fast", 1), ("slow", 1)]


def test_a_schedule_is_refused_since_a_shorter_run_is_another(study):
    runs = trained(study, schedule=training.Cosine(), epochs=1)
    with pytest.raises(ValueError, match=r"schedule=Cosine.* constant learning rate"):
        study.at_equal_loss(runs, digits_task().train, target=0.5)


# Step noise


class Fixed:
    """A run with given losses of its steps."""

    def __init__(self, config, losses):
        self.config, self.steps, self.data_sha256 = config, len(losses), "0" * 64
        self.step_loss = torch.tensor(losses, dtype=torch.float64)

    def live(self):
        return self


def test_step_noise_is_compared_where_the_mean_mini_batch_loss_is_the_same():
    # Noise of half the mean of an epoch of 5 steps: 8, 4, 2, 1 in one arm and 16, 8, 4, 2 in the
    # other. The second ends at 2, which the first has in its third epoch.
    jumps = np.array([1, -1, 1, -1, 0])
    losses = np.concatenate([scale * (1 + jumps / 2) for scale in (8.0, 4.0, 2.0, 1.0)])
    config = dataclasses.replace(BASE, epochs=4)
    runs = {"fast": Fixed(config, losses.tolist()), "slow": Fixed(config, (2 * losses).tolist())}
    noises = []
    for run in runs.values():
        recorder = Recorder(None)
        equal_loss._StepNoise(run, list(runs.values()))(recorder)
        (row,) = recorder.measurements
        steps = run.step_loss.numpy()
        # The first stretch of 5 steps with a mean of at most 2 may begin within an epoch.
        means = [steps[i : i + STEPS].mean() for i in range(len(steps) - STEPS + 1)]
        first = next(i for i, mean in enumerate(means) if mean <= 2)
        want = np.sqrt(np.square(np.diff(steps[first : first + STEPS])).mean() / 2)
        assert row["value"] == pytest.approx(want, rel=1e-9)
        assert row["note"] == "at a mean of 2 nats" and row["converged"] is True
        noises.append(row["value"])
    assert noises[0] == pytest.approx(noises[1], rel=1e-9)  # By construction.


def test_step_noise_of_a_seed_of_which_a_run_diverged_is_none(study):
    runs = diverged(trained(study, epochs=2), ("slow", 1))
    numbers = study.step_noise(runs)
    values = [v for arm in ("fast", "slow") for v in numbers.values("step_noise_matched", arm)]
    assert [math.isfinite(value) for value in values] == [True, False, True, False]
    assert not numbers.converged("step_noise_matched")
    assert numbers.reasons("step_noise_matched") == ["no epoch of all arms to compare"]


def test_step_noise_of_epochs_of_one_step_is_none(study):
    runs = trained(study, batch_size=48, measure_every=1, epochs=2)
    assert math.isnan(study.step_noise(runs).values("step_noise_matched", "fast")[0])


def test_how_far_apart_arms_are_is_the_largest_ratio_within_a_seed(numbers):
    for arm, values in {
        "a": [1.0, 4.0, 9.0],
        "b": [2.0, 3.0, math.nan],
        "c": [1.5, 2.0, 1.0],
    }.items():
        for seed, value in enumerate(values):
            numbers.add("loss", value, arm=arm, seed=seed)
    assert equal_loss.largest_ratio(numbers, "loss", ["a", "b", "c"]) == 2
    assert equal_loss.largest_ratio(numbers, "loss") == 2
    assert equal_loss.largest_ratio(numbers, "loss", ["a", "c"]) == 9
    lost = Numbers()
    lost.add("loss", math.nan, arm="a", seed=0)
    lost.add("loss", 1.0, arm="b", seed=0)
    assert math.isnan(equal_loss.largest_ratio(lost, "loss", ["a", "b"]))
