"""Lines and planes: exact on a quadratic, unmoved by rescaling, honest about what is not finite."""

import itertools
import math
from dataclasses import fields

import pytest
import torch
from landscape import directions, models, rng, slices
from landscape.evaluator import Evaluator
from landscape.objective import Objective
from torch import nn

from tests.sample_measurements import MEASURED
from tests.sample_networks import (
    Point,
    digits,
    filled,
    log_point,
    quadratic,
    regression_data,
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
    # Folding normalisation into weights rounds differently.
    assert found.loss.tolist() == pytest.approx([evaluation.loss], rel=1e-13)
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
    assert float(found.loss[1]) == pytest.approx(want, rel=1e-13)


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


def test_random_planes_are_planes_along_filter_normalized_streams():
    at = small_objective()
    grids = {"alphas": [-1.0, 1.0], "betas": [-1.0, 0.0, 1.0]}
    found = slices.random_planes(at, at.theta, **grids, seed=5, count=3)
    assert found.loss.shape == found.accuracy.shape == (3, 2, 3) and found.seed == 5
    first = slices.random_plane(at, at.theta, **grids, seed=5)
    assert torch.equal(found.loss[0], first.loss) and float(found.cosines[0]) == first.cosine
    drawn = [directions.random(at.layout, generator=rng.stream(5, "plane", k)) for k in (5, 6)]
    pair = [directions.filter_normalize(d, at.theta, at.layout) for d in drawn]
    last = slices.plane(at, at.theta, *pair, **grids)
    assert torch.equal(found.loss[2], last.loss) and float(found.cosines[2]) == last.cosine
    assert torch.equal(found.accuracy[2], last.accuracy)
    assert len({float(plane.sum()) for plane in found.loss}) == 3


def test_random_planes_refuse_to_draw_nothing():
    at = small_objective()
    with pytest.raises(ValueError, match=r"count=0 draws no pair. Pass count >= 1"):
        slices.random_planes(at, at.theta, alphas=[0.0], betas=[0.0], seed=0, count=0)


def test_bands_are_quantiles_over_directions_with_infinity_and_nan_kept():
    loss = torch.tensor(
        [[3.0, math.inf, 1.0], [1.0, math.inf, math.nan], [2.0, 5.0, 0.0]], dtype=torch.float64
    )
    alphas = torch.arange(3.0)
    lines = slices.Lines(alphas, loss, loss, 0, **MEASURED)
    found = lines.quantiles([0.0, 0.25, 0.5, 1.0])
    assert found[:, 0].tolist() == [1.0, 1.5, 2.0, 3.0]
    assert found[:, 1].tolist() == [5.0, math.inf, math.inf, math.inf]
    assert bool(found[:, 2].isnan().all())
    planes = slices.Planes(alphas, alphas[:1], loss[:, :, None], loss, alphas, 0, **MEASURED)
    assert torch.equal(planes.quantiles([0.25])[0, :2, 0], found[1, :2])


@pytest.mark.parametrize("shares", [[], [-0.1], [0.5, 1.5], [math.nan]])
def test_shares_that_are_no_quantiles_are_refused(shares):
    with pytest.raises(ValueError, match=r"are no quantiles. Pass shares in \[0, 1\]"):
        slices.quantiles(torch.zeros(3, 2), shares)


# Grids refined near the centre


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_a_centred_grid_holds_its_centre_and_is_finest_there(power):
    found = slices.centred_positions(7, 2.0, power=power)
    assert found.dtype == torch.float64 and found[3] == 0.0
    assert torch.equal(found, -found.flip(0)) and found[-1] == 2.0
    assert found[4:].tolist() == pytest.approx([2 * (k / 3) ** power for k in (1, 2, 3)])
    steps = found.diff()[3:]
    assert bool((steps.diff() >= -1e-15).all()) and (power == 1) == (steps[2] < steps[0] + 1e-9)


@pytest.mark.parametrize(
    ("points", "reach", "power"),
    [(4, 1.0, 2.0), (1, 1.0, 2.0), (5, 0.0, 2.0), (5, math.inf, 2.0), (5, 1.0, 0.5)],
)
def test_a_grid_that_is_not_centred_is_refused(points, reach, power):
    with pytest.raises(ValueError, match=r"is no grid around 0. Pass an odd number"):
        slices.centred_positions(points, reach, power=power)


# Planes in blocks


def interrupted_after(monkeypatch, count):
    """Let so many points be computed; the next one is interrupted as by Ctrl-C."""
    whole, done = Evaluator.evaluate, []

    def evaluate(self, *coefficients):
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(coefficients)
        return whole(self, *coefficients)

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    return done


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_an_interrupted_plane_goes_on_and_gives_the_same_bits(bn, store, monkeypatch):
    at = small_objective(bn=bn)
    arguments = {"alphas": ALPHAS, "betas": [-1.0, 0.0, 1.0], "seed": 3}
    want = slices.random_plane(at, at.theta, **arguments)
    d1, d2 = (
        directions.filter_normalize(
            directions.random(at.layout, generator=rng.stream(3, "plane", axis)),
            at.theta,
            at.layout,
        )
        for axis in (1, 2)
    )
    grids = {"alphas": ALPHAS, "betas": [-1.0, 0.0, 1.0], "store": store, "rows": 2}
    with monkeypatch.context() as patch:
        interrupted_after(patch, 10)
        with pytest.raises(KeyboardInterrupt):
            slices.plane(at, at.theta, d1, d2, **grids)
    with monkeypatch.context() as patch:
        done = interrupted_after(patch, 10**6)
        found = slices.plane(at, at.theta, d1, d2, **grids)
        assert len(done) == 15 - 6  # One block of two rows was there.
        assert torch.equal(slices.plane(at, at.theta, d1, d2, **grids).loss, found.loss)
        assert len(done) == 15 - 6
    for other in (found, slices.plane(at, at.theta, d1, d2, **{**grids, "rows": 5})):
        assert torch.equal(other.loss, want.loss)
        assert torch.equal(other.accuracy, want.accuracy)
    assert (found.cosine, found.bn) == (want.cosine, bn)


def test_a_stored_plane_of_a_network_with_a_first_linear_layer_has_the_same_bits(store):
    at = Objective(models.MLP(hidden=(5,)).build((1, 8, 8), 10, seed=0), digits().first(9))
    grids = {"alphas": [-1.0, 0.5], "betas": [0.0, 0.1, 0.2], "seed": 0}
    want = slices.random_plane(at, at.theta, **grids)
    found = slices.random_plane(at, at.theta, **grids, store=store)
    assert torch.equal(found.loss, want.loss) and torch.equal(found.accuracy, want.accuracy)
    part = slices.random_plane(at, at.theta, **{**grids, "alphas": [0.5], "betas": [0.1]})
    assert float(part.loss) == float(want.loss[1, 1])


def test_blocks_of_no_rows_are_refused():
    with pytest.raises(ValueError, match=r"rows=0 make no block"):
        slices.plane(quadratic(1.0, 2.0), ORIGIN, E1, E2, alphas=[0.0], betas=[0.0], rows=0)


def test_slices_leave_the_model_also_after_an_exception(generator, monkeypatch):
    model = small_cnn().train()
    before = state_of(model)
    at = Objective(model, digits().first(5))
    d1, d2 = (directions.random(at.layout, generator=generator) for _ in range(2))
    interrupted_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        slices.plane(at, at.theta, d1, d2, alphas=[0.0, 1.0], betas=[0.0, 1.0])
    assert state_of(model) == before


# Refined planes


FINE = {
    "alphas": torch.linspace(-3, 2, 33, dtype=torch.float64),
    "betas": slices.centred_positions(41, 2.0),
}


def bowl():
    return quadratic(1.0, 6.0)


def test_a_refined_plane_is_the_fine_plane_where_levels_run():
    full = slices.plane(bowl(), ORIGIN, E1, E2, **FINE)
    levels = [0.3, 2.0, 5.0]
    found = slices.refined_plane(bowl(), ORIGIN, E1, E2, **FINE, levels=levels)
    assert found.points == int(found.evaluated.sum()) < 0.8 * full.loss.numel()
    assert found.levels == (0.3, 2.0, 5.0) and isinstance(found, slices.Plane)
    assert torch.equal(found.loss[found.evaluated], full.loss[found.evaluated])
    assert bool(found.loss.isfinite().all()) and found.loss.shape == (33, 41)
    for level in levels:
        # On each edge of the fine grid that the contour crosses both ends are measured.
        above, known = full.loss >= level, found.evaluated
        for axis in (0, 1):
            first, last = (x.narrow(axis, 0, x.shape[axis] - 1) for x in (above, known))
            other, rest = (x.narrow(axis, 1, x.shape[axis] - 1) for x in (above, known))
            crossed = first != other
            assert bool(crossed.any()) and bool((last & rest)[crossed].all())


def test_points_between_are_bilinear_between_the_corners_of_their_cell():
    found = slices.refined_plane(bowl(), E1, E1, E2, **FINE, levels=[1e6], step=8)
    a, b = FINE["alphas"], FINE["betas"]
    assert found.points == 5 * 6
    assert bool(found.evaluated[::8, ::8].all())
    for i, j in ((3, 5), (8, 13), (31, 39)):
        r, c = i // 8 * 8, j // 8 * 8
        u = float((a[i] - a[r]) / (a[min(r + 8, 32)] - a[r])) if r < 32 else 0.0
        v = float((b[j] - b[c]) / (b[min(c + 8, 40)] - b[c]))
        corners = found.loss[r : r + 9 : 8, c : c + 9 : 8]
        want = torch.tensor([1 - u, u]).double() @ corners @ torch.tensor([1 - v, v]).double()
        assert float(found.loss[i, j]) == pytest.approx(float(want), rel=1e-12)
        assert not found.evaluated[i, j]


def test_a_refined_plane_without_levels_in_it_refines_where_losses_jump():
    flat = slices.refined_plane(bowl(), ORIGIN, E1, E2, **FINE, levels=[1e6], jump=2.0)
    full = slices.plane(bowl(), ORIGIN, E1, E2, **FINE)
    assert 30 < flat.points < full.loss.numel()
    assert float((flat.loss - full.loss).abs().max()) < 2.0


@pytest.mark.slow
def test_a_refined_plane_of_one_step_is_the_fine_plane():
    full = slices.plane(bowl(), ORIGIN, E1, E2, **FINE)
    found = slices.refined_plane(bowl(), ORIGIN, E1, E2, **FINE, levels=[1.0], step=1)
    assert bool(found.evaluated.all()) and found.points == 33 * 41
    assert torch.equal(found.loss, full.loss) and found.cosine == full.cosine


def test_a_refined_plane_finds_where_losses_end_to_be_numbers():
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    objective = Objective(Point(2), examples, loss=log_point)
    found = slices.refined_plane(
        objective, 5 * E2, E1, E2, alphas=range(-8, 9), betas=range(-1, 2), levels=[100.0], step=8
    )
    assert bool(found.loss[:8].isnan().all()) and bool((found.loss[8] == -math.inf).all())
    assert bool(found.loss[9:].isfinite().all())
    assert bool(found.evaluated[7:10].all()) and not bool(found.evaluated[1:4].any())


def test_a_border_that_cells_of_two_sizes_share_is_as_fine_as_the_finer():
    def slope(outputs, targets):  # Steep on one side of y = 0, x² on the other.
        return outputs[:, 0] ** 2 + 2 * (-outputs[:, 1]).relu()

    objective = Objective(Point(2), (torch.zeros(1, 1), torch.zeros(1, 2)), loss=slope)
    grids = {"alphas": torch.linspace(0, 1, 9), "betas": torch.linspace(-8, 8, 17)}
    found = slices.refined_plane(objective, ORIGIN, E1, E2, **grids, levels=[99.0], jump=5.0)
    assert found.evaluated[:, 8].tolist() == [True, False] * 4 + [True]
    assert not bool(found.evaluated[1:8, 9:16].any())
    assert float(found.loss[1, 8]) == pytest.approx((found.alphas[2] ** 2).item() / 2)


def test_points_between_infinite_ones_are_infinite():
    def infinite(outputs, targets):
        return torch.where(outputs[:, 0] < 0, math.inf, 1.0).double()

    objective = Objective(Point(2), (torch.zeros(1, 1), torch.zeros(1, 2)), loss=infinite)
    grids = {"alphas": torch.linspace(-8, 8, 17), "betas": torch.linspace(0, 4, 5)}
    found = slices.refined_plane(objective, ORIGIN, E1, E2, **grids, levels=[5.0], step=4)
    want = slices.plane(objective, ORIGIN, E1, E2, **grids)
    assert torch.equal(found.loss, want.loss) and 20 < found.points < 60


def test_a_refined_plane_carries_accuracy_and_labels():
    at = small_objective()
    drawn = [directions.random(at.layout, generator=rng.stream(0, i)) for i in (0, 1)]
    pair = [directions.filter_normalize(d, at.theta, at.layout) for d in drawn]
    grids = {"alphas": [-1.0, 0.0, 1.0], "betas": [-1.0, 0.5, 1.0]}
    full = slices.plane(at, at.theta, *pair, **grids)
    found = slices.refined_plane(at, at.theta, *pair, **grids, levels=[1e9], step=2)
    assert found.points == 4 and torch.equal(found.accuracy[::2, ::2], full.accuracy[::2, ::2])
    assert (found.bn, found.examples, found.examples_hash) == ("frozen", 13, at.examples_hash)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": []}, r"levels=\[\] are no contours"),
        ({"levels": [math.inf]}, r"levels=\[inf\] are no contours"),
        ({"step": 0}, r"step=0, jump=inf: pass step >= 1"),
        ({"jump": 0.0}, r"step=8, jump=0.0: pass step >= 1 .* and jump > 0"),
        ({"alphas": [0.0]}, r"alphas has 1 positions that do not increase"),
        ({"betas": [0.0, 1.0, 1.0]}, r"betas has 3 positions that do not increase"),
    ],
)
def test_a_refined_plane_of_nothing_is_refused(options, words):
    arguments = {**FINE, "levels": [1.0], **options}
    with pytest.raises(ValueError, match=words):
        slices.refined_plane(bowl(), ORIGIN, E1, E2, **arguments)
    with pytest.raises(ValueError, match=r"directions have the cosine"):
        slices.refined_plane(bowl(), ORIGIN, E1, E1, **FINE, levels=[1.0])


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


# The objective's own theta, and an even grid by its reach and number of points


def linear_objective():
    """The objective mean ½ ‖W x - y‖² of a linear layer: a quadratic at any theta."""
    inputs, targets, _ = regression_data()
    layer = filled(nn.Linear(4, 3, bias=False).double())
    return Objective(layer, (inputs, targets), loss=lambda out, y: 0.5 * (out - y).square().sum(1))


def closed_form(objective, theta):
    inputs, targets, _ = regression_data()
    return float(0.5 * (inputs @ theta.view(3, 4).T - targets).square().sum(1).mean())


def test_random_plane_of_a_quadratic_by_reach_and_points_is_exact():
    L = linear_objective()
    found = slices.random_plane(L, reach=2.0, points=5, seed=0)
    assert found.alphas.tolist() == found.betas.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0]
    d1, d2 = (
        directions.filter_normalize(
            directions.random(L.layout, generator=rng.stream(0, "plane", axis)), L.theta, L.layout
        )
        for axis in (1, 2)
    )
    for i, a in enumerate(found.alphas):
        for j, b in enumerate(found.betas):
            want = closed_form(L, L.theta + a * d1 + b * d2)
            assert float(found.loss[i, j]) == pytest.approx(want, rel=1e-12)


EVEN = torch.linspace(-0.5, 0.5, 5, dtype=torch.float64)


def same_bits(one, two):
    """Whether two results have the same numbers in all their fields."""
    pairs = [(getattr(one, field.name), getattr(two, field.name)) for field in fields(one)]
    return type(one) is type(two) and all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs
    )


@pytest.mark.slow
def test_slices_without_theta_and_positions_have_the_bits_of_explicit_ones(generator):
    L = small_objective()
    d1, d2 = (directions.random(L.layout, generator=generator) for _ in range(2))
    even, explicit = {"reach": 0.5, "points": 5}, {"alphas": EVEN, "betas": EVEN}
    pairs = [
        (
            slices.line(L, direction=d1, **even),
            slices.line(L, L.theta, d1, alphas=EVEN),
        ),
        (
            slices.random_lines(L, **even, seed=1, count=2),
            slices.random_lines(L, L.theta, alphas=EVEN, seed=1, count=2),
        ),
        (
            slices.plane(L, d1=d1, d2=d2, **even),
            slices.plane(L, L.theta, d1, d2, **explicit),
        ),
        (
            slices.random_plane(L, **even, seed=1),
            slices.random_plane(L, L.theta, **explicit, seed=1),
        ),
        (
            slices.random_planes(L, **even, seed=1, count=2),
            slices.random_planes(L, L.theta, **explicit, seed=1, count=2),
        ),
        (
            slices.refined_plane(L, d1=d1, d2=d2, **explicit, levels=[1.0], step=2),
            slices.refined_plane(L, L.theta, d1, d2, **explicit, levels=[1.0], step=2),
        ),
    ]
    for short, long in pairs:
        assert same_bits(short, long)


def test_a_slice_without_a_grid_has_25_even_positions_up_to_1():
    L = linear_objective()
    alphas = slices.random_lines(L, seed=0, count=1).alphas
    assert alphas.tolist() == pytest.approx([k / 12 for k in range(-12, 13)], abs=1e-15)
    assert float(alphas[12]) == 0.0 and torch.equal(alphas, -alphas.flip(0))
    assert slices.line(L, direction=L.theta, points=3).alphas.tolist() == [-1.0, 0.0, 1.0]
    assert slices.line(L, direction=L.theta, reach=6.0).alphas[[0, -1]].tolist() == [-6.0, 6.0]


def test_positions_together_with_reach_or_points_are_refused():
    L = linear_objective()
    for extra in ({"reach": 1.0}, {"points": 25}):
        for measure, name in (
            (lambda options: slices.line(L, direction=L.theta, alphas=[0.0], **options), "alphas"),
            (
                lambda options: slices.random_lines(L, alphas=[0.0], seed=0, count=1, **options),
                "alphas",
            ),
            (lambda options: slices.random_plane(L, betas=[0.0], seed=0, **options), "betas"),
            (
                lambda options: slices.random_planes(L, betas=[0.0], seed=0, count=1, **options),
                "betas",
            ),
        ):
            words = rf"{name} were given together with reach=.*Pass either positions, or reach"
            with pytest.raises(ValueError, match=words):
                measure(extra)


def test_positions_of_one_axis_alone_are_refused():
    L = linear_objective()
    with pytest.raises(ValueError, match=r"alphas were given without .* Pass alphas and betas, or"):
        slices.random_plane(L, alphas=[0.0], seed=0)
    with pytest.raises(ValueError, match=r"betas were given without the positions of the other"):
        slices.plane(quadratic(1.0, 2.0), d1=E1, d2=E2, betas=[0.0])


@pytest.mark.parametrize("options", [{"points": 24}, {"points": 1}, {"reach": 0.0}])
def test_a_reach_and_points_that_make_no_grid_are_refused(options):
    with pytest.raises(ValueError, match=r"is no grid around 0. Pass an odd number of points"):
        slices.random_plane(linear_objective(), seed=0, **options)


def test_directions_that_are_missing_are_asked_for():
    L, grids = quadratic(1.0, 2.0), {"alphas": [0.0, 1.0], "betas": [0.0, 1.0]}
    with pytest.raises(ValueError, match=r"direction missing.*Pass direction=\.\.\., each a vect"):
        slices.line(L, E1, alphas=[0.0])
    with pytest.raises(ValueError, match=r"d1 and d2 missing: .*Pass d1=\.\.\., d2=\.\.\., each"):
        slices.plane(L, **grids)
    with pytest.raises(ValueError, match=r"^d2 missing"):
        slices.refined_plane(L, d1=E1, **grids, levels=[1.0])


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
    with pytest.raises(
        ValueError, match=r"directions have the cosine .*parallel, zero or not finite"
    ):
        slices.plane(quadratic(1.0, 10.0), ORIGIN, E1, second, alphas=[0.0], betas=[0.0])
