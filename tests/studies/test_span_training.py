"""Training within a span: the same start, other batches, and directions without preference."""

import pytest
import torch
from landscape import models
from landscape.directions.principal import pca
from landscape.training import SGD, TrainConfig
from studies.span_training import random_span, reordered, train_within

from tests.sample_networks import digits


def test_reordered_data_hold_the_same_examples_in_another_order_and_have_another_hash():
    data = digits()
    other = reordered(data, 3)
    assert not torch.equal(other.y_train, data.y_train)
    assert torch.equal(other.y_train.sort().values, data.y_train.sort().values)
    assert torch.equal(other.x_test, data.x_test) and other.sha256 != data.sha256
    # Inputs and targets moved together.
    place = int((data.x_train == other.x_train[5]).flatten(1).all(1).nonzero()[0])
    assert int(data.y_train[place]) == int(other.y_train[5])
    assert other.sha256 == reordered(data, 3).sha256 != reordered(data, 4).sha256


def test_a_random_span_is_orthonormal_and_that_of_a_walk_has_no_other_overlap(generator):
    basis = random_span(4, 60, 0)
    torch.testing.assert_close(basis @ basis.T, torch.eye(4).double())
    assert not torch.equal(basis, random_span(4, 60, 1))
    # The components of a walk overlap with any 10 fixed directions of 60 as a random span does:
    # the sum of squared cosines is 4 · 10/60 in the mean.
    overlaps = []
    for _ in range(300):
        steps = torch.randn(30, 60, dtype=torch.float64, generator=generator)
        overlaps.append(float(pca(steps.cumsum(0), k=4).directions[:, :10].square().sum()))
    values = torch.tensor(overlaps)
    assert abs(float(values.mean()) - 4 / 6) < 4 * float(values.std()) / 300**0.5
    drawn = [float(random_span(4, 60, seed)[:, :10].square().sum()) for seed in range(300)]
    assert sum(drawn) / 300 == pytest.approx(4 / 6, abs=4 * float(values.std()) / 300**0.5)


def test_training_within_a_span_ends_as_the_run_does():
    data = digits()
    config = TrainConfig(models.MLP(hidden=(4,)), SGD(0.1), epochs=2, batch_size=24)
    n = sum(p.numel() for p in config.model.build(data.shape, 10, seed=0).parameters())
    whole = train_within(config, data, torch.eye(n))
    narrow = train_within(config, data, torch.eye(n)[:1])
    assert (whole.steps, whole.diverged, narrow.diverged) == (4, False, False)
    assert whole.train_loss < narrow.train_loss
    diverged = train_within(
        TrainConfig(models.MLP(hidden=(4,)), SGD(1e30), epochs=2, batch_size=24),
        data,
        torch.eye(n),
    )
    assert diverged.diverged
