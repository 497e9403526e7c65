"""Measure a straight path with its softmax temperature fitted at each position."""

import dataclasses
import math

import torch
from scipy.optimize import minimize_scalar

from landscape import arguments
from landscape.connectivity.path import (
    Path,
    PathPositions,
    between_buffers,
    check_ends,
    measure_path,
    positions,
)
from landscape.network.single_path import single_path
from landscape.objective import Evaluation, Objective, names_classes

# Bounds of log β: a network that answers all examples rightly has its least loss at infinity.
_LOWEST, _HIGHEST = math.log(1e-3), math.log(1e3)
_TOLERANCE = 1e-6  # Of log β: the loss at its minimum changes by the square of that.


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """A straight path on which outputs are divided by the temperature that fits best.

    Attributes:
        path: Losses, accuracies and barriers with the fitted temperatures; its ``kind`` is
            ``calibrated``. Accuracies are those of the path without them, for a temperature does
            not change which class is the most likely.
        inverse_temperatures: β at each position, (t,), float64: the loss of the outputs times β is
            the least. NaN where the outputs are not finite.
        at_bound: Whether β is at an end of the range that was searched, from 0.001 to 1,000, (t,):
            then a larger or smaller one would lower the loss further.
    """

    path: Path
    inverse_temperatures: torch.Tensor
    at_bound: torch.Tensor


def calibrated_path(start: Objective, end: Objective, *, ts: PathPositions = 25) -> Calibrated:
    """Measure the straight path with outputs scaled by one factor at each position.

    Networks between two solutions are often less sure of their answers than the solutions, or more:
    their loss rises although their answers are right. One factor on the outputs at each position,
    fitted on the examples of the objective, takes this part of a barrier away. It is fitted at both
    ends as well, so that barriers compare calibrated networks with calibrated networks. With it
    goes one number a position; the cross-entropy is convex in it, so the fit is unique.

    Args:
        start: Objective of the first solution, of a classifier with cross-entropy.
        end: Objective of the second solution, on the same examples with the same options.
        ts: Positions that increase from 0 to 1, at least 3; or their number, evenly spaced.

    Returns:
        The path, and the factors.

    Raises:
        ValueError: If targets do not name classes, or for the reasons of ``linear_barrier``.

    Reference: Guo et al. (2017), On Calibration of Modern Neural Networks, ICML, for the
        temperature.

    Example:
        >>> from landscape import Objective, connectivity, data, models
        >>> digits = data.load("digits")
        >>> family = models.MLP(hidden=(8,))
        >>> start, end = (
        ...     Objective(family.build(digits.shape, digits.classes, seed=s), digits.first(64))
        ...     for s in (0, 1)
        ... )
        >>> calibrated = connectivity.calibrated_path(start, end, ts=5)
        >>> plain = connectivity.linear_barrier(start, end, ts=5)
        >>> bool((calibrated.path.loss <= plain.loss + 1e-6).all())
        True
    """
    arguments.check(calibrated_path, locals())
    check_ends(start, end)
    ts = positions(ts)
    fitted: list[tuple[float, bool]] = []

    def evaluate(t: float) -> Evaluation:
        outputs, targets = _outputs(start, end, t)
        if not names_classes(outputs, targets):
            raise ValueError(
                f"outputs {tuple(outputs.shape)} with targets {tuple(targets.shape)} of type "
                f"{targets.dtype} are no classification, so they have no temperature. Pass "
                "objectives of a classifier whose targets are classes (N,), with cross-entropy."
            )
        beta, loss, at_bound = _fit(start, outputs, targets)
        loss += start.penalty(torch.lerp(start.theta, end.theta, t))
        fitted.append((beta, at_bound))
        right, counted = start.correct(outputs, targets)
        accuracy = right / counted if counted else math.nan
        return Evaluation(loss, accuracy, start.num_examples, start.bn)

    path = measure_path(start, ts, evaluate, kind="calibrated", length=1.0)
    return Calibrated(
        path=path,
        inverse_temperatures=torch.tensor([beta for beta, _ in fitted], dtype=torch.float64),
        at_bound=torch.tensor([at_bound for _, at_bound in fitted]),
    )


def calibrated_straight_path(start: Objective, end: Objective, *, ts: int) -> Path:
    """Return ``calibrated_path(start, end, ts=ts).path``, which a store can keep.

    Args:
        start: Objective of the first solution.
        end: Objective of the second solution.
        ts: Number of positions, evenly spaced.
    """
    return calibrated_path(start, end, ts=ts).path


@single_path()
@torch.inference_mode(False)
@torch.no_grad()
def _outputs(start: Objective, end: Objective, t: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outputs (N, K), float64, and targets of all examples at t."""
    frozen = start.bn == "frozen"
    # At the ends without arithmetic: 0 times a weight that is not finite would be NaN.
    ends = {0.0: start.theta, 1.0: end.theta}
    parts = start.parts(
        ends[t] if t in ends else torch.lerp(start.theta, end.theta, t),
        buffers=between_buffers(start, end, t) if frozen else None,
    )
    state = (parts.named, parts.buffers)
    rows = [
        (torch.func.functional_call(parts.module, state, (inputs,)).double(), targets)
        for inputs, targets in parts.batches
    ]
    outputs, targets = (torch.cat(column) for column in zip(*rows, strict=True))
    return outputs, targets


def _fit(
    objective: Objective, outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[float, float, bool]:
    """Return the factor with the least loss, that loss, and whether the factor is at a bound."""

    def loss(log_beta: float) -> float:
        losses = objective.per_example_loss(math.exp(log_beta) * outputs, targets)
        return float(losses.double().mean())

    if not bool(outputs.isfinite().all()):
        return math.nan, loss(0.0), False
    fit = minimize_scalar(
        loss, bounds=(_LOWEST, _HIGHEST), method="bounded", options={"xatol": _TOLERANCE}
    )
    for bound in (_LOWEST, _HIGHEST):  # The search ends inside of them, and on a level anywhere.
        if (least := loss(bound)) <= fit.fun:
            return math.exp(bound), least, True
    return math.exp(fit.x), float(fit.fun), False
