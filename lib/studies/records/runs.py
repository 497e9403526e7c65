"""What a training run puts into a study's results."""

import math

import torch
from landscape.network.parameters import layout
from landscape.training.run import Run

from studies.arms import Runs, divergence_text, grouped
from studies.intervals import step_noise
from studies.study import Study


def record_learning(study: Study, runs: Runs, *, chance: float) -> dict[str, list[bool]]:
    """Return arm -> for each seed whether its network learns: to over twice chance.

    Args:
        study: Where test accuracies were recorded.
        runs: (arm, seed) -> run; one that diverged does not learn.
        chance: The share that guessing gets right.
    """
    return {
        arm: [
            value > 2 * chance and not divergence_text(run)
            for value, run in zip(study.values("test_accuracy", arm), own, strict=True)
        ]
        for arm, own in grouped(runs).items()
    }


def record_runs(study: Study, runs: Runs) -> None:
    """Record where each training run ended, its curves, and its gradients a layer.

    Gradients are in ``gradients.csv``: for the weights of each convolution and linear layer, from
    the input on, the root mean square of the norms of mini-batch gradients since the measurement
    before; epoch 0 is the first mini-batch, at the initialisation.
    """
    for (arm, seed), found in runs.items():
        record_run(study, found, arm, seed)
        for layer, norms in enumerate(layer_gradients(found), start=1):
            rows = [
                {"arm": arm, "seed": seed, "layer": layer, "epoch": epoch, "gradient_norm": norm}
                for epoch, norm in zip(found.measured_at.tolist(), norms.tolist(), strict=False)
            ]
            study.table("gradients", rows)


def layer_gradients(run: Run) -> torch.Tensor:
    """Return the gradient norms of the layers' weights, from the input on, (layers, measured)."""
    blocks = layout(run.model()).blocks
    names = [block.name for block in blocks if block.kind == "weight"]
    return torch.stack([run.gradient_norms[name] for name in names])


def record_run(study: Study, run: Run, arm: str, seed: int) -> None:
    """Record where a training run ended, its step noise, and its curves.

    Step noise is that of the mini-batch losses after the first epoch, which is all descent
    (``levels.step_noise`` compares it at one mean). ``loss_gap`` is test less training loss. The
    hash of the examples is that of the data set, training and test together.
    """
    when = "in its last step" if run.diverged_at is None else f"at step {run.diverged_at}"
    diverged = f"diverged {when}" if divergence_text(run) else ""
    labels = {
        "arm": arm,
        "seed": seed,
        "converged": not diverged,
        "cost": run.steps,
        "cost_unit": "steps",
        "bn": "frozen",
        "examples_hash": run.data_sha256,
        "dtype": str(next(iter(run.weights.values())).dtype).removeprefix("torch."),
        "note": diverged,
    }
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        unit = "nats" if name.endswith("loss") else "share correct"
        study.add(name, run.history[name][-1], unit=unit, **labels)
    gap = run.history["test_loss"][-1] - run.history["train_loss"][-1]
    study.add("loss_gap", gap, unit="nats", **labels)
    first = run.steps // run.config.epochs
    later = run.step_loss[first:].numpy()
    short = diverged or len(later) < 2
    noise = math.nan if short else step_noise(later)
    study.add("step_noise", noise, unit="nats", **{**labels, "bn": "batch"})
    curves = zip(*(curve.tolist() for curve in run.history.values()), strict=True)
    rows = [dict(zip(run.history, row, strict=True)) for row in curves]
    study.table(
        "curves",
        [
            {"arm": arm, "seed": seed, "epoch": epoch, **row}
            for epoch, row in zip(run.measured_at.tolist(), rows, strict=False)
        ],
    )
