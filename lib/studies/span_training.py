"""Training within a span, and the same data in another order of batches."""

import dataclasses
import math
import tempfile

import torch
from landscape import rng
from landscape.data import Dataset
from landscape.directions.single import orthonormal
from landscape.store.entries import Store
from landscape.store.fingerprint import digest
from landscape.training.config import TrainConfig
from landscape.training.hooks import WithinSpan, hooked
from landscape.training.loop import train


@dataclasses.dataclass(frozen=True)
class SpanTraining:
    """How training ended that was kept within a span.

    Attributes:
        test_accuracy: Share of all test examples that are correct at the end.
        train_loss: Mean loss of the measured training examples at the end, in nats.
        steps: Steps taken.
        diverged: Whether a loss or gradient was not finite.
    """

    test_accuracy: float
    train_loss: float
    steps: int
    diverged: bool


def train_within(config: TrainConfig, dataset: Dataset, basis: torch.Tensor) -> SpanTraining:
    """Train a network from its start, each step projected onto a span; see ``WithinSpan``.

    Args:
        config: Settings of the run.
        dataset: The data.
        basis: Orthonormal directions (k, n).
    """
    confined = dataclasses.replace(
        config,
        optimizer=hooked(config.optimizer, WithinSpan(basis)),
        measure_every=float(config.epochs),
        curve_examples=None,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = train(confined, dataset, Store(folder))
    loss = float(run.history["train_loss"][-1])
    return SpanTraining(
        test_accuracy=float(run.history["test_accuracy"][-1]),
        train_loss=loss,
        steps=run.steps,
        diverged=run.diverged_at is not None or not math.isfinite(loss),
    )


def reordered(dataset: Dataset, seed: int) -> Dataset:
    """Return the same data with its training examples in another order.

    A run of the same seed then starts from the same weights and sees other batches.

    Args:
        dataset: The data.
        seed: Seed of the order.
    """
    order = torch.randperm(len(dataset.y_train), generator=rng.stream(seed, "other order"))
    return dataclasses.replace(
        dataset,
        x_train=dataset.x_train[order],
        y_train=dataset.y_train[order],
        sha256=digest((dataset.sha256, "other order", seed)),
    )


def random_span(k: int, n: int, seed: int) -> torch.Tensor:
    """Return k orthonormal directions, uniformly distributed, (k, n), float64.

    They span what the first k principal components of an isotropic random walk span, whatever the
    lengths and correlations of its steps: no direction is preferred.

    Args:
        k: Number of directions.
        n: Number of parameters.
        seed: Seed of the directions.
    """
    drawn = torch.randn(k, n, dtype=torch.float64, generator=rng.stream(seed, "random span"))
    return orthonormal(*drawn)
