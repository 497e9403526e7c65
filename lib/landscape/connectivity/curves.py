"""Curves between two solutions: their config, their points, and the loss along them."""

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
import torch

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
        kind: ``bezier``: the Bezier curve of degree bends + 1. ``chain``: straight pieces from one
            control point to the next, each of which takes the same share of t.
        bends: Control points between the ends, at least 1; they start on the straight line.
        epochs: Passes over the training examples.
        batch_size: Examples a step at most; an epoch is cut into batches of nearly equal size.
        learning_rate: Step size.
        momentum: Heavy-ball momentum in [0, 1).
        weight_decay: Coefficient of the l2 penalty's gradient, on each bend.
        seed: Seeds the streams "curve batches" and "curve positions", an epoch each.
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
        wrong = []
        if self.kind not in get_args(CurveKind):
            wrong.append(f"kind={self.kind!r}: it must be 'bezier' or 'chain'")
        for name in ("bends", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                wrong.append(f"{name}={getattr(self, name)}: it must be >= 1")
        if not 0 < self.learning_rate < math.inf:
            wrong.append(f"learning_rate={self.learning_rate}: it must be finite and > 0")
        if not 0 <= self.momentum < 1 or not 0 <= self.weight_decay < math.inf:
            wrong.append(
                f"momentum={self.momentum}, weight_decay={self.weight_decay}: "
                "momentum must be in [0, 1), weight_decay finite and >= 0"
            )
        if wrong:
            raise ValueError(f"CurveConfig cannot be run: {'; '.join(wrong)}.")


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve that was trained between two solutions.

    Attributes:
        config: How.
        bends: Control points between the ends (b, n), float64.
        step_loss: Mini-batch loss at a random position before each step, (steps,), float64. It is
            that of training, with batch normalisation by the batch, not that of ``curve_path``.
        diverged_at: The step whose loss or gradient was not finite, counted from 0; the bends are
            those before it. None if none was.
        passes: Forward and backward passes over the training examples; a part for what ran of an
            epoch that diverged.
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

    For a network with batch normalisation the policy ``reestimate`` is the one with a meaning:
    no statistics were trained along the curve. Under ``frozen`` running statistics are interpolated
    linearly between the ends, though the weights are not.

    Args:
        start: Objective of the first solution, which the curve was trained from; its examples and
            policy decide what is measured, and may be others than in training.
        end: Objective of the second.
        curve: What ``train_curve`` returned.
        ts: Positions, from 0 to 1 with both; or how many, evenly spaced.

    Returns:
        The path; at t = 0 and t = 1 it is the two solutions bit for bit, and its ``length`` is in
        units of their distance.

    Raises:
        ValueError: If the curve belongs to other solutions, or for the reasons of
            ``linear_barrier``.
    """
    check_ends(start, end)

    def evaluate(t: float) -> Evaluation:
        theta = point_on(start, end, curve, t)
        return start.evaluate(theta, buffers=between_buffers(start, end, t))

    length = _length(start, end, curve)
    return measure_path(start, positions(ts), evaluate, kind=curve.config.kind, length=length)


def point_on(start: Objective, end: Objective, curve: Curve, t: float) -> torch.Tensor:
    """Return θ(t), (n,), on a trained curve; exactly the solutions' theta at t = 0 and t = 1.

    Raises:
        ValueError: If the curve belongs to other solutions, or t lies outside [0, 1].
    """
    _check_curve(start, end, curve)
    if not 0 <= t <= 1:
        raise ValueError(f"t={t} lies outside the curve. Pass a position from 0 to 1.")
    points = torch.cat([start.theta[None], curve.bends, end.theta[None]])
    if t in (0, 1):  # 1·x + 0·y would turn -0 to 0, and meet NaN in a bend.
        return points[-int(t)].clone()
    return weights(curve.config.kind, len(points), t) @ points


def weights(kind: CurveKind, count: int, t: float) -> torch.Tensor:
    """Return the weights (c,) of the control points at t: not negative, of sum 1.

    ``bezier``: the Bernstein polynomials binom(c-1, k) tᵏ (1-t)ᶜ⁻¹⁻ᵏ. ``chain``: hat functions.
    """
    order = torch.arange(count, dtype=torch.float64)
    if kind == "chain":
        return (1 - (t * (count - 1) - order).abs()).clamp_min(0)
    choices = [math.comb(count - 1, k) for k in range(count)]
    return torch.tensor(choices, dtype=torch.float64) * t**order * (1 - t) ** order.flip(0)


def _length(start: Objective, end: Objective, curve: Curve) -> float:
    # The derivative combines the differences of control points, so their Gram matrix suffices.
    points = torch.cat([start.theta[None], curve.bends, end.theta[None]])
    steps = points.diff(dim=0)
    straight = float((end.theta - start.theta).norm())
    if curve.config.kind == "chain":
        return float(steps.norm(dim=1).sum()) / straight
    gram = steps @ steps.T
    nodes, shares = np.polynomial.legendre.leggauss(100)
    speeds = []
    for node in nodes:
        share = len(steps) * weights("bezier", len(steps), (node + 1) / 2)
        speeds.append(math.sqrt(max(float(share @ gram @ share), 0.0)))
    return float(shares @ np.array(speeds)) / 2 / straight


def ends_hash(start: Objective, end: Objective) -> str:
    """Return the hash of two solutions, by which a curve knows its ends."""
    return fingerprint.digest((start.theta, end.theta))


def _check_curve(start: Objective, end: Objective, curve: Curve) -> None:
    if curve.ends != ends_hash(start, end):
        raise ValueError(
            "the curve was trained between other solutions. Pass the objectives whose theta it "
            "was trained with, start and end in the same order."
        )
