"""Loss along a path between two solutions, and its barrier above the line between their losses."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch

from landscape.measurement import Measurement, labels
from landscape.network.batchnorm import Buffers
from landscape.objective import Evaluation, Objective
from landscape.progress import Progress

PathPositions = Sequence[float] | torch.Tensor | int


@dataclasses.dataclass(frozen=True)
class Path(Measurement):
    """Loss and accuracy along a path θ(t) from θ₀ at t = 0 to θ₁ at t = 1.

    All kinds of paths are measured against the same chord, the line between the ends' losses by t;
    on a curve t is the curve's parameter, not the length walked.

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
        kind: ``straight``, ``bezier``, ``chain``, or ``repaired``: straight, with each unit's
            statistics restored, to which ``bn`` then belongs as well.
        length: Length in units of ‖θ₁ - θ₀‖₂: 1 for a straight path; NaN for a repaired one.
    """

    ts: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    barrier: float
    barrier_above_mean: float
    error_barrier: float
    position: float
    kind: str = "straight"
    length: float = 1.0


def positions(ts: PathPositions) -> torch.Tensor:
    """Return positions (t,) in float64 from 0 to 1.

    Args:
        ts: Positions, from 0 to 1 with both; or how many, evenly spaced.

    Raises:
        ValueError: If there are fewer than 3, or they do not increase from 0 to 1.
    """
    ts = torch.linspace(0, 1, ts, dtype=torch.float64) if isinstance(ts, int) else ts
    ts = torch.as_tensor(ts, dtype=torch.float64)
    if len(ts) < 3 or ts[0] != 0 or ts[-1] != 1 or not bool((ts.diff() > 0).all()):
        raise ValueError(
            f"positions {ts.tolist()[:4]}... are no path. Pass at least 3, increasing from 0 to 1."
        )
    return ts


def measure_path(
    objective: Objective,
    ts: torch.Tensor,
    evaluate: Callable[[float], Evaluation],
    *,
    kind: str,
    length: float,
) -> Path:
    """Measure loss and accuracy at each position of a path, and the path's barriers.

    Args:
        objective: Where to measure.
        ts: As ``positions`` returns them.
        evaluate: t -> loss and accuracy there, on the objective's examples.
        kind: Kind of path, for the result.
        length: Its length, for the result.
    """
    rows = []
    with Progress(f"{kind} path ({objective.bn})", len(ts)) as bar:
        for t in ts.tolist():
            found = evaluate(t)
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
        kind=kind,
        length=length,
        **labels(objective),
    )


def _above_chord(ts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    if not bool(torch.isfinite(values).all()):
        return torch.full_like(values, float("nan"))
    return values - (1 - ts) * values[0] - ts * values[-1]


def between_buffers(start: Objective, end: Objective, t: float) -> Buffers:
    """Return the buffers at t: running statistics interpolated like weights, counts of the start.

    At t = 1 they are those of the end bit for bit.
    """
    return {
        name: torch.lerp(buffer, end.buffers[name], t) if buffer.is_floating_point() else buffer
        for name, buffer in start.buffers.items()
    }


def check_ends(start: Objective, end: Objective) -> None:
    """Raise ValueError unless two objectives are two points of one landscape."""
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
