"""Training on a device: the steps of the CPU, every tensor sent, and no device that is not there.

No machine of the tests has a GPU: the device is the CPU, and what is sent to it is counted.
"""

import dataclasses

import pytest
import torch
from landscape import training
from landscape.models import CNN
from landscape.store.entries import Store
from landscape.store.fingerprint import digest
from landscape.training import placed

from tests.sample_networks import SMALL, digits

CONFIG = training.TrainConfig(
    CNN(**SMALL), training.SGD(0.05, momentum=0.9), epochs=2, batch_size=20
)


def changed(**settings):
    return dataclasses.replace(CONFIG, **settings)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        changed(optimizer=training.Adam(1e-3)),
        changed(optimizer=training.SAM(0.05, rho=0.05)),
        changed(augmentation=training.Augmentation(), snapshots=(0, 3)),
        changed(precision="bfloat16"),
        changed(clip_norm=0.1),
    ],
    ids=["sgd", "adam", "sam", "augmented", "bfloat16", "clipped"],
)
def test_on_the_cpu_the_run_is_that_of_train_bit_for_bit(store, config):
    run = training.train_on("cpu", config, digits(), store)
    assert digest(run) == digest(training.train(config, digits(), store))


class Sent:
    """A device that counts what is sent to it."""

    def __init__(self):
        self.sizes = []

    def __call__(self, tensor, device):
        self.sizes.append(len(tensor))
        return tensor.clone()


def test_every_batch_and_every_measured_example_is_sent(store, monkeypatch):
    sent = Sent()
    monkeypatch.setattr(placed, "sent", sent)
    data = digits()
    run = training.train_on("cpu", CONFIG, data, store)
    trained = 2 * CONFIG.epochs * len(data.y_train)  # Inputs and targets.
    measured = len(run.measured_at) * (len(data.y_train) + len(data.y_test))
    assert sum(sent.sizes) == trained + measured
    assert digest(run) == digest(training.train(CONFIG, data, store))


def test_the_network_and_the_state_of_its_optimizer_are_on_the_device(store, monkeypatch):
    moved = []
    monkeypatch.setattr(
        torch.nn.Module, "to", lambda module, *places, **_: moved.append(places) or module
    )
    place = torch.device("cpu")
    begun = placed.PlacedTraining(place, CONFIG, digits(), store, "key")
    assert (place,) in moved
    parameters = [p for group in begun._optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in parameters} == {id(p) for p in begun._model.parameters()}


def test_a_killed_run_goes_on_from_its_checkpoint(store, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killing(self, epoch):
        real(self, epoch)
        if epoch == 1:
            raise Killed

    real = placed.PlacedTraining._checkpoint
    monkeypatch.setattr("landscape.training.loop._CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(placed.PlacedTraining, "_checkpoint", killing)
    config = changed(epochs=3)
    with pytest.raises(Killed):
        training.train_on("cpu", config, digits(), store)
    monkeypatch.setattr(placed.PlacedTraining, "_checkpoint", real)
    steps = []
    step = placed.PlacedTraining._step
    monkeypatch.setattr(
        placed.PlacedTraining, "_step", lambda self, *batch: steps.append(1) or step(self, *batch)
    )
    run = training.train_on("cpu", config, digits(), store)
    assert 0 < len(steps) < run.steps
    assert digest(run) == digest(training.train_on("cpu", config, digits(), Store(tmp_path / "b")))


def test_keys_name_the_kind_of_device_and_whether_results_repeat(store):
    keys = {store.key(training.train_on, (CONFIG, "data", kind)) for kind in ("cpu", "cuda")}
    with training.deterministic_algorithms():
        keys.add(store.key(training.train_on, (CONFIG, "data", "cuda")))
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    assert len(keys) == 3


def test_shortened_products_of_a_gpu_are_part_of_the_key(store):
    usual = store.key(digest, 1)
    torch.backends.cudnn.allow_tf32 = False
    try:
        assert store.key(digest, 1) != usual
    finally:
        torch.backends.cudnn.allow_tf32 = True


@pytest.mark.parametrize("device", ["cuda:99", "mps:7", "meta"])
def test_a_device_that_is_not_there_is_refused_with_what_there_is(store, device):
    with pytest.raises(ValueError, match=rf"device='{device}' is not there.* finds 1 cpu"):
        training.train_on(device, CONFIG, digits(), store)


def test_a_name_of_no_device_is_refused(store):
    with pytest.raises(ValueError, match=r"device='gpu' is none that PyTorch knows\. Pass 'cpu'"):
        training.train_on("gpu", CONFIG, digits(), store)
