"""Recorded training: each run's losses, curves, gradient norms, and how it ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from landscape.network.parameters import layout
from landscape.training.config import TrainConfig
from landscape.training.run import Run

from studies.arms import Arm
from studies.identity import run_identity
from studies.intervals import step_noise
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.runs import Runs, from_part
from studies.tasks import Task


def train(
    recording: Recording,
    configs: Mapping[str, TrainConfig],
    task: Task,
    *,
    seeds: Sequence[int],
    workers: int = 1,
) -> Runs:
    """Train every config with every seed, and record each run.

    Recorded are the final ``train_loss``, ``train_accuracy``, ``test_loss`` and ``test_accuracy``;
    ``loss_gap``, the test loss minus the training loss; and ``step_noise`` of the mini-batch losses
    after the first epoch, which is all descent. Losses are in nats, accuracies are shares correct.
    ``curves`` holds the history, ``gradients`` the norms of the gradients of each layer's weights
    (root mean square over the mini-batches since the previous measurement; epoch 0 is the first
    mini-batch), ``runs`` how the run ended.

    With ``TrainConfig.curve_examples`` the values between the first and the last come from a subset
    of the examples: ``curves`` then holds their standard errors, ``runs`` size and hash of each
    subset. A run whose curves the record holds in full is taken as it is, whatever is asked for.

    Args:
        recording: The record of the study.
        configs: Arm -> config.
        task: The data.
        seeds: Seeds of each arm.
        workers: Processes that train side by side.

    Returns:
        The runs, arm by arm.
    """
    recording.workers = workers
    plan = {
        (arm if isinstance(arm, Arm) else Arm(arm), seed): _planned(
            recording, replace(config, seed=seed), task
        )
        for arm, config in configs.items()
        for seed in seeds
    }
    requests = [
        Request(
            identity=_identity(config, task),
            labels={"arm": str(arm), **arm.factors, "seed": seed, "at": "end"},
            compute=_Training(recording, config, task),
            networks=[(config, task)],
        )
        for (arm, seed), config in plan.items()
    ]
    parts = recording.step("runs", requests)
    return Runs(
        {
            key: from_part(config, task, recording, part)
            for (key, config), part in zip(plan.items(), parts, strict=True)
            if part is not None
        }
    )


def _planned(recording: Recording, config: TrainConfig, task: Task) -> TrainConfig:
    """Return a config with its subsets, or without where they are all or the record has more."""
    chosen, in_full = config.curve_examples, replace(config, curve_examples=None)
    if chosen is None:
        return config
    measured = min(task.train_size, config.measured or task.train_size)
    if measured <= chosen.train and task.test_size <= chosen.test:
        return in_full
    return in_full if recording.holds("runs", _identity(in_full, task)) else config


def _identity(config: TrainConfig, task: Task) -> dict[str, Any]:
    """Return what decides the run and its curves, as plain values."""
    chosen = config.curve_examples
    # All of it, not what differs from today's defaults: its entry names the sizes of the subsets.
    subsets = {} if chosen is None else {"curve_examples": vars(chosen)}
    return {**run_identity(config, task), **subsets}


class _Training:
    """Trains one run and records it."""

    def __init__(self, recording: Recording, config: TrainConfig, task: Task) -> None:
        self.recording, self.config, self.task = recording, config, task

    def __call__(self, recorder: Recorder) -> None:
        run = self.recording.run(self.config, self.task)
        _record_end(recorder, run)
        _record_numbers(recorder, run)
        recorder.table("curves", _curves(run))
        measured = run.measured_at.tolist()
        for layer, norms in enumerate(layer_gradients(run), start=1):
            pairs = zip(measured, norms.tolist(), strict=False)
            rows = [{"layer": layer, "epoch": e, "gradient_norm": norm} for e, norm in pairs]
            recorder.table("gradients", rows)


def _curves(run: Run) -> list[dict[str, float]]:
    """Return a row of the history for each planned measurement, with the errors of subsets."""
    history = run.history | {f"{name}_error": row for name, row in run.history_errors.items()}
    values = zip(*(curve.tolist() for curve in history.values()), strict=True)
    rows = [dict(zip(history, row, strict=True)) for row in values]
    measured = run.measured_at.tolist()
    # A run that diverged has fewer values than planned: epochs without values.
    padded = rows + [{}] * (len(measured) - len(rows))
    return [{"epoch": e, **row} for e, row in zip(measured, padded, strict=True)]


def layer_gradients(run: Run) -> torch.Tensor:
    """Return the gradient norms of the layers' weights, from the input on, (layers, measured)."""
    blocks = layout(run.model()).blocks
    names = [block.name for block in blocks if block.kind == "weight"]
    return torch.stack([run.gradient_norms[name] for name in names])


def _diverged(run: Run) -> bool:
    """Whether a run diverged, in its last step too: no further step follows that would notice."""
    return run.diverged_at is not None or not math.isfinite(float(run.history["train_loss"][-1]))


def _record_end(recorder: Recorder, run: Run) -> None:
    step = run.steps if run.diverged_at is None else run.diverged_at
    before = {
        "loss_before": float(run.step_loss[step - 1]) if step else math.nan,
        "gradient_norm_before": float(run.step_gradient_norm[step - 1]) if step else math.nan,
    }
    parameters = sum(parameter.numel() for parameter in run.model().parameters())
    subsets = {
        f"{split}_curve_{name}": value
        for split, subset in run.curve_subsets.items()
        for name, value in vars(subset).items()
    }
    end = {"steps": run.steps, "diverged_at": run.diverged_at, "parameters": parameters, **before}
    recorder.table("runs", [{**end, **subsets}])


def _record_numbers(recorder: Recorder, run: Run) -> None:
    when = "in its last step" if run.diverged_at is None else f"at step {run.diverged_at}"
    note = f"diverged {when}" if _diverged(run) else ""
    columns = {
        "converged": not note,
        # Apart from convergence: a network may converge to nothing, and its curvature says nothing.
        "learned": not note and float(run.history["test_accuracy"][-1]) > 2 / run.classes,
        "cost": run.steps,
        "cost_unit": "steps",
        "bn": "frozen",
        "examples_hash": run.data_sha256,
        "dtype": str(next(iter(run.weights.values())).dtype).removeprefix("torch."),
        "note": note,
    }
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        unit = "nats" if name.endswith("loss") else "share correct"
        recorder.add(name, float(run.history[name][-1]), unit=unit, **columns)
    gap = run.history["test_loss"][-1] - run.history["train_loss"][-1]
    recorder.add("loss_gap", float(gap), unit="nats", **columns)
    later = run.step_loss[run.steps // run.config.epochs :].numpy()
    noise = math.nan if note or len(later) < 2 else step_noise(later)
    # Mini-batch losses are computed in train mode, with the statistics of each batch.
    recorder.add("step_noise", noise, unit="nats", **{**columns, "bn": "batch"})
