"""Principal components of a path: planted ones, exact shares, both centres, and cosines."""

import math

import pytest
import torch
from landscape.directions.principal import pca
from landscape.directions.single import orthonormal
from landscape.dynamics.path_components import lissajous, path_components
from landscape.dynamics.snapshots import Trajectory


def trajectory_of(points):
    deltas = (points - points[0]).float()
    return Trajectory(
        tuple(range(len(points))), points[0], deltas, torch.ones(len(points)).double()
    )


def planted(generator, *, noise=0.0, count=60, n=400):
    """A spiral in three known directions, with noise in all others."""
    basis = orthonormal(*torch.randn(3, n, dtype=torch.float64, generator=generator))
    t = torch.linspace(0, 1, count, dtype=torch.float64)
    places = torch.stack([3 * t, torch.sin(5 * t), 0.3 * torch.cos(9 * t)], dim=1)
    noises = noise * torch.randn(count, n, dtype=torch.float64, generator=generator)
    return places @ basis + noises, basis


def test_a_planted_path_of_low_dimension_is_found(generator):
    points, basis = planted(generator)
    components = path_components(trajectory_of(points), k=3)
    assert float(components.explained[:3].sum()) == pytest.approx(1.0, abs=1e-9)
    # The found directions span the planted ones.
    torch.testing.assert_close(
        (components.directions @ basis.T).svd().S, torch.ones(3).double(), rtol=0, atol=1e-6
    )
    rebuilt = components.origin + components.coordinates @ components.directions
    torch.testing.assert_close(rebuilt, points, rtol=0, atol=1e-5)


def test_points_without_order_have_no_component_that_stands_out(generator):
    points = torch.randn(60, 4000, dtype=torch.float64, generator=generator)
    explained = path_components(trajectory_of(points)).explained
    # Marchenko and Pastur: 60 points in 4,000 dimensions have shares within (1 ± √(60/4000))²/59.
    largest = (1 + math.sqrt(60 / 4000)) ** 2 / 59
    assert float(explained[0]) < 1.05 * largest and float(explained[:2].sum()) < 0.05


@pytest.mark.parametrize("centre", ["mean", "end"])
def test_components_agree_with_those_of_the_points_themselves(generator, centre):
    points, _ = planted(generator, noise=0.01)
    points = points.float().double()
    around = points[-1] if centre == "end" else None
    other = pca(points, around, k=4)
    components = path_components(trajectory_of(points), k=4, centre=centre)
    torch.testing.assert_close(components.explained[:4], other.explained, rtol=0, atol=1e-6)
    torch.testing.assert_close(components.directions, other.directions, rtol=0, atol=1e-3)
    torch.testing.assert_close(components.coordinates, other.coordinates, rtol=0, atol=1e-4)
    torch.testing.assert_close(components.origin, other.centre, rtol=0, atol=1e-5)
    left = points - other.centre - other.coordinates[:, :2] @ other.directions[:2]
    torch.testing.assert_close(components.distance, left.norm(dim=1), rtol=0, atol=1e-4)
    assert float(components.explained.sum()) == pytest.approx(1.0)


def test_scaled_half_precision_changes_the_shares_little(generator):
    points, _ = planted(generator, noise=0.01)
    exact = trajectory_of(points)
    scales = exact.deltas.abs().amax(dim=1).clamp_min(1e-30).double()
    halves = (exact.deltas / scales[:, None]).half()
    rough = Trajectory(exact.steps, exact.start, halves, scales)
    one, other = (path_components(path).explained for path in (exact, rough))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_components_of_a_walk_are_cosines_and_those_of_a_known_curve_are_not(generator):
    steps = torch.randn(200, 20000, dtype=torch.float64, generator=generator)
    walk = path_components(trajectory_of(steps.cumsum(0)), k=3)
    assert float(lissajous(walk.coordinates).min()) > 0.97
    t = torch.arange(200, dtype=torch.float64)
    cosines = torch.cos(math.pi * (t[:, None] + 0.5) / 200 * torch.tensor([1, 2]))
    torch.testing.assert_close(lissajous(cosines), torch.ones(2).double())
    torch.testing.assert_close(
        lissajous(cosines.flip(1)), torch.zeros(2).double(), rtol=0, atol=1e-12
    )


def test_errors_say_what_to_do(generator):
    points, _ = planted(generator)
    trajectory = trajectory_of(points)
    with pytest.raises(ValueError, match=r"span \d+ directions, fewer than k=40. Pass a smaller k"):
        path_components(trajectory, k=40)
    with pytest.raises(ValueError, match=r"k=0 components of 60 snapshots. Pass k >= 1"):
        path_components(trajectory, k=0)
    with pytest.raises(ValueError, match=r"centre='start': distances are taken from the 'mean'"):
        path_components(trajectory, centre="start")
    with pytest.raises(ValueError, match=r"2 snapshots follow any curve. Pass at least 3"):
        lissajous(torch.zeros(2, 1))
    points[5, 0] = float("nan")
    with pytest.raises(ValueError, match=r"NaN or infinity, so the path has no components"):
        path_components(trajectory_of(points))
