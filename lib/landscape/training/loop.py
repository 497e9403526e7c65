"""Train one network: a config in, a run out; resumable at the end of an epoch."""

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from landscape.data import Dataset
from landscape.network.memory_format import takes_channels_last
from landscape.progress import Progress
from landscape.store import fingerprint as fingerprints
from landscape.store.entries import Store
from landscape.training.batches import epoch_batches
from landscape.training.config import TrainConfig
from landscape.training.evaluation import Evaluation
from landscape.training.objectives import training_loss
from landscape.training.run import Run, State

# Least time between two checkpoints: with short epochs, writing would take longer than training.
_CHECKPOINT_SECONDS = 5.0


def train(config: TrainConfig, dataset: Dataset, store: Store) -> Run:
    """Train one network, or read the run back from the store.

    A checkpoint is written after each epoch that ends with a measurement, at most every five
    seconds, and deleted once the run is complete. A killed run continues from its newest checkpoint
    and ends with the same bits as an uninterrupted run.

    Args:
        config: Settings of the run.
        dataset: The network is trained on the training set; the test set is only measured.
        store: Holds runs and checkpoints.

    Returns:
        The run. A run whose loss or gradient stops being finite ends at that step, which
        ``Run.diverged_at`` names.

    Raises:
        ValueError: If a snapshot lies after the last step, or ``curve_examples`` are fewer than two
            of each class.

    Example:
        >>> import tempfile
        >>> import landscape
        >>> from landscape import data, models, training
        >>> digits = data.load("digits", max_train=200, max_test=100)
        >>> config = training.TrainConfig(models.MLP(hidden=(8,)), training.SGD(0.1), epochs=2)
        >>> store = landscape.Store(tempfile.mkdtemp())
        >>> run = training.train(config, digits, store)
        >>> run.steps, run.diverged_at
        (4, None)
        >>> run.history["train_loss"].shape
        torch.Size([3])
        >>> bool(run.history["train_loss"][-1] < run.history["train_loss"][0])
        True
    """
    last = config.epochs * math.ceil(len(dataset.y_train) / config.batch_size)
    late_snapshots = [step for step in config.snapshots if step > last]
    if late_snapshots:
        raise ValueError(
            f"snapshots at steps {late_snapshots} lie after the last step, {last}. "
            "Name steps within the run, or train for more epochs."
        )
    key = store.key(train, (config, dataset))
    started: list[_Training] = []

    def work() -> Run:
        started.append(_Training(config, dataset, store, key))
        return started[0].run()

    run = store.compute("training.run", key, work, earlier=lambda: started[0].earlier_seconds)
    # Checkpoints go last: a process that dies before the run is written still needs them.
    for epoch in range(config.epochs + 1):
        store.drop("training.checkpoint", _checkpoint_key(key, epoch))
    # A file cannot hold a function that is the loss.
    return dataclasses.replace(run, config=config)


class _Diverged(Exception):
    """The loss or the gradient is not finite; the step is not taken."""


class _Training:
    """The state of one run while it is trained."""

    def __init__(self, config: TrainConfig, dataset: Dataset, store: Store, key: str) -> None:
        self._config, self._store, self._key = config, store, key
        self._dataset, self._loss = dataset, training_loss(config.loss)
        model = config.model.build(dataset.shape, dataset.classes, seed=config.seed)
        self._channels_last = takes_channels_last(model, dataset.train[0])
        self._model = self._in_memory_format(model)
        self._train_set, test_set = (
            (self._in_memory_format(inputs), targets)
            for inputs, targets in (dataset.train, dataset.test)
        )
        first = slice(config.measured)
        measured_train = self._train_set[0][first], self._train_set[1][first]
        self._evaluation = Evaluation(
            {"train": measured_train, "test": test_set}, config.curve_examples, self._loss
        )
        self._parameters = {
            name: tensor for name, tensor in self._model.named_parameters() if tensor.requires_grad
        }
        self._optimizer = config.optimizer.build(self._parameters.values())
        self._steps_per_epoch = math.ceil(len(dataset.y_train) / config.batch_size)
        self._measured_steps = _steps_to_measure(config, self._steps_per_epoch)
        self._history: dict[str, list[float]] = {}
        self._errors: dict[str, list[float]] = {}  # Of values that come from subsets.
        self._step_loss: list[float] = []
        self._step_gradient_norm: list[float] = []
        self._tensor_norms: list[torch.Tensor] = []  # One (tensors,) for each measurement.
        # Gradients since the last measurement: sums of squared norms (tensors,), and their number.
        self._squared_norms = torch.zeros(len(self._parameters), dtype=torch.float64)
        self._gradient_count = 0
        self._snapshots: dict[int, State] = {}
        self._optimizer_states: dict[int, dict[str, State]] = {}
        self._checkpoint_epochs: list[int] = []  # Epochs whose checkpoints are kept.
        self._diverged_at: int | None = None
        self._seconds = self.earlier_seconds = 0.0
        self._checkpoint_time = time.monotonic()

    def _in_memory_format(self, value: Any) -> Any:  # A module or a tensor, and the same.
        return value.to(memory_format=torch.channels_last) if self._channels_last else value

    def run(self) -> Run:
        """Train to the end, from the newest checkpoint or from the beginning."""
        done = self._resume()
        label = f"{self._config.model} seed {self._config.seed}"
        with Progress(f"training {label}", self._config.epochs, start=max(done, 0)) as bar:
            for epoch in range(done + 1, self._config.epochs + 1):
                started = time.monotonic()
                if epoch:
                    self._epoch(epoch)
                else:
                    self._measure()
                if self._diverged_at is not None:
                    bar.step(f"diverged at step {self._diverged_at}", milestone=True)
                    break
                self._seconds += time.monotonic() - started
                self._checkpoint(epoch)
                accuracy = self._history["test_accuracy"][-1]
                bar.step(f"test accuracy {accuracy:.4f}", count=int(epoch > 0), milestone=True)
        return self._result()

    def _epoch(self, epoch: int) -> None:
        config, (inputs, targets) = self._config, self._train_set
        batches = epoch_batches(
            len(targets),
            batch_size=config.batch_size,
            epoch=epoch,
            seed=config.seed,
            branch=config.branch,
        )
        self._model.train()
        for batch_indices, augmentation_stream in batches:
            self._snapshot()
            images = inputs[batch_indices]
            if config.augmentation is not None:
                images = config.augmentation(images, augmentation_stream)
            try:
                self._step(self._in_memory_format(images), targets[batch_indices])
            except _Diverged:
                self._diverged_at = len(self._step_loss) - 1
                self._measure()
                break
            if len(self._step_loss) == self._measured_steps[len(self._history["train_loss"])]:
                self._measure()
        else:
            self._snapshot()

    def _step(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        step, schedule = len(self._step_loss), self._config.schedule
        factor = schedule.factor(
            step,
            steps=self._config.epochs * self._steps_per_epoch,
            steps_per_epoch=self._steps_per_epoch,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.optimizer.learning_rate * factor

        def closure() -> torch.Tensor:
            if len(self._step_loss) == step:
                return self._differentiate(inputs, targets)
            # SAM asks a second time, at θ + ε: without this, running statistics of batch
            # normalisation would be updated twice a step, and from a point off the path.
            statistics = [buffer.clone() for buffer in self._model.buffers()]
            loss = self._differentiate(inputs, targets, repeated=True)
            for buffer, value in zip(self._model.buffers(), statistics, strict=True):
                buffer.copy_(value)
            return loss

        self._optimizer.step(closure)  # type: ignore[arg-type]  # PyTorch passes the loss on

    def _differentiate(
        self, inputs: torch.Tensor, targets: torch.Tensor, *, repeated: bool = False
    ) -> torch.Tensor:
        # Before the forward pass: gradients that are freed after it leave holes between the
        # activations, whose memory then goes back to the system and is fetched again each step.
        self._optimizer.zero_grad()
        in_bfloat16 = self._config.precision == "bfloat16"
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=in_bfloat16):
            outputs = self._model(inputs)
        loss = self._loss.mean(outputs.float(), targets)
        loss.backward()
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        values = float(loss.detach()), float(norm)
        # Recorded before the check, so that the step that diverged is in the record.
        if not repeated:
            self._record_gradient(*values)
        if not all(map(math.isfinite, values)):
            raise _Diverged
        if self._config.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self._parameters.values(), self._config.clip_norm, norm)
        return loss

    def _record_gradient(self, loss: float, norm: float) -> None:
        self._step_loss.append(loss)
        self._step_gradient_norm.append(norm)
        norms = [
            torch.zeros(()) if p.grad is None else p.grad.norm() for p in self._parameters.values()
        ]
        tensor_norms = torch.stack(norms).double()
        self._squared_norms += tensor_norms.square()
        self._gradient_count += 1
        if len(self._step_loss) == 1:  # The value at 0: that measurement precedes all gradients.
            self._tensor_norms.append(tensor_norms)

    def _snapshot(self) -> None:
        step = len(self._step_loss)
        if step in self._config.snapshots and step not in self._snapshots:
            self._snapshots[step] = _copy(self._model.state_dict())
            self._optimizer_states[step] = self._copied_optimizer_state()

    def _copied_optimizer_state(self) -> dict[str, State]:
        """Return the optimizer's state: slot -> name of the trained tensor -> value."""
        optimizer_state: dict[str, State] = {}
        for index, slots in self._optimizer.state_dict()["state"].items():
            for slot, value in slots.items():
                if isinstance(value, torch.Tensor):
                    optimizer_state.setdefault(slot, {})[list(self._parameters)[index]] = value
        return {slot: _copy(tensors) for slot, tensors in optimizer_state.items()}

    def _measure(self) -> None:
        """Add losses, accuracies and the norm of the gradients since the last measurement."""
        ends = self._diverged_at is not None or len(self._step_loss) == self._measured_steps[-1]
        in_full = ends or not self._history
        row, count = {"gradient_norm": math.nan}, self._gradient_count
        if count:
            squares = [norm**2 for norm in self._step_gradient_norm[-count:]]
            row["gradient_norm"] = math.sqrt(sum(squares) / count)
            self._tensor_norms.append((self._squared_norms / count).sqrt())
        self._squared_norms, self._gradient_count = torch.zeros_like(self._squared_norms), 0
        values, errors = self._evaluation.measure(self._model, in_full=in_full)
        self._model.train()  # The evaluation left the network in eval mode.
        for history, new in ((self._history, row | values), (self._errors, errors)):
            for name, value in new.items():
                history.setdefault(name, []).append(value)

    def _checkpoint(self, epoch: int) -> None:
        """Write a checkpoint, unless the last one is young or gradients wait for a measurement."""
        ended, age = epoch == self._config.epochs, time.monotonic() - self._checkpoint_time
        # Sums of gradients are not saved, so a checkpoint between measurements would lose them.
        if self._gradient_count or (age < _CHECKPOINT_SECONDS and not ended):
            return
        state: dict[str, Any] = {
            "model": dict(self._model.state_dict()),
            "optimizer": self._optimizer.state_dict()["state"],
            "history": self._history,
            "errors": self._errors,
            "tensor_norms": self._tensor_norms,
            "step_loss": torch.tensor(self._step_loss, dtype=torch.float64),
            "step_norm": torch.tensor(self._step_gradient_norm, dtype=torch.float64),
            "snapshots": self._snapshots,
            "optimizer_states": self._optimizer_states,
            "seconds": self._seconds,
        }
        self._store.put(
            "training.checkpoint", _checkpoint_key(self._key, epoch), state, seconds=self._seconds
        )
        self._checkpoint_time = time.monotonic()
        # The two newest are kept: if the newest is damaged, training continues from the other.
        self._checkpoint_epochs.append(epoch)
        for older in self._checkpoint_epochs[:-2]:
            self._store.drop("training.checkpoint", _checkpoint_key(self._key, older))
        self._checkpoint_epochs = self._checkpoint_epochs[-2:]

    def _resume(self) -> int:
        for epoch in range(self._config.epochs, -1, -1):
            state = self._store.get("training.checkpoint", _checkpoint_key(self._key, epoch))
            if state is None:
                continue
            self._model.load_state_dict(state["model"])
            # Only the state was saved: the groups hold settings, which the config has.
            optimizer_state = self._optimizer.state_dict()
            self._optimizer.load_state_dict({**optimizer_state, "state": state["optimizer"]})
            self._history, self._snapshots = state["history"], state["snapshots"]
            self._errors = state["errors"]
            self._tensor_norms = state["tensor_norms"]
            self._optimizer_states = state["optimizer_states"]
            self._step_loss, self._step_gradient_norm = (
                state[name].tolist() for name in ("step_loss", "step_norm")
            )
            self._seconds = self.earlier_seconds = state["seconds"]
            self._checkpoint_epochs = [epoch]
            return epoch
        return -1

    def _result(self) -> Run:
        self._optimizer_states[len(self._step_loss)] = self._copied_optimizer_state()
        has_between = len(self._history["train_loss"]) > 2  # All others cover all examples.
        return Run(
            config=dataclasses.replace(self._config, loss=self._loss.recorded()),
            data=self._dataset.name,
            data_sha256=self._dataset.sha256,
            shape=self._dataset.shape,
            classes=self._dataset.classes,
            weights=_copy(self._model.state_dict()),
            measured_at=torch.tensor(self._measured_steps).double() / self._steps_per_epoch,
            history=_tensors(self._history),
            gradient_norms=dict(
                zip(self._parameters, torch.stack(self._tensor_norms, 1), strict=True)
            ),
            step_loss=torch.tensor(self._step_loss, dtype=torch.float64),
            step_gradient_norm=torch.tensor(self._step_gradient_norm, dtype=torch.float64),
            snapshots=self._snapshots,
            optimizer_states=self._optimizer_states,
            diverged_at=self._diverged_at,
            history_errors=_tensors(self._errors) if has_between else {},
            curve_subsets=self._evaluation.subsets() if has_between else {},
        )


def _steps_to_measure(config: TrainConfig, steps_per_epoch: int) -> list[int]:
    """Return the steps after which a run is measured, in increasing order, from 0 to the last."""
    last = config.epochs * steps_per_epoch
    count = math.ceil(config.epochs / config.measure_every)
    steps = (round(k * config.measure_every * steps_per_epoch) for k in range(count))
    return sorted({0, last, *(min(step, last) for step in steps)})


def _tensors(values: Mapping[str, list[float]]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(row, dtype=torch.float64) for name, row in values.items()}


def _checkpoint_key(run_key: str, epoch: int) -> str:
    return fingerprints.digest((run_key, epoch))


def _copy(state: Mapping[str, torch.Tensor]) -> State:
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
