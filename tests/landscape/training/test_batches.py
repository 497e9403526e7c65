"""Batches of an epoch, and runs that leave another on the way."""

import dataclasses

import pytest
import torch
from landscape import training
from landscape.models import CNN
from landscape.store.entries import Store
from landscape.training.batches import Branch, epoch_batches

from tests.sample_networks import SMALL, digits
from tests.sample_training import interrupted_at_every_epoch

SGD = training.SGD(0.05, momentum=0.9)
# 48 examples in batches of 20: three steps an epoch, the last of 8 examples.
CONFIG = training.TrainConfig(
    CNN(**SMALL), SGD, epochs=3, batch_size=20, snapshots=tuple(range(10))
)


def indices(epoch, branch=None, **options):
    options = {"count": 48, "batch_size": 20, "seed": 3, **options}
    count = options.pop("count")
    return [batch for batch, _ in epoch_batches(count, epoch=epoch, branch=branch, **options)]


@pytest.mark.parametrize("at", [0, 1 / 3, 1, 1.7])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_each_epoch_has_every_example_once(at, epoch):
    batches = indices(epoch, Branch(at, seed=1))
    assert [len(batch) for batch in batches] == [20, 20, 8]
    assert sorted(torch.cat(batches).tolist()) == list(range(48))


def test_batches_are_shared_up_to_the_branch_and_not_beyond():
    plain = [batch.tolist() for epoch in (1, 2, 3) for batch in indices(epoch)]
    for at, shared in ((0, 0), (1 / 3, 1), (1, 3), (1.7, 5), (2.9, 9)):
        branched = [
            batch.tolist() for epoch in (1, 2, 3) for batch in indices(epoch, Branch(at, seed=1))
        ]
        same = [one == other for one, other in zip(plain, branched, strict=True)]
        # A last batch holds what is left, so it may be the same set in another order.
        assert same[:shared] == [True] * shared and not any(same[shared:])


def test_branches_differ_by_their_seed_and_by_the_runs_seed():
    first, same, other = (indices(1, Branch(0, seed=s)) for s in (1, 1, 2))
    assert all(map(torch.equal, first, same)) and not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], indices(1, Branch(0, seed=1), seed=4)[0])


def test_a_branched_run_is_the_other_run_until_then_bit_for_bit(store):
    dataset = digits()
    trunk = training.train(CONFIG, dataset, store)
    branch = training.train(dataclasses.replace(CONFIG, branch=Branch(4 / 3, 7)), dataset, store)
    for step in range(10):
        pair = [run.snapshots[step] for run in (trunk, branch)]
        same = all(torch.equal(x, pair[1][name]) for name, x in pair[0].items())
        assert same == (step <= 4), step
    assert torch.equal(trunk.step_loss[:4], branch.step_loss[:4])


def test_a_branch_at_the_start_shares_the_weights_there(store):
    dataset = digits()
    trunk, branch = (
        training.train(dataclasses.replace(CONFIG, branch=b), dataset, store)
        for b in (None, Branch(0, 1))
    )
    same = [
        all(torch.equal(x, branch.snapshots[step][name]) for name, x in state.items())
        for step, state in trunk.snapshots.items()
    ]
    assert same == [True] + [False] * 9


def test_a_branched_run_that_is_interrupted_ends_with_the_same_bits(tmp_path):
    config = dataclasses.replace(CONFIG, branch=Branch(1.4, 1))
    whole = training.train(config, digits(), Store(tmp_path / "whole"))
    store = Store(tmp_path / "cut")
    interrupted_at_every_epoch(config, digits(), store)
    resumed = training.train(config, digits(), store)
    assert all(torch.equal(x, resumed.weights[name]) for name, x in whole.weights.items())


def test_augmentation_changes_with_the_branch(store):
    config = dataclasses.replace(CONFIG, augmentation=training.Augmentation(padding=1))
    streams = [
        [generator.initial_seed() for _, generator in batches]
        for batches in (
            epoch_batches(48, batch_size=20, epoch=1, seed=3),
            epoch_batches(48, batch_size=20, epoch=1, seed=3, branch=Branch(1 / 3, 1)),
        )
    ]
    assert streams[0][0] == streams[1][0] and streams[0][1] != streams[1][1]
    assert training.train(config, digits(), store).steps == 9


@pytest.mark.parametrize("at", [-1, float("nan"), float("inf")])
def test_a_branch_before_the_start_is_refused(at):
    with pytest.raises(ValueError, match="a run cannot leave another before its start"):
        Branch(at)


def test_a_branch_that_fits_no_run_is_refused():
    with pytest.raises(ValueError, match="branch at 3 of 3 epochs: it must lie before the end"):
        dataclasses.replace(CONFIG, branch=Branch(3))
    with pytest.raises(ValueError, match=r"branch=1: it must be training.Branch\(...\), or None"):
        dataclasses.replace(CONFIG, branch=1)
