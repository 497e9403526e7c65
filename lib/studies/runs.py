"""Training runs as their record holds them: curves, gradient norms, and how they ended."""

import dataclasses
import math
from typing import Any

import torch
from landscape.training.config import TrainConfig
from landscape.training.curves import CurveSubset
from landscape.training.run import Run
from torch import nn

from studies.collection import Collection
from studies.identity import run_identity
from studies.recorder import Part
from studies.recording import Recording
from studies.solutions import Solution, Solutions
from studies.tasks import Examples, Task

_CURVES = ("gradient_norm", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
_SUBSET = tuple(field.name for field in dataclasses.fields(CurveSubset))


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedRun:
    """A training run, known by its record; its weights are read or trained when asked for.

    Attributes:
        config: Settings, with the seed.
        task: The data.
        recording: The record of the study.
        measured_at: Planned positions of the measurements in epochs, (measurements,), float64.
        history: Quantity -> values at ``measured_at``, (measurements,), float64, as of a ``Run``; a
            run that diverged has fewer.
        gradients: Gradient norms of the layers' weights, from the input on, (layers, measurements).
        steps: Steps taken.
        diverged_at: Step whose loss or gradient was not finite; None where all were finite.
        parameters: Number of parameters.
        last: ``loss_before`` and ``gradient_norm_before``: the mini-batch loss (nats) and gradient
            norm of the step before the end.
        errors: Loss or accuracy -> standard errors of its values, (measurements,), float64, as
            ``Run.history_errors``; what was always measured on all examples has none.
        subsets: ``train`` or ``test`` -> the examples that its values between the first and the
            last come from, as ``Run.curve_subsets``.
    """

    config: TrainConfig
    task: Task
    recording: Recording
    measured_at: torch.Tensor
    history: dict[str, torch.Tensor]
    gradients: torch.Tensor
    steps: int
    diverged_at: int | None
    parameters: int
    last: dict[str, float]
    errors: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    subsets: dict[str, CurveSubset] = dataclasses.field(default_factory=dict)

    @property
    def diverged(self) -> bool:
        """Whether the run diverged, in its last step too."""
        # A converted record may say how a run ended and hold no history.
        in_last_step = bool(self.history) and not math.isfinite(self.final("train_loss"))
        return self.diverged_at is not None or in_last_step

    @property
    def learned(self) -> bool:
        """Whether the network answers more than twice as often correctly as by guessing.

        A run without a history is not known to have learned.
        """
        return not self.diverged and self.final("test_accuracy") > 2 * self.task.chance

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the run, as plain values."""
        return run_identity(self.config, self.task)

    def final(self, quantity: str) -> float:
        """Return the last value of a quantity of the history; NaN if the record has no history."""
        return float(self.history[quantity][-1]) if self.history else math.nan

    def in_full(self, quantity: str) -> torch.Tensor:
        """Return a quantity's history if all of it was measured on all examples.

        Whatever compares values along training reads them by this: a value of a subset lies off by
        its error, and next to one in full it looks like a rise or a fall.

        Args:
            quantity: Its name, such as ``train_loss``.

        Raises:
            ValueError: If values come from a subset.
        """
        if subset := self.subsets.get(quantity.partition("_")[0]):
            raise ValueError(
                f"{quantity} was measured on {subset.size:,} of {subset.of:,} examples along "
                "training, for a curve to look at. Train with TrainConfig(curve_examples=None) "
                "to compare its values."
            )
        return self.history[quantity]

    def live(self) -> Run:
        """Return the run with its weights.

        Raises:
            NotRecordedError: If this profile trains nothing.
        """
        return self.recording.run(self.config, self.task)

    def model(self, *, step: int | None = None) -> nn.Module:
        """Return the network in eval mode; see ``Run.model``.

        Raises:
            NotRecordedError: If this profile trains nothing.
        """
        return self.live().model(step=step)


def from_part(config: TrainConfig, task: Task, recording: Recording, part: Part) -> RecordedRun:
    """Return the run that an entry of the record describes.

    Args:
        config: Its settings, with the seed.
        task: Its data.
        recording: The record of the study.
        part: The entry that ``records.training`` wrote.
    """
    curves, gradients = part.table("curves"), part.table("gradients")
    (end,) = part.table("runs")
    names = [name for name in _CURVES if any(name in row for row in curves)]
    # Epochs without values are those of the plan that a run which diverged did not reach.
    reached = [row for row in curves if len(row) > 1]
    layers = max((row["layer"] for row in gradients), default=0)
    norms = [
        [row["gradient_norm"] for row in gradients if row["layer"] == layer]
        for layer in range(1, layers + 1)
    ]
    return RecordedRun(
        config,
        task,
        recording,
        measured_at=_tensor([row["epoch"] for row in curves]),
        history={name: _tensor([row.get(name, math.nan) for row in reached]) for name in names},
        gradients=_tensor(norms),
        steps=end["steps"],
        diverged_at=end.get("diverged_at"),
        parameters=end["parameters"],
        last={name: end.get(name, math.nan) for name in ("loss_before", "gradient_norm_before")},
        errors={
            name: _tensor([row.get(f"{name}_error", math.nan) for row in reached])
            for name in names
            if any(f"{name}_error" in row for row in curves)
        },
        subsets={
            split: CurveSubset(**{name: end[f"{split}_curve_{name}"] for name in _SUBSET})
            for split in ("train", "test")
            if f"{split}_curve_size" in end
        },
    )


class Runs(Collection[RecordedRun]):
    """Training runs by (arm, seed)."""

    def solutions(
        self,
        examples: Examples,
        *,
        step: int | None = None,
        at: str | None = None,
        **options: Any,
    ) -> Solutions:
        """Return the networks of the runs, to measure on some examples.

        Args:
            examples: Where losses are measured.
            step: The snapshot to take; a run that diverged after it still has it. None takes the
                end of training.
            at: Name of the moment, a column of the record; None says ``end``, ``start`` or
                ``step N``.
            options: Options of ``Objective``, such as ``bn`` and ``bn_block``.
        """
        moment = at or {None: "end", 0: "start"}.get(step, f"step {step}")
        return Solutions(
            {
                key: Solution(
                    run.config,
                    run.task,
                    run.recording,
                    examples,
                    step=step,
                    at=moment,
                    options=options,
                    missing="" if self._has(run, step) else "the run diverged",
                )
                for key, run in self.items()
            }
        )

    @property
    def sizes(self) -> dict[str, int]:
        """Arm -> number of parameters of its networks."""
        return {arm: run.parameters for (arm, _), run in self.items()}

    @property
    def learned(self) -> dict[str, list[bool]]:
        """Arm -> whether each of its networks learned, in the order of seeds."""
        return {arm: [run.learned for run in group] for arm, group in self.grouped().items()}

    @property
    def configs(self) -> dict[str, TrainConfig]:
        """Arm -> config of its first seed."""
        configs: dict[str, TrainConfig] = {}
        for (arm, _), run in self.items():
            configs.setdefault(arm, run.config)
        return configs

    def grouped(self) -> dict[str, list[RecordedRun]]:
        """Return arm -> its runs, in the order of seeds."""
        groups: dict[str, list[RecordedRun]] = {}
        for (arm, _), run in self.items():
            groups.setdefault(arm, []).append(run)
        return groups

    def diverged(self, arm: str) -> tuple[int, int]:
        """Return how many runs of an arm diverged, and how many runs it has."""
        arm_runs = self.grouped()[arm]
        return sum(run.diverged for run in arm_runs), len(arm_runs)

    @staticmethod
    def _has(run: RecordedRun, step: int | None) -> bool:
        if not run.diverged:
            return True
        return step is not None and (run.diverged_at is None or step < run.diverged_at)


def _tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)
