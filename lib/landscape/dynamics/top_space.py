"""The gradient in the top eigenspace of the Hessian, and descent with or without that part."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

import torch

from landscape import arguments, rng
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.results import Eigenpairs

Part = Literal["all", "dominant", "bulk"]
PARTS = ("all", "dominant", "bulk")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopSpace(Measurement):
    """How much of the gradient, and of its noise, lies in the top eigenspace of the Hessian.

    Attributes:
        share: ‖Vᵀg‖²/‖g‖² with the top k eigenvectors V (n, k) and the gradient g of all examples;
            NaN where g is 0.
        noise_share: The same share of the noise: Σ ‖Vᵀ(g_B − g)‖² over Σ ‖g_B − g‖², of the
            mini-batches B; NaN where a batch holds all examples.
        noise_stderr: Its standard error, by the jackknife over mini-batches.
        chance: k/n, the share of a random direction.
        k: Number of eigenvectors.
        batch_size: Examples in a mini-batch.
        batches: Number of mini-batches.
        seed: Seed of the mini-batches.
        products: Products with the Hessian.
        converged: Whether all k eigenpairs converged.
    """

    share: float
    noise_share: float
    noise_stderr: float
    chance: float
    k: int
    batch_size: int
    batches: int
    seed: int
    products: int
    converged: bool


def top_space(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    k: int = 10,
    batch_size: int,
    batches: int = 50,
    tol: float = 1e-3,
    seed: int = 0,
) -> TopSpace:
    """Measure the share of the gradient in the top k eigenvectors of the Hessian.

    Gradients in training lie largely in the top eigenspace, but so does the noise of mini-batches:
    compare the share with that of the noise, and with k/n. Mini-batches are normalised as the
    objective's policy has it: under ``batch`` by their own statistics, as in training.

    Args:
        objective: The loss to measure.
        theta: The point (n,); None takes the objective's own theta.
        k: Number of eigenvectors, such as the number of classes.
        batch_size: Examples in a mini-batch, at most N.
        batches: Number of mini-batches, at least 2, each a draw without replacement.
        tol: Largest residual of an eigenpair, relative to the spectral range.
        seed: Seed of the streams ("top_space", 0), ("top_space", 1), ..., one a mini-batch.

    Returns:
        The shares.

    Raises:
        ValueError: If an argument is out of range, or theta has another length or is not finite.

    References: Gur-Ari, Roberts and Dyer (2018), Gradient Descent Happens in a Tiny Subspace; Song,
        Ahn and Yun (2025), Does SGD really happen in tiny subspaces?, ICLR.
    """
    arguments.check(top_space, locals())
    if not 1 <= batch_size <= objective.num_examples or batches < 2:
        raise ValueError(
            f"batch_size={batch_size}, batches={batches} of {objective.num_examples} examples tell "
            "nothing of noise. Pass a batch_size from 1 to the number of examples, and batches "
            ">= 2."
        )
    theta = objective.theta if theta is None else theta
    pairs = _top(objective, theta, k, tol)
    gradient = objective.gradient(theta)
    inside, total = [], []
    drawn = _batches(objective, theta, batch_size, batches, seed, "top_space")
    with Progress("top eigenspace", batches) as bar:
        for batch in drawn:
            noise = batch.gradient(theta) - gradient
            inside.append(float(_within(pairs, noise).square().sum()))
            total.append(float(noise.square().sum()))
            bar.step()
    noise_share, stderr = _ratio(torch.tensor(inside), torch.tensor(total))
    return TopSpace(
        share=_share(pairs, gradient),
        noise_share=noise_share,
        noise_stderr=stderr,
        chance=k / objective.n,
        k=k,
        batch_size=batch_size,
        batches=batches,
        seed=seed,
        products=pairs.products,
        converged=bool(pairs.converged.all()),
        **conditions(objective),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectedDescent(Measurement):
    """Mini-batch descent with a part of each gradient alone.

    Attributes:
        part: ``all`` of the gradient, its ``dominant`` part in the top eigenspace, or the ``bulk``
            that is left without that.
        losses: Loss of all examples at the start and after each refresh, (r + 1,).
        kept: Mean share of the squared mini-batch gradient that was kept.
        theta: Where it ended, (n,).
        steps: Steps taken; fewer than asked for where the loss was not finite.
        products: Products with the Hessian.
        converged: Whether the loss stayed finite and all eigenpairs converged.
    """

    part: str
    losses: torch.Tensor
    kept: float
    theta: torch.Tensor
    steps: int
    products: int
    converged: bool


def projected_descent(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    part: Part,
    learning_rate: float,
    batch_size: int,
    steps: int = 100,
    k: int = 10,
    refresh: int = 10,
    tol: float = 1e-3,
    seed: int = 0,
) -> ProjectedDescent:
    """Descend from a point by mini-batch gradients projected on, or off, the top eigenspace.

    θ ← θ − η P g_B, where P keeps the ``dominant`` part (the projection V Vᵀ on the top k
    eigenvectors of the Hessian of all examples), the ``bulk`` (I − V Vᵀ), or ``all``. V is computed
    anew every few steps. All parts see the same mini-batches.

    Args:
        objective: The loss. Gradients and eigenvectors follow its policy for normalisation.
        theta: Where to start (n,); None takes the objective's own theta.
        part: Which part of the gradient to keep.
        learning_rate: η > 0, constant.
        batch_size: Examples in a mini-batch, at most N.
        steps: Number of steps, at least 1.
        k: Number of eigenvectors.
        refresh: Steps from one computation of V to the next, at least 1.
        tol: Largest residual of an eigenpair, relative to the spectral range.
        seed: Seed of the streams ("projected_descent", 0), ..., one a mini-batch.

    Returns:
        Losses on the way, and where it ended.

    Raises:
        ValueError: If an argument is out of range, or theta has another length or is not finite.

    Reference: Song, Ahn and Yun (2025), Does SGD really happen in tiny subspaces?, ICLR, whose
        Dom-SGD and Bulk-SGD compute V at each step.
    """
    _check_descent(objective, part, learning_rate, batch_size, steps, refresh)
    theta = (objective.theta if theta is None else theta).double().clone()
    losses, kept, products, known, taken = [objective.loss(theta)], [], 0, True, 0
    pairs = None
    drawn = _batches(objective, theta, batch_size, steps, seed, "projected_descent")
    with Progress(f"descent, {part}", steps) as bar:
        for step, batch in enumerate(drawn):
            if part != "all" and step % refresh == 0:
                pairs = _top(objective, theta, k, tol)
                products, known = products + pairs.products, known and bool(pairs.converged.all())
            gradient = batch.gradient(theta)
            used = _kept(part, pairs, gradient)
            kept.append(float(used.square().sum() / gradient.square().sum()))
            theta -= learning_rate * used
            taken += 1
            bar.step()
            if taken % refresh == 0 or taken == steps:
                losses.append(objective.loss(theta))
                if not math.isfinite(losses[-1]):
                    break
    return ProjectedDescent(
        part=part,
        losses=torch.tensor(losses, dtype=torch.float64),
        kept=sum(kept) / len(kept),
        theta=theta,
        steps=taken,
        products=products,
        converged=known and math.isfinite(losses[-1]),
        **conditions(objective),
    )


def _check_descent(
    objective: Objective, part: str, learning_rate: float, batch_size: int, steps: int, refresh: int
) -> None:
    if part not in PARTS:
        raise ValueError(f"part={part!r} is none. Pass one of {', '.join(map(repr, PARTS))}.")
    if not 0 < learning_rate < math.inf or steps < 1 or refresh < 1:
        raise ValueError(
            f"learning_rate={learning_rate}, steps={steps}, refresh={refresh} make no descent. "
            "Pass a finite rate > 0, steps >= 1 and refresh >= 1."
        )
    if not 1 <= batch_size <= objective.num_examples:
        raise ValueError(
            f"batch_size={batch_size} makes no batch of {objective.num_examples} examples. Pass a "
            "size from 1 to their number."
        )


def _kept(part: str, pairs: Eigenpairs | None, gradient: torch.Tensor) -> torch.Tensor:
    if pairs is None or pairs.vectors is None:
        return gradient
    dominant = pairs.vectors.double() @ _within(pairs, gradient)
    return dominant if part == "dominant" else gradient - dominant


def _top(objective: Objective, theta: torch.Tensor, k: int, tol: float) -> Eigenpairs:
    return eigenpairs(objective.hessian(theta), k, tol=tol, vectors=True)


def _within(pairs: Eigenpairs, vector: torch.Tensor) -> torch.Tensor:
    """Return the coordinates (k,) of a vector along the eigenvectors."""
    if pairs.vectors is None:
        raise RuntimeError("the search kept no eigenvectors, although they were asked for.")
    return pairs.vectors.double().T @ vector.double()


def _share(pairs: Eigenpairs, vector: torch.Tensor) -> float:
    total = float(vector.square().sum())
    return float(_within(pairs, vector).square().sum()) / total if total else math.nan


def _ratio(inside: torch.Tensor, total: torch.Tensor) -> tuple[float, float]:
    """Return Σ inside / Σ total, and its standard error by leaving out one batch at a time."""
    if not float(total.sum()) > 0:
        return math.nan, math.nan
    left = (inside.sum() - inside) / (total.sum() - total)
    spread = (left - left.mean()).square().sum() * (len(left) - 1) / len(left)
    return float(inside.sum() / total.sum()), float(spread.sqrt())


def _batches(
    objective: Objective, theta: torch.Tensor, size: int, count: int, seed: int, stream: str
) -> Iterator[Objective]:
    """Yield the objective on mini-batches, each drawn from all examples without replacement."""
    inputs, targets = (torch.cat(x) for x in zip(*objective.parts(theta).batches, strict=True))
    # The policy estimates statistics on all examples: a mini-batch must not replace them.
    statistics = {"bn_examples": inputs} if objective.bn == "reestimate" else {}
    for index in range(count):
        order = torch.randperm(len(inputs), generator=rng.stream(seed, stream, index))
        chosen = order[:size].sort().values.to(inputs.device)
        yield objective.replace(
            examples=(inputs[chosen], targets[chosen]), check=False, **statistics
        )
