"""Measure the loss along a path between two solutions, and the path's barrier."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch

from landscape.measurement import Measurement, conditions
from landscape.network.batchnorm import Buffers
from landscape.objective import Evaluation, Objective
from landscape.progress import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PathPositions = Sequence[float] | torch.Tensor | int


@dataclasses.dataclass(frozen=True)
class Path(Measurement):
    """Loss and accuracy along a path θ(t) from θ₀ at t = 0 to θ₁ at t = 1.

    Barriers of all kinds of paths are measured above the same chord, the linear interpolation in t
    of the ends' losses. On a curve t is the curve's parameter, not the length walked.

    Attributes:
        ts: Positions (t,) from 0 to 1, float64.
        loss: Mean loss at each position, (t,), float64; infinity and NaN are kept.
        accuracy: Accuracy at each position, (t,), float64.
        barrier: max over t of L(θ_t) - (1-t) L(θ₀) - t L(θ₁), in units of the loss; NaN if a loss
            on the path is not finite.
        barrier_above_mean: max over t of L(θ_t) minus the mean of the ends' losses (Ainsworth et
            al. 2023); equal to ``barrier`` only if the ends' losses are equal.
        error_barrier: ``barrier`` of the error, 1 - accuracy, in place of the loss.
        position: The t at which ``barrier`` is attained; NaN where ``barrier`` is NaN.
        kind: ``straight``, ``bezier``, ``chain`` or ``repaired`` (straight, with each unit's
            statistics restored; ``bn`` is then ``repaired`` too).
        length: Length in units of ‖θ₁ - θ₀‖₂: 1 for a straight path; NaN for a repaired path.
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

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        quantity: Literal["loss", "accuracy"] = "loss",
        label: str | None = None,
        **style: Any,
    ) -> "Axes":
        """Draw loss or accuracy against t, with the chord and the barrier above it.

        The chord, dotted, joins the values at the ends; the barrier is the vertical line from it
        to the curve. On a new figure the legend gives the barrier, of the error for accuracies. A
        value that is not finite is a gap with a cross at the upper edge; then there is no barrier.

        Args:
            ax: Axes to draw on, in the reader's style; None makes a figure in the library's style,
                which is the axes' ``figure``.
            quantity: What to draw.
            label: Name of the curve in the legend; None takes ``kind`` on a new figure.
            style: Further arguments of matplotlib's ``plot``.

        Returns:
            The axes: ``path.plot().figure.savefig("path.png")``.

        Raises:
            ValueError: If the quantity is unknown.
        """
        # Imported here: plots stand above all results, which are used without matplotlib too.
        from landscape.plots.cuts import draw_path

        return draw_path(self, ax, quantity=quantity, label=label, **style)


def positions(ts: PathPositions) -> torch.Tensor:
    """Return the positions of a path (t,), float64, from 0 to 1.

    Args:
        ts: Positions that increase from 0 to 1, at least 3; or their number, evenly spaced.

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
        objective: Objective on the path's examples; it labels the result.
        ts: Positions (t,), as ``positions`` returns them.
        evaluate: t -> loss and accuracy at t, on the objective's examples.
        kind: Kind of the path, see ``Path``.
        length: Length of the path, in units of the distance of its ends.

    Returns:
        The path with its barriers.
    """
    rows = []
    with Progress(f"{kind} path ({objective.bn})", len(ts)) as bar:
        for t in ts.tolist():
            evaluation = evaluate(t)
            rows.append((evaluation.loss, evaluation.accuracy))
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
        **conditions(objective),
    )


def _above_chord(ts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    # All NaN where a value is not finite: a maximum over the rest would hide the worst point.
    if not bool(torch.isfinite(values).all()):
        return torch.full_like(values, float("nan"))
    return values - (1 - ts) * values[0] - ts * values[-1]


def between_buffers(start: Objective, end: Objective, t: float) -> Buffers:
    """Return the buffers at t: running statistics interpolated linearly, counts as at the start.

    Args:
        start: Objective of the first solution.
        end: Objective of the second solution.
        t: Position from 0 to 1; at 0 and 1 the statistics are the ends' own, bit for bit.
    """
    return {
        name: torch.lerp(buffer, end.buffers[name], t) if buffer.is_floating_point() else buffer
        for name, buffer in start.buffers.items()
    }


def check_ends(start: Objective, end: Objective) -> None:
    """Raise ValueError unless two objectives are different points of one landscape.

    Args:
        start: Objective of the first solution.
        end: Objective of the second solution.

    Raises:
        ValueError: If they differ in architecture, examples or options, or are the same point.
    """
    if start.layout != end.layout:
        raise ValueError(
            f"the two solutions have different parameters (n = {start.n} and {end.n}). "
            "Pass two solutions of one architecture."
        )
    if torch.equal(start.theta, end.theta):
        raise ValueError(
            "both solutions are the same point: there is no path between them. "
            "Pass two different solutions."
        )
    if different := start.differs(end):
        raise ValueError(
            f"the two objectives differ: {start.num_examples} examples, bn={start.bn!r}, "
            f"{start.dtype}; and {end.num_examples} examples, bn={end.bn!r}, {end.dtype}. "
            f"They do not have the same {', '.join(different)}. Build both from one architecture "
            "and the same examples with the same options."
        )
