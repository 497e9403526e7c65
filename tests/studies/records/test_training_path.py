"""Where training went on the loss surface: what is measured, recorded and read again."""

import pytest
import torch
from landscape import rng, slices
from landscape.directions import filter_normalize, pca, random
from landscape.objective import Objective
from landscape.spectrum.eigenpairs import eigenpairs
from studies.records.training_path import training_path

from tests.sample_solutions import again, trained

pytestmark = pytest.mark.slow

SIZES = {"snapshots": 5, "stops": 3, "points": 5, "surrounding_points": 3, "reach": 0.5}
BATCH = {"bn": "batch", "bn_block": 12}
KEY = ("rate 0.05", 1)


def paths_of(study, *, rates=(0.05,), **sizes):
    runs = trained(study, rates=rates, seeds=(0, 1), epochs=4)
    examples = next(iter(runs.values())).task.first(24)
    return training_path(study, runs, examples, **{**SIZES, **BATCH, **sizes})


def objective_and_iterates(study):
    """The last iterate's objective, and the parameters at every second step."""
    run = trained(study, seeds=(1,), epochs=4, snapshots=(0, 2, 4, 6, 8))["rate 0.05", 1]
    L = Objective(run.model(), run.task.first(24).tensors, **BATCH)
    models = [run.model(step=step) for step in (0, 2, 4, 6, 8)]
    return L, torch.stack([L.layout.flatten(dict(m.named_parameters())) for m in models])


def test_a_path_holds_places_losses_and_shares_of_its_snapshots(study):
    path = paths_of(study)[KEY]
    L, iterates = objective_and_iterates(study)
    principal = pca(iterates, centre=iterates[-1])
    assert path.steps == [0, 2, 4, 6, 8] and path.epochs == [0, 1, 2, 3, 4]
    torch.testing.assert_close(path.coordinates, principal.coordinates, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(path.explained[:2], principal.explained, rtol=1e-8, atol=0)
    losses = torch.tensor([L.loss(theta) for theta in iterates], dtype=torch.float64)
    torch.testing.assert_close(path.loss, losses, rtol=1e-8, atol=0)
    nearest = iterates[-1] + principal.coordinates @ principal.directions
    there = torch.tensor([L.loss(x) for x in nearest], dtype=torch.float64)
    torch.testing.assert_close(path.gaps, there - losses, rtol=0, atol=1e-8)
    distances = (iterates - nearest).norm(dim=1)
    torch.testing.assert_close(path.distance, distances, rtol=1e-7, atol=1e-12)
    assert 0.5 < path.on_plane < 1


def test_the_plane_surrounds_the_path_and_has_the_last_iterate_on_its_grid(study):
    path = paths_of(study)[KEY]
    plane, places = path.plane, path.coordinates
    for axis, grid in enumerate((plane.alphas, plane.betas)):
        assert float(grid[0]) < float(places[:, axis].min())
        assert float(grid[-1]) > float(places[:, axis].max())
        assert 0.0 in grid.tolist()
    centre = (plane.alphas.tolist().index(0.0), plane.betas.tolist().index(0.0))
    assert float(plane.loss[centre]) == pytest.approx(float(path.loss[-1]), rel=1e-6)
    assert plane.bn == "batch" and plane.loss.shape == (5, 5)


def test_surroundings_are_planes_along_the_same_directions_at_every_stop(study):
    path = paths_of(study)[KEY]
    L, iterates = objective_and_iterates(study)
    assert list(path.surroundings) == [0, 2, 8] and path.epoch(2) == 1  # Denser at first.
    drawn = [random(L.layout, generator=rng.stream(1, "plane", i)) for i in (1, 2)]
    axes = [filter_normalize(direction, L.theta, L.layout) for direction in drawn]
    for step, place in ((0, 0), (2, 1), (8, 4)):
        plane = slices.plane(L, iterates[place], *axes, reach=0.5, points=3)
        measured = path.surroundings[step]
        torch.testing.assert_close(measured.loss, plane.loss, rtol=1e-8, atol=0)
        assert measured.alphas.tolist() == [-0.5, 0, 0.5]


def test_the_curvature_at_a_stop_is_that_of_the_objective_of_the_end(study):
    path = paths_of(study)[KEY]
    L, iterates = objective_and_iterates(study)
    assert list(path.lambda_max) == [0, 2, 8]
    want = eigenpairs(L.hessian(iterates[1])).largest
    assert path.lambda_max[2] == pytest.approx(want, rel=0.02)


def test_a_record_gives_the_same_path_again_and_says_what_it_lacks(study, tmp_path):
    path = paths_of(study)[KEY]
    reader = again(study, tmp_path)
    same = paths_of(reader)[KEY]
    for name in ("coordinates", "distance", "loss", "projected_loss", "explained"):
        torch.testing.assert_close(getattr(same, name), getattr(path, name), rtol=0, atol=0)
    torch.testing.assert_close(same.plane.loss, path.plane.loss, rtol=0, atol=0)
    assert same.lambda_max == path.lambda_max and reader.missing == {}
    other = paths_of(reader, snapshots=4)
    assert len(other) == 0 and other.missing == [
        "training paths of 2 of 2 runs",
        "2 of 6 planes around training paths",
    ]


def test_a_run_that_diverged_has_no_path_and_is_not_missing(study):
    paths = paths_of(study, rates=(0.05, 1e30))
    assert list(paths) == [("rate 0.05", 0), ("rate 0.05", 1)] and paths.missing == []


@pytest.mark.parametrize("sizes", [{"snapshots": 2}, {"stops": 1}, {"points": 4}])
def test_sizes_that_make_no_path_are_refused(study, sizes):
    with pytest.raises(ValueError, match="Pass snapshots >= 3, stops >= 2 and points >= 5"):
        paths_of(study, **sizes)
