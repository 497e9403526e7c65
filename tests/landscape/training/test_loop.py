"""Training: against a plain loop, resumed, killed, diverged, read back."""

import dataclasses
import math
import os
import signal
import subprocess
import sys

import pytest
import torch
from landscape import data, models, rng, training
from landscape.store.entries import Store
from landscape.store.fingerprint import digest
from landscape.training import TrainConfig
from torch import nn

from tests.sample_networks import SMALL, digits
from tests.sample_training import Interrupted, interrupted_at_every_epoch

SGD = training.SGD(0.05, momentum=0.9)
# 48 examples in batches of 20: steps of 20, 20 and 8 examples.
CONFIG = TrainConfig(models.CNN(**SMALL), SGD, epochs=3, batch_size=20, snapshots=(0, 2, 3, 9))
CHECKPOINTS = "training.checkpoint"


@pytest.fixture(autouse=True)
def checkpoints_after_each_epoch(monkeypatch):
    monkeypatch.setattr(training.loop, "_CHECKPOINT_SECONDS", 0.0)


def plain_loop(config, dataset):
    """The same run in twenty lines, without the library's training."""
    model = config.model.build(dataset.shape, dataset.classes, seed=config.seed)
    optimizer = torch.optim.SGD(
        model.parameters(),
        config.optimizer.learning_rate,
        momentum=config.optimizer.momentum,
        weight_decay=config.optimizer.weight_decay,
    )
    losses, norms, ends = [], [], []
    for epoch in range(1, config.epochs + 1):
        order = torch.randperm(
            len(dataset.y_train), generator=rng.stream(config.seed, "batches", epoch)
        )
        model.train()
        squares = []
        for chosen in order.split(config.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                model(dataset.x_train[chosen]), dataset.y_train[chosen]
            )
            loss.backward()
            squares.append(sum(float(p.grad.square().sum()) for p in model.parameters()))
            losses.append(float(loss.detach()))
            optimizer.step()
        norms.append(math.sqrt(sum(squares) / len(squares)))
        model.eval()
        with torch.no_grad():
            outputs = model(dataset.x_test)
        ends.append(
            (
                float(nn.functional.cross_entropy(outputs.double(), dataset.y_test)),
                float((outputs.argmax(1) == dataset.y_test).double().mean()),
            )
        )
    return model, losses, norms, ends


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_run_is_that_of_a_plain_loop(store, norm):
    decayed = dataclasses.replace(SGD, weight_decay=0.01)
    config = dataclasses.replace(
        CONFIG, model=models.CNN(norm=norm, **SMALL), optimizer=decayed, seed=4
    )
    dataset = digits(48, 300)  # The test set is evaluated in parts of 256 and 44.
    run = training.train(config, dataset, store)
    model, losses, norms, ends = plain_loop(config, dataset)
    # Another memory format: float32 sums in another order, over nine steps.
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(run.weights[name], tensor, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(run.step_loss, torch.tensor(losses).double(), rtol=1e-5, atol=0)
    assert math.isnan(run.history["gradient_norm"][0])
    found = run.history["gradient_norm"][1:]
    torch.testing.assert_close(found, torch.tensor(norms).double(), rtol=1e-4, atol=0)
    for index, name in enumerate(("test_loss", "test_accuracy")):
        want = torch.tensor([end[index] for end in ends], dtype=torch.float64)
        torch.testing.assert_close(run.history[name][1:], want, rtol=1e-5, atol=0)
    assert run.steps == 9 and run.diverged_at is None


def test_history_starts_at_the_initialisation_and_has_a_row_an_epoch(store):
    run = training.train(CONFIG, digits(), store)
    model = CONFIG.model.build((1, 8, 8), 10, seed=0).eval()
    with torch.no_grad():
        outputs = model(digits().x_train).double()
    want = float(nn.functional.cross_entropy(outputs, digits().y_train))
    assert float(run.history["train_loss"][0]) == pytest.approx(want, rel=1e-6)
    names = ["gradient_norm", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    assert list(run.history) == names
    assert all(row.shape == (4,) and row.dtype == torch.float64 for row in run.history.values())


@pytest.mark.slow
def test_run_learns(store):
    # Lower loss than chance, ln 10, by a wide margin: the sign and the mode are right.
    config = dataclasses.replace(CONFIG, epochs=12, snapshots=())
    run = training.train(config, digits(200, 50), store)
    assert float(run.history["train_loss"][-1]) < 1.2 < 2 < float(run.history["train_loss"][0])


@pytest.mark.slow
def test_one_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path):
    stores = [Store(tmp_path / str(i)) for i in range(3)]
    one, two = (training.train(CONFIG, digits(), store) for store in stores[:2])
    other = training.train(dataclasses.replace(CONFIG, seed=1), digits(), stores[2])
    assert digest(one) == digest(two)
    assert digest(one.weights) != digest(other.weights)


def test_arms_of_one_seed_see_the_same_batches(tmp_path, monkeypatch):
    seen, dataset = [], digits()
    real = torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda *a, **k: seen.append(real(*a, **k)) or seen[-1])
    for norm in ("batch", "none"):
        config = dataclasses.replace(CONFIG, model=models.CNN(norm=norm, **SMALL))
        training.train(config, dataset, Store(tmp_path / norm))
    assert len(seen) == 6
    for first, second in zip(seen[:3], seen[3:], strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(seen[0], seen[1])


def test_training_leaves_global_random_numbers_and_the_data_alone(store):
    before, content = torch.get_rng_state(), digest(list(digits().train + digits().test))
    training.train(CONFIG, digits(), store)
    assert torch.equal(torch.get_rng_state(), before)
    assert digest(list(digits().train + digits().test)) == content


def test_snapshots_are_the_weights_after_their_steps(store):
    run = training.train(CONFIG, digits(), store)
    assert sorted(run.snapshots) == [0, 2, 3, 9]
    start = CONFIG.model.build((1, 8, 8), 10, seed=0).state_dict()
    assert digest(run.snapshots[0]) == digest(dict(start))
    assert digest(run.snapshots[9]) == digest(run.weights)
    short = dataclasses.replace(CONFIG, epochs=1, snapshots=())
    after_three = training.train(short, digits(), store)
    assert digest(run.snapshots[3]) == digest(after_three.weights)
    assert digest(run.snapshots[2]) != digest(run.snapshots[3])


def test_model_of_a_run_is_in_eval_mode_with_the_runs_weights(store):
    run = training.train(CONFIG, digits(), store)
    model = run.model()
    assert not any(module.training for module in model.modules())
    assert digest(dict(model.state_dict())) == digest(run.weights)
    assert digest(dict(run.model(step=2).state_dict())) == digest(run.snapshots[2])
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(digits().x_test).double(), digits().y_test)
    assert float(run.history["test_loss"][-1]) == pytest.approx(float(loss), rel=1e-6)


def test_run_is_read_back_without_training(store, monkeypatch):
    run = training.train(CONFIG, digits(), store)
    monkeypatch.setattr(training.loop._Training, "run", lambda self: pytest.fail("trained again"))
    again = training.train(CONFIG, digits(), store)
    assert digest(again) == digest(run)
    assert again.config == CONFIG and (again.data, again.data_sha256) == ("digits", digits().sha256)
    assert not list((store.root / CHECKPOINTS).iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"epochs": 4},
        {"batch_size": 21},
        {"optimizer": training.SGD(0.051, momentum=0.9)},
        {"optimizer": training.SGD(0.05, momentum=0.8)},
        {"optimizer": training.SGD(0.05, momentum=0.9, weight_decay=0.1)},
        {"optimizer": training.SGD(0.05, momentum=0.9, nesterov=True)},
        {"schedule": training.Cosine()},
        {"schedule": training.Schedule(warmup_epochs=1)},
        {"clip_norm": 1.0},
        {"augmentation": training.Augmentation()},
        {"precision": "bfloat16"},
        {"measured": 7},
        {"snapshots": (0,)},
        {"model": models.CNN(channels=(2, 3), hidden=7)},
    ],
)
def test_every_setting_of_a_config_is_part_of_the_key(store, change):
    training.train(CONFIG, digits(), store)
    training.train(dataclasses.replace(CONFIG, **change), digits(), store)
    assert len(list((store.root / "training.run").iterdir())) == 2


@pytest.mark.slow
def test_other_data_are_part_of_the_key(store):
    training.train(CONFIG, digits(), store)
    training.train(CONFIG, digits(49), store)
    training.train(CONFIG, digits(48, 25), store)
    assert len(list((store.root / "training.run").iterdir())) == 3


# Interrupted


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return digest(training.train(CONFIG, digits(), Store(tmp_path_factory.mktemp("whole"))))


def epochs_trained(monkeypatch):
    seen, real = [], training.loop._Training._epoch
    monkeypatch.setattr(
        training.loop._Training,
        "_epoch",
        lambda self, epoch: seen.append(epoch) or real(self, epoch),
    )
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("kept", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_run_interrupted_around_a_checkpoint_ends_with_the_same_bits(
    store, uninterrupted, epoch, kept
):
    with pytest.MonkeyPatch.context() as patch:
        real = training.loop._Training._checkpoint

        def checkpoint(self, done):
            if kept or done != epoch:
                real(self, done)
            if done == epoch:
                raise Interrupted

        patch.setattr(training.loop._Training, "_checkpoint", checkpoint)
        with pytest.raises(Interrupted):
            training.train(CONFIG, digits(), store)
    with pytest.MonkeyPatch.context() as patch:
        seen = epochs_trained(patch)
        run = training.train(CONFIG, digits(), store)
    assert digest(run) == uninterrupted
    assert seen == [1, 2, 3][max(epoch - (not kept), 0) :]


def test_run_interrupted_within_an_epoch_ends_with_the_same_bits(store, uninterrupted):
    steps = [0]
    with pytest.MonkeyPatch.context() as patch:
        real = training.loop._Training._snapshot

        def snapshot(self):
            steps[0] += 1
            if steps[0] == 7:
                raise Interrupted
            real(self)

        patch.setattr(training.loop._Training, "_snapshot", snapshot)
        with pytest.raises(Interrupted):
            training.train(CONFIG, digits(), store)
    assert digest(training.train(CONFIG, digits(), store)) == uninterrupted


def test_run_interrupted_at_every_epoch_ends_with_the_same_bits(store, uninterrupted):
    interrupted_at_every_epoch(CONFIG, digits(), store)
    assert digest(training.train(CONFIG, digits(), store)) == uninterrupted


def test_run_interrupted_while_it_is_written_ends_with_the_same_bits(store, uninterrupted):
    real = Store._write

    def write(self, folder, value, *, seconds):
        if folder.parent.name == "training.run":
            raise Interrupted
        real(self, folder, value, seconds=seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "_write", write)
        with pytest.raises(Interrupted):
            training.train(CONFIG, digits(), store)
        seen = epochs_trained(patch)
        patch.setattr(Store, "_write", real)
        assert digest(training.train(CONFIG, digits(), store)) == uninterrupted
        assert seen == []


def test_damaged_checkpoint_is_replaced_by_the_one_before_it(store, uninterrupted, monkeypatch):
    def fail(self):
        raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.loop._Training, "_result", fail)
        with pytest.raises(Interrupted):
            training.train(CONFIG, digits(), store)
    found = list((store.root / CHECKPOINTS).iterdir())
    assert len(found) == 2  # The newest and the one before it.
    newest = max(found, key=lambda entry: (entry / "arrays.npz").stat().st_mtime_ns)
    (newest / "arrays.npz").write_bytes(b"damaged")
    seen = epochs_trained(monkeypatch)
    assert digest(training.train(CONFIG, digits(), store)) == uninterrupted
    assert seen == [3]


KILLED = """
import os, signal
from landscape import data, models, training
from landscape.store import Store

training.loop._CHECKPOINT_SECONDS = 0.0
real = training.loop._Training._snapshot
def snapshot(self):
    if len(self._step_loss) == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self)
training.loop._Training._snapshot = snapshot
config = training.TrainConfig(
    models.CNN(channels=(2, 3), hidden=6), training.SGD(0.05, momentum=0.9),
    epochs=3, batch_size=20, snapshots=(0, 2, 3, 9),
)
training.train(config, data.load("digits", max_train=48, max_test=24), Store({root!r}))
"""


@pytest.mark.slow
def test_run_whose_process_was_killed_ends_with_the_same_bits(store, uninterrupted, monkeypatch):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = KILLED.format(root=str(store.root))
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    seen = epochs_trained(monkeypatch)
    assert digest(training.train(CONFIG, digits(), store)) == uninterrupted
    assert seen == [3]


def test_a_resumed_run_counts_the_time_of_all_its_parts(store, monkeypatch):
    clock = [0.0]

    def tick():
        clock[0] += 1.0
        return clock[0]

    monkeypatch.setattr("time.monotonic", tick)
    monkeypatch.setattr("os.cpu_count", torch.get_num_threads)  # No share of the cores, all.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training.loop._Training, "_result", lambda self: (_ for _ in ()).throw(Interrupted)
        )
        with pytest.raises(Interrupted):
            training.train(CONFIG, digits(), store)
    training.train(CONFIG, digits(), store)
    # Four measured epochs of at least a second each by this clock.
    assert store.seconds >= 4


# Diverged


@pytest.fixture
def diverged(store):
    config = dataclasses.replace(CONFIG, optimizer=training.SGD(1e30, momentum=0.9))
    return training.train(config, digits(), store), config


def test_divergence_ends_the_run_as_a_result_with_its_step(diverged):
    run, _ = diverged
    # The loss before the first step is that of the initialisation: the second is not finite.
    assert run.diverged_at == 1 and run.steps == 1
    assert len(run.step_loss) == 2
    assert math.isfinite(run.step_loss[0]) and not math.isfinite(run.step_loss[1])
    assert all(len(row) == 2 for row in run.history.values())
    assert not math.isfinite(run.history["train_loss"][1])
    assert sorted(run.snapshots) == [0]


def test_divergence_is_read_back_and_not_tried_again(diverged, store, monkeypatch):
    run, config = diverged
    monkeypatch.setattr(training.loop._Training, "run", lambda self: pytest.fail("trained again"))
    assert digest(training.train(config, digits(), store)) == digest(run)
    assert not list((store.root / CHECKPOINTS).iterdir())


def test_divergence_in_a_later_epoch_says_its_step(store, monkeypatch):
    real = training.loop._Training._epoch

    def epoch(self, number):
        if number == 2:
            with torch.no_grad():
                self._model[0].weight.fill_(math.inf)
        return real(self, number)

    monkeypatch.setattr(training.loop._Training, "_epoch", epoch)
    run = training.train(CONFIG, digits(), store)
    assert run.diverged_at == 3 and run.steps == 3
    assert len(run.history["train_loss"]) == 3 and math.isfinite(run.history["train_loss"][1])
    with pytest.raises(ValueError, match=r"no snapshot at step 9: this run kept \[0, 2, 3\]"):
        run.model(step=9)


# Sweeps and what is refused


def test_sweep_trains_every_config_for_every_seed(store):
    configs = {
        norm: dataclasses.replace(
            CONFIG, model=models.CNN(norm=norm, **SMALL), epochs=1, snapshots=()
        )
        for norm in ("batch", "none")
    }
    runs = training.sweep(configs, digits(), store, seeds=[3, 5])
    assert list(runs) == [("batch", 3), ("none", 3), ("batch", 5), ("none", 5)]
    for (norm, seed), run in runs.items():
        assert (run.config.model.norm, run.config.seed) == (norm, seed)
    assert list(training.sweep(list(configs.values()), digits(), store)) == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"epochs": 0}, "epochs=0, batch_size=128: both must be >= 1"),
        ({"batch_size": 0}, "batch_size=0: both must be >= 1"),
        ({"optimizer": "adam"}, r"optimizer='adam': it must be an optimizer's config, such as"),
        ({"clip_norm": 0.0}, "clip_norm=0.0: it must be > 0, or None for no clipping"),
        ({"clip_norm": math.nan}, "clip_norm=nan"),
        ({"precision": "half"}, "precision='half': it must be 'float32' or 'bfloat16'"),
        ({"measured": 0}, "measured=0: it must be >= 1, or None for all"),
        ({"snapshots": (3, -1)}, r"snapshots=\(-1, 3\): steps must be >= 0"),
    ],
)
def test_config_that_cannot_be_run_is_refused(settings, text):
    with pytest.raises(ValueError, match=rf"TrainConfig cannot be run: .*{text}"):
        TrainConfig(models.CNN(), **{"optimizer": SGD, **settings})


def test_config_names_all_that_is_wrong_at_once():
    with pytest.raises(ValueError, match=r"epochs=0.*; optimizer='x'.*; clip_norm=-1"):
        TrainConfig(models.CNN(), "x", epochs=0, clip_norm=-1)


def test_config_sorts_its_snapshots():
    config = TrainConfig(models.CNN(), SGD, snapshots=[5, 0, 5])
    assert config == TrainConfig(models.CNN(), SGD, snapshots=(0, 5))


def test_snapshots_after_the_last_step_are_refused(store):
    config = dataclasses.replace(CONFIG, snapshots=(9, 10))
    with pytest.raises(ValueError, match=r"snapshots at steps \[10\] lie after the last step, 9"):
        training.train(config, digits(), store)


def test_a_snapshot_that_was_not_kept_is_refused(store):
    run = training.train(dataclasses.replace(CONFIG, snapshots=()), digits(), store)
    with pytest.raises(
        ValueError, match=r"no snapshot at step 4: this run kept none. Name the step"
    ):
        run.model(step=4)


@dataclasses.dataclass(frozen=True)
class OwnFamily(models.ModelConfig):
    """A family that the reader defines outside the library."""

    def _module(self, shape, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))


def test_a_family_of_the_readers_own_can_be_trained(store):
    config = dataclasses.replace(CONFIG, model=OwnFamily(), snapshots=())
    run = training.train(config, digits(), store)
    assert run.config.model == OwnFamily() and run.steps == 9


def test_colour_images_of_any_size_can_be_trained(store, tmp_path):
    from tests.sample_networks import write_archive

    write_archive(tmp_path / "mine.npz", shape=(5, 7, 3), classes=4, counts=(21, 9))
    config = TrainConfig(models.CNN(channels=(2,), hidden=3), SGD, epochs=1, batch_size=8)
    run = training.train(config, data.load("mine", tmp_path), store)
    assert (run.shape, run.classes, run.steps) == ((3, 5, 7), 4, 3)
