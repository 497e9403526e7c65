"""Sharpness: one step, the worst and the average rise in a ball, and microbatch by microbatch."""

import math

import pytest
import scipy.optimize
import torch
from landscape import directions, sharpness, spectrum, theory
from landscape.objective import Objective
from landscape.store.fingerprint import digest

from tests.sample_networks import (
    Point,
    digits,
    half_squares,
    log_point,
    quadratic,
    relu_net,
    relu_objective,
    rescaled,
    small_cnn,
    small_objective,
    state_of,
)


def at(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_sam_of_a_quadratic_is_the_closed_form():
    # g = (1·3, 10·0.4) = (3, 4), so ε = ρ (0.6, 0.8).
    found = sharpness.sam(quadratic(1.0, 10.0), at(3.0, 0.4), rho=0.5)
    want = 0.5 * (3.3**2 - 3.0**2) + 5 * (0.8**2 - 0.4**2)
    assert found.value == pytest.approx(want, rel=1e-13)
    assert found.loss == pytest.approx(4.5 + 0.8, rel=1e-14)
    assert found.gradient_norm == pytest.approx(5.0, rel=1e-14)
    assert (found.rho, found.adaptive, found.converged, found.passes) == (0.5, False, True, 4)


def test_adaptive_sam_of_a_quadratic_is_the_closed_form():
    # T = diag(3, 0.4), T g = (9, 1.6), ε = ρ T²g/‖T g‖ = ρ (27, 0.64)/‖(9, 1.6)‖.
    found = sharpness.sam(quadratic(1.0, 10.0), at(-3.0, 0.4), rho=0.5, adaptive=True)
    norm = math.hypot(9.0, 1.6)
    x, y = -3.0 - 0.5 * 27 / norm, 0.4 + 0.5 * 0.64 / norm
    assert found.value == pytest.approx(0.5 * (x**2 - 9) + 5 * (y**2 - 0.16), rel=1e-13)


def test_adaptive_step_has_the_radius_rho_relative_to_the_parameters():
    seen = []

    class Spy(Objective):
        def loss(self, theta, **options):
            seen.append(theta)
            return super().loss(theta, **options)

    objective = small_objective()
    spy = Spy(small_cnn(), digits().first(13), dtype=torch.float64)
    sharpness.sam(spy, objective.theta, rho=0.2, adaptive=True)
    step = (seen[1] - seen[0]) / seen[0].abs()
    step = step[seen[0] != 0]
    assert float(step.norm()) == pytest.approx(0.2, rel=1e-12)


def test_sam_at_a_point_without_gradient_is_zero():
    found = sharpness.sam(quadratic(1.0, -10.0), at(0.0, 0.0), rho=0.1)
    assert (found.value, found.gradient_norm, found.converged) == (0.0, 0.0, True)


def test_the_symmetrised_rise_of_a_quadratic_is_its_curvature_along_the_gradient():
    # g = (3, 4), so ε = ρ (0.6, 0.8), and the slope's part 0.5·5 of SAM's rise is gone.
    L, theta = quadratic(1.0, 10.0), at(3.0, 0.4)
    found = sharpness.symmetric_rise(L, theta, rho=0.5)
    want = 0.5 * 0.25 * (0.36 + 10 * 0.64)
    assert found.value == pytest.approx(want, rel=1e-12)
    assert found.loss == pytest.approx(4.5 + 0.8, rel=1e-14)
    assert (found.gradient_norm, found.passes) == (pytest.approx(5.0, rel=1e-14), 5)
    assert found.value == pytest.approx(sharpness.sam(L, theta, rho=0.5).value - 2.5, rel=1e-12)


def test_the_symmetrised_rise_is_negative_where_the_loss_curves_down():
    found = sharpness.symmetric_rise(quadratic(1.0, -10.0), at(0.0, 0.4), rho=0.1)
    assert found.value == pytest.approx(-0.05, rel=1e-12) and found.converged


def test_the_symmetrised_rise_without_a_gradient_is_zero():
    found = sharpness.symmetric_rise(quadratic(1.0, 10.0), at(0.0, 0.0), rho=0.1)
    assert (found.value, found.gradient_norm, found.converged) == (0.0, 0.0, True)


def test_the_symmetrised_rise_does_not_change_with_the_size_of_blocks():
    # 13 examples in blocks of 5 end in a ragged one.
    L = small_objective(13)
    whole = sharpness.symmetric_rise(L, rho=0.05)
    parts = sharpness.symmetric_rise(L.replace(microbatch=5), rho=0.05)
    assert parts.value == pytest.approx(whole.value, rel=1e-9)
    assert whole == sharpness.symmetric_rise(L, rho=0.05)  # The same point, the same bits.
    assert (whole.examples, whole.dtype) == (13, "float64")


def test_a_loss_that_is_not_finite_has_no_symmetrised_rise():
    found = sharpness.symmetric_rise(quadratic(1.0, math.inf), at(1.0, 1.0), rho=0.1)
    assert not found.converged and not math.isfinite(found.value)


@pytest.mark.parametrize("rho", [0.0, -1.0, math.inf, math.nan])
def test_a_symmetrised_rise_needs_a_finite_length(rho):
    with pytest.raises(ValueError, match=r"rho=.* is no length\. Pass a finite number > 0"):
        sharpness.symmetric_rise(quadratic(1.0, 1.0), at(1.0, 1.0), rho=rho)


def test_sam_goes_up_also_where_the_curvature_is_negative():
    found = sharpness.sam(quadratic(-1.0, -10.0), at(1.0, 1.0), rho=0.1)
    assert found.value > 0


def test_adaptive_sam_is_unchanged_by_rescaling_layers_and_raw_sam_is_not():
    values = {}
    for name, model in (("one", relu_net()), ("two", rescaled(relu_net(), 10.0))):
        objective = relu_objective(model)
        values[name] = [
            sharpness.sam(objective, objective.theta, rho=0.05, adaptive=adaptive).value
            for adaptive in (True, False)
        ]
    assert values["one"][0] == pytest.approx(values["two"][0], rel=1e-11)
    assert abs(values["one"][1] / values["two"][1] - 1) > 0.1


def test_adaptive_sam_is_unchanged_by_a_reparametrized_twin_behind_bn():
    values = []
    for model in (small_cnn(), theory.reparametrized_twin(small_cnn(), layer="0", factor=5.0)):
        objective = Objective(model, digits().first(13))
        values.append(sharpness.sam(objective, objective.theta, adaptive=True).value)
    assert values[0] == pytest.approx(values[1], rel=1e-10)


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_sam_leaves_the_model_alone_and_carries_what_it_was_measured_on(bn):
    model = small_cnn().train()
    before, numbers = state_of(model), torch.get_rng_state()
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5, dtype=torch.float32)
    found = sharpness.sam(objective, objective.theta)
    assert state_of(model) == before and torch.equal(torch.get_rng_state(), numbers)
    assert (found.bn, found.examples, found.dtype) == (bn, 9, "float32")
    assert found.examples_hash == objective.examples_hash and found.value > 0


@pytest.mark.parametrize("theta", [(0.0, 1.0), (-1.0, 1.0)])
def test_sam_that_is_not_finite_says_so(theta):
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    found = sharpness.sam(Objective(Point(2), examples, loss=log_point), at(*theta))
    assert not found.converged and not math.isfinite(found.value)


@pytest.mark.parametrize("rho", [0.0, -0.1, math.inf, math.nan])
def test_sam_refuses_a_radius_that_is_none(rho):
    with pytest.raises(ValueError, match=rf"rho={rho} is no radius. Pass a finite number > 0"):
        sharpness.sam(quadratic(1.0), at(1.0), rho=rho)


def test_sam_refuses_a_theta_of_another_shape():
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\)"):
        sharpness.sam(quadratic(1.0, 2.0), at(1.0))


# The worst rise in a ball

ORIGIN = at(0.0, 0.0, 0.0, 0.0)
SADDLE = quadratic(1.0, -30.0, 10.0, 4.0)  # The largest magnitude is not the largest eigenvalue.


def test_worst_rise_at_the_minimum_of_a_quadratic_is_the_closed_form():
    found = sharpness.worst_case(SADDLE, ORIGIN, rho=0.5, lambda_max=10.0, rtol=1e-8)
    assert found.value == pytest.approx(10.0 * 0.5**2 / 2, rel=1e-6)
    assert found.quadratic_bound == pytest.approx(1.25, rel=1e-15) and found.bound == "lower"
    assert found.converged and found.one_step == 0.0 and found.values.shape == (3,)
    # SAM's step has no direction there, random points have.
    assert found.values[1:].tolist() == pytest.approx([1.25, 1.25], rel=1e-6)
    assert found.spread == pytest.approx(1.25, rel=1e-6)


def test_worst_rise_of_a_quadratic_off_its_minimum_solves_the_secular_equation():
    # max ½ Σ cᵢ (xᵢ + eᵢ)² on ‖e‖ = ρ: e = (μ - c)⁻¹ c x with the μ > max c that makes ‖e‖ = ρ.
    curvatures, theta, rho = at(1.0, -30.0, 10.0, 4.0), at(0.3, 0.1, 0.02, -0.2), 0.5

    def step(mu):
        return curvatures * theta / (mu - curvatures)

    mu = scipy.optimize.brentq(lambda mu: float(step(mu).norm()) - rho, 10 + 1e-9, 1e3)
    rise = SADDLE.loss(theta + step(mu)) - SADDLE.loss(theta)
    found = sharpness.worst_case(SADDLE, theta, rho=rho, rtol=1e-8, lambda_max=10.0)
    assert found.value == pytest.approx(rise, rel=1e-6)
    assert found.one_step < found.value < found.quadratic_bound
    slope = (curvatures * theta).norm()
    assert found.slope == pytest.approx(float(slope), rel=1e-14)
    assert found.quadratic_bound == pytest.approx(float(slope) * rho + 1.25, rel=1e-14)


def test_worst_rise_within_a_ball_that_holds_a_maximum_is_inside():
    # ½ Σ cᵢ θᵢ² with c < 0: the top, at 0, is nearer than ρ.
    found = sharpness.worst_case(quadratic(-1.0, -10.0), at(0.3, 0.4), rho=2.0, rtol=1e-8)
    assert found.value == pytest.approx(0.5 * 0.09 + 5 * 0.16, rel=1e-6)


@pytest.mark.parametrize("ball", ["l2", "adaptive", "filter"])
@pytest.mark.parametrize("rho", [0.01, 0.3])
def test_worst_rise_is_never_below_one_step_at_the_same_radius(ball, rho):
    objective = small_objective()
    found = sharpness.worst_case(objective, objective.theta, rho=rho, ball=ball, restarts=1)
    assert found.value >= found.one_step > 0 and float(found.values[0]) == found.value
    if ball != "filter":
        sam = sharpness.sam(objective, objective.theta, rho=rho, adaptive=ball == "adaptive")
        assert found.one_step == pytest.approx(sam.value, rel=1e-12)
        assert found.loss == sam.loss


def test_worst_rise_stays_below_the_bound_of_the_quadratic_model_where_the_loss_is_one():
    twin = quadratic(9.0, 10.0, -2.0)
    for values in ((0.0, 0.0, 0.0), (0.1, 0.2, -0.3), (1e-8, 0.0, 0.0)):
        found = sharpness.worst_case(twin, at(*values), rho=0.2, lambda_max=10.0)
        assert found.value <= found.quadratic_bound * (1 + 1e-12)
    convex = sharpness.worst_case(quadratic(-1.0), at(0.5), rho=0.1, lambda_max=-1.0)
    assert convex.value <= convex.quadratic_bound == pytest.approx(0.05)


def test_worst_rise_searches_along_a_given_direction_both_ways():
    # ± e3: both are the top eigenvector of the quadratic, and no step rises from there.
    found = sharpness.worst_case(SADDLE, ORIGIN, rho=0.5, restarts=1, start=at(0, 0, -2.0, 0))
    assert found.values.tolist() == pytest.approx([0.0, 1.25, 1.25], rel=1e-14)
    assert found.value == pytest.approx(1.25, rel=1e-14)
    # ½ θ² + θ³/5 has two ends of different height.
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1))
    tilted = Objective(Point(1), examples, loss=lambda x, _: (x**2 / 2 + x**3 / 5).sum(1))
    found = sharpness.worst_case(tilted, at(0.0), rho=0.5, restarts=1, start=at(3.0))
    assert found.values.tolist() == pytest.approx([0.0, 0.15, 0.1], rel=1e-12)


def test_a_start_is_a_displacement_of_theta_in_every_ball():
    theta, start, seen = at(2.0, -1.0, 0.5), at(1.0, 3.0, -1.0), []

    def loss(outputs, _):
        seen.append(outputs[0].detach().clone() - theta)
        return outputs.square().sum(1)

    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1))
    objective = Objective(Point(3), examples, loss=loss)
    options = {"rho": 0.5, "ball": "adaptive", "restarts": 1}
    sharpness.worst_case(objective, theta, start=start, **options)
    along = 0.5 * start / (start / theta).norm()  # ‖ε / |θ|‖ = 0.5.
    for sign in (1, -1):
        assert any(torch.allclose(step, sign * along, rtol=1e-12) for step in seen)


def test_worst_rise_never_falls_where_a_step_would_overshoot():
    # A ridge: a step as long as the radius leads from one side of it far down the other.
    found = sharpness.worst_case(
        quadratic(-1.0, -10.0), at(0.3, 0.4), rho=0.6, restarts=1, max_steps=1
    )
    assert found.value > found.one_step > 0.5


def test_worst_rise_in_a_scaled_ball_is_that_of_the_scaled_hessian():
    theta = at(2.0, -1.0, 0.0)
    found = sharpness.worst_case(
        quadratic(0.0, 0.0, 5.0), theta, rho=0.5, ball="adaptive", lambda_max=0.0
    )
    assert found.value == 0.0 == found.quadratic_bound  # The third entry is 0 and does not move.
    curved = small_objective()
    scale = curved.layout.filter_norms(curved.theta)
    top = spectrum.eigenpairs(
        curved.hessian(curved.theta).scaled(scale), k=1, vectors=True, tol=1e-8
    )
    start = scale * directions.eigenvectors(top)[0]
    found = sharpness.worst_case(
        curved, curved.theta, rho=1e-3, ball="filter", start=start, lambda_max=top.largest
    )
    # At so small a radius the loss is its quadratic model.
    assert found.value == pytest.approx(found.quadratic_bound, rel=0.05)
    assert found.value < found.quadratic_bound


def test_worst_rise_stops_at_its_budget_and_says_that_it_did_not_converge():
    twin = quadratic(9.99, 10.0)
    found = sharpness.worst_case(twin, at(0.0, 0.0), rho=1.0, max_steps=1, rtol=1e-12, seed=1)
    assert not found.converged and found.steps.tolist() == [0, 1, 1]


def test_worst_rise_counts_its_passes():
    seen = []

    class Counting(Objective):
        def loss(self, theta, **options):
            seen.append(1)
            return super().loss(theta, **options)

        def gradient(self, theta, **options):
            seen.append(2)
            return super().gradient(theta, **options)

    objective = Counting(small_cnn(), digits().first(13), dtype=torch.float64)
    found = sharpness.worst_case(objective, objective.theta, rho=0.1, restarts=2)
    assert found.passes == sum(seen)
    seen.clear()
    found = sharpness.average_case(objective, objective.theta, rho=0.1, max_pairs=5)
    assert found.passes == sum(seen) == 11


@pytest.mark.parametrize("theta", [(1.0, 0.01), (0.0, 1.0), (-1.0, 1.0)])
def test_worst_rise_that_meets_a_loss_that_is_not_finite_says_so(theta):
    # -log of what is left: infinite where an entry is 0, NaN beyond.
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    objective = Objective(Point(2), examples, loss=lambda outputs, _: -outputs.log().sum(1))
    found = sharpness.worst_case(objective, at(*theta), rho=0.5)
    assert not found.converged and not math.isfinite(found.value)


# The average rise


@pytest.mark.parametrize("distribution", ["sphere", "gaussian"])
def test_average_rise_of_a_quadratic_is_that_of_the_mean_eigenvalue(distribution):
    curvatures = torch.linspace(-1, 10, 40).tolist()
    theta = torch.linspace(-1, 1, 40, dtype=torch.float64)  # A slope, which pairs cancel.
    found = sharpness.average_case(
        quadratic(*curvatures), theta, rho=0.3, distribution=distribution, rtol=0.02
    )
    want = 0.3**2 * sum(curvatures) / (2 * 40)
    assert found.converged and 0 < found.stderr <= 0.02 * found.value
    assert abs(found.value - want) < 4 * found.stderr
    assert found.passes == 1 + 2 * found.pairs and found.pairs > 10


def test_average_rise_over_the_sphere_of_an_isotropic_quadratic_is_exact():
    found = sharpness.average_case(quadratic(3.0, 3.0, 3.0), at(1.0, -2.0, 0.5), rho=0.2)
    assert found.value == pytest.approx(3 * 0.04 / 2, rel=1e-12)
    assert found.stderr < 1e-14 and (found.pairs, found.converged) == (10, True)


def test_average_rise_over_gaussians_has_their_spread():
    # Of ½ c Σ u² with u of deviation ρ/√n, the deviation is c ρ²/√(2 n).
    found = sharpness.average_case(
        quadratic(*[2.0] * 8), torch.zeros(8).double(), rho=0.5, distribution="gaussian", rtol=0.02
    )
    want = 2 * 0.25 / 4 / found.pairs**0.5
    assert found.stderr == pytest.approx(want, rel=0.2)  # Some 600 pairs: 3% a standard error.


@pytest.mark.parametrize("distribution", ["sphere", "gaussian"])
@pytest.mark.parametrize(("ball", "mean"), [("adaptive", (4 * 1 + 1 * 6) / 2), ("l2", 9.0 / 3)])
def test_average_rise_moves_only_the_entries_that_the_ball_moves(ball, mean, distribution):
    # Entries 2, 1 and 0: an adaptive ball has two dimensions, and D H D the diagonal (4, 6, 0).
    objective, theta = quadratic(1.0, 6.0, 2.0), at(2.0, -1.0, 0.0)
    options = {"rho": 0.5, "ball": ball, "distribution": distribution, "rtol": 0.05}
    found = sharpness.average_case(objective, theta, **options)
    assert abs(found.value - 0.25 * mean / 2) < 4 * found.stderr < 0.25 * mean / 8


def test_average_rise_that_runs_out_of_pairs_says_so():
    at_origin = quadratic(1.0, -1.0), at(0.0, 0.0)
    found = sharpness.average_case(*at_origin, rtol=1e-9, max_pairs=12)
    assert (found.pairs, found.converged, found.passes) == (12, False, 25)


def test_average_rise_that_is_not_finite_says_so_at_once():
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 2))
    objective = Objective(Point(2), examples, loss=log_point)
    found = sharpness.average_case(objective, at(0.01, 1.0), rho=10.0)
    assert math.isnan(found.value) and not found.converged and found.pairs < 10


# Microbatches


@pytest.mark.parametrize("adaptive", [False, True])
def test_m_sharpness_of_one_microbatch_of_all_examples_is_sam(adaptive):
    objective = small_objective()
    ball = "adaptive" if adaptive else "l2"
    found = sharpness.m_sharpness(objective, objective.theta, m=13, rho=0.1, ball=ball)
    sam = sharpness.sam(objective, objective.theta, rho=0.1, adaptive=adaptive)
    assert found.value == pytest.approx(sam.value, rel=1e-11)
    assert found.loss == pytest.approx(sam.loss, rel=1e-13) and found.passes == sam.passes
    assert found.examples_hash == objective.examples_hash and found.examples == 13
    assert math.isnan(found.spread) and math.isnan(found.stderr) and found.converged


def test_m_sharpness_of_a_quadratic_with_a_ragged_microbatch_is_the_closed_form():
    # Example i has the loss ½ cᵢ θ², so a microbatch of mean c rises by c (θ ρ + ρ²/2): by the
    # mean over all examples together, however they are dealt. Batch means weighted alike differ.
    curvatures = torch.tensor([[1.0], [2.0], [4.0], [8.0], [100.0]], dtype=torch.float64)
    inputs = torch.zeros(5, 1, dtype=torch.float64)
    objective = Objective(Point(1), (inputs, curvatures), loss=half_squares)
    found = sharpness.m_sharpness(objective, at(2.0), m=2, rho=0.5)
    assert found.sizes.tolist() == [2, 2, 1] and found.values.shape == (3,)
    assert found.value == pytest.approx(23 * (2 * 0.5 + 0.125), rel=1e-13)
    weights = found.sizes.double() / 5
    spread = (weights @ (found.values - found.value) ** 2 / (1 - 0.36)) ** 0.5
    assert found.spread == pytest.approx(float(spread), rel=1e-6)
    assert found.stderr == pytest.approx(0.6 * found.spread, rel=1e-12)


def test_m_sharpness_with_equal_microbatches_has_the_usual_standard_error():
    objective = small_objective(12)
    found = sharpness.m_sharpness(objective, objective.theta, m=3, rho=0.1)
    assert found.value == pytest.approx(float(found.values.mean()), rel=1e-13)
    assert found.spread == pytest.approx(float(found.values.std()), rel=1e-12)
    assert found.stderr == pytest.approx(found.spread / 2, rel=1e-12)


def test_m_sharpness_rises_as_microbatches_shrink():
    objective = small_objective(12)
    values = [
        sharpness.m_sharpness(objective, objective.theta, m=m, rho=0.02).value for m in (1, 3, 12)
    ]
    assert values[0] > values[1] > values[2]


def test_m_sharpness_deals_each_example_once_and_by_seed():
    objective = small_objective(9)
    one, two, other = (
        sharpness.m_sharpness(objective, objective.theta, m=4, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(one.values, two.values) and not torch.equal(one.values, other.values)
    assert one.loss == pytest.approx(objective.loss(objective.theta), rel=1e-13)


def test_m_sharpness_reestimates_statistics_on_all_examples():
    objective = small_objective(9, bn="reestimate")
    found = sharpness.m_sharpness(objective, objective.theta, m=4)
    assert found.loss == pytest.approx(objective.loss(objective.theta), rel=1e-12)


# What all of them share


def measures(objective, theta, **options):
    yield sharpness.worst_case(objective, theta, restarts=2, max_steps=10, **options)
    yield sharpness.average_case(objective, theta, max_pairs=12, **options)
    yield sharpness.m_sharpness(objective, theta, m=4, **options)


@pytest.mark.slow
@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_rises_leave_the_model_alone_carry_their_labels_and_repeat(bn):
    model = small_cnn().train()
    before, numbers = state_of(model), torch.get_rng_state()
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5, dtype=torch.float32)
    options = {"rho": 0.02, "ball": "filter", "seed": 3}
    for one, two in zip(
        *(measures(objective, objective.theta, **options) for _ in "ab"), strict=True
    ):
        assert (one.bn, one.examples, one.dtype) == (bn, 9, "float32")
        assert one.examples_hash == objective.examples_hash
        assert (one.rho, one.ball, one.seed) == (0.02, "filter", 3)
        assert math.isfinite(one.value) and one.value == two.value
    assert state_of(model) == before and torch.equal(torch.get_rng_state(), numbers)


@pytest.mark.parametrize("ball", ["adaptive", "filter"])
def test_rises_in_scaled_balls_are_unchanged_by_rescaling_layers_and_raw_ones_are_not(ball):
    # The filter ball leaves biases where they are, the adaptive one moves them with the layer.
    found = {}
    for name in (ball, "l2"):
        found[name] = [
            [x.value for x in measures(at_, at_.theta, rho=0.05, ball=name)]
            for at_ in map(relu_objective, (relu_net(), rescaled(relu_net(), 10.0)))
        ]
    assert found[ball][0] == pytest.approx(found[ball][1], rel=1e-9)
    for one, two in zip(*found["l2"], strict=True):
        assert abs(one / two - 1) > 0.1


MEASURES = {
    "sam": sharpness.sam,
    "worst_case": lambda *at, **options: sharpness.worst_case(*at, restarts=2, **options),
    "average_case": lambda *at, **options: sharpness.average_case(*at, max_pairs=4, **options),
    "m_sharpness": lambda *at, **options: sharpness.m_sharpness(*at, m=4, **options),
}


@pytest.mark.parametrize("name", MEASURES)
def test_without_theta_the_objectives_own_point_is_measured(name):
    objective, measure = small_objective(9), MEASURES[name]
    own = digest(measure(objective))
    assert own == digest(measure(objective, objective.theta))
    assert own == digest(measure(objective, theta=None))
    assert own != digest(measure(objective, 0.9 * objective.theta))


def test_rises_are_kept_in_a_store(store):
    objective = small_objective(9)
    for function, options in (
        (sharpness.worst_case, {"restarts": 1}),
        (sharpness.average_case, {"max_pairs": 4}),
        (sharpness.m_sharpness, {"m": 4}),
    ):
        one, two = (store.remember(function, objective, objective.theta, **options) for _ in "ab")
        assert one.value == two.value == function(objective, objective.theta, **options).value


@pytest.mark.parametrize("rho", [0.0, -0.1, math.inf, math.nan])
def test_rises_refuse_a_radius_that_is_none(rho):
    for make in (sharpness.worst_case, sharpness.average_case):
        with pytest.raises(ValueError, match=rf"rho={rho} is no radius. Pass a finite number > 0"):
            make(quadratic(1.0), at(1.0), rho=rho)
    with pytest.raises(ValueError, match=rf"rho={rho} is no radius. Pass a finite number > 0"):
        sharpness.m_sharpness(quadratic(1.0), at(1.0), rho=rho, m=1)


def test_rises_refuse_unknown_balls_and_balls_without_extent():
    objective = quadratic(1.0, 2.0)
    with pytest.raises(ValueError, match=r"ball='cube' is not known. Pass one of l2, adaptive, fi"):
        sharpness.worst_case(objective, at(1.0, 1.0), ball="cube")
    for ball in ("adaptive", "filter"):
        with pytest.raises(ValueError, match=rf"no entry that ball='{ball}' would move.*ball='l2'"):
            sharpness.average_case(objective, at(0.0, 0.0), ball=ball)
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\)"):
        sharpness.average_case(objective, at(1.0))


@pytest.mark.parametrize("wrong", [{"restarts": 0}, {"max_steps": 0}, {"rtol": 0.0}])
def test_worst_rise_refuses_to_search_nothing(wrong):
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=rf"{name}={value}.* start no search. Pass restarts >= 1"):
        sharpness.worst_case(quadratic(1.0), at(1.0), **wrong)


def test_worst_rise_refuses_a_start_that_does_not_move():
    for start in (at(0.0, 0.0), at(0.0, math.nan), at(math.inf, 0.0)):
        with pytest.raises(ValueError, match=r"start does not move theta within ball='l2'"):
            sharpness.worst_case(quadratic(1.0, 2.0), at(1.0, 1.0), start=start)
    with pytest.raises(ValueError, match=r"start does not move theta within ball='adaptive'"):
        sharpness.worst_case(quadratic(1.0, 2.0), at(1.0, 0.0), ball="adaptive", start=at(0, 1.0))
    with pytest.raises(ValueError, match=r"start has the shape \(1,\). Pass a displacement"):
        sharpness.worst_case(quadratic(1.0, 2.0), at(1.0, 1.0), start=at(1.0))


@pytest.mark.parametrize("wrong", [{"max_pairs": 1}, {"rtol": 0.0}])
def test_average_rise_refuses_to_have_no_error(wrong):
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=rf"{name}={value}.* give no standard error. Pass max_pa"):
        sharpness.average_case(quadratic(1.0), at(1.0), **wrong)
    with pytest.raises(ValueError, match=r"distribution='cube' is not known. Pass 'sphere' or"):
        sharpness.average_case(quadratic(1.0), at(1.0), distribution="cube")


@pytest.mark.parametrize("m", [0, -1, 4])
def test_m_sharpness_refuses_microbatches_that_are_none(m):
    with pytest.raises(ValueError, match=rf"m={m} makes no microbatch of 3 examples. Pass m from"):
        sharpness.m_sharpness(quadratic(1.0, copies=3), at(1.0), m=m)
