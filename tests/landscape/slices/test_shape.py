"""Numbers of slices: basins of known width, ellipses of known axes, losses that turn and do not."""

import dataclasses
import functools
import math

import pytest
import torch
from landscape import slices
from landscape.slices.shape import anisotropy, basin_width, roughness

from tests.sample_measurements import MEASURED

linspace = functools.partial(torch.linspace, dtype=torch.float64)
# Neither square, nor centred, nor even, nor in order.
ALPHAS = torch.cat([linspace(0.02, 1.4, 40), linspace(-1.2, -0.01, 25), linspace(0, 0, 1)])
BETAS = linspace(-0.9, 0.7, 53)


def line_of(loss, alphas=ALPHAS, **labels):
    alphas = torch.as_tensor(alphas, dtype=torch.float64)
    losses = torch.as_tensor(loss(alphas) if callable(loss) else loss, dtype=torch.float64)
    return slices.Line(alphas, losses, losses, **{**MEASURED, **labels})


def plane_of(loss, alphas=ALPHAS, betas=BETAS):
    alphas, betas = (torch.as_tensor(x, dtype=torch.float64) for x in (alphas, betas))
    losses = loss(alphas[:, None], betas[None, :])
    losses = losses.expand(len(alphas), len(betas)).clone()
    return slices.Plane(alphas, betas, losses, losses, 0.0, **MEASURED)


def ellipse(long=1.0, short=0.4, angle=0.0, x=0.0, y=0.0, base=3.0):
    """A quadratic whose set 0.5 above its minimum has these semi-axes; the minimum is at x, y."""
    c, s = math.cos(angle), math.sin(angle)

    def loss(a, b):
        along, across = c * (a - x) + s * (b - y), c * (b - y) - s * (a - x)
        return base + 0.5 * ((along / long) ** 2 + (across / short) ** 2)

    return loss


def with_loss(plane, index, value):
    loss = plane.loss.clone()
    loss[index] = value
    return dataclasses.replace(plane, loss=loss)


# Width along a line


def test_width_of_a_basin_with_straight_walls_is_exact():
    found = basin_width(line_of(lambda a: 2 + torch.where(a < 0, -3 * a, a)), level=0.6)
    assert (found.width, found.nearest, found.farthest) == pytest.approx((0.8, 0.2, 0.6))
    assert (found.level, found.loss, found.censored) == (0.6, 2.0, False)
    assert found.low < found.width < found.high < found.low + 2 * 0.06  # Two steps of the grid.
    assert found.points == int(((ALPHAS >= -0.2) & (ALPHAS <= 0.6)).sum())


def test_width_of_a_parabola_is_between_its_bounds_and_right_to_the_square_of_the_step():
    found = basin_width(line_of(lambda a: 8 * a**2), level=2.0)
    assert found.low < 1.0 < found.high and found.width == pytest.approx(1.0, abs=0.05**2)


def test_second_basin_behind_a_wall_does_not_count():
    found = basin_width(line_of([1, 0, 0, 2, 0, 0, 2], [-3, -2, -1, 0.5, 1, 2, 3]), level=0.5)
    # At 0 the loss is 4/3: the set is what lies left of the wall's 11/6, and of -3 at its height.
    assert found.loss == pytest.approx(4 / 3) and found.censored
    assert found.nearest == pytest.approx(11 / 6 * 1.5 / 2 - 1)
    assert found.farthest == 3.0 and found.high == math.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_line_ends_at_a_loss_that_is_not_finite_and_says_so(bad):
    found = basin_width(line_of([4, 1, 0, 1, bad], [-2, -1, 0, 1, 2]), level=1.5)
    assert (found.nearest, found.farthest) == pytest.approx((1.0, 1 + 0.5 / 3))
    assert found.censored and found.points == 3


def test_centre_between_two_positions_is_interpolated():
    found = basin_width(line_of([5.0, 1.0, 3.0, 5.0], [-3, -1, 1, 3]), level=1.0)
    assert found.loss == 2.0 and not found.censored
    assert found.width == pytest.approx(1.0 + 2.0)


# Width and shape of a plane


@pytest.mark.parametrize("angle", [0.0, 0.6, -1.2, math.pi / 2])
def test_ellipse_has_its_width_and_semi_axes_however_it_is_turned(angle):
    plane = plane_of(ellipse(0.6, 0.2, angle))
    basin, shape = basin_width(plane, level=0.5), anisotropy(plane, level=0.5)
    # Linear interpolation of steps of 0.05 and 0.03 over axes of 0.6 and 0.2.
    assert basin.width == pytest.approx(2 * (0.6 * 0.2) ** 0.5, rel=5e-3)
    assert basin.low < basin.width < basin.high < 1.4 * basin.low
    assert basin.nearest == pytest.approx(0.2, rel=0.02)
    assert basin.farthest == pytest.approx(0.6, rel=0.01)
    assert shape.axes.tolist() == pytest.approx([0.6, 0.2], rel=0.01)
    assert shape.value == pytest.approx(3.0, rel=0.015)
    turn = (shape.angle - angle) % math.pi
    assert min(turn, math.pi - turn) < 5e-3 and -math.pi / 2 <= shape.angle <= math.pi / 2
    assert not basin.censored and not shape.censored
    assert basin.points == shape.points == int((plane.loss <= basin.loss + 0.5).sum())


def test_shape_is_that_of_the_whole_set_where_the_solution_is_not_in_its_middle():
    plane = plane_of(ellipse(0.6, 0.4, x=0.3, y=-0.1))
    at_centre = 0.5 * ((0.3 / 0.6) ** 2 + (0.1 / 0.4) ** 2)
    shape = anisotropy(plane, level=0.5 - at_centre)
    assert shape.axes.tolist() == pytest.approx([0.6, 0.4], rel=0.01)
    assert shape.centroid.tolist() == pytest.approx([0.3, -0.1], abs=2e-3)
    basin = basin_width(plane, level=0.5 - at_centre)
    assert basin.loss == pytest.approx(3 + at_centre, rel=1e-3)
    assert basin.farthest == pytest.approx(0.9, rel=0.02)


def test_area_of_a_pyramid_is_exact_to_its_edges():
    # |α| + |β|: linear on each cell of an even grid but those that the axes cross.
    grid = linspace(-1, 1, 21)
    found = basin_width(plane_of(lambda a, b: a.abs() + b.abs(), grid, grid), level=0.55)
    assert math.pi * (found.width / 2) ** 2 == pytest.approx(2 * 0.55**2, rel=1e-12)
    assert found.nearest == pytest.approx(0.55 / 2**0.5, rel=1e-12)
    assert found.farthest == pytest.approx(0.55, rel=1e-12)


def test_width_is_that_of_the_connected_set_also_where_it_is_bent():
    # A ring valley of radius 1 around (1, 0), which passes through the centre, cut on its far side.
    grid = linspace(-0.5, 2.5, 61)

    def ring(a, b):
        return 50 * (((a - 1) ** 2 + b**2).sqrt() - 1) ** 2 + 3.0 * (
            ((a - 2).abs() < 0.2) & (b > 0)
        )

    found = basin_width(plane_of(ring, grid, grid - 1), level=0.5)
    area = math.pi * (found.width / 2) ** 2
    # All of the ring but its piece between the angles 0 and acos 0.8, though rays leave it at once.
    assert area == pytest.approx((2 * math.pi - math.acos(0.8)) * 0.2, rel=0.05)
    assert found.nearest == pytest.approx(0.1, rel=0.05) and found.farthest > 1.9


def test_second_basin_of_a_plane_does_not_count():
    def two(a, b):
        return torch.minimum(a**2 + b**2, 0.01 + (a - 1) ** 2 + b**2)

    grid = linspace(-0.5, 1.5, 81)
    found = basin_width(plane_of(two, grid, grid - 0.5), level=0.09)
    assert found.width == pytest.approx(0.6, rel=0.01)
    assert found.farthest == pytest.approx(0.3, rel=0.01) and not found.censored


def test_set_of_a_plane_is_that_of_the_centre_not_of_the_nearest_point_inside():
    # Along α the loss is 0, 0, 3, -20: at 0, between -0.3 and 10, it is on the way down to -20.
    losses = torch.tensor([0.0, 0.0, 3.0, -20.0], dtype=torch.float64)
    positions = [-1.0, -0.5, -0.3, 10.0]
    plane = plane_of(lambda a, b: losses[:, None] + 0 * b, positions, [-1.0, 0.0, 1.0])
    found = basin_width(plane, level=0.2)
    line = basin_width(line_of(losses, positions), level=0.2)
    assert found.loss == line.loss == pytest.approx(3 - 23 * 0.3 / 10.3)
    assert found.points == 3 and found.farthest == pytest.approx(math.hypot(10, 1))
    assert found.nearest == pytest.approx(line.nearest)


def test_units_of_loss_and_directions_scale_width_and_leave_the_ratio():
    plane = plane_of(ellipse(0.6, 0.2, 0.4))
    scaled = dataclasses.replace(
        plane, alphas=10 * plane.alphas, betas=10 * plane.betas, loss=7 * plane.loss - 20
    )
    one, two = basin_width(plane, level=0.5), basin_width(scaled, level=3.5)
    for name in ("width", "low", "high", "nearest", "farthest"):
        assert getattr(two, name) == pytest.approx(10 * getattr(one, name), rel=1e-10)
    ratios = anisotropy(plane, level=0.5).value, anisotropy(scaled, level=3.5).value
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-10)


def test_swapped_axes_swap_the_angle():
    plane = plane_of(ellipse(0.6, 0.2, 0.4))
    swapped = dataclasses.replace(
        plane, alphas=plane.betas, betas=plane.alphas, loss=plane.loss.T.contiguous()
    )
    one, two = anisotropy(plane, level=0.5), anisotropy(swapped, level=0.5)
    assert two.angle == pytest.approx(math.pi / 2 - one.angle, rel=1e-9)
    assert two.value == pytest.approx(one.value, rel=1e-9)
    assert two.centroid.tolist() == pytest.approx(one.centroid.flip(0).tolist(), abs=1e-12)


def test_set_that_reaches_the_border_is_censored():
    basin = basin_width(plane_of(ellipse(2.0, 0.2)), level=0.5)
    assert basin.censored and basin.high == math.inf
    assert basin.nearest == pytest.approx(0.2, rel=0.02) and basin.farthest >= 1.4
    # All of the grid: its area, its nearest side and its farthest corner.
    whole = basin_width(plane_of(ellipse(9.0, 9.0)), level=50.0)
    assert math.pi * (whole.width / 2) ** 2 == pytest.approx(2.6 * 1.6, rel=1e-6)
    assert (whole.nearest, whole.farthest) == pytest.approx((0.7, math.hypot(1.4, 0.9)), rel=1e-6)
    assert whole.points == len(ALPHAS) * len(BETAS) and whole.censored
    assert anisotropy(plane_of(ellipse(2.0, 0.2)), level=0.5).censored


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_losses_that_are_not_finite_lie_outside_and_censor_where_they_touch(bad):
    grid = linspace(-1, 1, 21)
    plane = plane_of(ellipse(0.5, 0.5), grid, grid)
    clean = basin_width(plane, level=0.5)
    far = basin_width(with_loss(plane, (0, 0), bad), level=0.5)
    assert far == clean
    near = basin_width(with_loss(plane, (12, 10), bad), level=0.5)  # At (0.2, 0): four cells.
    assert near.censored and near.points == clean.points - 1
    area, less = (math.pi * (x.width / 2) ** 2 for x in (clean, near))
    assert area - less == pytest.approx(4 * 0.1**2, rel=1e-9)
    assert near.nearest == pytest.approx(0.1, rel=1e-9)
    assert anisotropy(with_loss(plane, (12, 10), bad), level=0.5).censored


def test_solution_among_losses_that_are_not_finite_has_a_basin_of_no_width():
    plane = plane_of(ellipse(), [-1, 0, 1], [-1, 0, 1])
    loss = torch.full((3, 3), math.nan, dtype=torch.float64)
    loss[1, 1] = 1.0
    lonely = dataclasses.replace(plane, loss=loss)
    basin = basin_width(lonely, level=1.0)
    assert (basin.width, basin.points, basin.censored) == (0.0, 1, True)
    assert math.isnan(anisotropy(lonely, level=1.0).value)


# Roughness


@pytest.mark.parametrize("angle", [0.0, 0.7])
@pytest.mark.parametrize("sign", [1, -1])
def test_quadratics_are_not_rough(angle, sign):
    bowl = ellipse(0.6, 0.2, angle)
    assert roughness(plane_of(lambda a, b: sign * bowl(a, b))).value == 0.0
    assert roughness(plane_of(lambda a, b: a * b + sign * a**2)).value == 0.0
    found = roughness(line_of(lambda a: sign * a**2 + 0.3 * a))
    assert found.value == 0.0 and found.skipped == 0
    total = float(
        line_of(lambda a: sign * a**2 + 0.3 * a).loss[ALPHAS.argsort()].diff().abs().sum()
    )
    assert found.variation == pytest.approx(total)


def test_loss_with_one_turn_is_not_rough_and_a_level_one_neither():
    assert roughness(line_of(lambda a: 1 - torch.exp(-30 * a**2))).value == 0.0
    assert roughness(line_of(lambda a: 0 * a + 2)).value == 0.0
    assert roughness(plane_of(lambda a, b: 0 * a + 0.1)).value == 0.0


def test_roughness_of_a_zigzag_is_counted_by_hand():
    # Ups and downs 3 + 1 + 4 = 8; one turn at the last minimum explains 2 + 4, so 2 are left.
    found = roughness(line_of([3.0, 0.0, 1.0, 5.0], [0, 1, 2, 3]))
    assert (found.value, found.variation) == (0.0, 8.0)
    found = roughness(line_of([3.0, 0.0, 1.0, 0.0, 4.0], [0, 1, 2, 3, 4]))
    assert (found.value, found.variation) == (pytest.approx(2 / 9), 9.0)


def test_roughness_of_waves_does_not_depend_on_units_or_on_a_grid_that_resolves_them():
    # Four whole waves: V = 16, of which one turn explains 2: up to 1 and back to 0.
    values = []
    for count, units, stretch in ((401, 1.0, 1.0), (801, 1e-3, 50.0)):
        alphas = linspace(0, 1, count) ** 1.3
        line = line_of(lambda a, u=units: u * torch.sin(8 * math.pi * a) - 5, alphas)
        values.append(roughness(dataclasses.replace(line, alphas=stretch * alphas)).value)
    assert values == pytest.approx([1 - 2 / 16] * 2, rel=2e-3)


def test_waves_along_either_axis_are_rough():
    grid = linspace(0, 1, 101)
    along = plane_of(lambda a, b: torch.sin(8 * math.pi * a) + 0 * b, grid, grid)
    across = plane_of(lambda a, b: torch.sin(8 * math.pi * b) + 0 * a, grid, grid)
    for plane in (along, across):
        assert roughness(plane).value == pytest.approx(1 - 2 / 16, rel=1e-3)


def test_noise_on_a_bowl_is_rough_by_its_share(generator):
    plane = plane_of(ellipse(), linspace(-1, 1, 25), linspace(-1, 1, 31))
    noise = torch.randn(plane.loss.shape, dtype=torch.float64, generator=generator)
    values = [
        roughness(dataclasses.replace(plane, loss=plane.loss + scale * noise)).value
        for scale in (0.0, 0.03, 0.3, 100.0)
    ]
    assert 0 == values[0] < values[1] < values[2] < values[3]
    assert values[3] > 0.75  # One turn explains some 4 of 28 deviations of the noise.


def test_rounding_of_the_loss_is_not_rough(generator):
    noise = torch.randn(len(ALPHAS), dtype=torch.float64, generator=generator)
    losses = 5 + 1e-7 * noise  # float32 tells no less apart.
    assert roughness(line_of(losses)).value == 0.0
    assert roughness(line_of(losses, dtype="float64")).value > 0.5


def test_losses_that_are_not_finite_are_left_out_and_counted():
    losses = [math.inf, 3.0, 0.0, math.nan, 1.0, 0.0, 4.0]
    found = roughness(line_of(losses, range(7)))
    assert (found.value, found.skipped) == (pytest.approx(2 / 9), 2)
    assert math.isnan(roughness(line_of([math.nan] * 5, range(5))).value)


# What all of them share


def test_numbers_of_a_slice_carry_its_labels_and_leave_it_alone(store):
    plane = plane_of(ellipse(0.6, 0.2))
    before = plane.loss.clone(), plane.alphas.clone()
    for measure, options in (
        (basin_width, {"level": 0.5}),
        (anisotropy, {"level": 0.5}),
        (roughness, {}),
    ):
        found, kept = measure(plane, **options), store.remember(measure, plane, **options)
        assert (found.bn, found.examples, found.examples_hash, found.dtype) == tuple(
            MEASURED.values()
        )
        assert str(found) == str(kept)
    assert torch.equal(plane.loss, before[0]) and torch.equal(plane.alphas, before[1])


@pytest.mark.parametrize("level", [0.0, -1.0, math.inf, math.nan])
def test_a_level_that_is_none_is_refused(level):
    for measure in (basin_width, anisotropy):
        with pytest.raises(
            ValueError, match=rf"level={level} is no height. Pass a finite level > 0"
        ):
            measure(plane_of(ellipse()), level=level)


def test_slices_without_their_centre_are_refused():
    for alphas in ([1.0, 2.0], [-2.0, -1.0], [0.0]):
        with pytest.raises(ValueError, match=r"centre, 0, does not lie between the . positions"):
            basin_width(line_of(lambda a: a**2, alphas), level=1.0)
        with pytest.raises(ValueError, match=r"centre, 0, does not lie between"):
            anisotropy(plane_of(ellipse(), alphas=[-1.0, 1.0], betas=alphas), level=1.0)
    with pytest.raises(ValueError, match=r"loss at the centre is nan, so no level is above it"):
        basin_width(line_of([0.0, math.nan, 0.0], [-1, 0, 1]), level=1.0)
    with pytest.raises(TypeError, match=r"plane=a Line is not what anisotropy takes. Pass a Plane"):
        anisotropy(line_of(lambda a: a**2), level=1.0)


def test_repeated_positions_and_grids_too_small_to_turn_are_refused():
    for measure in (roughness, lambda cut: basin_width(cut, level=1.0)):
        with pytest.raises(ValueError, match=r"positions of the grid repeat.*all differ"):
            measure(line_of([1.0, 0.0, 0.0, 2.0], [-1, 0, 0, 1]))
        with pytest.raises(ValueError, match=r"positions of the grid repeat.*all differ"):
            measure(plane_of(ellipse(), betas=[-1.0, 0.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"a grid of 3 x 2 cannot turn twice.*at least 4"):
        roughness(plane_of(ellipse(), alphas=[-1.0, 0.0, 1.0], betas=[0.0, 1.0]))
