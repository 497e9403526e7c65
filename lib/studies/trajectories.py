"""Curvature along training runs, as their record holds it."""

import dataclasses
import math

from studies.recorder import Part, Rows
from studies.runs import RecordedRun

_PRECONDITIONED = "lambda_max_preconditioned"


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
class CurvatureSnapshot:
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


def rows(snapshot: CurvatureSnapshot, *, adaptive: bool) -> Rows:
    """Return the rows of a snapshot in the table ``dynamics``, one for each curvature.

    Args:
        snapshot: Curvature at the snapshot.
        adaptive: Whether the edge is an eigenvalue of its own, that of P⁻¹H.
    """
    curvatures = {"lambda_max": snapshot.lambda_max}
    if adaptive:
        curvatures[_PRECONDITIONED] = snapshot.edge
    if snapshot.batch_sharpness is not None:
        curvatures["batch_sharpness"] = snapshot.batch_sharpness
    where = {"step": snapshot.step, "epoch": snapshot.epoch}
    return [
        {**where, "quantity": name, **dataclasses.asdict(curvature)}
        for name, curvature in curvatures.items()
    ]


def from_part(part: Part, run: RecordedRun) -> CurvatureTrajectory:
    """Return the curvature along a run from the rows that describe it.

    Args:
        part: The entry that ``records.dynamics`` wrote.
        run: The run.
    """
    places: dict[tuple[int, float], dict[str, Curvature]] = {}
    names = [field.name for field in dataclasses.fields(Curvature)]
    for row in part.table("dynamics"):
        if "quantity" in row:
            curvature = Curvature(**{name: row[name] for name in names if name in row})
            places.setdefault((row["step"], row["epoch"]), {})[row["quantity"]] = curvature
    snapshots = tuple(
        CurvatureSnapshot(
            step=step,
            epoch=epoch,
            lambda_max=curvatures["lambda_max"],
            edge=curvatures.get(_PRECONDITIONED, curvatures["lambda_max"]),
            batch_sharpness=curvatures.get("batch_sharpness"),
        )
        for (step, epoch), curvatures in places.items()
    )
    return CurvatureTrajectory(snapshots, run.diverged_at)
