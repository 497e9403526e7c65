"""Basins of planes and lines: known sets, what is recorded of them, and what cannot be measured."""

import dataclasses
import math

import pytest
import torch
from landscape import slices
from studies.records import basins as records

from tests.sample_measurements import MEASURED
from tests.sample_solutions import slices_of, trained

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


def basins_of(study, level=0.5, **planes):
    return records.basins(
        study, slices_of({(arm, 0): cut for arm, cut in planes.items()}), level=level
    )


def row_of(numbers, quantity, arm="a"):
    return numbers.where(quantity=quantity, arm=arm).frame.iloc[0]


# Planes


def test_width_and_axes_of_an_ellipse_are_recorded_with_errors_that_hold(study):
    basins = records.basins(study, slices_of({("a", 3): plane_of(ellipse(0.8, 0.4))}), level=0.5)
    width, ratio = row_of(basins, "basin_width"), row_of(basins, "anisotropy")
    for row, true, unit in (
        (width, 2 * math.sqrt(0.8 * 0.4), "filter norms"),
        (ratio, 2.0, "long over short axis"),
    ):
        assert 0 < abs(row["value"] - true) < row["error"] < 0.15 * true
        assert (row["error_kind"], row["unit"], row["seed"]) == ("grid", unit, 3)
        assert row["converged"] and (row["level"], row["directions"]) == (0.5, "random")
        assert (row["cost"], row["cost_unit"]) == (1681, "passes")
        assert (row["bn"], row["examples"], row["dtype"]) == ("frozen", 5, "float32")


def test_numbers_are_those_of_slices(study):
    plane = plane_of(ellipse(0.9, 0.2), points=13)
    basins = basins_of(study, level=0.3, a=plane)
    want = slices.basin_width(plane, level=0.3)
    assert basins.values("basin_width", "a") == [pytest.approx(want.width, rel=1e-9)]
    error = (want.high - want.low) / 2
    assert basins.largest_error("basin_width") == pytest.approx(error, rel=1e-9)
    ratio = slices.anisotropy(plane, level=0.3).value
    assert basins.values("anisotropy", "a") == [pytest.approx(ratio, rel=1e-9)]


@pytest.mark.slow
@pytest.mark.parametrize("angle", [0.0, 0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize(("long", "short"), [(0.5, 0.4), (0.6, 0.2), (0.2, 0.1)])
def test_errors_hold_on_a_coarse_grid_however_the_ellipse_is_turned(study, angle, long, short):
    basins = basins_of(study, a=plane_of(ellipse(long, short, angle), 13))
    for name, true in (("basin_width", 2 * math.sqrt(long * short)), ("anisotropy", long / short)):
        assert abs(basins.values(name, "a")[0] - true) < basins.largest_error(name)


def test_errors_shrink_with_the_steps_of_the_grid(study):
    planes = {name: plane_of(ellipse(0.8, 0.3), n) for name, n in (("coarse", 25), ("fine", 49))}
    basins = basins_of(study, **planes)
    for name in ("basin_width", "anisotropy"):
        assert basins.largest_error(name, ["fine"]) < 0.6 * basins.largest_error(name, ["coarse"])


def test_a_set_that_reaches_the_border_is_a_lower_bound_and_says_so(study):
    basins = basins_of(study, a=plane_of(ellipse(3.0, 0.4)))
    width, ratio = row_of(basins, "basin_width"), row_of(basins, "anisotropy")
    assert width["value"] < 2 * math.sqrt(3.0 * 0.4) and width["error"] == INF
    assert width["note"] == "or more: the set reaches the border"
    assert ratio["error"] == INF
    assert ratio["note"] == "also the grid's: the set reaches the border"
    assert not width["converged"] and not ratio["converged"]
    assert math.isfinite(ratio["value"])


def test_a_set_that_meets_a_loss_that_is_not_finite_says_so(study):
    plane = with_loss(plane_of(ellipse(0.5, 0.4)), (24, 20), INF)
    row = row_of(basins_of(study, a=plane), "basin_width")
    assert row["note"] == "or more: the set reaches the border or a loss that is not finite"
    assert not row["converged"]


@pytest.mark.parametrize("lost", [NAN, INF])
def test_a_centre_without_a_finite_loss_is_recorded_and_the_other_arms_too(study, lost):
    good = plane_of(ellipse(0.5, 0.4), points=13)
    basins = basins_of(study, lost=with_loss(good, (6, 6), lost), good=good)
    for name in ("basin_width", "anisotropy"):
        row, other = row_of(basins, name, "lost"), row_of(basins, name, "good")
        assert math.isnan(row["value"]) and not row["converged"]
        assert row["note"] == "the loss at the centre is not finite"
        assert row["unit"] == other["unit"] and other["converged"]


def test_a_network_that_does_not_exist_has_a_row_that_says_so(study):
    good = plane_of(ellipse(0.5, 0.4), points=13)
    basins = records.basins(
        study, slices_of({("a", 0): good, ("a", 1): "the run diverged"}), level=0.5
    )
    for name in ("basin_width", "anisotropy"):
        row = basins.where(quantity=name, seed=1).frame.iloc[0]
        assert math.isnan(row["value"]) and not row["converged"]
        assert (row["note"], row["level"]) == ("the run diverged", 0.5)
        assert len(basins.values(name, "a")) == 2


def test_a_level_that_is_no_height_is_refused_also_where_losses_are_lost(study):
    plane = with_loss(plane_of(ellipse(0.5, 0.4), points=13), (0, 0), NAN)
    with pytest.raises(ValueError, match=r"level=0 is no height"):
        basins_of(study, level=0, a=plane)


def test_a_plane_beside_its_centre_is_refused(study):
    plane = plane_of(ellipse(0.5, 0.4), points=13)
    beside = dataclasses.replace(plane, alphas=plane.alphas + 5)
    with pytest.raises(ValueError, match=r"the centre, 0, does not lie between"):
        basins_of(study, a=beside)


def test_planes_of_networks_are_recorded(study):
    runs = trained(study)
    solutions = runs.solutions(runs["rate 0.05", 0].task.first(13))
    basins = records.basins(study, study.random_planes(solutions, points=5), level=0.01)
    assert 0 < basins.values("basin_width", "rate 0.05")[0] <= 4 / math.sqrt(math.pi)
    assert basins.values("anisotropy", "rate 0.05")[0] >= 1


# Lines


def lines_of(*halves, points=41):
    """Parabolas whose sets 0.5 above the centre are as wide as twice these."""
    grid = torch.linspace(-1, 1, points, dtype=torch.float64)
    losses = torch.stack([0.5 * (grid / half) ** 2 for half in halves])
    return slices.Lines(grid, losses, losses, 0, **MEASURED)


def test_width_of_lines_is_the_mean_over_directions(study):
    lines = slices_of({("a", 0): lines_of(0.2, 0.4), ("a", 1): lines_of(0.3)})
    widths = records.line_widths(study, lines, level=0.5)
    assert widths.values("line_width", "a") == pytest.approx([0.6, 0.6], abs=0.05**2)
    first, second = (widths.frame.iloc[index] for index in (0, 1))
    assert 0.05 * 0.9 < first["error"] < 0.05 * 1.1  # Half a step at each end.
    assert (first["unit"], first["error_kind"], first["cost"]) == ("filter norms", "grid", 82)
    assert first["converged"] and second["seed"] == 1 and first["level"] == 0.5


def test_lines_that_reach_the_border_are_counted(study):
    lines = slices_of({("a", 0): lines_of(0.2, 3.0, 5.0), ("b", 0): lines_of(3.0)})
    widths = records.line_widths(study, lines, level=0.5)
    row = row_of(widths, "line_width")
    assert row["note"] == "or more: on 2 of 3 lines the set reaches the border"
    assert not row["converged"] and row["error"] == INF
    assert row["value"] == pytest.approx((0.4 + 2 + 2) / 3, abs=1e-3)
    assert row_of(widths, "line_width", "b")["note"] == "or more: the set reaches the border"


@pytest.mark.parametrize("index", [(slice(None), 20), (1, 20), (1, 21)])
def test_lines_whose_centre_is_lost_on_one_of_them_are_recorded_as_such(study, index):
    # The middle of this grid is off 0 by rounding, so the loss beside it counts too.
    lost = with_loss(lines_of(0.2, 0.4), index, NAN)
    assert 0 < abs(float(lost.alphas[20])) < 1e-15
    row = row_of(records.line_widths(study, slices_of({("a", 0): lost}), level=0.5), "line_width")
    assert math.isnan(row["value"]) and not row["converged"]
    assert row["note"] == "the loss at the centre is not finite"
