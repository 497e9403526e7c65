"""Grids of batch sizes and learning rates, and full batches beside mini-batches."""

import pytest
from landscape.models import MLP
from landscape.training import SGD, TrainConfig
from studies import arms, sweeps

BASE = TrainConfig(MLP(hidden=(4,)), SGD(0.1), epochs=3, batch_size=64)
FAST = SGD(0.2, momentum=0.5)


def test_batch_sizes_keep_rate_ratio_or_number_of_steps():
    grid = sweeps.batch_size_grid(BASE, [32, 128], optimizer=FAST)
    found = {
        (arm.factors["family"], arm.factors["batch_size"]): (
            config.batch_size,
            config.optimizer.learning_rate,
            config.epochs,
            config.measure_every,
        )
        for arm, config in grid.items()
    }
    every = BASE.measure_every
    assert found == {
        ("fixed rate", 32): (32, 0.2, 3, every),
        ("fixed rate", 128): (128, 0.2, 3, every),
        ("fixed ratio", 32): (32, 0.1, 3, every),
        ("fixed ratio", 128): (128, 0.4, 3, every),
        ("as many steps", 32): (32, 0.2, 3, 1),
        ("as many steps", 128): (128, 0.2, 12, 4),
    }
    assert all(config.optimizer.momentum == 0.5 for config in grid.values())
    assert list(arms.families(grid, family="family", size="batch_size")["fixed rate"]) == [32, 128]


def test_without_an_optimizer_batch_sizes_take_the_base_s():
    grid = sweeps.batch_size_grid(BASE, [64, 128])
    assert grid["fixed ratio, batch size 128"].optimizer == SGD(0.2)


def test_batch_sizes_that_cannot_take_as_many_steps_are_refused():
    with pytest.raises(ValueError, match=r"sizes \[48\] are no multiples of the smallest, 32"):
        sweeps.batch_size_grid(BASE, [32, 48, 64])


def test_effective_rates_are_learning_rates_over_one_minus_momentum():
    optimizers = {"SGD": {"optimizer": SGD(0.1)}, "momentum": {"optimizer": FAST}}
    grid = sweeps.effective_rate_grid(BASE, optimizers, [0.1, 0.3])
    rates = [config.optimizer.learning_rate for config in grid.values()]
    assert rates == pytest.approx([0.1, 0.3, 0.05, 0.15])
    assert [arm.factors for arm in grid] == [
        {"optimizer": name, "effective_rate": rate} for name in optimizers for rate in (0.1, 0.3)
    ]


def test_full_batches_have_a_step_an_epoch_and_snapshots_at_equal_distances():
    config = sweeps.full_batch(BASE.model, FAST, train_size=100, steps=12, points=4)
    assert (config.epochs, config.batch_size, config.measure_every) == (12, 100, 3)
    assert list(config.snapshots) == [0, 3, 6, 9, 12]


@pytest.mark.parametrize(
    "size, epochs, snapshots",
    [(32, 3, [0, 3, 6, 9, 12]), (20, 2, [0, 3, 6, 9]), (5, 1, [0, 3, 6, 9, 12])],
)
def test_mini_batches_take_whole_epochs_of_the_steps_of_full_batches(size, epochs, snapshots):
    full = sweeps.full_batch(BASE.model, FAST, train_size=100, steps=12, points=4)
    config = sweeps.in_mini_batches(full, size, 100)
    assert (config.batch_size, config.epochs, config.measure_every) == (size, epochs, 1)
    assert list(config.snapshots) == snapshots
