"""Training: a frozen config in, a run out; resumable after each epoch, divergence is a result."""

import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import torch
from torch import nn

from landscape import fingerprint as fingerprints
from landscape import parameters, rng
from landscape.data import Dataset, Examples
from landscape.models.family import ModelConfig
from landscape.progress import Progress
from landscape.store import Store

State = dict[str, torch.Tensor]

_EVALUATION_BATCH = 256


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, besides the data.

    Attributes:
        model: The network's config.
        seed: Seeds the streams "initialization" and "batches": runs of one seed start from the same
            weights and see the same batches.
        epochs: Passes over the training set.
        batch_size: Examples a step; the last batch of an epoch may be smaller.
        learning_rate: Step size.
        momentum: Heavy-ball momentum in [0, 1).
        optimizer: ``sgd``.
        weight_decay: Coefficient of the l2 penalty's gradient, on every parameter.
        snapshots: Steps after which the weights are kept; 0 is the initialisation.
    """

    model: ModelConfig
    seed: int = 0
    epochs: int = 6
    batch_size: int = 128
    learning_rate: float = 0.01
    momentum: float = 0.9
    optimizer: Literal["sgd"] = "sgd"
    weight_decay: float = 0.0
    snapshots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "snapshots", tuple(sorted(set(self.snapshots))))
        wrong = []
        if self.epochs < 1 or self.batch_size < 1:
            wrong.append(f"epochs={self.epochs}, batch_size={self.batch_size}: both must be >= 1")
        if not self.learning_rate > 0 or not math.isfinite(self.learning_rate):
            wrong.append(f"learning_rate={self.learning_rate}: it must be finite and > 0")
        if not 0 <= self.momentum < 1 or not self.weight_decay >= 0:
            wrong.append(
                f"momentum={self.momentum}, weight_decay={self.weight_decay}: "
                "momentum must be in [0, 1), weight_decay >= 0"
            )
        if self.optimizer != "sgd":
            wrong.append(f"optimizer={self.optimizer!r}: it must be 'sgd'")
        if any(step < 0 for step in self.snapshots):
            wrong.append(f"snapshots={self.snapshots}: steps must be >= 0")
        if wrong:
            raise ValueError(f"TrainConfig cannot be run: {'; '.join(wrong)}.")


@dataclasses.dataclass(frozen=True)
class Run:
    """What a training run left.

    Attributes:
        config: What was run.
        data: Name of the data set.
        data_sha256: Hash of its content.
        shape: (channels, height, width) of an input.
        classes: Number of classes.
        weights: The state dict where training stopped.
        history: A value for each epoch in 0..epochs, 0 being the initialisation: ``train_loss``,
            ``train_accuracy``, ``test_loss``, ``test_accuracy`` (eval mode, mean over all examples)
            and ``gradient_norm`` (root mean square of the l2 norms of the epoch's mini-batch
            gradients; NaN at 0); each (epochs + 1,), float64, shorter where the run diverged.
        step_loss: Mini-batch loss in train mode before each step, (steps,), float64.
        snapshots: Step -> state dict.
        diverged_at: The step whose loss or gradient was not finite, counted from 0; None if none
            was.
    """

    config: TrainConfig
    data: str
    data_sha256: str
    shape: tuple[int, int, int]
    classes: int
    weights: State
    history: dict[str, torch.Tensor]
    step_loss: torch.Tensor
    snapshots: dict[int, State]
    diverged_at: int | None

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.step_loss) - (self.diverged_at is not None)

    def model(self, *, step: int | None = None) -> nn.Module:
        """Return the network in eval mode, where training stopped or at a snapshot.

        Raises:
            ValueError: If there is no snapshot at ``step``.
        """
        if step is not None and step not in self.snapshots:
            raise ValueError(
                f"no snapshot at step {step}: this run kept {sorted(self.snapshots) or 'none'}. "
                "Name the step in TrainConfig.snapshots."
            )
        model = self.config.model.build(self.shape, self.classes, seed=self.config.seed)
        model.load_state_dict(self.weights if step is None else self.snapshots[step])
        return model.eval()


def train(config: TrainConfig, dataset: Dataset, store: Store) -> Run:
    """Train one network, or read the run back from the store.

    After each epoch a checkpoint is kept until the run is complete: a killed run goes on from there
    and ends with the same bits as an uninterrupted one.

    Args:
        config: What to run.
        dataset: Its training set is trained on, its test set only measured.
        store: Where runs and checkpoints live.

    Returns:
        The run; one whose loss stops being finite ends there and says at which step.

    Raises:
        ValueError: If a snapshot lies after the last step.
    """
    last = config.epochs * math.ceil(len(dataset.y_train) / config.batch_size)
    late = [step for step in config.snapshots if step > last]
    if late:
        raise ValueError(
            f"snapshots at steps {late} lie after the last step, {last}. "
            "Name steps within the run, or train for more epochs."
        )
    key = store.key("training.run", train, (config, dataset))
    begun: list[_Training] = []

    def work() -> Run:
        begun.append(_Training(config, dataset, store, key))
        return begun[0].run()

    run = store.compute("training.run", key, work, earlier=lambda: begun[0].earlier)
    # Only now: until the run is written whole, its checkpoints are all there is of it.
    for epoch in range(config.epochs + 1):
        store.drop("training.checkpoint", _checkpoint_key(key, epoch))
    return run


def sweep(
    configs: Mapping[str, TrainConfig] | Iterable[TrainConfig],
    dataset: Dataset,
    store: Store,
    *,
    seeds: Iterable[int] | None = None,
) -> dict:
    """Train every config, for every seed.

    Args:
        configs: Named configs, or a plain sequence (named by position).
        dataset: The data.
        store: Where runs live.
        seeds: Replaces each config's own seed; None keeps it.

    Returns:
        (name, seed) -> Run, in the order seed by seed.
    """
    named = dict(configs) if isinstance(configs, Mapping) else dict(enumerate(configs))
    plan = {
        (name, seed): dataclasses.replace(config, seed=seed)
        for seed in (list(seeds) if seeds is not None else [None])
        for name, config in named.items()
        for seed in [config.seed if seed is None else seed]
    }
    return {key: train(config, dataset, store) for key, config in plan.items()}


class _Training:
    """The state of one run while it is trained."""

    def __init__(self, config: TrainConfig, dataset: Dataset, store: Store, key: str) -> None:
        self._config, self._store, self._key = config, store, key
        self._dataset = dataset
        model = config.model.build(dataset.shape, dataset.classes, seed=config.seed)
        self._channels_last = parameters.has_convolutions(model)
        self._model = self._place(model)
        self._train, self._test = (
            (self._place(inputs), targets) for inputs, targets in (dataset.train, dataset.test)
        )
        self._optimizer = torch.optim.SGD(
            self._model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self._history: dict[str, list[float]] = {}
        self._step_loss: list[float] = []
        self._snapshots: dict[int, State] = {}
        self._diverged_at: int | None = None
        self._seconds = self.earlier = 0.0

    def _place(self, thing: nn.Module | torch.Tensor) -> nn.Module | torch.Tensor:
        return thing.to(memory_format=torch.channels_last) if self._channels_last else thing

    def run(self) -> Run:
        """Train from the newest checkpoint, or from the beginning, to the end."""
        done = self._resume()
        label = f"{self._config.model} seed {self._config.seed}"
        with Progress(f"training {label}", self._config.epochs, start=max(done, 0)) as bar:
            for epoch in range(done + 1, self._config.epochs + 1):
                begun = time.monotonic()
                norms = self._epoch(epoch) if epoch else []
                self._measure(norms)
                if self._diverged_at is not None:
                    bar.step(f"diverged at step {self._diverged_at}", milestone=True)
                    break
                self._seconds += time.monotonic() - begun
                self._checkpoint(epoch)
                accuracy = self._history["test_accuracy"][-1]
                bar.step(f"test accuracy {accuracy:.4f}", count=int(epoch > 0), milestone=True)
        return self._result()

    def _epoch(self, epoch: int) -> list[float]:
        order = torch.randperm(
            len(self._dataset.y_train), generator=rng.stream(self._config.seed, "batches", epoch)
        )
        self._model.train()
        norms: list[float] = []
        for chosen in order.split(self._config.batch_size):
            self._snapshot()
            inputs, targets = self._train[0][chosen], self._train[1][chosen]
            loss = nn.functional.cross_entropy(self._model(self._place(inputs)), targets)
            self._optimizer.zero_grad()
            loss.backward()
            gradients = [p.grad for p in self._model.parameters() if p.grad is not None]
            norms.append(float(nn.utils.get_total_norm(gradients)))
            self._step_loss.append(float(loss.detach()))
            if not (math.isfinite(self._step_loss[-1]) and math.isfinite(norms[-1])):
                self._diverged_at = len(self._step_loss) - 1
                break
            self._optimizer.step()
        return norms

    def _snapshot(self) -> None:
        step = len(self._step_loss)
        if step in self._config.snapshots and step not in self._snapshots:
            self._snapshots[step] = _copy(self._model.state_dict())

    def _measure(self, norms: list[float]) -> None:
        if self._diverged_at is None:
            self._snapshot()
        squares = [norm**2 for norm in norms]
        row = {"gradient_norm": math.sqrt(sum(squares) / len(norms)) if norms else math.nan}
        for split, examples in (("train", self._train), ("test", self._test)):
            row[f"{split}_loss"], row[f"{split}_accuracy"] = _evaluate(self._model, examples)
        for name, value in row.items():
            self._history.setdefault(name, []).append(value)

    def _checkpoint(self, epoch: int) -> None:
        optimizer = self._optimizer.state_dict()["state"]
        state = {
            "model": dict(self._model.state_dict()),
            "momentum": {
                index: entry["momentum_buffer"]
                for index, entry in optimizer.items()
                if entry["momentum_buffer"] is not None
            },
            "history": self._history,
            "step_loss": torch.tensor(self._step_loss, dtype=torch.float64),
            "snapshots": self._snapshots,
            "seconds": self._seconds,
        }
        self._store.put(
            "training.checkpoint", _checkpoint_key(self._key, epoch), state, seconds=self._seconds
        )
        # The one before is kept as well: should the newest be damaged, less is lost.
        self._store.drop("training.checkpoint", _checkpoint_key(self._key, epoch - 2))

    def _resume(self) -> int:
        for epoch in range(self._config.epochs, -1, -1):
            state = self._store.get("training.checkpoint", _checkpoint_key(self._key, epoch))
            if state is None:
                continue
            self._model.load_state_dict(state["model"])
            packed = self._optimizer.state_dict()
            packed["state"] = {i: {"momentum_buffer": b} for i, b in state["momentum"].items()}
            self._optimizer.load_state_dict(packed)
            self._history, self._snapshots = state["history"], state["snapshots"]
            self._step_loss = state["step_loss"].tolist()
            self._seconds = self.earlier = state["seconds"]
            return epoch
        return -1

    def _result(self) -> Run:
        return Run(
            config=self._config,
            data=self._dataset.name,
            data_sha256=self._dataset.sha256,
            shape=self._dataset.shape,
            classes=self._dataset.classes,
            weights=_copy(self._model.state_dict()),
            history={k: torch.tensor(v, dtype=torch.float64) for k, v in self._history.items()},
            step_loss=torch.tensor(self._step_loss, dtype=torch.float64),
            snapshots=self._snapshots,
            diverged_at=self._diverged_at,
        )


def _checkpoint_key(run_key: str, epoch: int) -> str:
    return fingerprints.digest((run_key, epoch))


def _copy(state: Mapping[str, torch.Tensor]) -> State:
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}


def _batches(examples: Examples, size: int) -> Iterator[Examples]:
    yield from zip(*(tensor.split(size) for tensor in examples), strict=True)


@torch.inference_mode()
def _evaluate(model: nn.Module, examples: Examples) -> tuple[float, float]:
    model.eval()
    loss, correct = 0.0, 0
    for inputs, targets in _batches(examples, _EVALUATION_BATCH):
        outputs = model(inputs)
        loss += float(nn.functional.cross_entropy(outputs, targets, reduction="sum").double())
        correct += int((outputs.argmax(1) == targets).sum())
    return loss / len(examples[1]), correct / len(examples[1])
