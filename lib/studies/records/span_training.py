"""Recorded training within spans: of a run's own path, of another order's, and of a walk's."""

import dataclasses
import functools
from collections.abc import Sequence

import torch
from landscape.data import Dataset
from landscape.dynamics.path_components import path_components
from landscape.store.entries import Store
from landscape.training.config import TrainConfig

from studies.measurements import Measurements
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.numbers import labelled_numbers
from studies.records.path_shapes import recorded_path
from studies.runs import RecordedRun, Runs
from studies.span_training import random_span, reordered, train_within

SPANS = ("own path", "other order", "random walk")


def span_training(
    recording: Recording, runs: Runs, *, components: Sequence[int], even: int = 101
) -> Measurements:
    """Train networks within spans of a few directions, from the start of their runs.

    ``span_accuracy`` is the test accuracy at the end, ``span_change`` the same minus that of the
    run without a limit, and ``span_loss`` the training loss. The column ``span`` says whose
    directions they are: the first principal components of the run's own path, of a path from the
    same start with another order of batches, or of a random walk; ``components`` is their number.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run; one that diverged has no path.
        components: Numbers of directions, each below ``even``.
        even: Number of evenly spaced snapshots of a path.
    """
    requests = [
        Request(
            identity={"run": run.identity, "even": even, "span": span, "components": k},
            labels={
                **{"arm": str(arm), **arm.factors, "seed": seed},
                **{"span": span, "components": k},
            },
            compute=_Within(run, span, k, even),
        )
        for (arm, seed), run in runs.items()
        if not run.diverged
        for span in SPANS
        for k in components
    ]
    return labelled_numbers(requests, recording.step("span training", requests), "span training")


@dataclasses.dataclass(frozen=True)
class _Within:
    """Trains one network within one span."""

    run: RecordedRun
    span: str
    k: int
    even: int

    def __call__(self, recorder: Recorder) -> None:
        basis = self._basis(recorder.store)
        # Every digit of float32: its rounding is far below that of training.
        ended = recorder.store.remember(
            train_within, self._config, self.run.task.dataset, basis.float()
        )
        columns = {
            "converged": not ended.diverged,
            "cost": ended.steps,
            "cost_unit": "steps",
            "bn": "frozen",
            "examples_hash": self.run.task.sha256,
            "dtype": "float32",
        }
        change = ended.test_accuracy - self.run.final("test_accuracy")
        recorder.add("span_accuracy", ended.test_accuracy, unit="share correct", **columns)
        recorder.add("span_change", change, unit="share correct", **columns)
        recorder.add("span_loss", ended.train_loss, unit="nats", **columns)

    @property
    def _config(self) -> TrainConfig:
        return dataclasses.replace(self.run.config, snapshots=())

    def _basis(self, store: Store) -> torch.Tensor:
        seed, dataset = self.run.config.seed, self.run.task.dataset
        if self.span == "own path":
            return _first(store, self.run, dataset, self.even, self.k)
        other = _reordered(dataset, seed)
        if self.span == "other order":
            return _first(store, self.run, other, self.even, self.k)
        n = recorded_path(store, self.run, dataset, even=self.even).n
        return random_span(self.k, n, seed)


@functools.lru_cache(maxsize=1)
def _reordered(dataset: Dataset, seed: int) -> Dataset:
    """Return the data in another order; the last one is kept for the next measurement."""
    return reordered(dataset, seed)


def _first(store: Store, run: RecordedRun, dataset: Dataset, even: int, k: int) -> torch.Tensor:
    path = recorded_path(store, run, dataset, even=even)
    return path_components(path, k=k).directions
