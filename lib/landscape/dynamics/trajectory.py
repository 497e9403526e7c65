"""Project a training trajectory into the plane of its largest spread; measure what that hides."""

import dataclasses

import torch

from landscape import arguments
from landscape.directions.affine import coordinates
from landscape.directions.principal import pca
from landscape.measurement import Measurement, conditions
from landscape.objective import Objective
from landscape.progress import Progress


@dataclasses.dataclass(frozen=True)
class ProjectedTrajectory(Measurement):
    """A trajectory seen on the plane of its first two principal directions.

    Attributes:
        directions: Orthonormal directions (2, n) that span the plane through the last iterate.
        explained: Share of Σ ‖θ_t - θ_T‖² along each principal direction, (k,), in decreasing
            order.
        coordinates: (α, β) of each iterate's nearest point on the plane, (t, 2), in parameter
            units; the last is (0, 0).
        distance: Distance of each iterate from the plane, (t,), in parameter units.
        loss: Mean loss at each iterate, (t,), float64.
        projected_loss: Mean loss at the iterate's nearest point on the plane, (t,): how far it lies
            from ``loss`` says what a picture of the plane does not show.
    """

    directions: torch.Tensor
    explained: torch.Tensor
    coordinates: torch.Tensor
    distance: torch.Tensor
    loss: torch.Tensor
    projected_loss: torch.Tensor


def project_trajectory(
    objective: Objective, points: torch.Tensor, *, components: int = 2
) -> ProjectedTrajectory:
    """Project a trajectory into the plane of its first two principal directions.

    The plane passes through the last iterate θ_T. Large shares are no sign of a simple path: seen
    from its end, a long random walk in many dimensions has 0.81 of its squared distances along the
    first direction and 0.09 along the second (8/π² and 8/9π²: its covariance is that of Brownian
    motion).

    Args:
        objective: The loss, one function of the parameters for all iterates: with batch
            normalisation under ``frozen``, the running statistics are those of the objective's
            network, which fit no other iterate; ``batch`` gives each point its own.
        points: Iterates (t, n), the last one last, at least 3.
        components: Number k of principal directions whose shares are returned, at least 2.

    Returns:
        The projected trajectory; losses in units of the objective's loss.

    Raises:
        ValueError: If ``components < 2``, shapes do not fit, or the iterates span fewer directions.

    Reference: Li et al. (2018), Visualizing the Loss Landscape of Neural Nets, section 7.
    """
    arguments.check(project_trajectory, locals())
    if components < 2:
        raise ValueError(
            f"components={components} span no plane. Pass components >= 2; more of them say how "
            "much lies beyond the plane."
        )
    principal = pca(points, centre=points[-1], k=components)
    directions, end = principal.directions[:2].contiguous(), principal.centre
    places = coordinates(points, end, *directions)
    losses: list[list[float]] = []
    with Progress(f"trajectory of {len(points)} points", len(points)) as bar:
        for point, place in zip(points.double(), places.values, strict=True):
            losses.append([objective.loss(x) for x in (point, end + place @ directions)])
            bar.step()
    loss, projected_loss = torch.tensor(losses, dtype=torch.float64).unbind(1)
    return ProjectedTrajectory(
        directions=directions,
        explained=principal.explained,
        coordinates=places.values,
        distance=places.distance,
        loss=loss,
        projected_loss=projected_loss,
        **conditions(objective),
    )
