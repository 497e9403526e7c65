"""Options of training: schedules, clipping, augmentation, precision, optimizers that look twice."""

import dataclasses
import math

import pytest
import torch
from landscape import models, rng, training
from landscape.store.fingerprint import digest
from landscape.training import Augmentation, Cosine, Schedule, TrainConfig
from torch import nn

from tests.sample_networks import SMALL, digits
from tests.sample_training import interrupted_at_every_epoch

SGD = training.SGD(0.05, momentum=0.9)
CONFIG = TrainConfig(models.CNN(**SMALL), SGD, epochs=3, batch_size=20)  # 3 steps an epoch.


def replaced(**settings):
    return dataclasses.replace(CONFIG, **settings)


# Schedules


def factors(schedule, steps=12, steps_per_epoch=4):
    how = {"steps": steps, "steps_per_epoch": steps_per_epoch}
    return [schedule.factor(step, **how) for step in range(steps)]


def test_a_constant_schedule_is_one():
    assert factors(Schedule()) == [1.0] * 12


def test_warm_up_grows_in_equal_steps_to_one():
    assert factors(Schedule(warmup_epochs=1)) == [0.25, 0.5, 0.75, *[1.0] * 9]
    assert factors(Schedule(warmup_epochs=0.5)) == [0.5, *[1.0] * 11]


def test_warm_up_longer_than_the_run_fills_it():
    assert factors(Schedule(warmup_epochs=5)) == [(step + 1) / 12 for step in range(12)]


def test_cosine_is_that_of_torch():
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    want = []
    for _ in range(12):
        want.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert factors(Cosine()) == pytest.approx(want, rel=1e-12, abs=1e-15)


def test_cosine_begins_after_the_warm_up():
    found = factors(Cosine(warmup_epochs=1))
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4:] == factors(Cosine(), steps=8)


@pytest.mark.parametrize("epochs", [-1, math.nan, math.inf])
def test_impossible_warm_up_is_refused(epochs):
    with pytest.raises(ValueError, match=f"warmup_epochs={epochs}: pass a finite number >= 0"):
        Schedule(warmup_epochs=epochs)


def test_each_step_has_the_rate_of_the_schedule(store, monkeypatch):
    rates, real = [], torch.optim.SGD.step

    def step(self, closure):
        rates.append(self.param_groups[0]["lr"])
        return real(self, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    schedule = Cosine(warmup_epochs=1)
    training.train(replaced(schedule=schedule), digits(), store)
    assert rates == [0.05 * factor for factor in factors(schedule, 9, 3)]


# Clipping and norms


def test_gradients_are_clipped_to_the_norm_and_recorded_before(store):
    dataset, bound = digits(), 0.5
    plain = dataclasses.replace(SGD, momentum=0.0)
    run = training.train(
        replaced(optimizer=plain, clip_norm=bound, snapshots=(0, 1)), dataset, store
    )
    norm = float(run.step_gradient_norm[0])
    assert norm > bound
    moved = [
        (run.snapshots[1][name] - run.snapshots[0][name]).double().flatten()
        for name in run.gradient_norms
    ]
    assert float(torch.cat(moved).norm()) == pytest.approx(0.05 * bound, rel=1e-4)
    # A bound that nothing reaches changes nothing.
    loose = training.train(replaced(clip_norm=1e6), dataset, store)
    assert digest(loose.weights) == digest(training.train(CONFIG, dataset, store).weights)


def test_norms_of_tensors_and_steps_agree_with_those_of_epochs(store):
    run = training.train(CONFIG, digits(), store)
    names = [name for name, _ in run.model().named_parameters()]
    assert list(run.gradient_norms) == names
    assert all(norms.shape == (4,) for norms in run.gradient_norms.values())
    squares = torch.stack(list(run.gradient_norms.values())).square().sum(0)
    want = run.history["gradient_norm"][1:]
    torch.testing.assert_close(squares[1:].sqrt(), want, rtol=1e-5, atol=0)
    assert float(squares[0].sqrt()) == pytest.approx(float(run.step_gradient_norm[0]), rel=1e-5)
    by_epoch = run.step_gradient_norm.view(3, 3).square().mean(1).sqrt()
    torch.testing.assert_close(by_epoch, want, rtol=1e-12, atol=0)


def test_first_norms_are_those_of_the_initialisation(store):
    dataset = digits()
    run = training.train(CONFIG, dataset, store)
    model = CONFIG.model.build(dataset.shape, 10, seed=0).train()
    order = torch.randperm(48, generator=rng.stream(0, "batches", 1))[:20]
    nn.functional.cross_entropy(model(dataset.x_train[order]), dataset.y_train[order]).backward()
    for name, tensor in model.named_parameters():
        want = float(tensor.grad.norm())
        # A bias before BN has no gradient but rounding.
        assert float(run.gradient_norms[name][0]) == pytest.approx(want, rel=1e-4, abs=1e-6)


def test_the_norm_at_which_a_run_diverged_is_recorded(store):
    run = training.train(replaced(optimizer=training.SGD(1e30)), digits(), store)
    assert run.diverged_at == 1 and len(run.step_gradient_norm) == 2
    assert math.isfinite(run.step_gradient_norm[0])
    assert not math.isfinite(run.step_gradient_norm[1])
    assert all(norms.shape == (2,) for norms in run.gradient_norms.values())
    assert all(math.isfinite(norms[0]) for norms in run.gradient_norms.values())


def test_a_run_that_diverges_at_its_first_step_has_norms(store):
    model = models.MLP(hidden=(4,))
    with pytest.MonkeyPatch.context() as patch:
        real = models.MLP.build

        def build(self, *arguments, **options):
            found = real(self, *arguments, **options)
            with torch.no_grad():
                found[1].weight.fill_(math.inf)
            return found

        patch.setattr(models.MLP, "build", build)
        run = training.train(replaced(model=model), digits(), store)
    assert run.diverged_at == 0 and run.steps == 0
    assert all(norms.shape == (2,) for norms in run.gradient_norms.values())
    assert all(row.shape == (2,) for row in run.history.values())


# Augmentation


def images(count=64):
    return torch.arange(count * 3 * 4 * 5, dtype=torch.float32).view(count, 3, 4, 5) + 1


def test_augmented_images_are_crops_of_the_padded_ones_or_of_their_mirror_images():
    given, padding = images(), 2
    found = Augmentation(padding=padding)(given, rng.stream(0, "augmentation", 1))
    assert found.shape == given.shape and found.dtype == given.dtype
    padded = nn.functional.pad(given, [padding] * 4)
    seen = set()
    for image, source in zip(found, padded, strict=True):
        matches = [
            (down, right, mirrored)
            for down in range(5)
            for right in range(5)
            for mirrored in (False, True)
            for crop in [source[:, down : down + 4, right : right + 5]]
            if torch.equal(image, crop.flip(2) if mirrored else crop)
        ]
        assert len(matches) == 1
        seen.update(matches)
    # 64 of 50 possibilities: all shifts along each axis and both mirrorings occur.
    assert {down for down, _, _ in seen} == {right for _, right, _ in seen} == set(range(5))
    assert {mirrored for _, _, mirrored in seen} == {False, True}


def test_augmentation_without_mirror_or_crop_does_the_other_alone():
    given = images()
    cropped = Augmentation(padding=1, flip=False)(given, rng.stream(0, "a"))
    columns = (cropped[:, 0, 1, 1:] - cropped[:, 0, 1, :-1])[:, 1:-1]
    assert bool((columns == 1).all())  # Never from right to left.
    mirrored = Augmentation(padding=0)(given, rng.stream(0, "a"))
    same = [torch.equal(a, b) for a, b in zip(mirrored, given, strict=True)]
    turned = [torch.equal(a, b.flip(2)) for a, b in zip(mirrored, given, strict=True)]
    assert sum(same) + sum(turned) == 64 and 16 < sum(same) < 48


def test_augmentation_is_that_of_its_generator_and_leaves_the_images_alone():
    given = images()
    before = given.clone()
    first, second, other = (Augmentation()(given, rng.stream(0, "a", i)) for i in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert torch.equal(given, before)


@pytest.mark.parametrize("settings", [{"padding": -1}, {"padding": 0, "flip": False}])
def test_augmentation_that_is_none_is_refused(settings):
    with pytest.raises(ValueError, match=r"is none or impossible. Pass padding >= 1 or flip=True"):
        Augmentation(**settings)


# Every option: seeded, resumed


OPTIONS = {
    "augmentation": {"augmentation": Augmentation(padding=1)},
    "schedule": {"schedule": Cosine(warmup_epochs=1)},
    "clipping": {"clip_norm": 0.5},
    "bfloat16": {"precision": "bfloat16"},
    "nesterov": {"optimizer": dataclasses.replace(SGD, nesterov=True, weight_decay=0.01)},
    "plain": {"optimizer": training.SGD(0.05)},
    "seldom measured": {"measure_every": 1.5, "clip_norm": 0.5},
}


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_a_run_interrupted_at_every_epoch_ends_with_the_same_bits(store, tmp_path, option):
    config = replaced(**OPTIONS[option])
    whole = training.train(config, digits(), training.loop.Store(tmp_path / "whole"))
    interrupted_at_every_epoch(config, digits(), store)
    assert digest(training.train(config, digits(), store)) == digest(whole)
    plain = training.train(CONFIG, digits(), store)
    assert digest(whole.weights) != digest(plain.weights)  # The option does something.


def test_every_epoch_has_augmentations_of_its_own(store, monkeypatch):
    seen, real = [], Augmentation.__call__

    def call(self, images, generator):
        seen.append(real(self, images, generator))
        return seen[-1]

    monkeypatch.setattr(Augmentation, "__call__", call)
    config = replaced(augmentation=Augmentation(padding=1), batch_size=48)
    dataset = digits()
    training.train(config, dataset, store)
    orders = [torch.randperm(48, generator=rng.stream(0, "batches", i)) for i in (1, 2, 3)]
    sorted_back = [batch[order.argsort()] for batch, order in zip(seen, orders, strict=True)]
    assert not torch.equal(sorted_back[0], sorted_back[1])
    assert not torch.equal(sorted_back[1], sorted_back[2])


def test_bfloat16_trains_in_half_precision_and_measures_in_float32(store, monkeypatch):
    dtypes, real = {}, nn.functional.relu

    def relu(x, **options):
        dtypes.setdefault(torch.is_grad_enabled(), set()).add(x.dtype)
        return real(x, **options)

    monkeypatch.setattr(nn.functional, "relu", relu)
    config = replaced(precision="bfloat16")
    run = training.train(config, digits(), store)
    assert dtypes == {True: {torch.bfloat16}, False: {torch.float32}}
    assert all(t.dtype != torch.bfloat16 for t in run.weights.values())
    full = training.train(CONFIG, digits(), store)
    assert float(run.step_loss[0]) == pytest.approx(float(full.step_loss[0]), rel=0.02)


def test_the_training_set_is_measured_on_its_first_examples(store):
    dataset = digits()
    few = training.train(replaced(measured=7), dataset, store)
    whole = training.train(CONFIG, dataset, store)
    assert digest(few.weights) == digest(whole.weights)
    assert torch.equal(few.history["test_loss"], whole.history["test_loss"])
    with torch.no_grad():
        outputs = few.model()(dataset.x_train[:7]).double()
    want = float(nn.functional.cross_entropy(outputs, dataset.y_train[:7]))
    assert float(few.history["train_loss"][-1]) == pytest.approx(want, rel=1e-6)


# Optimizers


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0: it must be finite and > 0"),
        ({"learning_rate": math.nan}, "learning_rate=nan"),
        ({"learning_rate": math.inf}, "learning_rate=inf"),
        ({"momentum": 1.0}, r"momentum must be in \[0, 1\)"),
        ({"momentum": math.nan}, r"momentum must be in \[0, 1\)"),
        ({"weight_decay": -0.1}, "weight_decay >= 0"),
        ({"nesterov": True}, "nesterov=True without momentum: pass momentum > 0"),
    ],
)
def test_sgd_that_cannot_be_used_is_refused(settings, text):
    with pytest.raises(ValueError, match=f"SGD cannot be used: .*{text}"):
        training.SGD(**{"learning_rate": 0.1, **settings})


MLP = models.MLP(hidden=(4,))  # torch's LBFGS refuses parameters in the channels_last format.


@dataclasses.dataclass(frozen=True)
class LBFGS(training.OptimizerConfig):
    """An optimizer that evaluates several points a step, defined outside the library."""

    def build(self, parameters):
        return torch.optim.LBFGS(list(parameters), lr=self.learning_rate, max_iter=3)


@dataclasses.dataclass(frozen=True)
class Looking(training.SGD):
    """Plain SGD that looks at the same point several times before it steps."""

    looks: int = 1

    def build(self, parameters):
        optimizer = super().build(parameters)
        real = optimizer.step

        def step(closure):
            losses = {float(closure().detach()) for _ in range(self.looks - 1)}
            assert len(losses) <= 1
            return real(closure)

        optimizer.step = step
        return optimizer


@pytest.mark.parametrize("looks", [1, 3])
def test_statistics_and_records_are_those_of_a_steps_first_look(store, looks):
    dataset = digits()
    config = replaced(optimizer=Looking(0.05, looks=looks), epochs=1)
    run = training.train(config, dataset, store)
    once = training.train(replaced(optimizer=training.SGD(0.05), epochs=1), dataset, store)
    assert digest(run.weights) == digest(once.weights)
    assert run.weights["1.num_batches_tracked"] == 3
    assert torch.equal(run.step_loss, once.step_loss)
    assert torch.equal(run.step_gradient_norm, once.step_gradient_norm)


def test_an_optimizer_of_the_readers_own_that_looks_again_trains(store):
    run = training.train(replaced(model=MLP, optimizer=LBFGS(0.1)), digits(), store)
    assert run.config.optimizer == LBFGS(0.1) and run.steps == 9
    assert float(run.history["train_loss"][-1]) < float(run.history["train_loss"][0])


def test_a_look_that_is_not_finite_ends_the_run(store):
    run = training.train(replaced(model=MLP, optimizer=LBFGS(1e30)), digits(), store)
    assert run.diverged_at is not None and len(run.step_loss) == run.diverged_at + 1


# Where a run is measured


def test_a_run_is_measured_where_it_is_asked_to(store):
    run = training.train(replaced(measure_every=1 / 3), digits(), store)
    assert run.measured_at.tolist() == pytest.approx([k / 3 for k in range(10)])
    assert all(row.shape == (10,) for row in (*run.history.values(), *run.gradient_norms.values()))
    # One step an interval: the norm is that of the step.
    torch.testing.assert_close(run.history["gradient_norm"][1:], run.step_gradient_norm)
    plain = training.train(CONFIG, digits(), store)
    for name in ("train_loss", "test_accuracy"):
        assert torch.equal(run.history[name][::3], plain.history[name])
    assert digest(run.weights) == digest(plain.weights)


def test_a_run_is_measured_at_its_end_in_any_case(store):
    run = training.train(replaced(measure_every=2), digits(), store)
    plain = training.train(CONFIG, digits(), store)
    assert run.measured_at.tolist() == [0, 2, 3]
    assert torch.equal(run.history["test_loss"], plain.history["test_loss"][[0, 2, 3]])
    squares = plain.history["gradient_norm"].square()
    want = [(squares[1] + squares[2]) / 2, squares[3]]
    torch.testing.assert_close(run.history["gradient_norm"][1:].square(), torch.stack(want))


def test_an_interval_shorter_than_a_step_measures_after_each_step(store):
    run = training.train(replaced(measure_every=0.1, epochs=1), digits(), store)
    assert run.measured_at.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf])
def test_interval_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match=r"measure_every=.*: it must be finite and > 0, in epochs"):
        replaced(measure_every=wrong)


def test_young_checkpoints_are_not_followed_by_another(store, monkeypatch):
    monkeypatch.setattr(training.loop, "_CHECKPOINT_SECONDS", 1e9)
    kept = []
    monkeypatch.setattr(type(store), "put", lambda self, kind, key, *_, **__: kept.append(key))
    training.train(CONFIG, digits(), store)
    assert len(kept) == 1  # At the end, should writing the result fail.


# What the optimizer carries


def test_what_the_optimizer_carries_is_kept_with_the_snapshots(store):
    run = training.train(replaced(snapshots=(0, 1)), digits(), store)
    assert list(run.optimizer_states) == [0, 1, run.steps] and run.optimizer_states[0] == {}
    model = CONFIG.model.build(digits().shape, digits().classes, seed=0)
    names = [name for name, _ in model.named_parameters()]
    # After one step the buffer is the gradient, by which the weights moved.
    buffers = run.optimizer_states[1]["momentum_buffer"]
    assert list(buffers) == names
    for name, buffer in buffers.items():
        moved = (run.snapshots[0][name] - run.snapshots[1][name]) / SGD.learning_rate
        torch.testing.assert_close(moved, buffer, rtol=1e-3, atol=1e-5)
    last = run.optimizer_states[run.steps]["momentum_buffer"]
    assert any(not torch.equal(last[name], buffers[name]) for name in names)


def test_an_optimizer_that_carries_nothing_has_no_slots(store):
    run = training.train(replaced(optimizer=training.SGD(0.05), epochs=1), digits(), store)
    assert run.optimizer_states == {run.steps: {}}
