"""Training of curves between two solutions: stochastic descent on the bends."""

import math
from collections.abc import Iterator

import torch

from landscape import rng
from landscape.connectivity.curves import Curve, CurveConfig, ends_hash, weights
from landscape.connectivity.path import check_ends
from landscape.data import Examples
from landscape.network import batchnorm
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.store import fingerprint


def train_curve(start: Objective, end: Objective, config: CurveConfig, examples: Examples) -> Curve:
    """Train the bends of a curve between two solutions, which stay fixed.

    Each step draws one t from U(0, 1) and takes a mini-batch's gradient at θ(t): stochastic
    descent on the mean loss over the curve's parameter t. Batch normalisation takes the batch's
    statistics; all else is in eval mode, since dropout would draw global random numbers. A plain
    function: ``store.remember(train_curve, start, end, config, examples)`` keeps the curve.

    Args:
        start: Objective of the first solution; the curve has its network, loss and dtype.
        end: Objective of the second.
        config: How to train.
        examples: Training inputs (N, ...) and targets (N, ...). The objectives' own examples do
            not enter.

    Returns:
        The curve; one whose loss stops being finite ends there and says at which step.

    Raises:
        ValueError: If the two differ in architecture, examples or options, or are the same point,
            or if the training examples do not fit together.

    Reference: Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
        section 3.
    """
    check_ends(start, end)
    inputs, targets = examples
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(
            f"{len(inputs)} inputs and {len(targets)} targets are no training examples. "
            "Pass as many targets as inputs, at least one."
        )
    with torch.inference_mode(False), torch.enable_grad():  # Also where the caller does neither.
        points = _control_points(start, end, config)
        losses, diverged_at = _descend(start, points, config, examples)
    return Curve(
        config=config,
        bends=points[1:-1].double().cpu(),
        step_loss=torch.tensor(losses, dtype=torch.float64),
        diverged_at=diverged_at,
        passes=len(losses) / len(batchnorm.block_sizes(len(inputs), config.batch_size)),
        examples_hash=fingerprint.digest((inputs, targets)),
        ends=ends_hash(start, end),
    )


def _control_points(start: Objective, end: Objective, config: CurveConfig) -> torch.Tensor:
    places = torch.linspace(0, 1, config.bends + 2, dtype=torch.float64).tolist()
    points = torch.stack([torch.lerp(start.theta, end.theta, place) for place in places])
    return points.to(start.device, start.dtype)


def _descend(
    objective: Objective, points: torch.Tensor, config: CurveConfig, examples: Examples
) -> tuple[list[float], int | None]:
    # Moves the bends in place; one that would make the loss infinite or NaN is not taken.
    bends = points[1:-1]
    optimizer = torch.optim.SGD(
        [bends],
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    slope, losses = _Slope(objective), []
    with Progress(f"training a {config.kind} curve", config.epochs) as bar:
        for epoch in range(config.epochs):
            for t, batch in _batches(config, epoch, examples):
                share = weights(config.kind, len(points), t).to(points)
                loss, gradient = slope(share @ points, batch)
                losses.append(loss)
                bends.grad = share[1:-1, None] * gradient
                if not (math.isfinite(loss) and bool(bends.grad.isfinite().all())):
                    bar.step(f"diverged at step {len(losses) - 1}", milestone=True)
                    return losses, len(losses) - 1
                optimizer.step()
            bar.step(f"loss {loss:.4f}", milestone=True)
    return losses, None


class _Slope:
    """Loss and gradient of a mini-batch at a point (n,) of the curve."""

    def __init__(self, objective: Objective) -> None:
        self._layout, self._loss = objective.layout, objective._loss
        parts = objective.replace(bn="batch").parts(objective.theta)
        self._module, self._buffers = parts.module, parts.buffers
        self._like = parts.batches[0][0]  # As the objective places its inputs.
        plain = self._like.is_contiguous()
        self._format = torch.contiguous_format if plain else torch.channels_last

    def __call__(self, theta: torch.Tensor, batch: Examples) -> tuple[float, torch.Tensor]:
        leaf = theta.detach().clone().requires_grad_()
        named = {name: self._formatted(x) for name, x in self._layout.unflatten(leaf).items()}
        inputs = self._formatted(batch[0].to(self._like))
        outputs = torch.func.functional_call(self._module, (named, self._buffers), (inputs,))
        loss = self._loss(outputs, batch[1].to(self._like.device)).mean()
        return float(loss.detach()), torch.autograd.grad(loss, leaf)[0]

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self._format) if tensor.dim() == 4 else tensor


def _batches(
    config: CurveConfig, epoch: int, examples: Examples
) -> Iterator[tuple[float, Examples]]:
    # Equal batches: a rest of one example would have no variance to normalise by.
    sizes = batchnorm.block_sizes(len(examples[0]), config.batch_size)
    order = torch.randperm(
        len(examples[0]), generator=rng.stream(config.seed, "curve batches", epoch)
    )
    drawn = torch.rand(
        len(sizes), dtype=torch.float64, generator=rng.stream(config.seed, "curve positions", epoch)
    )
    for t, chosen in zip(drawn.tolist(), order.split(sizes), strict=True):
        yield t, (examples[0][chosen], examples[1][chosen])
