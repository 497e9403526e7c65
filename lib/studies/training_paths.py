"""Training paths on the loss surface, and what surrounded them, as their record holds them."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from landscape.dynamics.trajectory import ProjectedTrajectory
from landscape.slices.grid import Plane

from studies.recorder import Part, Rows
from studies.slices import plane_from

# A long random walk, seen from its end, has these shares of its squared distances along its first
# principal directions: 8/π² over the squares of the odd numbers.
_FIRST_OF_A_WALK = 8 / math.pi**2
_PLACES = ("alpha", "beta", "distance", "loss", "projected_loss")


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingPath:
    """The path of one training run on the plane of its first two principal directions.

    The plane passes through the last iterate, at (0, 0).

    Attributes:
        steps: Steps taken at each snapshot, (t,).
        epochs: Epochs taken, (t,); may be fractions.
        coordinates: (α, β) of the snapshots' nearest points on the plane, (t, 2), in parameter
            units.
        distance: Distances of the snapshots from the plane, (t,), in parameter units.
        loss: Loss at the snapshots, (t,), in nats.
        projected_loss: Loss at their nearest points on the plane, (t,), in nats.
        explained: Shares of the squared distances from the last iterate along each principal
            direction, (k,).
        lambda_max: Step -> λ_max of the Hessian at that snapshot, in nats per parameter².
        plane: Loss on the plane; None where the record lacks it.
        surroundings: Step -> loss around that snapshot along two random directions, which are the
            same at every step.
        spectra: Step -> largest eigenvalues of the Hessian at that snapshot, in decreasing order,
            in nats per parameter²; empty where λ_max alone was measured.
    """

    steps: list[int]
    epochs: list[float]
    coordinates: torch.Tensor
    distance: torch.Tensor
    loss: torch.Tensor
    projected_loss: torch.Tensor
    explained: torch.Tensor
    lambda_max: dict[int, float]
    plane: Plane
    surroundings: dict[int, Plane]
    spectra: dict[int, list[float]] = dataclasses.field(default_factory=dict)

    @property
    def on_plane(self) -> float:
        """Share of the squared distances from the last iterate that the plane shows."""
        return float(self.explained[:2].sum())

    @property
    def gaps(self) -> torch.Tensor:
        """Loss on the plane minus loss at the snapshot itself, (t,), in nats."""
        return self.projected_loss - self.loss

    def epoch(self, step: int) -> float:
        """Return the epochs taken at a snapshot's step."""
        return self.epochs[self.steps.index(step)]


def random_walk_share(directions: int = 2) -> float:
    """Return the share of squared distances that a random walk has along its first directions.

    Distances are those from its last iterate, of a long walk in many dimensions.

    Args:
        directions: Number of principal directions.
    """
    return sum(_FIRST_OF_A_WALK / (2 * k + 1) ** 2 for k in range(directions))


def path_rows(
    path: ProjectedTrajectory, steps: list[int], per_epoch: int, curvature: Mapping[int, Any]
) -> Rows:
    """Return the rows of table ``training_path``, one a snapshot.

    Args:
        path: The projected trajectory.
        steps: Steps of the snapshots.
        per_epoch: Steps in an epoch.
        curvature: Step -> columns of the curvature at that snapshot, where it was measured.
    """
    values = torch.column_stack([path.coordinates, path.distance, path.loss, path.projected_loss])
    return [
        {
            "step": step,
            "epoch": step / per_epoch,
            **dict(zip(_PLACES, row, strict=True)),
            **curvature.get(step, {}),
        }
        for step, row in zip(steps, values.tolist(), strict=True)
    ]


def path_from(part: Part, surroundings: Mapping[int, Part]) -> TrainingPath:
    """Return the training path that entries of the record describe.

    Args:
        part: The entry of the path.
        surroundings: Step -> entry of the plane around that snapshot.
    """
    rows = part.table("training_path")
    spectra: dict[int, list[float]] = {}
    for row in part.table("path_spectra"):
        spectra.setdefault(row["step"], []).append(row["eigenvalue"])
    alpha, beta, distance, loss, projected_loss = (
        torch.tensor([row[name] for row in rows], dtype=torch.float64) for name in _PLACES
    )
    return TrainingPath(
        steps=[row["step"] for row in rows],
        epochs=[row["epoch"] for row in rows],
        coordinates=torch.stack([alpha, beta], dim=1),
        distance=distance,
        loss=loss,
        projected_loss=projected_loss,
        explained=torch.tensor(
            [row["explained"] for row in part.table("principal_directions")], dtype=torch.float64
        ),
        lambda_max={row["step"]: row["lambda_max"] for row in rows if "lambda_max" in row},
        plane=plane_from(part),
        surroundings={step: plane_from(plane) for step, plane in surroundings.items()},
        spectra=spectra,
    )
