"""Train curves between two solutions by stochastic gradient descent on their bends."""

import math
from collections.abc import Iterator

import torch

from landscape import rng
from landscape.connectivity.curves import Curve, CurveConfig, ends_hash, weights
from landscape.connectivity.path import check_ends
from landscape.data import Examples
from landscape.network import batchnorm
from landscape.network.calling import call
from landscape.objective import Objective
from landscape.progress import Progress
from landscape.store import fingerprint


def train_curve(start: Objective, end: Objective, config: CurveConfig, examples: Examples) -> Curve:
    """Train the bends of a curve between two solutions; the solutions stay fixed.

    Each step draws t from U(0, 1) and takes a mini-batch's gradient at θ(t): stochastic gradient
    descent on the mean loss over the curve's parameter t. Batch normalisation takes the batch's
    statistics; all other layers are in eval mode, since dropout would draw global random numbers.
    ``store.remember(train_curve, start, end, config, examples)`` keeps the curve.

    Args:
        start: Objective of the first solution; the curve takes its network, loss and dtype.
        end: Objective of the second solution.
        config: Settings of the training.
        examples: Training inputs (N, ...) and targets (N, ...); the objectives' own examples are
            not used.

    Returns:
        The curve. If the loss or the gradient stops being finite, training ends at that step, which
        ``Curve.diverged_at`` names.

    Raises:
        ValueError: If the two objectives differ in architecture, examples or options, or are at the
            same point, or if inputs and targets differ in number or are empty.

    Reference: Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
        NeurIPS, section 3.

    Example:
        >>> from landscape import Objective, connectivity, data, models
        >>> digits = data.load("digits")
        >>> family = models.MLP(hidden=(8,))
        >>> first = family.build(digits.shape, digits.classes, seed=0)
        >>> second = family.build(digits.shape, digits.classes, seed=1)
        >>> start, end = Objective(first, digits.first(100)), Objective(second, digits.first(100))
        >>> config = connectivity.CurveConfig(epochs=2, learning_rate=0.1)
        >>> curve = connectivity.train_curve(start, end, config, digits.first(100))
        >>> path = connectivity.curve_path(start, end, curve, ts=5)
        >>> path.kind, path.length > 1
        ('bezier', True)
    """
    check_ends(start, end)
    inputs, targets = examples
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ValueError(
            f"{len(inputs)} inputs and {len(targets)} targets are no training examples. "
            "Pass as many targets as inputs, at least one."
        )
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
    ):  # The caller may have turned gradients off.
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
    ts = torch.linspace(0, 1, config.bends + 2, dtype=torch.float64).tolist()
    points = torch.stack([torch.lerp(start.theta, end.theta, t) for t in ts])
    return points.to(start.device, start.dtype)


def _descend(
    objective: Objective, points: torch.Tensor, config: CurveConfig, examples: Examples
) -> tuple[list[float], int | None]:
    """Move the bends in place; return the losses of all steps, and the step that diverged."""
    bends = points[1:-1]
    optimizer = torch.optim.SGD(
        [bends],
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    loss_and_gradient, losses = _LossAndGradient(objective), []
    with Progress(f"training a {config.kind} curve", config.epochs) as bar:
        for epoch in range(config.epochs):
            for t, batch in _batches(config, epoch, examples):
                point_weights = weights(config.kind, len(points), t).to(points)
                loss, gradient = loss_and_gradient(point_weights @ points, batch)
                losses.append(loss)
                # θ(t) is linear in the control points, so the chain rule needs no second pass.
                bends.grad = point_weights[1:-1, None] * gradient
                # Before the step: bends that are not finite would be worthless as a result.
                if not (math.isfinite(loss) and bool(bends.grad.isfinite().all())):
                    bar.step(f"diverged at step {len(losses) - 1}", milestone=True)
                    return losses, len(losses) - 1
                optimizer.step()
            bar.step(f"loss {loss:.4f}", milestone=True)
    return losses, None


class _LossAndGradient:
    """Loss and gradient (n,) of a mini-batch at a point (n,) of the curve."""

    def __init__(self, objective: Objective) -> None:
        self._layout, self._objective = objective.layout, objective
        parts = objective.replace(bn="batch").parts(objective.theta)
        self._module, self._buffers = parts.module, parts.buffers
        # Batches take dtype, device and memory format from here: the objective may hold its network
        # in channels-last, and mixed formats would convert in every layer.
        self._like = parts.batches[0][0]
        contiguous = self._like.is_contiguous()
        self._format = torch.contiguous_format if contiguous else torch.channels_last

    def __call__(self, theta: torch.Tensor, batch: Examples) -> tuple[float, torch.Tensor]:
        leaf = theta.detach().clone().requires_grad_()
        named = {name: self._formatted(x) for name, x in self._layout.unflatten(leaf).items()}
        inputs = self._formatted(batch[0].to(self._like))
        outputs = call(self._module, named, self._buffers, inputs)
        targets = batch[1].to(self._like.device)
        loss = self._objective.batch_loss(outputs, targets) + self._objective.penalty_of(named)
        return float(loss.detach()), torch.autograd.grad(loss, leaf)[0]

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self._format) if tensor.dim() == 4 else tensor


def _batches(
    config: CurveConfig, epoch: int, examples: Examples
) -> Iterator[tuple[float, Examples]]:
    # Nearly equal batches: a last batch of one example would have no variance to normalise by.
    sizes = batchnorm.block_sizes(len(examples[0]), config.batch_size)
    order = torch.randperm(
        len(examples[0]), generator=rng.stream(config.seed, "curve batches", epoch)
    )
    ts = torch.rand(
        len(sizes), dtype=torch.float64, generator=rng.stream(config.seed, "curve positions", epoch)
    )
    for t, indices in zip(ts.tolist(), order.split(sizes), strict=True):
        yield t, (examples[0][indices], examples[1][indices])
