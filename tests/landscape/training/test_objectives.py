"""The loss of a training run: PyTorch's own, recorded, with its parameters; and what is refused."""

import dataclasses
import math

import pytest
import torch
from landscape import models, rng
from landscape.data import Dataset
from landscape.store import fingerprint
from landscape.store.entries import Store
from landscape.training import SGD, CurveExamples, TrainConfig, TrainingLoss, train
from torch.nn import functional

from tests.sample_networks import digits

WEIGHTS = tuple(0.5 + 0.2 * k for k in range(10))


def absolute(outputs, targets):
    return (outputs - functional.one_hot(targets, 10)).abs().sum(1)


def one_hot(targets):
    return functional.one_hot(targets, 10).float()


# Words -> loss of a config, the same mean by PyTorch.
LOSSES = {
    "cross_entropy": ("cross_entropy", functional.cross_entropy),
    "label smoothing": (
        TrainingLoss(label_smoothing=0.1),
        lambda o, t: functional.cross_entropy(o, t, label_smoothing=0.1),
    ),
    "class weights": (
        TrainingLoss(class_weights=WEIGHTS),
        lambda o, t: functional.cross_entropy(o, t, weight=torch.tensor(WEIGHTS)),
    ),
    "mse": ("mse", lambda o, t: functional.mse_loss(o, one_hot(t))),
    "a function": (absolute, lambda o, t: absolute(o, t).mean()),
}


def config(loss, **more):
    return TrainConfig(
        models.MLP(hidden=(5,)), SGD(0.1), epochs=2, batch_size=100, loss=loss, **more
    )


@pytest.mark.parametrize("words", LOSSES)
def test_a_run_descends_its_loss_and_records_it(words, tmp_path):
    loss, mean = LOSSES[words]
    data, settings = digits(), config(loss)
    run = train(settings, data, store=Store(tmp_path))
    model = settings.model.build(data.shape, data.classes, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps, history = [], [float(mean(model(data.x_train), data.y_train).detach())]
    for epoch in (1, 2):
        order = torch.randperm(len(data.y_train), generator=rng.stream(0, "batches", epoch))
        for batch in order.split(100):
            optimizer.zero_grad()
            value = mean(model(data.x_train[batch]), data.y_train[batch])
            value.backward()
            steps.append(float(value.detach()))
            optimizer.step()
        history.append(float(mean(model(data.x_train), data.y_train).detach()))
    assert run.step_loss.tolist() == pytest.approx(steps, rel=1e-5)
    assert run.history["train_loss"].tolist() == pytest.approx(history, rel=1e-5)
    right = (model(data.x_test).argmax(1) == data.y_test).double().mean()
    assert float(run.history["test_accuracy"][-1]) == pytest.approx(float(right))
    assert run.config.loss == settings.loss


def test_targets_that_are_numbers_have_no_accuracy(tmp_path):
    data = digits()
    numbers = [x.flatten(1)[:, :2] for x in (data.x_train, data.x_test)]
    task = Dataset("numbers", data.x_train, numbers[0], data.x_test, numbers[1], 2, "0" * 64)
    run = train(config("mse"), task, store=Store(tmp_path))
    assert float(run.history["train_loss"][-1]) < float(run.history["train_loss"][0])
    assert all(math.isnan(x) for x in run.history["train_accuracy"].tolist())


def test_the_loss_is_a_part_of_the_configuration():
    every = [config(loss) for loss, _ in LOSSES.values()]
    keys = {str(fingerprint.fingerprint(dataclasses.asdict(x) | {"loss": x.loss})) for x in every}
    assert len(keys) == len(every)
    assert config("cross_entropy") == config(TrainingLoss()) != config("mse")
    assert config("mse") == config(TrainingLoss("mse"))


REFUSED = [
    ({"loss": "hinge"}, "loss='hinge' trains nothing"),
    ({"loss": None}, "loss=None trains nothing"),
    ({"loss": 5}, "loss=5 trains nothing"),
    ({"loss": "mse", "smoothing": 0.1}, "belong to 'cross_entropy', not to 'mse'"),
    ({"loss": absolute, "weights": WEIGHTS}, "belong to 'cross_entropy'"),
    ({"loss": "cross_entropy", "smoothing": 1.0}, "label_smoothing=1.0"),
    ({"loss": "cross_entropy", "smoothing": "x"}, "label_smoothing='x'"),
    ({"loss": "cross_entropy", "weights": (1.0, -1.0)}, "weights >= 0"),
    ({"loss": "cross_entropy", "weights": (1.0, math.nan)}, "weights >= 0"),
]


@pytest.mark.parametrize(("given", "text"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_loss_is_refused(given, text):
    options = {"smoothing": "label_smoothing", "weights": "class_weights"}
    with pytest.raises(ValueError, match=text):
        TrainingLoss(given.pop("loss"), **{options[name]: x for name, x in given.items()})


def test_subsets_and_class_weights_are_refused_together():
    with pytest.raises(ValueError, match="curve_examples with class_weights"):
        config(TrainingLoss(class_weights=WEIGHTS), curve_examples=CurveExamples(100, 100))


def test_losses_of_another_shape_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"loss returned the shape \(\d+, 10\) for \d+ examples"):
        train(config(lambda o, t: o), digits(), store=Store(tmp_path))
