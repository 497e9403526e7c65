"""Records of training runs: losses, accuracies, step noise, curves and gradient norms."""

import math

import torch
from landscape.network.parameters import layout
from landscape.training.run import Run

from studies.arms import Runs, grouped, has_diverged
from studies.intervals import step_noise
from studies.study import Study


def learned_seeds(study: Study, runs: Runs, *, chance: float) -> dict[str, list[bool]]:
    """Return for each seed of each arm whether its network learned: to over twice chance.

    Args:
        study: Where ``test_accuracy`` was recorded (``record_run``), in the order of ``runs``.
        runs: (arm, seed) -> run; a run that diverged did not learn.
        chance: Share correct by guessing, in (0, 1).

    Returns:
        Arm -> one truth value for each seed, in the order of seeds.
    """
    return {
        arm: [
            value > 2 * chance and not has_diverged(run)
            for value, run in zip(study.values("test_accuracy", arm), arm_runs, strict=True)
        ]
        for arm, arm_runs in grouped(runs).items()
    }


def record_runs(study: Study, runs: Runs) -> None:
    """Record where each training run ended, its curves, and the gradient norms of its layers.

    Each run is recorded as by ``record_run``. Gradient norms go to ``gradients.csv``: for the
    weights of each convolution and linear layer, from the input on, the root mean square of the
    norms of mini-batch gradients since the previous measurement. Epoch 0 is the first mini-batch,
    at the initialisation.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run.
    """
    for (arm, seed), run in runs.items():
        record_run(study, run, arm, seed)
        for layer, norms in enumerate(layer_gradients(run), start=1):
            # A run that diverged has fewer norms than its plan has measurements.
            rows = [
                {"arm": arm, "seed": seed, "layer": layer, "epoch": epoch, "gradient_norm": norm}
                for epoch, norm in zip(run.measured_at.tolist(), norms.tolist(), strict=False)
            ]
            study.table("gradients", rows)


def layer_gradients(run: Run) -> torch.Tensor:
    """Return the gradient norms of the layers' weights, from the input on, (layers, measured)."""
    blocks = layout(run.model()).blocks
    names = [block.name for block in blocks if block.kind == "weight"]
    return torch.stack([run.gradient_norms[name] for name in names])


def record_run(study: Study, run: Run, arm: str, seed: int) -> None:
    """Record where a training run ended, its step noise, and its curves.

    Recorded are the final ``train_loss``, ``train_accuracy``, ``test_loss`` and ``test_accuracy``;
    ``loss_gap``, the test loss minus the training loss; and ``step_noise`` of the mini-batch losses
    after the first epoch, which is all descent (``equal_loss.record_step_noise`` compares arms at
    one mean loss). Losses are in nats, accuracies are shares correct. The curves go to
    ``curves.csv``. The recorded hash covers the whole data set, training and test together.

    Args:
        study: Where to record.
        run: The run; one that diverged is recorded as not converged, and without step noise.
        arm: Its arm.
        seed: Its seed.
    """
    when = "in its last step" if run.diverged_at is None else f"at step {run.diverged_at}"
    diverged = f"diverged {when}" if has_diverged(run) else ""
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
    unknown = diverged or len(later) < 2
    noise = math.nan if unknown else step_noise(later)
    # Mini-batch losses are computed in train mode, with the statistics of each batch.
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
