"""Are two solutions connected? Loss along the straight path between them, and its barrier."""

import dataclasses
import math
from collections.abc import Sequence

import torch

from landscape.measurement import Measurement, labels
from landscape.objective import Objective
from landscape.progress import Progress


@dataclasses.dataclass(frozen=True)
class Path(Measurement):
    """Loss and accuracy along (1 - t) θ₀ + t θ₁.

    Attributes:
        ts: Positions (t,) from 0 to 1.
        loss: Mean loss at each, (t,), float64; infinity and NaN are kept.
        accuracy: Accuracy at each, (t,).
        barrier: max over t of L(θ_t) - (1-t) L(θ₀) - t L(θ₁), in units of the loss; NaN if a loss
            on the path is not finite.
        barrier_above_mean: max over t of L(θ_t) minus the mean of the ends' losses (Ainsworth
            2023); equal to the former only at equal ends.
        error_barrier: The first barrier with the error, 1 - accuracy, in place of the loss.
        position: The t of ``barrier``; NaN where that is.
    """

    ts: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    barrier: float
    barrier_above_mean: float
    error_barrier: float
    position: float


def linear_barrier(
    start: Objective, end: Objective, *, ts: Sequence[float] | torch.Tensor | int = 25
) -> Path:
    """Measure the straight path between two solutions and its barrier.

    Under the policy ``frozen`` running statistics are interpolated like the weights, which is what
    averaging two state dicts does: both ends are then the networks as trained. ``batch`` and
    ``reestimate`` need no statistics of the ends.

    Args:
        start: Objective of the first solution; its theta is t = 0.
        end: Objective of the second, on the same examples and with the same options.
        ts: Positions, from 0 to 1 with both; or how many, evenly spaced.

    Raises:
        ValueError: If the two differ in architecture, examples or options, if they are the same
            point, or if the positions do not run from 0 to 1.

    Reference: Frankle et al. (2020), Linear Mode Connectivity and the Lottery Ticket Hypothesis.
    """
    _check(start, end)
    ts = torch.linspace(0, 1, ts, dtype=torch.float64) if isinstance(ts, int) else ts
    ts = torch.as_tensor(ts, dtype=torch.float64)
    if len(ts) < 3 or ts[0] != 0 or ts[-1] != 1 or not bool((ts.diff() > 0).all()):
        raise ValueError(
            f"positions {ts.tolist()[:4]}... are no path. Pass at least 3, increasing from 0 to 1."
        )
    rows = []
    with Progress(f"path ({start.bn})", len(ts)) as bar:
        for t in ts.tolist():
            # lerp gives both ends exactly, which start + t * (end - start) does not.
            theta = torch.lerp(start.theta, end.theta, t)
            found = start.evaluate(theta, buffers=_between_buffers(start, end, t))
            rows.append((found.loss, found.accuracy))
            bar.step()
    loss, accuracy = torch.tensor(rows, dtype=torch.float64).T
    excess, error_excess = _above_chord(ts, loss), _above_chord(ts, 1 - accuracy)
    return Path(
        ts=ts,
        loss=loss.clone(),
        accuracy=accuracy.clone(),
        barrier=float(excess.max()),
        barrier_above_mean=float((loss - (loss[0] + loss[-1]) / 2).max()),
        error_barrier=float(error_excess.max()),
        position=float(ts[excess.argmax()]) if bool(torch.isfinite(excess).all()) else math.nan,
        **labels(start),
    )


def _above_chord(ts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    if not bool(torch.isfinite(values).all()):
        return torch.full_like(values, float("nan"))
    return values - (1 - ts) * values[0] - ts * values[-1]


def _between_buffers(start: Objective, end: Objective, t: float) -> dict[str, torch.Tensor]:
    return {
        name: torch.lerp(buffer, end.buffers[name], t) if buffer.is_floating_point() else buffer
        for name, buffer in start.buffers.items()
    }


def _check(start: Objective, end: Objective) -> None:
    if start.layout != end.layout:
        raise ValueError(
            f"the two solutions have different parameters (n = {start.n} and {end.n}). "
            "A path needs two solutions of one architecture."
        )
    if torch.equal(start.theta, end.theta):
        raise ValueError("both solutions are the same point: there is no path between them.")
    if different := start.differs(end):
        raise ValueError(
            f"the two objectives differ: {start.num_examples} examples, bn={start.bn!r}, "
            f"{start.dtype} and {end.num_examples} examples, bn={end.bn!r}, {end.dtype}, not the "
            f"same {', '.join(different)}. Build both from one architecture and the same examples "
            "with the same options."
        )
