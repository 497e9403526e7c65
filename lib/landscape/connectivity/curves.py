"""Describe curves between two solutions, and measure the loss along them."""

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
import torch

from landscape import arguments
from landscape.connectivity.path import (
    Path,
    PathPositions,
    between_buffers,
    check_ends,
    measure_path,
    positions,
)
from landscape.objective import Evaluation, Objective
from landscape.store import fingerprint

CurveKind = Literal["bezier", "chain"]


@dataclasses.dataclass(frozen=True)
class CurveConfig:
    """Everything that decides how a curve is trained, besides its ends and the data.

    Attributes:
        kind: ``bezier`` is the Bezier curve of degree bends + 1. ``chain`` consists of straight
            pieces between consecutive control points, each with the same share of t.
        bends: Number of control points between the ends, at least 1. They start on the straight
            line.
        epochs: Passes over the training examples.
        batch_size: Largest number of examples in a step; batches of an epoch have nearly equal
            sizes.
        learning_rate: Step size, > 0.
        momentum: Heavy-ball momentum in [0, 1).
        weight_decay: Coefficient of the l2 penalty's gradient, on each bend, >= 0.
        seed: Seed of the streams "curve batches" and "curve positions", one of each per epoch.

    Raises:
        ValueError: If a setting lies outside its range.
    """

    kind: CurveKind = "bezier"
    bends: int = 1
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if self.kind not in get_args(CurveKind):
            problems.append(f"kind={self.kind!r}: it must be 'bezier' or 'chain'")
        for name in ("bends", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                problems.append(f"{name}={getattr(self, name)}: it must be >= 1")
        if not 0 < self.learning_rate < math.inf:
            problems.append(f"learning_rate={self.learning_rate}: it must be finite and > 0")
        if not 0 <= self.momentum < 1 or not 0 <= self.weight_decay < math.inf:
            problems.append(
                f"momentum={self.momentum}, weight_decay={self.weight_decay}: "
                "momentum must be in [0, 1), weight_decay finite and >= 0"
            )
        if problems:
            raise ValueError(f"CurveConfig cannot be run: {'; '.join(problems)}.")


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve that was trained between two solutions.

    Attributes:
        config: Settings of the training.
        bends: Control points between the ends (b, n), float64.
        step_loss: Mini-batch loss at a random position before each step, (steps,), float64. Batch
            normalisation takes the batch's statistics, unlike in ``curve_path``.
        diverged_at: Step whose loss or gradient was not finite, counted from 0; the bends are as
            before this step. None where all were finite.
        passes: Number of forward and backward passes over the training examples; a fraction where
            an epoch was cut short by divergence.
        examples_hash: Hash of the training examples.
        ends: Hash of the two solutions.
    """

    config: CurveConfig
    bends: torch.Tensor
    step_loss: torch.Tensor
    diverged_at: int | None
    passes: float
    examples_hash: str
    ends: str


def curve_path(start: Objective, end: Objective, curve: Curve, *, ts: PathPositions = 25) -> Path:
    """Measure loss, accuracy, barriers and length of a trained curve.

    For a network with batch normalisation use the policy ``reestimate``: training a curve leaves no
    running statistics along it. Under ``frozen`` running statistics are interpolated linearly
    between the ends, although the weights are not.

    Args:
        start: Objective of the first solution, from which the curve was trained. Its examples and
            policy decide what is measured, and may differ from those of the training.
        end: Objective of the second solution, with the same examples and options.
        curve: The curve, from ``train_curve``.
        ts: Positions that increase from 0 to 1, at least 3; or their number, evenly spaced.

    Returns:
        The path. At t = 0 and t = 1 it is the two solutions bit for bit; its ``length`` is in units
        of their distance.

    Raises:
        ValueError: If the curve belongs to other solutions, or for the reasons of
            ``linear_barrier``.

    Reference: Garipov et al. (2018), Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs,
        NeurIPS.
    """
    arguments.check(curve_path, locals())
    check_ends(start, end)

    def evaluate(t: float) -> Evaluation:
        theta = point_on(start, end, curve, t)
        return start.evaluate(theta, buffers=between_buffers(start, end, t))

    length = _length(start, end, curve)
    return measure_path(start, positions(ts), evaluate, kind=curve.config.kind, length=length)


def point_on(start: Objective, end: Objective, curve: Curve, t: float) -> torch.Tensor:
    """Return the point θ(t) of a trained curve, (n,), float64.

    Args:
        start: Objective of the first solution.
        end: Objective of the second solution.
        curve: The curve, from ``train_curve``.
        t: Parameter of the curve in [0, 1]; at 0 and 1 the point is the solution, bit for bit.

    Raises:
        ValueError: If the curve belongs to other solutions, or t lies outside [0, 1].
    """
    _check_curve(start, end, curve)
    if not 0 <= t <= 1:
        raise ValueError(f"t={t} lies outside the curve. Pass a position from 0 to 1.")
    points = torch.cat([start.theta[None], curve.bends, end.theta[None]])
    if t in (0, 1):  # 1·x + 0·y would turn -0 into 0, and is NaN if y is.
        return points[-int(t)].clone()
    return weights(curve.config.kind, len(points), t) @ points


def weights(kind: CurveKind, count: int, t: float) -> torch.Tensor:
    """Return the weights of the control points at t, (c,), float64, nonnegative with sum 1.

    A ``bezier`` curve has the Bernstein polynomials binom(c-1, k) tᵏ (1-t)ᶜ⁻¹⁻ᵏ, a ``chain`` hat
    functions.

    Args:
        kind: Kind of the curve.
        count: Number c of control points, both ends included.
        t: Parameter of the curve in [0, 1].
    """
    order = torch.arange(count, dtype=torch.float64)
    if kind == "chain":
        return (1 - (t * (count - 1) - order).abs()).clamp_min(0)
    binomials = [math.comb(count - 1, k) for k in range(count)]
    return torch.tensor(binomials, dtype=torch.float64) * t**order * (1 - t) ** order.flip(0)


def _length(start: Objective, end: Objective, curve: Curve) -> float:
    """Return the length of a curve, in units of the distance of its ends."""
    points = torch.cat([start.theta[None], curve.bends, end.theta[None]])
    steps = points.diff(dim=0)
    distance = float((end.theta - start.theta).norm())
    if curve.config.kind == "chain":
        return float(steps.norm(dim=1).sum()) / distance
    # The derivative of a Bezier curve combines differences of its control points, so their small
    # Gram matrix gives every speed, without a vector (n,) for each node.
    gram = steps @ steps.T
    nodes, node_weights = np.polynomial.legendre.leggauss(100)
    speeds = []
    for node in nodes:
        step_weights = len(steps) * weights("bezier", len(steps), (node + 1) / 2)
        # Rounding can make the square of a speed of zero negative.
        speeds.append(math.sqrt(max(float(step_weights @ gram @ step_weights), 0.0)))
    return float(node_weights @ np.array(speeds)) / 2 / distance


def ends_hash(start: Objective, end: Objective) -> str:
    """Return the hash of two solutions, in this order, by which ``Curve.ends`` identifies them.

    Args:
        start: The solution at t = 0.
        end: The solution at t = 1.

    Returns:
        64 hexadecimal digits.
    """
    return fingerprint.digest((start.theta, end.theta))


def _check_curve(start: Objective, end: Objective, curve: Curve) -> None:
    if curve.ends != ends_hash(start, end):
        raise ValueError(
            "the curve was trained between other solutions. Pass the two solutions it was trained "
            "between, start and end in the same order."
        )
