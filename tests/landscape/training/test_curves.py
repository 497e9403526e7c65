"""Curves of training on a part of the examples: which ones, how far off, and all else the same."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from landscape import models, rng, training
from landscape.objective import Objective
from landscape.store.fingerprint import digest
from landscape.training import CurveExamples, TrainConfig
from landscape.training.curves import sample
from landscape.training.evaluation import losses_and_hits, mean_loss_and_accuracy

from tests.sample_networks import SMALL, digits
from tests.sample_training import interrupted_at_every_epoch

SGD = training.SGD(0.05, momentum=0.9)
CONFIG = TrainConfig(models.CNN(norm="batch", **SMALL), SGD, epochs=4, batch_size=40)
PART = CurveExamples(45, 33)  # Batches of 32 and 13, of 32 and 1.
NAMES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def on_part(config=CONFIG, part=PART, **changes):
    return dataclasses.replace(config, curve_examples=part, **changes)


def data():
    return digits(150, 60)


def chosen(count, *, split="train"):
    """The examples of a split that curves come from."""
    inputs, targets = data().first(150, split=split)
    indices = sample(targets, count, split=split).indices
    return inputs[indices], targets[indices]


CHANGES = {
    "plain": {},
    "augmented, with bfloat16": {
        "augmentation": training.Augmentation(padding=1),
        "precision": "bfloat16",
    },
    "SAM, measured often": {"optimizer": training.SAM(0.05), "measure_every": 0.3},
    "an MLP with Adam": {"model": models.MLP(hidden=(5,)), "optimizer": training.Adam(1e-3)},
    "snapshots, of part of the training set": {"snapshots": (0, 3, 7), "measured": 100},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_steps_weights_and_both_ends_are_the_same_bit_for_bit(store, changes):
    full = training.train(dataclasses.replace(CONFIG, **changes), data(), store)
    part = training.train(on_part(**changes), data(), store)
    for name in ("weights", "step_loss", "step_gradient_norm", "gradient_norms", "snapshots"):
        assert digest(getattr(part, name)) == digest(getattr(full, name)), name
    assert digest(part.optimizer_states) == digest(full.optimizer_states)
    assert torch.equal(part.measured_at, full.measured_at)
    for name in NAMES:
        assert torch.equal(part.history[name][[0, -1]], full.history[name][[0, -1]])
        if name.endswith("loss"):
            assert (part.history[name][1:-1] != full.history[name][1:-1]).all()
        assert (part.history_errors[name][[0, -1]] == 0).all()
        between = part.history_errors[name][1:-1]
        # An accuracy has none where the network gives one answer to all examples of a class.
        assert (between >= 0 if name.endswith("accuracy") else between > 0).all()
    assert torch.equal(part.history["gradient_norm"][1:], full.history["gradient_norm"][1:])
    assert full.history_errors == {} and full.curve_subsets == {}


def test_a_curve_is_that_of_its_examples_with_classes_weighted_by_their_size(store):
    run = training.train(on_part(snapshots=(4,)), data(), store)
    model = run.model(step=4)
    for split, count in (("train", 45), ("test", 33)):
        inputs, targets = chosen(count, split=split)
        everything = data().first(150, split=split)[1]
        with torch.no_grad():
            losses = torch.nn.functional.cross_entropy(model(inputs), targets, reduction="none")
        want = sum(
            float(losses[targets == label].double().mean()) * float((everything == label).sum())
            for label in range(10)
        ) / len(everything)
        assert float(run.history[f"{split}_loss"][1]) == pytest.approx(want, rel=1e-5)


def test_the_examples_are_fixed_and_named_by_size_and_hash(store):
    runs = [training.train(on_part(seed=seed), data(), store) for seed in (0, 1)]
    assert runs[0].curve_subsets == runs[1].curve_subsets
    for split, count, of in (("train", 45, 150), ("test", 33, 60)):
        subset = runs[0].curve_subsets[split]
        assert (subset.size, subset.of) == (count, of)
        objective = Objective(runs[0].model(), chosen(count, split=split))
        assert subset.sha256 == objective.examples_hash
    few = training.train(on_part(measured=100), data(), store).curve_subsets
    assert few["train"].of == 100 and few["test"] == runs[0].curve_subsets["test"]
    assert few["train"].sha256 != runs[0].curve_subsets["train"].sha256


def test_no_random_number_of_the_caller_is_drawn(store):
    before = torch.get_rng_state()
    sample(data().y_train, 45, split="train")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_interrupted_run_ends_with_the_same_bits(store, tmp_path):
    whole = training.train(on_part(), data(), training.loop.Store(tmp_path / "whole"))
    interrupted_at_every_epoch(on_part(), data(), store)
    assert digest(training.train(on_part(), data(), store)) == digest(whole)


def test_a_run_that_diverges_is_measured_in_full_where_it_stops(store):
    config = on_part(optimizer=training.SGD(1e4, momentum=0.9), measure_every=0.25)
    part = training.train(config, data(), store)
    full = training.train(dataclasses.replace(config, curve_examples=None), data(), store)
    assert part.diverged_at is not None and 2 < len(part.history["test_loss"]) < 17
    for name in NAMES:
        last = [float(run.history[name][-1]) for run in (part, full)]
        assert last[0] == last[1] or all(map(math.isnan, last))
        assert float(part.history_errors[name][-1]) == 0


def test_a_split_of_no_more_examples_is_always_measured_in_full(store):
    full = training.train(CONFIG, data(), store)
    half = training.train(on_part(part=CurveExamples(45, 60)), data(), store)
    assert set(half.curve_subsets) == {"train"}
    assert set(half.history_errors) == {"train_loss", "train_accuracy"}
    assert digest(half.history["test_loss"]) == digest(full.history["test_loss"])
    both = training.train(on_part(part=CurveExamples(150, 2000)), data(), store)
    assert digest(both.history) == digest(full.history) and both.history_errors == {}


def test_a_run_that_is_only_measured_at_its_ends_has_no_part(store):
    run = training.train(on_part(measure_every=10), data(), store)
    assert len(run.history["train_loss"]) == 2
    assert run.curve_subsets == {} == run.history_errors
    config = on_part(optimizer=training.SGD(1e30))  # It stops before its second measurement.
    assert training.train(config, data(), store).curve_subsets == {}


# The estimate


def values_of(targets, generator):
    """Losses whose mean and spread differ between classes."""
    noise = torch.rand(len(targets), generator=generator, dtype=torch.float64)
    return (targets + 1) * -noise.log()


def test_the_error_covers_the_mean_of_all_in_most_repetitions():
    sizes = torch.tensor([200, 90, 90, 20])
    targets = torch.repeat_interleave(torch.arange(4), sizes)
    covered, scaled, count = 0, [], 400
    for repetition in range(count):
        generator = rng.stream(repetition, "coverage")
        values = values_of(targets, generator)
        part = sample(targets, 100, split="test")
        mean, error = part.mean(values[part.indices])
        covered += abs(mean - float(values.mean())) <= 1.96 * error
        scaled.append((mean - float(values.mean())) / error)
    # Nominal 95%: skew values of few examples cover a little less; 91% is 4 deviations below.
    assert 0.91 * count <= covered <= 0.99 * count
    assert abs(sum(scaled) / count) < 0.3


def test_what_is_constant_in_a_class_is_known_exactly():
    targets = torch.repeat_interleave(torch.arange(3), torch.tensor([61, 20, 7]))
    part = sample(targets, 30, split="train")
    mean, error = part.mean((part.labels == 1).double())
    assert mean == pytest.approx(20 / 88, rel=1e-14) and error == 0


def test_a_value_that_is_not_finite_leaves_no_error():
    targets = torch.arange(2).repeat(20)
    part = sample(targets, 10, split="train")
    values = torch.ones(10, dtype=torch.float64)
    values[3] = math.inf
    mean, error = part.mean(values)
    assert mean == math.inf and math.isnan(error)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(0, 200), st.integers(0, 5))
def test_each_class_has_its_share_and_no_example_comes_twice(sizes, more, order):
    targets = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    targets = targets[torch.randperm(len(targets), generator=rng.stream(order, "order"))]
    count = sum(min(size, 2) for size in sizes) + more
    part = sample(targets, count, split="train")
    if count >= len(targets):
        assert part is None
        return
    assert len(part.indices) == count == len(set(part.indices.tolist()))
    assert torch.equal(part.labels, targets[part.indices])
    for label, size in enumerate(sizes):
        share = int((part.labels == label).sum())
        assert min(size, 2) <= share <= size
        assert abs(share - count * size / len(targets)) <= 2 + len(sizes)


def test_numbers_of_single_examples_agree_with_those_of_all():
    model = models.CNN(**SMALL).build((1, 8, 8), 10, seed=0)
    examples = digits(48, 71).test  # Batches of 32, 32 and 7.
    losses, hits = losses_and_hits(model, examples)
    loss, accuracy = mean_loss_and_accuracy(model, examples)
    assert losses.shape == hits.shape == (71,)
    assert float(losses.mean()) == pytest.approx(loss, rel=1e-6)
    assert float(hits.mean()) == pytest.approx(accuracy, rel=1e-12)


# Errors


@pytest.mark.parametrize("count", [1, 0, -3, 2.0, "20", True, None])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_number_of_examples_that_is_none_is_refused(split, count):
    with pytest.raises(ValueError, match=rf"CurveExamples\({split}=.*whole number >= 2"):
        CurveExamples(**{split: count})


@pytest.mark.parametrize("given_value", [2000, (2000, 2000), {"train": 5}])
def test_anything_else_in_the_config_is_refused(given_value):
    with pytest.raises(ValueError, match=r"curve_examples=.*CurveExamples"):
        on_part(part=given_value)


def test_less_than_two_examples_of_each_class_are_refused(store):
    with pytest.raises(ValueError, match=r"CurveExamples\(test=19\).*10 classes. Pass 20 or more"):
        training.train(on_part(part=CurveExamples(20, 19)), data(), store)
