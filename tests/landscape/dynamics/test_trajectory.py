"""Trajectories seen on the plane of their principal directions, and what that plane hides."""

import pytest
import torch
from landscape import directions
from landscape.dynamics.trajectory import project_trajectory

from tests.sample_networks import small_objective


@pytest.fixture(scope="module")
def objective():
    return small_objective(24, bn="batch", bn_block=24)


def path_in_a_plane(objective, generator):
    """Iterates on a curve in a known plane through theta, and its two unit directions."""
    drawn = torch.randn(2, objective.n, dtype=torch.float64, generator=generator)
    plane = directions.orthonormal(*drawn)
    places = torch.tensor([[-0.9, 0.05], [-0.6, -0.2], [-0.3, -0.1], [0.0, 0.0]]).double()
    return objective.theta + places @ plane, places, plane


def test_a_path_in_a_plane_is_shown_whole(objective, generator):
    points, places, plane = path_in_a_plane(objective, generator)
    path = project_trajectory(objective, points)
    torch.testing.assert_close(path.explained.sum(), torch.tensor(1.0).double())
    torch.testing.assert_close(path.distance, torch.zeros(4).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(path.coordinates.norm(dim=1), places.norm(dim=1))
    torch.testing.assert_close(path.loss, path.projected_loss, rtol=1e-10, atol=0)
    assert float(path.loss[0]) == pytest.approx(objective.loss(points[0]), rel=1e-12)
    # The found directions span the known plane.
    torch.testing.assert_close((path.directions @ plane.T).svd().S, torch.ones(2).double())


def test_what_leaves_the_plane_is_measured(objective, generator):
    points, _, plane = path_in_a_plane(objective, generator)
    off = torch.randn(objective.n, dtype=torch.float64, generator=generator)
    off = directions.orthonormal(*plane, off)[2]
    points[1] += 0.05 * off
    path = project_trajectory(objective, points, components=3)
    # The principal plane tilts towards the iterate that left the known one.
    assert 0 < float(path.distance[1]) < 0.05
    assert float(path.explained.sum()) == pytest.approx(1.0)
    nearest = points[-1] + path.coordinates[1] @ path.directions
    assert float(path.distance[1]) == pytest.approx(float((points[1] - nearest).norm()))
    assert float(path.projected_loss[1]) == pytest.approx(objective.loss(nearest), rel=1e-12)
    assert float(path.projected_loss[1]) != pytest.approx(float(path.loss[1]), rel=1e-9)


def test_the_last_iterate_is_the_origin_and_conditions_are_kept(objective, generator):
    points, *_ = path_in_a_plane(objective, generator)
    path = project_trajectory(objective, points)
    assert path.coordinates[-1].tolist() == [0.0, 0.0] and float(path.distance[-1]) == 0.0
    assert (path.bn, path.examples, path.dtype) == ("batch", 24, "float64")


def test_one_component_is_refused(objective, generator):
    points, *_ = path_in_a_plane(objective, generator)
    with pytest.raises(ValueError, match=r"components=1 span no plane. Pass components >= 2"):
        project_trajectory(objective, points, components=1)
