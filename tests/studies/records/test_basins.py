"""Basins of planes and lines: known sets, what is recorded of them, and what cannot be measured."""

import dataclasses
import math

import pytest
import torch
from landscape import slices
from studies.records import basins
from studies.records import slices as slice_records
from studies.tables import measurements

from tests.sample_measurements import MEASURED
from tests.sample_networks import small_objective
from tests.sample_study import rows_of

NAN, INF = math.nan, math.inf


def plane_of(loss, points=41, reach=1.0):
    grid = slices.centred_positions(points, reach)
    losses = loss(grid[:, None], grid[None, :]).expand(points, points).clone()
    return slices.Plane(grid, grid, losses, losses, 0.0, **MEASURED)


def ellipse(long, short, angle=0.3):
    """A quadratic whose set 0.5 above its minimum has these semi-axes."""
    c, s = math.cos(angle), math.sin(angle)
    return lambda a, b: 3 + 0.5 * (((c * a + s * b) / long) ** 2 + ((c * b - s * a) / short) ** 2)


def with_loss(cut, index, value):
    loss = cut.loss.clone()
    loss[index] = value
    return dataclasses.replace(cut, loss=loss)


def recorded(study, tmp_path):
    study.write("title", [], [])
    return {(row["quantity"], row["arm"]): row for row in rows_of(tmp_path)}


# Planes


def test_width_and_axes_of_an_ellipse_are_recorded_with_errors_that_hold(study, tmp_path):
    basins.record_basins(study, {"a": plane_of(ellipse(0.8, 0.4))}, level=0.5, seed=3)
    rows = recorded(study, tmp_path)
    width, ratio = rows["basin_width", "a"], rows["anisotropy", "a"]
    for row, true, unit in (
        (width, 2 * math.sqrt(0.8 * 0.4), "filter norms"),
        (ratio, 2.0, "long over short axis"),
    ):
        assert 0 < abs(float(row["value"]) - true) < float(row["error"]) < 0.15 * true
        assert (row["error_kind"], row["unit"], row["seed"]) == ("grid", unit, "3")
        assert (row["converged"], row["note"]) == ("true", "")
        assert (row["cost"], row["cost_unit"]) == ("1681", "passes")
        assert (row["bn"], row["examples"], row["dtype"]) == ("frozen", "5", "float32")


def test_numbers_are_those_of_slices(study):
    plane = plane_of(ellipse(0.9, 0.2), points=13)
    basins.record_basins(study, {"a": plane}, level=0.3, seed=0)
    found = slices.basin_width(plane, level=0.3)
    assert study.values("basin_width", "a") == [found.width]
    assert study.largest_error("basin_width") == (found.high - found.low) / 2
    assert study.values("anisotropy", "a") == [slices.anisotropy(plane, level=0.3).value]


@pytest.mark.parametrize("angle", [0.0, 0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize(("long", "short"), [(0.5, 0.4), (0.6, 0.2), (0.2, 0.1)])
def test_errors_hold_on_a_coarse_grid_however_the_ellipse_is_turned(study, angle, long, short):
    basins.record_basins(study, {"a": plane_of(ellipse(long, short, angle), 13)}, level=0.5, seed=0)
    for name, true in (("basin_width", 2 * math.sqrt(long * short)), ("anisotropy", long / short)):
        assert abs(study.values(name, "a")[0] - true) < study.largest_error(name)


def test_errors_shrink_with_the_steps_of_the_grid(study):
    for points in (25, 49):
        basins.record_basins(
            study, {points: plane_of(ellipse(0.8, 0.3), points)}, level=0.5, seed=0
        )
    for name in ("basin_width", "anisotropy"):
        coarse, fine = (study.largest_error(name, [points]) for points in (25, 49))
        assert fine < 0.6 * coarse


def test_a_set_that_reaches_the_border_is_a_lower_bound_and_says_so(study, tmp_path):
    basins.record_basins(study, {"a": plane_of(ellipse(3.0, 0.4))}, level=0.5, seed=0)
    rows = recorded(study, tmp_path)
    width, ratio = rows["basin_width", "a"], rows["anisotropy", "a"]
    assert float(width["value"]) < 2 * math.sqrt(3.0 * 0.4) and width["error"] == "inf"
    assert width["note"] == "or more: the set reaches the border"
    assert ratio["error"] == "inf"
    assert ratio["note"] == "also the grid's: the set reaches the border"
    assert width["converged"] == ratio["converged"] == "false"
    assert math.isfinite(float(ratio["value"]))


def test_a_set_that_meets_a_loss_that_is_not_finite_says_so(study, tmp_path):
    plane = with_loss(plane_of(ellipse(0.5, 0.4)), (24, 20), INF)
    basins.record_basins(study, {"a": plane}, level=0.5, seed=0)
    row = recorded(study, tmp_path)["basin_width", "a"]
    assert row["note"] == "or more: the set reaches the border or a loss that is not finite"
    assert row["converged"] == "false"


@pytest.mark.parametrize("lost", [NAN, INF])
def test_a_centre_without_a_finite_loss_is_recorded_and_the_other_arms_too(study, tmp_path, lost):
    good = plane_of(ellipse(0.5, 0.4), points=13)
    planes = {"lost": with_loss(good, (6, 6), lost), "good": good}
    basins.record_basins(study, planes, level=0.5, seed=0)
    rows = recorded(study, tmp_path)
    for name in ("basin_width", "anisotropy"):
        row = rows[name, "lost"]
        assert (row["value"], row["converged"]) == ("nan", "false")
        assert row["note"] == "the loss at the centre is not finite"
        assert row["unit"] == rows[name, "good"]["unit"]
        assert rows[name, "good"]["converged"] == "true"


def test_a_level_that_is_no_height_is_refused_also_where_losses_are_lost(study):
    plane = with_loss(plane_of(ellipse(0.5, 0.4), points=13), (0, 0), NAN)
    with pytest.raises(ValueError, match=r"level=0 is no height"):
        basins.record_basins(study, {"a": plane}, level=0, seed=0)


def test_a_plane_beside_its_centre_is_refused(study):
    plane = plane_of(ellipse(0.5, 0.4), points=13)
    beside = dataclasses.replace(plane, alphas=plane.alphas + 5)
    with pytest.raises(ValueError, match=r"the centre, 0, does not lie between"):
        basins.record_basins(study, {"a": beside}, level=0.5, seed=0)


def test_planes_of_networks_are_recorded(study):
    L = small_objective(13)
    planes, _ = slice_records.record_random_planes(study, {"a": L}, points=5, seed=0)
    basins.record_basins(study, planes, level=1.0, seed=0)
    assert 0 < study.values("basin_width", "a")[0] < 2 * math.sqrt(2)
    assert study.values("anisotropy", "a")[0] >= 1


# Lines


def lines_of(*halves, points=41):
    """Parabolas whose sets 0.5 above the centre are as wide as twice these."""
    grid = torch.linspace(-1, 1, points, dtype=torch.float64)
    losses = torch.stack([0.5 * (grid / half) ** 2 for half in halves])
    return slices.Lines(grid, losses, losses, 0, **MEASURED)


def test_width_of_lines_is_the_mean_over_directions(study, tmp_path):
    basins.record_line_widths(
        study, {("a", 0): lines_of(0.2, 0.4), ("a", 1): lines_of(0.3)}, level=0.5
    )
    for found, true in zip(study.values("line_width", "a"), (0.6, 0.6), strict=True):
        assert found == pytest.approx(true, abs=0.05**2)
    study.write("title", [], [])
    first, second = rows_of(tmp_path)
    assert 0.05 * 0.9 < float(first["error"]) < 0.05 * 1.1  # Half a step at each end.
    assert (first["unit"], first["error_kind"], first["cost"]) == ("filter norms", "grid", "82")
    assert (first["converged"], first["note"], second["seed"]) == ("true", "", "1")


def test_lines_that_reach_the_border_are_counted(study, tmp_path):
    basins.record_line_widths(
        study, {("a", 0): lines_of(0.2, 3.0, 5.0), ("b", 0): lines_of(3.0)}, level=0.5
    )
    rows = recorded(study, tmp_path)
    row = rows["line_width", "a"]
    assert row["note"] == "or more: on 2 of 3 lines the set reaches the border"
    assert (row["converged"], row["error"]) == ("false", "inf")
    assert float(row["value"]) == pytest.approx((0.4 + 2 + 2) / 3, abs=1e-3)
    assert rows["line_width", "b"]["note"] == "or more: the set reaches the border"


@pytest.mark.parametrize("index", [(slice(None), 20), (1, 20), (1, 21)])
def test_lines_whose_centre_is_lost_on_one_of_them_are_recorded_as_such(study, tmp_path, index):
    # The middle of this grid is off 0 by rounding, so the loss beside it counts too.
    lost = with_loss(lines_of(0.2, 0.4), index, NAN)
    assert 0 < abs(float(lost.alphas[20])) < 1e-15
    basins.record_line_widths(study, {("a", 0): lost}, level=0.5)
    row = recorded(study, tmp_path)["line_width", "a"]
    assert (row["value"], row["converged"]) == ("nan", "false")
    assert row["note"] == "the loss at the centre is not finite"


def test_planes_that_do_not_tell_their_basin_from_a_circle_are_counted(study):
    planes = {"long": plane_of(ellipse(0.8, 0.4)), "round": plane_of(ellipse(0.5, 0.499))}
    for seed in (0, 1):
        basins.record_basins(study, planes, level=0.5, seed=seed)
    assert measurements.resolution(study, ["long"]).text.startswith(
        "In 0 of 2 planes the grid's error"
    )
    assert measurements.resolution(study, ["long", "round"]).text.startswith("In 2 of 4 planes")
    basins.record_basins(
        study, {"lost": with_loss(planes["long"], (20, 20), NAN)}, level=0.5, seed=0
    )
    assert measurements.resolution(study, ["lost", "round"]).text.startswith("In 2 of 2 planes")
