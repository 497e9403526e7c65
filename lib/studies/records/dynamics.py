"""Records of dynamics: curvature along training, beside the optimizer's stability threshold."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.dynamics.gradient_noise import batch_sharpness
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.operators import SymmetricOperator
from landscape.spectrum.eigenpairs import eigenpairs
from landscape.spectrum.krylov import OperatorError
from landscape.training.optimizers import SGD
from landscape.training.run import Run

from studies.arms import Runs
from studies.records import solutions
from studies.study import Study

_COLUMNS = (
    "step",
    "epoch",
    "lambda_max",
    "residual",
    "preconditioned",
    "threshold",
    "ratio",
    "converged",
    "batch_sharpness",
    "stderr",
    "batch_ratio",
    "note",
)


@dataclasses.dataclass(frozen=True)
class Curvature:
    """A curvature, and the threshold at which descent loses stability.

    Attributes:
        value: The curvature; NaN where there is none.
        error: Its residual or standard error, in the same unit.
        threshold: Curvature above which steps grow, in the same unit; NaN where none is known.
        converged: Whether the curvature converged.
        products: Products with a Hessian used.
    """

    value: float = math.nan
    error: float = math.nan
    threshold: float = math.nan
    converged: bool = False
    products: int = 0

    @property
    def ratio(self) -> float:
        """Curvature over threshold."""
        return self.value / self.threshold


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvatureSnapshot(Measurement):
    """Curvature at one snapshot of a run.

    Attributes:
        step: Steps taken.
        epoch: Epochs taken; may be a fraction.
        lambda_max: λ_max of the Hessian, in loss per parameter².
        edge: The curvature that decides whether full-batch steps grow, beside its threshold at the
            learning rate of this step (the edge of stability). For SGD it is λ_max; for an adaptive
            optimizer the largest eigenvalue of P⁻¹H, in 1 per parameter, and NaN before its first
            step, when there is no P.
        batch_sharpness: Batch sharpness in loss per parameter², beside 2/η with the learning rate η
            of this step where the optimizer is SGD; None where it was not asked for.
    """

    step: int
    epoch: float
    lambda_max: Curvature
    edge: Curvature
    batch_sharpness: Curvature | None


@dataclasses.dataclass(frozen=True)
class CurvatureTrajectory:
    """Curvature along one run.

    Attributes:
        snapshots: Curvature at each snapshot, in order; for a run that diverged, at those before it
            did.
        diverged_at: The step at which the run diverged; None if it did not.
    """

    snapshots: tuple[CurvatureSnapshot, ...]
    diverged_at: int | None


def record_dynamics(
    study: Study,
    runs: Runs,
    examples: tuple,
    *,
    steps: Sequence[int],
    batch_size: int | None = None,
    rtol: float = 0.05,
    train_size: int | None = None,
    **options: Any,
) -> dict[tuple[str, int], CurvatureTrajectory]:
    """Measure, through the store, curvature at the snapshots of training runs, and record it.

    Rows of ``dynamics.csv`` hold at each snapshot λ_max, for adaptive optimizers also the largest
    eigenvalue of P⁻¹H, the threshold, the ratio of the two, and the batch sharpness. A run that
    diverged has its snapshots before that, and a last row that says so. Recorded for each run are
    ``edge_ratio`` and, with a batch size, ``batch_edge_ratio``: the medians of the two ratios over
    the last third of the snapshots; and ``edge_peak``, the largest first ratio at any snapshot.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run; the seed also draws the mini-batches.
        examples: Inputs and targets of training: descent concerns their loss alone.
        steps: Snapshots to measure.
        batch_size: Examples in a mini-batch, as in training; None measures no batch sharpness.
        rtol: Relative standard error of the batch sharpness.
        train_size: Training examples of the runs, for epochs and schedules; None takes the number
            of ``examples``.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> curvature along the run.

    Raises:
        ValueError: If no steps are given, an optimizer has no threshold (``stability.threshold``),
            a run lacks a snapshot that it reached, or ``train_size`` contradicts the number of
            steps that a run took.

    Reference: Cohen et al. (2021), Gradient Descent on Neural Networks Typically Occurs at the Edge
        of Stability, ICLR.
    """
    if not steps:
        raise ValueError("no steps were given. Pass steps among TrainConfig.snapshots to measure.")
    count = len(examples[1]) if train_size is None else train_size
    descents = {key: _Descent(run, count) for key, run in runs.items()}
    batches = None if batch_size is None else {"batch_size": batch_size, "rtol": rtol}
    trajectories = {}
    for (arm, seed), descent in descents.items():
        seed_batches = None if batches is None else {**batches, "seed": seed}
        snapshots = []
        for step in descent.steps_before_divergence(steps):
            L = Objective(descent.run.model(step=step), examples, **options)
            snapshots.append(_measure(study, L, descent, step, seed_batches))
        trajectory = CurvatureTrajectory(tuple(snapshots), descent.run.diverged_at)
        _record(study, trajectory, descent, batches=batches is not None, arm=arm, seed=seed)
        trajectories[arm, seed] = trajectory
    return trajectories


class _Descent:
    """The learning rate and the stability thresholds of a run's optimizer at each step."""

    def __init__(self, run: Run, train_size: int) -> None:
        self.run, self._optimizer = run, run.config.optimizer
        self._per_epoch = -(-train_size // run.config.batch_size)
        self._steps = run.config.epochs * self._per_epoch
        self.adaptive = is_adaptive(self._optimizer)
        threshold(self._optimizer)  # Refuse one without a threshold before anything is computed.
        if run.diverged_at is None and run.steps != self._steps:
            raise ValueError(
                f"a run took {run.steps} steps, but {run.config.epochs} epochs of {train_size} "
                f"examples in batches of {run.config.batch_size} have {self._steps}. Pass as "
                "train_size how many examples the runs were trained on."
            )

    def steps_before_divergence(self, steps: Sequence[int]) -> list[int]:
        end = math.inf if self.run.diverged_at is None else self.run.diverged_at
        return [step for step in sorted(set(steps)) if step < end]

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


def _measure(
    study: Study, L: Objective, descent: _Descent, step: int, batches: Mapping[str, Any] | None
) -> CurvatureSnapshot:
    """Measure the curvatures at one snapshot; without batches no batch sharpness."""
    hessian, limit = L.hessian(L.theta), descent.threshold(step)
    edge = lambda_max = _largest(study, hessian, limit, descent.run)
    if descent.adaptive:
        # The threshold belongs to P⁻¹H, so λ_max has none to be compared with.
        lambda_max = dataclasses.replace(lambda_max, threshold=math.nan)
        edge = Curvature(threshold=limit)
        if step > 0:  # Before the first step there is nothing to divide by.
            d = preconditioner(descent.run, step=step)
            edge = _largest(study, hessian.scaled(d), limit, descent.run)
    batch = None
    if batches is not None:
        sharpness = study.store.remember(batch_sharpness, L, L.theta, **batches)
        batch = Curvature(
            sharpness.value,
            sharpness.stderr,
            descent.batch_threshold(step),
            sharpness.converged,
            sharpness.products,
        )
    return CurvatureSnapshot(
        step=step,
        epoch=descent.epoch(step),
        lambda_max=lambda_max,
        edge=edge,
        batch_sharpness=batch,
        **conditions(L),
    )


def _largest(study: Study, operator: SymmetricOperator, limit: float, run: Run) -> Curvature:
    """Return the operator's largest eigenvalue beside its threshold."""
    try:
        pairs = study.store.remember(eigenpairs, operator)
    except OperatorError:  # Shortly before a run diverges, products may overflow.
        if run.diverged_at is None:
            raise
        return Curvature(threshold=limit)
    residual, converged = float(pairs.residuals[0]), bool(pairs.converged[0])
    return Curvature(pairs.largest, residual, limit, converged, pairs.products)


def _record(
    study: Study,
    trajectory: CurvatureTrajectory,
    descent: _Descent,
    *,
    batches: bool,
    **labels: Any,
) -> None:
    """Record a run's snapshots as rows, and the summaries of its ratios."""
    snapshots, diverged_at = trajectory.snapshots, trajectory.diverged_at
    rows = [{**labels, **_cells(snapshot, descent)} for snapshot in snapshots]
    if diverged_at is not None:
        last = {"step": diverged_at, "epoch": descent.epoch(diverged_at)}
        last |= {"converged": False, "note": "the run diverged"}
        rows.append({**labels, **dict.fromkeys(_COLUMNS), **last})
    study.table("dynamics", rows)
    # Before its first step an adaptive optimizer has no ratio; that is no failure.
    begun = [snapshot for snapshot in snapshots if snapshot.step or snapshot.edge.products]
    late = snapshots[-math.ceil(len(snapshots) / 3) :]
    summaries = {
        "edge_ratio": (np.median, "edge", late, "residual"),
        "edge_peak": (np.max, "edge", begun or snapshots, "residual"),
    }
    if batches:
        summaries["batch_edge_ratio"] = (np.median, "batch_sharpness", late, "standard error")
    for quantity, (summarize, name, chosen, kind) in summaries.items():
        if diverged_at is None:
            _record_ratio(study, quantity, summarize, name, chosen, error_kind=kind, **labels)
        else:
            solutions.record_missing(study, [quantity], **labels)


def _cells(snapshot: CurvatureSnapshot, descent: _Descent) -> dict[str, Any]:
    """Return the row of a snapshot in ``dynamics.csv``."""
    lambda_max, edge = snapshot.lambda_max, snapshot.edge
    batch = snapshot.batch_sharpness or Curvature()
    values = (
        snapshot.step,
        snapshot.epoch,
        lambda_max.value,
        lambda_max.error,
        edge.value if descent.adaptive else math.nan,
        edge.threshold,
        edge.ratio,
        lambda_max.converged and edge.converged,
        batch.value,
        batch.error,
        batch.ratio,
        "",
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _record_ratio(
    study: Study,
    quantity: str,
    summarize: Callable,
    name: str,
    snapshots: Sequence[CurvatureSnapshot],
    **labels: Any,
) -> None:
    """Record a summary of one curvature's ratios to its threshold over some snapshots."""
    curvatures = [getattr(snapshot, name) for snapshot in snapshots]
    study.add_measurement(
        quantity,
        float(summarize([curvature.ratio for curvature in curvatures])),  # NaN prevails.
        snapshots[-1],
        unit="share of the threshold",
        error=float(np.max([curvature.error / curvature.threshold for curvature in curvatures])),
        converged=all(curvature.converged for curvature in curvatures),
        cost=sum(curvature.products for curvature in curvatures),
        cost_unit="products",
        **labels,
    )
