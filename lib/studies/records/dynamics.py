"""Dynamics: curvature along training, at its snapshots, beside the optimizer's own threshold."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from landscape.dynamics.gradient_noise import batch_sharpness
from landscape.dynamics.stability import is_adaptive, preconditioner, threshold
from landscape.measurement import Measurement, labels
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
    """A curvature, and the one at which descent loses stability.

    Attributes:
        value: The curvature; NaN where there is none.
        error: Its residual or standard error.
        threshold: Where steps begin to grow, in the same unit; NaN where no line is known.
        converged: Whether the curvature converged.
        products: Products with a Hessian that it took.
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
        epoch: The same in epochs.
        plain: λ_max of the Hessian, in loss per parameter².
        edge: The curvature that decides whether full-batch steps grow, beside its threshold at the
            rate of this step: λ_max, or of an adaptive optimizer that of P⁻¹H, in 1 per parameter;
            NaN before its first step, when there is no P.
        batch: Batch sharpness, beside 2/η with the rate η of this step where the optimizer is SGD;
            None where it was not asked for.
    """

    step: int
    epoch: float
    plain: Curvature
    edge: Curvature
    batch: Curvature | None


@dataclasses.dataclass(frozen=True)
class CurvatureTrajectory:
    """A run as its snapshots show it.

    Attributes:
        moments: One for each snapshot, in order; of a run that diverged those before it did.
        diverged_at: The step at which it diverged; None if it did not.
    """

    moments: tuple[CurvatureSnapshot, ...]
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

    Rows of ``dynamics.csv`` hold λ_max, for adaptive optimizers that of P⁻¹H too, the threshold,
    their ratio and the batch sharpness at each snapshot. A run that diverged has its snapshots
    before, and a last row that says so. Recorded for each run: ``edge_ratio``, and with a batch
    size ``batch_edge_ratio``: the medians of the two ratios over the last third of its snapshots;
    and ``edge_peak``, the largest of the first at any snapshot.

    Args:
        study: Where to record.
        runs: (arm, seed) -> run; the seed is also that of the mini-batches.
        examples: Inputs and targets, those of training: what is descended is their loss alone.
        steps: Snapshots to measure.
        batch_size: Examples in a mini-batch, that of training; None measures no batch sharpness.
        rtol: Relative standard error of the batch sharpness.
        train_size: Training examples of the runs, for epochs and schedules; None: ``examples`` are
            all of them.
        options: Options of ``Objective``.

    Returns:
        (arm, seed) -> what was measured.

    Raises:
        ValueError: If no steps are given, an optimizer has no threshold (``stability.threshold``),
            a run lacks a snapshot that it reached, or ``train_size`` does not make the steps that
            a run took.
    """
    if not steps:
        raise ValueError("no steps were given. Pass those of TrainConfig.snapshots to measure.")
    count = len(examples[1]) if train_size is None else train_size
    descents = {key: _Descent(run, count) for key, run in runs.items()}
    how = None if batch_size is None else {"batch_size": batch_size, "rtol": rtol}
    found = {}
    for (arm, seed), descent in descents.items():
        moments = []
        for step in descent.before_its_end(steps):
            L = Objective(descent.run.model(step=step), examples, **options)
            moments.append(_moment(study, L, descent, step, how and {**how, "seed": seed}))
        found[arm, seed] = CurvatureTrajectory(tuple(moments), descent.run.diverged_at)
        _record(study, found[arm, seed], descent, batches=how is not None, arm=arm, seed=seed)
    return found


class _Descent:
    """A run's optimizer at each of its steps."""

    def __init__(self, run: Run, train_size: int) -> None:
        self.run, self._optimizer = run, run.config.optimizer
        self._per_epoch = -(-train_size // run.config.batch_size)
        self._steps = run.config.epochs * self._per_epoch
        self.adaptive = is_adaptive(self._optimizer)
        threshold(self._optimizer)  # One that has none is refused before anything is computed.
        if run.diverged_at is None and run.steps != self._steps:
            raise ValueError(
                f"a run took {run.steps} steps, but {run.config.epochs} epochs of {train_size} "
                f"examples in batches of {run.config.batch_size} have {self._steps}. Pass as "
                "train_size how many examples the runs were trained on."
            )

    def before_its_end(self, steps: Sequence[int]) -> list[int]:
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
        """Return the schedule's factor of the step that follows; after the last, the last's."""
        of = {"steps": self._steps, "steps_per_epoch": self._per_epoch}
        return self.run.config.schedule.factor(min(step, self._steps - 1), **of)


def _moment(
    study: Study, L: Objective, descent: _Descent, step: int, batches: Mapping[str, Any] | None
) -> CurvatureSnapshot:
    hessian, line = L.hessian(L.theta), descent.threshold(step)
    edge = plain = _largest(study, hessian, line, descent.run)
    if descent.adaptive:
        edge, plain = Curvature(threshold=line), dataclasses.replace(plain, threshold=math.nan)
        if step > 0:  # Before, there is nothing to divide by.
            d = preconditioner(descent.run, step=step)
            edge = _largest(study, hessian.scaled(d), line, descent.run)
    batch = None
    if batches is not None:
        found = study.store.remember(batch_sharpness, L, L.theta, **batches)
        line = descent.batch_threshold(step)
        batch = Curvature(found.value, found.stderr, line, found.converged, found.products)
    at = {"step": step, "epoch": descent.epoch(step)}
    return CurvatureSnapshot(plain=plain, edge=edge, batch=batch, **at, **labels(L))


def _largest(study: Study, operator: SymmetricOperator, line: float, run: Run) -> Curvature:
    try:
        found = study.store.remember(eigenpairs, operator)
    except OperatorError:  # Shortly before a run diverges products may overflow.
        if run.diverged_at is None:
            raise
        return Curvature(threshold=line)
    residual, converged = float(found.residuals[0]), bool(found.converged[0])
    return Curvature(found.largest, residual, line, converged, found.products)


def _record(
    study: Study, trail: CurvatureTrajectory, descent: _Descent, *, batches: bool, **where: Any
) -> None:
    rows = [{**where, **_cells(moment, descent)} for moment in trail.moments]
    if trail.diverged_at is not None:
        at = {"step": trail.diverged_at, "epoch": descent.epoch(trail.diverged_at)}
        said = {"converged": False, "note": "the run diverged"}
        rows.append({**where, **dict.fromkeys(_COLUMNS), **at, **said})
    study.table("dynamics", rows)
    # Before its first step an adaptive optimizer has no ratio, which is no failure.
    begun = [moment for moment in trail.moments if moment.step or moment.edge.products]
    late = trail.moments[-math.ceil(len(trail.moments) / 3) :]
    shares = {
        "edge_ratio": (np.median, "edge", late, "residual"),
        "edge_peak": (np.max, "edge", begun or trail.moments, "residual"),
    }
    if batches:
        shares["batch_edge_ratio"] = (np.median, "batch", late, "standard error")
    for quantity, (of, name, moments, kind) in shares.items():
        if trail.diverged_at is None:
            _record_share(study, quantity, of, name, moments, error_kind=kind, **where)
        else:
            solutions.record_missing(study, [quantity], **where)


def _cells(moment: CurvatureSnapshot, descent: _Descent) -> dict[str, Any]:
    batch = moment.batch or Curvature()
    values = (
        moment.step,
        moment.epoch,
        moment.plain.value,
        moment.plain.error,
        moment.edge.value if descent.adaptive else math.nan,
        moment.edge.threshold,
        moment.edge.ratio,
        moment.plain.converged and moment.edge.converged,
        batch.value,
        batch.error,
        batch.ratio,
        "",
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _record_share(
    study: Study,
    quantity: str,
    of: Callable,
    name: str,
    moments: Sequence[CurvatureSnapshot],
    **labels: Any,
) -> None:
    """Record what a function makes of the ratios of one curvature at some moments."""
    found = [getattr(moment, name) for moment in moments]
    study.add_measurement(
        quantity,
        float(of([each.ratio for each in found])),  # NaN prevails.
        moments[-1],
        unit="share of the threshold",
        error=float(np.max([each.error / each.threshold for each in found])),
        converged=all(each.converged for each in found),
        cost=sum(each.products for each in found),
        cost_unit="products",
        **labels,
    )
