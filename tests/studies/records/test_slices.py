"""Lines and planes through solutions: what is measured and what is recorded."""

import dataclasses
import math

import pytest
import torch
from landscape import slices, spectrum
from studies.records import slices as slice_records
from studies.tables import measurements

from tests.sample_networks import small_objective
from tests.sample_study import rows_of


@pytest.fixture
def at():
    return {("a", 0): small_objective(13), ("b", 1): small_objective(13, norm="none", seed=1)}


def test_lines_are_those_of_slices_and_recorded_point_by_point(study, tmp_path, at):
    found = slice_records.record_lines(study, at, points=3, count=2)
    study.write("title", [], [])
    L = at["b", 1]
    want = slices.random_lines(L, L.theta, alphas=[-1.0, 0.0, 1.0], seed=1, count=2)
    torch.testing.assert_close(found["b", 1].loss, want.loss, rtol=0, atol=0)
    rows = rows_of(tmp_path, "lines.csv")
    places = [(row["arm"], row["direction"], row["alpha"]) for row in rows]
    assert places == [(a, d, x) for a in "ab" for d in "01" for x in ("-1", "0", "1")]
    assert float(rows[8]["loss"]) == pytest.approx(float(want.loss[0, 2]), rel=1e-9)


def test_rises_are_losses_at_both_ends_less_that_of_the_solution(study, at):
    found = slice_records.record_lines(study, at, points=5, count=2)
    names = slice_records.record_rises(study, found, [0.4, 1.0])
    assert names == {
        "line_rise_0.5": "rise at ±0.5 (nats)",  # The closest of −1, −0.5, 0, 0.5, 1.
        "line_rise_1": "rise at ±1 (nats)",
    }
    loss = found["b", 1].loss
    for name, (low, high) in zip(names, ((1, 3), (0, 4)), strict=True):
        want = (loss[:, low] + loss[:, high]).mean() / 2 - loss[0, 2]
        assert study.values(name, "b") == [pytest.approx(float(want), rel=1e-12)]
        assert study.unit(name) == "nats"


def test_random_planes_are_those_of_slices_with_a_model_beside_them(study, tmp_path, at):
    L = at["a", 0]
    planes, models = slice_records.record_random_planes(study, {"a": L}, points=5, seed=0)
    study.write("title", [], [])
    grid = [-1.0, -0.25, 0.0, 0.25, 1.0]
    want = slices.random_plane(L, L.theta, alphas=grid, betas=grid, seed=0)
    torch.testing.assert_close(planes["a"].loss, want.loss, rtol=0, atol=0)
    assert models["a"].loss.shape == (5, 5)
    assert float(models["a"].loss[2, 2]) == pytest.approx(float(want.loss[2, 2]), rel=1e-6)
    rows = rows_of(tmp_path, "planes.csv")
    assert [(row["alpha"], row["beta"]) for row in rows[:3]] == [
        ("-1", "-1"),
        ("-1", "-0.25"),
        ("-1", "0"),
    ]
    assert {row["plane"] for row in rows} == {"random"}
    assert float(rows[7]["loss"]) == pytest.approx(float(want.loss[1, 2]), rel=1e-9)


def test_lines_and_planes_reach_as_far_as_asked(study, at):
    planes, _ = slice_records.record_random_planes(
        study, {"a": at["a", 0]}, points=5, seed=0, reach=2.0
    )
    assert planes["a"].alphas.tolist() == [-2.0, -0.5, 0.0, 0.5, 2.0]
    found = slice_records.record_lines(study, at, points=5, count=1, reach=2.0)
    assert found["a", 0].alphas.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]


def test_top_planes_curve_as_the_largest_eigenvalues_say(study, at):
    L = at["a", 0]
    planes, models = slice_records.record_top_planes(study, {"a": L}, points=5, reach=0.01, seed=0)
    top = spectrum.eigenpairs(L.hessian(L.theta), 2)
    assert planes["a"].alphas.tolist() == pytest.approx([-0.01, -0.0025, 0, 0.0025, 0.01])
    torch.testing.assert_close(models["a"].curvature.diagonal(), top.values, rtol=1e-3, atol=1e-3)
    assert abs(float(models["a"].curvature[0, 1])) < 1e-2 * float(top.values[0])


def test_the_radius_is_recorded_also_where_the_grid_ends_before_it(study, tmp_path, at):
    _, models = slice_records.record_top_planes(
        study, {"a": at["a", 0]}, points=5, reach=1e-4, seed=0
    )
    _, wide = slice_records.record_top_planes(study, {"b": at["b", 1]}, points=9, reach=1.0, seed=0)
    study.write("title", [], [])
    rows = {row["arm"]: row for row in rows_of(tmp_path)}
    near, far = rows["a"], rows["b"]
    assert math.isinf(models["a"].radius) and float(near["value"]) == pytest.approx(1e-4)
    assert near["note"] == "or more: the grid ends here" and near["converged"] == "false"
    assert far["converged"] == "true"
    assert math.isfinite(wide["b"].radius) and "parted at" in far["note"]
    assert (far["quantity"], far["unit"], far["cost"]) == (
        "quadratic_radius_top",
        "parameters",
        "2",
    )
    assert near["error"] == "inf"
    apart = wide["b"].disagrees_at - wide["b"].radius
    assert float(far["error"]) == pytest.approx(apart) and apart > 0
    words = measurements.quadratic_limits({**models, **wide}, "units")
    assert words.startswith("a: not within 0.0001 units, b: between")


def test_a_radius_below_the_first_points_of_the_grid_is_not_known(study, tmp_path, at):
    _, models = slice_records.record_top_planes(
        study, {"a": at["a", 0]}, points=3, reach=40.0, seed=0
    )
    study.write("title", [], [])
    (row,) = rows_of(tmp_path)
    assert models["a"].radius == 0 and row["converged"] == "false"
    assert row["note"] == "below 40, the first points of the grid"
    assert (float(row["value"]), float(row["error"])) == (0.0, 40.0)


def test_shapes_are_range_and_roughness_of_each_plane(study, at):
    planes, _ = slice_records.record_random_planes(study, {"a": at["a", 0]}, points=5, seed=0)
    slice_records.record_shapes(study, planes, seed=0)
    losses = planes["a"].loss
    assert study.values("loss_range", "a") == [float(losses.max()) - float(losses.min())]
    assert study.values("roughness", "a") == [slices.roughness(planes["a"]).value]


def test_a_plane_with_an_infinite_loss_has_an_infinite_range(study, tmp_path, at):
    planes, _ = slice_records.record_random_planes(study, {"a": at["a", 0]}, points=5, seed=0)
    losses = planes["a"].loss.clone()
    losses[0, 1] = math.inf
    slice_records.record_shapes(study, {"b": dataclasses.replace(planes["a"], loss=losses)}, seed=0)
    assert study.values("loss_range", "b") == [math.inf] and not study.converged("loss_range")
    study.write("title", [], [])
    notes = [row["note"] for row in rows_of(tmp_path) if row["quantity"] == "roughness"]
    assert notes == ["1 losses are not finite"]
