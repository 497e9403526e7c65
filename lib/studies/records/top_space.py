"""Measure the gradient in the top eigenspace of the Hessian, and descent with or without it."""

from landscape.dynamics.top_space import Part, projected_descent, top_space

from studies.recorder import Recorder
from studies.solutions import Solution


def shares(
    recorder: Recorder, solution: Solution, *, k: int, top_batch: int, noise_batches: int = 50
) -> None:
    """Record ``top_share``, ``top_noise_share`` and ``top_chance``.

    The share of the squared gradient in the top k eigenvectors of the Hessian, that of mini-batch
    noise, and k/n.

    Args:
        recorder: Where to record.
        solution: The network; its run's seed also draws the mini-batches.
        k: Number of eigenvectors.
        top_batch: Examples in a mini-batch.
        noise_batches: Number of mini-batches.
    """
    L, seed = solution.objective, solution.config.seed
    drawn = {"batch_size": top_batch, "batches": noise_batches, "seed": seed}
    top = recorder.store.remember(top_space, L, L.theta, k=k, **drawn)
    shared = {"unit": "share", "k": k, "cost": top.products, "cost_unit": "products"}
    recorder.add_measurement("top_share", top.share, top, **shared)
    noise = {"error": top.noise_stderr, "error_kind": "standard error"}
    recorder.add_measurement("top_noise_share", top.noise_share, top, **noise, **shared)
    exact = shared | {"cost": 0}
    recorder.add_measurement("top_chance", top.chance, L, **exact)


def descent(
    recorder: Recorder,
    solution: Solution,
    *,
    part: Part,
    k: int,
    top_batch: int,
    descent_rate: float,
    descent_steps: int,
    refresh: int,
) -> None:
    """Record ``descent_loss`` and ``descent_fall``, after steps by a part of the gradient.

    These are the loss at the end, and the loss at the start over it. Rows of ``descent`` hold the
    loss at the start and after each ``refresh``.

    Args:
        recorder: Where to record.
        solution: The network to start from; its run's seed also draws the mini-batches.
        part: ``all``, ``dominant`` or ``bulk``; see ``projected_descent``.
        k: Number of eigenvectors.
        top_batch: Examples in a mini-batch.
        descent_rate: Learning rate.
        descent_steps: Steps.
        refresh: Steps from one computation of the eigenvectors to the next.
    """
    L = solution.objective
    result = recorder.store.remember(
        projected_descent,
        L,
        L.theta,
        part=part,
        learning_rate=descent_rate,
        batch_size=top_batch,
        steps=descent_steps,
        k=k,
        refresh=refresh,
        seed=solution.config.seed,
    )
    columns = {"part": part, "k": k, "cost": result.products, "cost_unit": "products"}
    if not result.converged:
        columns["note"] = "the loss or an eigenpair did not converge"
    first, *_, last = result.losses.tolist()
    recorder.add_measurement("descent_loss", last, result, unit="nats", **columns)
    recorder.add_measurement("descent_fall", first / last, result, unit="", **columns)
    recorder.table(
        "descent",
        [
            {"part": part, "taken": min(index * refresh, result.steps), "loss": loss}
            for index, loss in enumerate(result.losses.tolist())
        ],
    )
