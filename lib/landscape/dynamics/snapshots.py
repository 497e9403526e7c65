"""Keep snapshots of a training run: when they are taken, and how much memory they may use."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch

from landscape import arguments

MOST_SNAPSHOTS = 200  # Of one run: more add memory and little shape to a path.
_BLOCK = 2**15  # Parameters whose snapshots are in float64 at one time.
_DTYPES = {"float32": torch.float32, "float16": torch.float16}

Dtype = Literal["float32", "float16"]


def snapshot_steps(last: int, *, even: int = 101, early: int = 40) -> tuple[int, ...]:
    """Return the steps at which to take snapshots: evenly spaced ones, and some early ones.

    Training changes most at its beginning, which even steps miss; shares of principal components
    are comparable with those of a random walk at even steps alone. So take the components of the
    even snapshots, and look at the loss at all of them.

    Args:
        last: The last step, at least 1.
        even: Number of evenly spaced steps, from 0 to the last, at least 2.
        early: Number of steps with even logarithms, from 1 to the last; 0 for none.

    Returns:
        The steps in increasing order; equal ones count once.

    Raises:
        ValueError: If a number is too small, or there would be more than 200 snapshots.

    Example:
        >>> from landscape import dynamics
        >>> dynamics.snapshot_steps(100, even=5, early=4)
        (0, 1, 5, 22, 25, 50, 75, 100)
    """
    arguments.check(snapshot_steps, locals())
    if last < 1 or even < 2 or early < 0 or even + early > MOST_SNAPSHOTS:
        raise ValueError(
            f"last={last}, even={even}, early={early} make no schedule. Pass last >= 1, even >= 2 "
            f"and early >= 0, together at most {MOST_SNAPSHOTS} snapshots."
        )
    evenly = {round(last * k / (even - 1)) for k in range(even)}
    spread = max(early - 1, 1)
    return tuple(sorted(evenly | {round(last ** (k / spread)) for k in range(early)}))


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """Snapshots of one training run, as displacements from its start.

    Attributes:
        steps: Steps taken at each snapshot; the first is 0.
        start: Parameters θ₀ at step 0, (n,).
        deltas: (θ_t − θ₀) / scale, (t, n), float32 or float16; the first is 0.
        scales: The scale of each snapshot, (t,), float64: 1 for float32, the largest entry for
            float16, whose smallest numbers are too large for the displacements of early steps.
    """

    steps: tuple[int, ...]
    start: torch.Tensor
    deltas: torch.Tensor
    scales: torch.Tensor

    @property
    def n(self) -> int:
        """Number of parameters."""
        return self.start.numel()

    @property
    def finite(self) -> bool:
        """Whether all snapshots are finite; those of a run that diverged are not."""
        return all(bool(block.isfinite().all()) for _, block in self.blocks())

    def displacement(self, step: int) -> torch.Tensor:
        """Return θ_t − θ₀ at a snapshot, (n,), float64.

        Args:
            step: The step of the snapshot.

        Raises:
            ValueError: If there is none at this step.
        """
        index = self._index(step)
        return self.deltas[index].double() * self.scales[index]

    def point(self, step: int) -> torch.Tensor:
        """Return the parameters θ_t at a snapshot, (n,), float64.

        Args:
            step: The step of the snapshot.

        Raises:
            ValueError: If there is none at this step.
        """
        return self.start.double() + self.displacement(step)

    def at(self, steps: Sequence[int]) -> "Trajectory":
        """Return the part with some snapshots.

        Args:
            steps: Their steps, in increasing order, from 0 on.

        Raises:
            ValueError: If one is missing, or the first is not 0.
        """
        if not steps or steps[0] != 0:
            raise ValueError(
                f"steps={list(steps)[:5]}: a trajectory begins at step 0, from which displacements "
                "are measured. Name it first."
            )
        chosen = [self._index(step) for step in steps]
        return Trajectory(tuple(steps), self.start, self.deltas[chosen], self.scales[chosen])

    def blocks(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield the displacements of some parameters at a time, (t, block), float64."""
        for first in range(0, self.n, _BLOCK):
            entries = slice(first, first + _BLOCK)
            yield entries, self.deltas[:, entries].double() * self.scales[:, None]

    def gram(self) -> torch.Tensor:
        """Return the inner products of the displacements from the start, (t, t), float64."""
        total = torch.zeros(len(self.steps), len(self.steps), dtype=torch.float64)
        for _, block in self.blocks():
            total += block @ block.T
        return total

    def _index(self, step: int) -> int:
        if step not in self.steps:
            raise ValueError(
                f"there is no snapshot at step {step}: this trajectory has {len(self.steps)}, at "
                f"{list(self.steps[:4])} ... {self.steps[-1]}. Name the step in its schedule."
            )
        return self.steps.index(step)


@dataclasses.dataclass(frozen=True, eq=False)
class TrajectoryRecorder:
    """Takes snapshots after chosen steps of an optimizer; it can be a hook of ``Hooked``.

    Attributes:
        steps: Steps after which snapshots are taken, increasing; the first is 0.
        dtype: ``float32`` or ``float16``: type of the displacements that are kept. A snapshot of n
            parameters takes 4 n or 2 n bytes.

    Raises:
        ValueError: If the steps are not increasing from 0, there are more than 200, or the type is
            another one.
    """

    steps: tuple[int, ...]
    dtype: Dtype = "float32"

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        if not steps or steps[0] != 0 or any(a >= b for a, b in itertools.pairwise(steps)):
            raise ValueError(
                f"steps={list(steps)[:5]}: name increasing steps from 0 on, such as "
                "dynamics.snapshot_steps(last)."
            )
        if len(steps) > MOST_SNAPSHOTS or self.dtype not in _DTYPES:
            raise ValueError(
                f"{len(steps)} snapshots in {self.dtype!r}: at most {MOST_SNAPSHOTS} are kept, in "
                "'float32' or 'float16'. dynamics.snapshot_steps(last) fits."
            )
        object.__setattr__(self, "steps", steps)
        # No field: settings identify a recorder, also within the config of a run.
        object.__setattr__(self, "_snapshots", None)

    def __call__(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the first snapshot now, and the others after steps of the optimizer."""
        if self._taken() is not None:
            raise ValueError(
                "this recorder already belongs to an optimizer. Make one for each training run."
            )
        object.__setattr__(self, "_snapshots", _Snapshots(self, optimizer))

    def close(self) -> None:
        """Stop recording; what was recorded stays."""
        if (taken := self._taken()) is not None:
            taken.handle.remove()

    @property
    def trajectory(self) -> Trajectory:
        """The snapshots so far.

        Raises:
            ValueError: If the recorder belongs to no optimizer yet.
        """
        if (taken := self._taken()) is None:
            raise ValueError("nothing was recorded. Call the recorder with the optimizer first.")
        return Trajectory(
            self.steps[: len(taken.deltas)],
            taken.start,
            torch.stack(taken.deltas),
            torch.tensor(taken.scales, dtype=torch.float64),
        )

    def _taken(self) -> "_Snapshots | None":
        return vars(self)["_snapshots"]


class _Snapshots:
    """The snapshots that a recorder has taken from an optimizer."""

    def __init__(self, recorder: TrajectoryRecorder, optimizer: torch.optim.Optimizer) -> None:
        self._steps, self._dtype = recorder.steps, _DTYPES[recorder.dtype]
        self._parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._count = 0
        self.start = self._theta()
        self.deltas: list[torch.Tensor] = []
        self.scales: list[float] = []
        self._keep()
        self.handle = optimizer.register_step_post_hook(self._after)

    def _theta(self) -> torch.Tensor:
        flat = torch.cat([p.detach().reshape(-1) for p in self._parameters])
        return flat.to("cpu", copy=True)

    def _after(self, *_: Any) -> None:
        self._count += 1
        if len(self.deltas) < len(self._steps) and self._count == self._steps[len(self.deltas)]:
            self._keep()

    def _keep(self) -> None:
        delta = self._theta() - self.start
        largest = float(delta.abs().max()) if self._dtype == torch.float16 else 1.0
        scale = largest if largest > 0 else 1.0
        self.deltas.append((delta / scale).to(self._dtype))
        self.scales.append(scale)


def record_trajectory(
    optimizer: torch.optim.Optimizer,
    steps: Sequence[int],
    *,
    dtype: Dtype = "float32",
) -> TrajectoryRecorder:
    """Record snapshots while a training loop of your own runs: it needs no change.

    Args:
        optimizer: Its optimizer, before the first step.
        steps: Steps after which snapshots are taken, increasing from 0, at most 200.
        dtype: ``float32`` or ``float16``, as for ``TrajectoryRecorder``.

    Returns:
        The recorder: its ``trajectory`` grows, ``close`` ends it.

    Raises:
        ValueError: As of ``TrajectoryRecorder``.

    Example:
        >>> import torch
        >>> from landscape import data, dynamics, models
        >>> digits = data.load("digits")
        >>> model = models.MLP(hidden=(8,)).build(digits.shape, digits.classes, seed=0)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> recorder = dynamics.record_trajectory(optimizer, range(5))
        >>> for _ in range(4):
        ...     inputs, targets = digits.first(64)
        ...     optimizer.zero_grad()
        ...     torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        ...     optimizer.step()
        >>> components = dynamics.path_components(recorder.trajectory, k=2)
        >>> bool(components.explained[0] > 0.9)  # Full-batch steps: nearly a straight line.
        True
    """
    recorder = TrajectoryRecorder(tuple(steps), dtype)
    recorder(optimizer)
    return recorder
