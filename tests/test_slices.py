"""Lines and planes: exact on a quadratic, unmoved by rescaling, honest about what is not finite."""

import itertools
import math

import pytest
import torch
from landscape import directions, slices
from landscape.objective import Objective

from tests.sample_measurements import MEASURED
from tests.sample_networks import (
    Point,
    digits,
    log_point,
    quadratic,
    relu_net,
    relu_objective,
    rescaled,
    small_cnn,
    small_objective,
    state_of,
)

ORIGIN = torch.zeros(2, dtype=torch.float64)
E1, E2 = torch.eye(2, dtype=torch.float64)
ALPHAS = torch.linspace(-1, 2, 5, dtype=torch.float64)
BETAS = torch.linspace(-3, 1, 7, dtype=torch.float64)


def test_plane_of_a_quadratic_is_exact_and_not_transposed():
    # 5 x 7 grid, curvatures 1 and 10, no symmetry: shifted rows or swapped axes cannot pass.
    found = slices.plane(quadratic(1.0, 10.0), ORIGIN, E1, E2, alphas=ALPHAS, betas=BETAS)
    want = 0.5 * ALPHAS[:, None] ** 2 + 5.0 * BETAS[None, :] ** 2
    assert found.loss.shape == found.accuracy.shape == (5, 7)
    torch.testing.assert_close(found.loss, want, rtol=1e-14, atol=0.0)
    assert torch.equal(found.alphas, ALPHAS) and torch.equal(found.betas, BETAS)
    assert found.cosine == 0.0 and bool(found.accuracy.isnan().all())


def test_plane_off_the_centre_along_slanted_directions_is_exact():
    objective = quadratic(1.0, -10.0, copies=3)
    centre, d1, d2 = torch.tensor([[0.5, -1.0], [2.0, 1.0], [-1.0, 3.0]], dtype=torch.float64)
    found = slices.plane(objective, centre, d1, d2, alphas=ALPHAS, betas=BETAS)
    for i, a in enumerate(ALPHAS.tolist()):
        for j, b in enumerate(BETAS.tolist()):
            x, y = 0.5 + 2 * a - b, -1.0 + a + 3 * b
            assert float(found.loss[i, j]) == pytest.approx(0.5 * x**2 - 5 * y**2, rel=1e-12)
    assert found.cosine == pytest.approx(1 / math.sqrt(50), rel=1e-14)


def test_line_of_a_quadratic_is_exact():
    found = slices.line(quadratic(1.0, 10.0), E1, 2 * E2, alphas=[-1, 0, 0.5])
    assert found.loss.tolist() == [20.5, 0.5, 5.5] and found.alphas.tolist() == [-1.0, 0.0, 0.5]


def test_slices_of_one_point_are_its_loss():
    objective = small_objective()
    direction = torch.ones(objective.n, dtype=torch.float64)
    found = slices.line(objective, objective.theta, direction, alphas=[0.0])
    evaluation = objective.evaluate(objective.theta)
    assert found.loss.tolist() == [evaluation.loss]
    assert found.accuracy.tolist() == [evaluation.accuracy]


def test_line_does_not_depend_on_the_order_of_its_positions(generator):
    objective = small_objective()
    d = directions.random(objective.layout, generator=generator)
    one = slices.line(objective, objective.theta, d, alphas=ALPHAS)
    two = slices.line(objective, objective.theta, d, alphas=ALPHAS.flip(0))
    assert torch.equal(one.loss, two.loss.flip(0))


@pytest.mark.parametrize("others", ["zero", "match"])
def test_filter_normalized_slices_are_unchanged_by_rescaling_layers(generator, others):
    model = relu_net()
    d = [directions.random(relu_objective(model).layout, generator=generator) for _ in range(2)]
    found = []
    for network in (model, rescaled(model, 7.0)):
        at = relu_objective(network)
        n1, n2 = (directions.filter_normalize(x, at.theta, at.layout, others=others) for x in d)
        found.append(slices.plane(at, at.theta, n1, n2, alphas=ALPHAS, betas=BETAS))
    # The accuracy jumps where two outputs tie; the loss is smooth in rounding errors.
    torch.testing.assert_close(found[0].loss, found[1].loss, rtol=1e-11, atol=1e-13)
    raw = [
        slices.line(relu_objective(m), relu_objective(m).theta, d[0], alphas=ALPHAS).loss
        for m in (model, rescaled(model, 7.0))
    ]
    assert float((raw[0] - raw[1]).abs().max()) > 0.1


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_slices_leave_the_model_bit_for_bit_and_carry_their_policy(bn, generator):
    model = small_cnn().train()
    before = state_of(model)
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5)
    d = directions.random(objective.layout, generator=generator)
    found = slices.line(objective, objective.theta, d, alphas=[-1.0, 1.0])
    assert state_of(model) == before
    assert (found.bn, found.examples, found.dtype) == (bn, 9, "float64")
    assert found.examples_hash == objective.examples_hash


def test_reestimated_statistics_are_those_of_each_point(generator):
    objective = small_objective(bn="reestimate")
    d = directions.random(objective.layout, generator=generator)
    found = slices.line(objective, objective.theta, d, alphas=[0.0, 1.0])
    frozen = objective.replace(bn="frozen")
    point = objective.theta + d
    want = frozen.loss(point, buffers=objective.statistics(point))
    assert float(found.loss[1]) == want


def test_infinity_and_nan_are_kept_where_they_are():
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    objective = Objective(Point(2), examples, loss=log_point)
    found = slices.plane(objective, ORIGIN, E1, E2, alphas=[-1.0, 0.0, 1.0], betas=[1.0, math.e])
    want = torch.tensor([[math.nan] * 2, [-math.inf] * 2, [0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found.loss, want, equal_nan=True, rtol=1e-14, atol=0)
    line = slices.line(objective, E2, E1, alphas=[-1.0, 0.0, 1.0])
    assert line.loss.isnan().tolist() == [True, False, False]
    assert line.loss.isinf().tolist() == [False, True, False]


# Random lines and planes


def test_random_lines_are_lines_along_filter_normalized_streams():
    from landscape import rng

    at = small_objective()
    found = slices.random_lines(at, at.theta, alphas=ALPHAS, seed=5, count=3)
    assert found.loss.shape == found.accuracy.shape == (3, 5) and found.seed == 5
    for index in range(3):
        drawn = directions.random(at.layout, generator=rng.stream(5, "line", index))
        normal = directions.filter_normalize(drawn, at.theta, at.layout)
        line = slices.line(at, at.theta, normal, alphas=ALPHAS)
        assert torch.equal(found.loss[index], line.loss)
        assert torch.equal(found.accuracy[index], line.accuracy)
    assert not torch.equal(found.loss[0], found.loss[1])


def test_random_lines_keep_their_directions_when_more_are_drawn():
    at = small_objective()
    few, more = (
        slices.random_lines(at, at.theta, alphas=[-1.0, 1.0], seed=5, count=n) for n in (2, 4)
    )
    assert torch.equal(few.loss, more.loss[:2])


def test_random_plane_of_one_seed_is_the_same_and_spans_two_directions():
    at = small_objective()
    one, two, other = (
        slices.random_plane(at, at.theta, alphas=[-1.0, 1.0], betas=[-1.0, 0.0, 1.0], seed=seed)
        for seed in (1, 1, 2)
    )
    assert torch.equal(one.loss, two.loss) and not torch.equal(one.loss, other.loss)
    assert one.loss.shape == (2, 3) and 0 < abs(one.cosine) < 0.5


def test_random_lines_refuse_to_draw_nothing():
    at = small_objective()
    with pytest.raises(ValueError, match=r"count=0 draws no direction. Pass count >= 1"):
        slices.random_lines(at, at.theta, alphas=[0.0], seed=0, count=0)


# Levels that several planes share


def plane_of(loss):
    loss = torch.tensor(loss, dtype=torch.float64)
    axes = (torch.arange(float(size)) for size in loss.shape)
    return slices.Plane(*axes, loss, loss, 0.0, **MEASURED)


def test_shared_levels_run_from_the_smallest_to_the_largest_loss_by_one_factor():
    planes = [plane_of([[0.5, math.inf], [math.nan, 2.0]]), plane_of([[50.0, 0.0], [-1.0, 1.0]])]
    levels = slices.shared_levels(planes, count=5)
    assert len(levels) == 5
    assert levels[0] == pytest.approx(0.5) and levels[-1] == pytest.approx(50.0)
    factors = [b / a for a, b in itertools.pairwise(levels)]
    assert factors == pytest.approx([100**0.25] * 4)


@pytest.mark.parametrize(
    ("loss", "count"),
    [([[1.0, 1.0]], 5), ([[math.nan, -1.0]], 5), ([[1.0, math.inf]], 5), ([[1.0, 2.0]], 2)],
)
def test_shared_levels_refuse_losses_without_a_range(loss, count):
    with pytest.raises(ValueError, match=rf"finite, positive losses give no {count} levels"):
        slices.shared_levels([plane_of(loss)], count=count)


# What is refused


@pytest.mark.parametrize("grid", [[], [[0.0, 1.0]], [math.nan], [0.0, math.inf], 1.0])
def test_a_grid_that_is_none_is_refused(grid):
    objective = quadratic(1.0, 10.0)
    with pytest.raises(ValueError, match=r"alphas of shape .* is no grid. Pass at least one"):
        slices.line(objective, ORIGIN, E1, alphas=grid)
    with pytest.raises(ValueError, match=r"betas of shape"):
        slices.plane(objective, ORIGIN, E1, E2, alphas=[0.0], betas=grid)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 1), ()])
def test_directions_and_centres_of_another_shape_are_refused(shape):
    # A centre of one number would broadcast to all parameters.
    objective, wrong = quadratic(1.0, 10.0), torch.zeros(shape, dtype=torch.float64)
    for centre, direction in ((ORIGIN, wrong), (wrong, E1)):
        with pytest.raises(ValueError, match=r"theta has the shape .* n = 2"):
            slices.line(objective, centre, direction, alphas=[0.0])
    for arguments in ((ORIGIN, wrong, E2), (ORIGIN, E1, wrong), (wrong, E1, E2)):
        with pytest.raises(ValueError, match=r"theta has the shape .* n = 2"):
            slices.plane(objective, *arguments, alphas=[0.0], betas=[0.0])


@pytest.mark.parametrize("second", [E1, -3 * E1, ORIGIN, E1 * math.nan])
def test_a_plane_of_parallel_directions_is_refused(second):
    with pytest.raises(ValueError, match=r"directions have the cosine .*parallel or zero"):
        slices.plane(quadratic(1.0, 10.0), ORIGIN, E1, second, alphas=[0.0], betas=[0.0])
