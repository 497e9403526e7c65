"""Lines and planes through solutions: what is measured, recorded and read again."""

import dataclasses
import math

import pytest
import torch
from landscape import directions, slices, spectrum
from studies.recording import NotRecordedError
from studies.records import slices as slice_records

from tests.sample_solutions import again, trained

GRID = [-1.0, -0.25, 0.0, 0.25, 1.0]


@pytest.fixture
def solutions(study):
    return solutions_of(study)


def solutions_of(study, **settings):
    runs = trained(study, seeds=(0, 1), **settings)
    return runs.solutions(next(iter(runs.values())).task.first(13))


def test_lines_are_those_of_slices_and_recorded_point_by_point(study, solutions):
    lines = slice_records.lines(study, solutions, points=3, count=2)
    L = solutions["rate 0.05", 1].objective
    want = slices.random_lines(L, L.theta, alphas=[-1.0, 0.0, 1.0], seed=1, count=2)
    measured = lines["rate 0.05", 1]
    torch.testing.assert_close(measured.loss, want.loss, rtol=1e-9, atol=0)
    torch.testing.assert_close(measured.accuracy, want.accuracy, rtol=1e-9, atol=0)
    assert (measured.seed, measured.examples, measured.bn) == (1, 13, "frozen")
    assert measured.examples_hash == L.examples_hash and measured.dtype == "float32"
    rows = study.frame("lines")
    places = list(zip(rows["seed"], rows["direction"], rows["alpha"], strict=True))
    assert places == [(s, d, x) for s in (0, 1) for d in (0, 1) for x in (-1, 0, 1)]
    assert rows["loss"][8] == pytest.approx(float(want.loss[0, 2]), rel=1e-9)


@pytest.mark.slow
def test_random_planes_are_those_of_slices_with_a_model_beside_them(study, solutions):
    planes = slice_records.random_planes(study, solutions, points=5)
    L = solutions["rate 0.05", 0].objective
    want = slices.random_plane(L, L.theta, alphas=GRID, betas=GRID, seed=0)
    plane, model = planes["rate 0.05", 0], planes.models["rate 0.05", 0]
    torch.testing.assert_close(plane.loss, want.loss, rtol=1e-9, atol=0)
    torch.testing.assert_close(plane.betas, want.betas, rtol=1e-9, atol=0)
    assert plane.cosine == pytest.approx(want.cosine, rel=1e-9)
    assert model.loss.shape == (5, 5)
    assert float(model.loss[2, 2]) == pytest.approx(float(want.loss[2, 2]), rel=1e-6)
    rows = study.frame("planes")
    assert list(zip(rows["alpha"], rows["beta"], strict=True))[:3] == [(-1, x) for x in GRID[:3]]
    assert set(rows["directions"]) == {"random"}
    assert rows["loss"][7] == pytest.approx(float(want.loss[1, 2]), rel=1e-9)


@pytest.mark.slow
def test_a_model_from_its_recorded_coefficients_predicts_what_the_library_predicts(
    study, solutions
):
    model = slice_records.top_planes(study, solutions, points=7, reach=0.5).models["rate 0.05", 0]
    L = solutions["rate 0.05", 0].objective
    axes = directions.eigenvectors(spectrum.eigenpairs(L.hessian(L.theta), 2, vectors=True))
    plane = slices.plane(L, L.theta, *axes, alphas=model.alphas, betas=model.betas)
    want = slices.quadratic(L, L.theta, plane, *axes)
    torch.testing.assert_close(model.loss, want.loss, rtol=1e-8, atol=0)
    torch.testing.assert_close(model.curvature, want.curvature, rtol=1e-7, atol=1e-8)
    assert (model.radius, model.disagrees_at, model.reach) == pytest.approx(
        (want.radius, want.disagrees_at, want.reach), rel=1e-9
    )


@pytest.mark.slow
def test_lines_and_planes_reach_as_far_as_asked(study, solutions):
    planes = slice_records.random_planes(study, solutions, points=5, reach=2.0)
    assert planes["rate 0.05", 0].alphas.tolist() == [-2.0, -0.5, 0.0, 0.5, 2.0]
    lines = slice_records.lines(study, solutions, points=5, count=1, reach=2.0)
    assert lines["rate 0.05", 0].alphas.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]


@pytest.mark.slow
def test_top_planes_curve_as_the_largest_eigenvalues_say(study, solutions):
    planes = slice_records.top_planes(study, solutions, points=5, reach=0.01)
    L = solutions["rate 0.05", 0].objective
    top = spectrum.eigenpairs(L.hessian(L.theta), 2)
    grid = planes["rate 0.05", 0].alphas.tolist()
    curvature = planes.models["rate 0.05", 0].curvature
    assert grid == pytest.approx([-0.01, -0.0025, 0, 0.0025, 0.01])
    torch.testing.assert_close(curvature.diagonal(), top.values, rtol=1e-3, atol=1e-3)
    assert abs(float(curvature[0, 1])) < 1e-2 * float(top.values[0])


@pytest.mark.slow
def test_a_network_that_diverged_has_no_slices_and_is_not_missing(study):
    solutions = solutions_of(study, rates=(0.05, 1e30))
    for cuts in (
        slice_records.lines(study, solutions, points=3, count=1),
        slice_records.random_planes(study, solutions, points=3),
    ):
        assert list(cuts) == [("rate 0.05", 0), ("rate 0.05", 1)] and len(cuts) == 2
        assert cuts.arms == ["rate 0.05"] and cuts.missing == [] and len(cuts.recorded) == 4
        with pytest.raises(KeyError, match="has no lines or planes: the run diverged"):
            cuts["rate 1e+30", 0]
    assert study.missing == {}


@pytest.mark.slow
def test_a_record_gives_the_same_slices_again_and_says_what_it_lacks(study, tmp_path, solutions):
    planes = slice_records.random_planes(study, solutions, points=3)
    lines = slice_records.lines(study, solutions, points=3, count=1)
    reader = again(study, tmp_path)
    known = solutions_of(reader)
    same, same_lines = (
        slice_records.random_planes(reader, known, points=3),
        slice_records.lines(reader, known, points=3, count=1),
    )
    for key in planes:
        torch.testing.assert_close(same[key].loss, planes[key].loss, rtol=0, atol=0)
        torch.testing.assert_close(same_lines[key].loss, lines[key].loss, rtol=0, atol=0)
        torch.testing.assert_close(same.models[key].loss, planes.models[key].loss, rtol=0, atol=0)
    assert reader.missing == {} and same.missing == []
    other = slice_records.top_planes(reader, known, points=3, reach=0.5)
    assert other.missing == ["top planes of 2 of 2 networks"] and len(other) == 0
    assert slice_records.lines(reader, known, points=5, count=1).missing == [
        "lines of 2 of 2 networks"
    ]
    with pytest.raises(NotRecordedError, match="trains nothing"):
        known["rate 0.05", 0].model()


@pytest.mark.slow
def test_planes_without_recorded_models_are_drawn_alone_and_measured_when_possible(
    study, tmp_path, solutions
):
    complete = slice_records.random_planes(study, solutions, points=3)
    _forget(study, "quadratics", "quadratic radii")
    _without_cosine(study)  # Records of before had none.
    reader = again(study, tmp_path)
    planes = slice_records.random_planes(reader, solutions_of(reader), points=3)
    assert len(planes) == 2 and planes.models == {}
    assert planes.missing == ["quadratic models of random planes of 2 of 2 networks"]
    assert math.isnan(planes["rate 0.05", 0].cosine)
    worker = again(study, tmp_path, computing=True)
    models = slice_records.random_planes(worker, solutions_of(worker), points=3).models
    for key, model in complete.models.items():
        torch.testing.assert_close(models[key].loss, model.loss, rtol=1e-9, atol=0)


@pytest.mark.slow
def test_slices_are_chosen_named_and_joined_by_factors(study):
    solutions = solutions_of(study, rates=(0.05, 0.1))
    planes = slice_records.random_planes(study, solutions, points=3)
    first = planes.where(rate=0.05, seed=0)
    assert list(first) == [("rate 0.05", 0)] and list(first.models) == [("rate 0.05", 0)]
    both = first | planes.where(rate=0.1, seed=1)
    assert list(both) == [("rate 0.05", 0), ("rate 0.1", 1)]
    assert list(planes.where(seed=0).renamed({"slow": "rate 0.05"})) == [("slow", 0)]


def _forget(study, *kinds):
    record = study.record
    record.drop([entry for entry in record.asked() if record.kind(entry) in kinds])
    record.write()


def _without_cosine(study):
    record = study.record
    for entry in record.asked():
        part = record.part(entry)
        rows = [{k: v for k, v in row.items() if k != "cosine"} for row in part.table("slices")]
        changed = dataclasses.replace(part, tables={**part.tables, "slices": rows})
        record.put(entry, record.kind(entry), changed, seconds=0.0)
