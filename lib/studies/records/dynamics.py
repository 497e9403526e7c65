"""Recorded dynamics: curvature along training, beside the optimizer's stability threshold."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.dynamics.gradient_noise import batch_sharpness
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.objective import Objective
from landscape.operators import SymmetricOperator
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.training.optimizers import SGD
from landscape.training.run import Run

from studies.collection import Results
from studies.identity import plain
from studies.quantities import PER_PARAMETER
from studies.recorder import Recorder
from studies.recording import Recording, Request
from studies.records.geometry import fault, record_missing
from studies.runs import RecordedRun, Runs
from studies.solutions import Solution
from studies.tasks import Examples
from studies.trajectories import (
    Curvature,
    CurvatureSnapshot,
    CurvatureTrajectory,
    from_part,
    rows,
)


def trajectories(
    recording: Recording,
    runs: Runs,
    examples: Examples,
    *,
    steps: Sequence[int],
    batch_size: int | None = None,
    rtol: float = 0.05,
    **options: Any,
) -> Results[CurvatureTrajectory]:
    """Measure curvature at the snapshots of training runs, and record it; a run is an entry.

    Rows of ``dynamics`` hold, for each snapshot, λ_max, for adaptive optimizers also the largest
    eigenvalue of P⁻¹H, and the batch sharpness, each beside its threshold. A run that diverged has
    its snapshots before that, and a last row that says so. Recorded for each run are ``edge_ratio``
    and, with a batch size, ``batch_edge_ratio``: the medians over the last third of the snapshots
    of the ratio of curvature (batch sharpness) to threshold; and ``edge_peak``, the largest ratio
    of curvature to threshold at any snapshot.

    Args:
        recording: The record of the study.
        runs: (arm, seed) -> run; its seed also draws the mini-batches.
        examples: Where curvature is measured: descent concerns the loss on all training examples.
        steps: Snapshots to measure.
        batch_size: Examples in a mini-batch, as in training; None measures no batch sharpness.
        rtol: Relative standard error of the batch sharpness.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> curvature along the run.

    Raises:
        ValueError: If no steps are given, an optimizer has no threshold (``stability.threshold``),
            or a run lacks a snapshot that it reached.

    Reference: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the Edge
        of Stability, ICLR.
    """
    if not steps:
        raise ValueError("no steps were given. Pass steps among TrainConfig.snapshots to measure.")
    descents = {key: _Descent(run) for key, run in runs.items()}
    batches = None if batch_size is None else {"batch_size": batch_size, "rtol": rtol}
    requests = []
    for (arm, seed), descent in descents.items():
        measuring = _Measuring(descent, examples, sorted(set(steps)), batches, options)
        requests.append(
            Request(
                identity=measuring.identity,
                labels={"arm": str(arm), **arm.factors, "seed": seed},
                compute=measuring,
                networks=[(descent.run.config, descent.run.task)],
            )
        )
    parts = recording.step("dynamics", requests)
    absent = sum(part is None for part in parts)
    return Results(
        {
            key: from_part(part, runs[key])
            for key, part in zip(runs, parts, strict=True)
            if part is not None
        },
        missing=[f"curvature along {absent} of {len(parts)} runs"] if absent else (),
    )


def stability_threshold(recorder: Recorder, solution: Solution) -> None:
    """Record ``threshold``: the curvature above which full-batch steps of the optimizer grow."""
    limit = threshold(solution.config.optimizer)
    recorder.add(
        "threshold", limit, unit="1 per parameter" if _adaptive(solution) else PER_PARAMETER
    )


def _adaptive(measured: RecordedRun | Solution) -> bool:
    return is_adaptive(measured.config.optimizer)


class _Descent:
    """The learning rate and the stability thresholds of a run's optimizer at each step."""

    def __init__(self, run: RecordedRun) -> None:
        self.run, self._optimizer = run, run.config.optimizer
        self._per_epoch = -(-run.task.train_size // run.config.batch_size)
        self._steps = run.config.epochs * self._per_epoch
        self.adaptive = _adaptive(run)
        threshold(self._optimizer)  # Refuse one without a threshold before anything is computed.

    def steps_before_divergence(self, steps: Sequence[int]) -> list[int]:
        end = math.inf if self.run.diverged_at is None else self.run.diverged_at
        return [step for step in steps if step < end]

    def epoch(self, step: int) -> float:
        return step / self._per_epoch

    def threshold(self, step: int) -> float:
        return threshold(self._optimizer, factor=self._factor(step), step=max(step, 1))

    def batch_threshold(self, step: int) -> float:
        if not isinstance(self._optimizer, SGD):
            return math.nan
        return 2 / (self._factor(step) * self._optimizer.learning_rate)

    def _factor(self, step: int) -> float:
        """Return the schedule's factor of the next step; at the end, of the last step."""
        return self.run.config.schedule.factor(
            min(step, self._steps - 1), steps=self._steps, steps_per_epoch=self._per_epoch
        )


@dataclasses.dataclass(frozen=True)
class _Measuring:
    """Measures and records the curvature along one run."""

    descent: _Descent
    examples: Examples
    steps: Sequence[int]
    batches: Mapping[str, Any] | None
    options: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the curvatures, as plain values."""
        return {
            "run": self.descent.run.identity,
            "examples": self.examples.identity,
            "steps": list(self.steps),
            "batches": plain(self.batches),
            "options": {name: str(value) for name, value in self.options.items()},
        }

    def __call__(self, recorder: Recorder) -> None:
        run, snapshots, L = self.descent.run.live(), [], None
        for step in self.descent.steps_before_divergence(self.steps):
            L = Objective(run.model(step=step), self.examples.tensors, **self.options)
            snapshots.append(self._measure(recorder, L, run, step))
            recorder.table("dynamics", rows(snapshots[-1], adaptive=self.descent.adaptive))
        diverged_at = self.descent.run.diverged_at
        if diverged_at is not None:
            end = {"step": diverged_at, "epoch": self.descent.epoch(diverged_at)}
            recorder.table("dynamics", [{**end, "converged": False, "note": "the run diverged"}])
        _record_summaries(recorder, snapshots, L, self.batches is not None, diverged_at)

    def _measure(self, recorder: Recorder, L: Objective, run: Run, step: int) -> CurvatureSnapshot:
        """Measure the curvatures at one snapshot; without batches no batch sharpness."""
        hessian, limit = L.hessian(L.theta), self.descent.threshold(step)
        edge = lambda_max = self._largest(recorder, hessian, limit)
        if self.descent.adaptive:
            # The threshold belongs to P⁻¹H, so λ_max has none to be compared with.
            lambda_max = dataclasses.replace(lambda_max, threshold=math.nan)
            edge = Curvature(threshold=limit)
            if step > 0:  # Before the first step there is nothing to divide by.
                d = preconditioner(run, step=step)
                edge = self._largest(recorder, hessian.scaled(d), limit)
        batch = None
        if self.batches is not None:
            sharpness = recorder.store.remember(
                batch_sharpness, L, L.theta, seed=run.config.seed, **self.batches
            )
            batch = Curvature(
                sharpness.value,
                sharpness.stderr,
                self.descent.batch_threshold(step),
                sharpness.converged,
                sharpness.products,
            )
        return CurvatureSnapshot(
            step=step,
            epoch=self.descent.epoch(step),
            lambda_max=lambda_max,
            edge=edge,
            batch_sharpness=batch,
        )

    def _largest(self, recorder: Recorder, operator: SymmetricOperator, limit: float) -> Curvature:
        """Return the operator's largest eigenvalue beside its threshold."""
        try:
            pairs = recorder.store.remember(eigenpairs, operator)
        except OperatorError as error:
            # Shortly before a run diverges products overflow; where units died they are rounding.
            fault(error)
            return Curvature(threshold=limit)
        residual, converged = float(pairs.residuals[0]), bool(pairs.converged[0])
        return Curvature(pairs.largest, residual, limit, converged, pairs.products)


def _record_summaries(
    recorder: Recorder,
    snapshots: Sequence[CurvatureSnapshot],
    L: Objective | None,
    batches: bool,
    diverged_at: int | None,
) -> None:
    """Record the summaries of a run's ratios."""
    # Before its first step an adaptive optimizer has no ratio; that is no failure.
    begun = [snapshot for snapshot in snapshots if snapshot.step or snapshot.edge.products]
    late = snapshots[-math.ceil(len(snapshots) / 3) :]
    summaries: dict[str, tuple[Callable[..., Any], str, Sequence[CurvatureSnapshot], str]] = {
        "edge_ratio": (np.median, "edge", late, "residual"),
        "edge_peak": (np.max, "edge", begun or snapshots, "residual"),
    }
    if batches:
        summaries["batch_edge_ratio"] = (np.median, "batch_sharpness", late, "standard error")
    if diverged_at is not None:
        record_missing(recorder, list(summaries), note=f"diverged at step {diverged_at}")
        return
    for quantity, (summarize, name, chosen, kind) in summaries.items():
        curvatures = [getattr(snapshot, name) for snapshot in chosen]
        _record_ratio(recorder, quantity, summarize, curvatures, L, error_kind=kind)


def _record_ratio(
    recorder: Recorder,
    quantity: str,
    summarize: Callable[..., Any],
    curvatures: Sequence[Curvature],
    L: Objective | None,
    **columns: Any,
) -> None:
    """Record a summary of curvatures over their thresholds."""
    recorder.add_measurement(
        quantity,
        float(summarize([curvature.ratio for curvature in curvatures])),  # NaN prevails.
        L,
        unit="share of the threshold",
        error=float(np.max([curvature.error / curvature.threshold for curvature in curvatures])),
        converged=all(curvature.converged for curvature in curvatures),
        cost=sum(curvature.products for curvature in curvatures),
        cost_unit="products",
        **columns,
    )
