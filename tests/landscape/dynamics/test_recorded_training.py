"""Training with snapshots: the path of the training that the store holds."""

import dataclasses

import torch
from landscape import data, models, training
from landscape.dynamics.recorded_training import train_trajectory
from landscape.dynamics.snapshots import snapshot_steps
from landscape.network.parameters import layout
from landscape.store.entries import Store


def settings(**changes):
    digits = data.load("digits", max_train=96, max_test=40)
    config = training.TrainConfig(
        models.CNN(channels=(2,), hidden=4, norm="none"),
        training.SGD(0.1, momentum=0.9),
        epochs=2,
        batch_size=32,
    )
    return dataclasses.replace(config, **changes), digits


def test_the_path_is_that_of_the_training_without_snapshots(tmp_path):
    config, digits = settings(snapshots=(2,))
    trajectory = train_trajectory(config, digits, steps=range(7))
    run = training.train(config, digits, Store(tmp_path))
    for step in (0, 2, 6):
        model = run.config.model.build(run.shape, run.classes, seed=0)
        if step:
            model = run.model(step=2 if step == 2 else None)
        theta = layout(model).flatten(dict(model.named_parameters()))
        # Displacements are rounded to float32.
        torch.testing.assert_close(trajectory.point(step), theta.double(), rtol=0, atol=1e-7)


def test_a_run_that_diverges_keeps_the_snapshots_before_it(tmp_path):
    config, digits = settings(optimizer=training.SGD(1e18))
    trajectory = train_trajectory(config, digits, steps=range(7))
    assert 1 <= len(trajectory.steps) < 7


def test_a_trajectory_can_be_remembered_and_is_the_same_again(tmp_path):
    config, digits = settings()
    store = Store(tmp_path)
    steps = snapshot_steps(6, even=4, early=3)
    first = store.remember(train_trajectory, config, digits, steps=steps, dtype="float16")
    again = Store(tmp_path).remember(train_trajectory, config, digits, steps=steps, dtype="float16")
    other = train_trajectory(config, digits, steps=steps, dtype="float16")
    assert torch.equal(first.deltas, again.deltas) and torch.equal(first.deltas, other.deltas)
    assert first.deltas.dtype == torch.float16 and first.steps == steps
