"""Adaptive optimizers against their papers' formulas; every optimizer resumed."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from landscape import models, training
from landscape.store.fingerprint import digest
from torch import nn

from tests.sample_networks import SMALL, digits
from tests.sample_training import interrupted_at_every_epoch

CONFIG = training.TrainConfig(models.CNN(**SMALL), training.Adam(0.01), epochs=3, batch_size=20)


# Steps

CURVATURES, START = np.array([3.0, -0.5, 20.0]), np.array([1.0, -2.0, 0.25])
HOW = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}


def stepped(config, steps=4):
    """Where so many steps lead on ½ Σ cᵢ θᵢ², from the start."""
    theta = nn.Parameter(torch.tensor(START))
    optimizer = config.build([theta])

    def closure():
        optimizer.zero_grad()
        loss = (torch.tensor(CURVATURES) * theta**2).sum() / 2
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return theta.detach()


def by_hand(rate, *, penalty=0.0, decay=0.0, steps=4):
    theta, m, v = START, 0.0, 0.0
    for t in range(1, steps + 1):
        g = CURVATURES * theta + penalty * theta
        m = HOW["beta1"] * m + (1 - HOW["beta1"]) * g
        v = HOW["beta2"] * v + (1 - HOW["beta2"]) * g**2
        unbiased = m / (1 - HOW["beta1"] ** t), v / (1 - HOW["beta2"] ** t)
        theta = theta * (1 - rate * decay)
        theta = theta - rate * unbiased[0] / (np.sqrt(unbiased[1]) + HOW["eps"])
    return torch.tensor(theta)


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_adam_steps_by_its_formula(penalty):
    found = stepped(training.Adam(0.1, weight_decay=penalty, **HOW))
    torch.testing.assert_close(found, by_hand(0.1, penalty=penalty), rtol=1e-13, atol=0)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_decays_beside_its_step(decay):
    found = stepped(training.AdamW(0.1, weight_decay=decay, **HOW))
    torch.testing.assert_close(found, by_hand(0.1, decay=decay), rtol=1e-13, atol=0)


def test_defaults_are_those_of_the_papers():
    adam, decoupled = training.Adam(0.1), training.AdamW(0.1)
    assert (adam.beta1, adam.beta2, adam.eps, adam.weight_decay) == (0.9, 0.999, 1e-8, 0.0)
    assert dataclasses.asdict(decoupled) == {**dataclasses.asdict(adam), "weight_decay": 0.01}
    group = adam.build([nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.1, (0.9, 0.999), 1e-8)


def test_what_adam_carries_is_kept_by_name(store):
    run = training.train(dataclasses.replace(CONFIG, snapshots=(2,)), digits(), store)
    names = [name for name, _ in run.model().named_parameters()]
    for step in (2, 9):
        slots = run.optimizer_states[step]
        assert set(slots) == {"step", "exp_avg", "exp_avg_sq"}
        assert all(list(tensors) == names for tensors in slots.values())
        assert {float(count) for count in slots["step"].values()} == {float(step)}
        assert all(bool((tensor >= 0).all()) for tensor in slots["exp_avg_sq"].values())


@pytest.mark.parametrize("kind", [training.Adam, training.AdamW])
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0: it must be finite and > 0"),
        ({"beta1": 1.0}, r"beta1=1.0: it must be in \[0, 1\)"),
        ({"beta1": math.nan}, r"beta1=nan: it must be in \[0, 1\)"),
        ({"beta2": -0.1}, r"beta2=-0.1: it must be in \[0, 1\)"),
        ({"eps": 0.0}, "eps=0.0: it must be finite and > 0, or a gradient of 0 gives NaN"),
        ({"eps": math.inf}, "eps=inf: it must be finite"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1: it must be finite and >= 0"),
        ({"weight_decay": math.nan}, "weight_decay=nan"),
    ],
)
def test_adaptive_optimizer_that_cannot_be_used_is_refused(kind, settings, text):
    with pytest.raises(ValueError, match=f"^{kind.__name__} cannot be used: {text}"):
        kind(**{"learning_rate": 0.1, **settings})


# Every optimizer: resumed

OPTIMIZERS = {
    "SGD": training.SGD(0.05),
    "momentum": training.SGD(0.05, momentum=0.9),
    "Nesterov": training.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": training.Adam(0.01, weight_decay=0.01),
    "AdamW": training.AdamW(0.01),
    "SAM": training.SAM(0.05, momentum=0.9, weight_decay=0.01),
    "SAM without momentum": training.SAM(0.05),
    "ASAM": training.ASAM(0.05, momentum=0.9),
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_interrupted_after_every_epoch_ends_with_the_same_bits(store, tmp_path, optimizer):
    config = dataclasses.replace(CONFIG, optimizer=OPTIMIZERS[optimizer], snapshots=(4,))
    whole = training.train(config, digits(), training.loop.Store(tmp_path / "whole"))
    interrupted_at_every_epoch(config, digits(), store)
    again = training.train(config, digits(), store)
    assert digest(again) == digest(whole) and whole.diverged_at is None
    assert float(whole.history["train_loss"][-1]) < float(whole.history["train_loss"][0])


@pytest.mark.slow
def test_the_optimizers_end_in_different_places(store):
    ends = {
        digest(training.train(dataclasses.replace(CONFIG, optimizer=own), digits(), store).weights)
        for own in OPTIMIZERS.values()
    }
    assert len(ends) == len(OPTIMIZERS)
