"""The sources' estimators: what they give on matrices whose answer is known, defects included."""

import math

import numpy as np
import pytest
import torch
from landscape import directions, rng, slices
from landscape.objective import Objective
from studies import published_estimators
from torch import nn

from tests.sample_networks import (
    Point,
    digits,
    filled,
    log_point,
    quadratic,
    regression_data,
    small_cnn,
    small_objective,
    state_of,
)

EVEN = torch.linspace(-1, 1, 10, dtype=torch.float64)


def zeros(n):
    return torch.zeros(n, dtype=torch.float64)


def start_of(objective, name, seed=0):
    """The first vector that a replica takes."""
    v = directions.random(objective.layout, generator=rng.stream(seed, name))
    return v / v.norm()


def regression():
    """A linear layer with mean squared error, and its Hessian, the same everywhere."""
    inputs, targets, _ = regression_data()
    layer = filled(nn.Linear(4, 3, bias=False), "regression")
    objective = Objective(layer, (inputs, targets), loss="mse", microbatch=4)
    hessian = torch.kron(torch.eye(3, dtype=torch.float64), inputs.T @ inputs) * 2 / (11 * 3)
    return objective, hessian


def diverged():
    """Gradients are NaN at the origin."""
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 3))
    return Objective(Point(3), examples, loss=log_point)


# Power iteration


@pytest.mark.parametrize("iterations", [1, 5, 20])
def test_power_iteration_of_a_linear_layer_is_the_closed_form(iterations):
    objective, hessian = regression()
    values, vectors = torch.linalg.eigh(hessian)
    weights = (vectors.T @ start_of(objective, "power_iteration", 3)) ** 2
    found = published_estimators.power_iteration(
        objective, objective.theta, iterations=iterations, seed=3
    )
    for k, got in enumerate(found.history.tolist()):
        want = (values ** (2 * k + 1) * weights).sum() / (values ** (2 * k) * weights).sum()
        assert got == pytest.approx(float(want), rel=1e-11)
    tops = [(values ** (2 * k) * weights).sum() for k in (iterations, iterations - 1)]
    assert found.norm == pytest.approx(float((tops[0] / tops[1]).sqrt()), rel=1e-11)
    assert found.value == found.history[-1] and len(found.history) == iterations + 1
    assert (found.iterations, found.products, found.seed) == (iterations, iterations + 1, 3)


def test_power_iteration_says_how_far_it_is_from_an_eigenvalue():
    objective = quadratic(3.0, 2.9, 1.0, -2.0)
    found = published_estimators.power_iteration(objective, zeros(4), seed=0)
    c = torch.tensor([3.0, 2.9, 1.0, -2.0], dtype=torch.float64)
    v = c**5 * start_of(objective, "power_iteration")
    v = v / v.norm()
    assert found.value == pytest.approx(float(v @ (c * v)), rel=1e-12)
    assert found.residual == pytest.approx(float((c * v - found.value * v).norm()), rel=1e-10)
    assert not found.converged and found.residual > 1e-3 * found.value
    late = published_estimators.power_iteration(objective, zeros(4), iterations=400, seed=0)
    assert late.converged and late.residual < 1e-4 * 3.0
    assert late.value == pytest.approx(3.0, rel=1e-8)


def test_power_iteration_returns_a_large_negative_eigenvalue_for_the_top_one():
    found = published_estimators.power_iteration(
        quadratic(1.0, -30.0, 10.0), zeros(3), iterations=30, seed=1
    )
    assert found.value == pytest.approx(-30.0, rel=1e-10) and found.converged
    assert found.norm == pytest.approx(30.0, rel=1e-10)  # The other number hides the sign.


def test_power_iteration_between_opposite_eigenvalues_finds_neither():
    found = published_estimators.power_iteration(
        quadratic(5.0, -5.0, 1.0), zeros(3), iterations=50, seed=0
    )
    c = start_of(quadratic(5.0, -5.0, 1.0), "power_iteration")[:2] ** 2
    assert found.value == pytest.approx(5 * float((c[0] - c[1]) / c.sum()), rel=1e-9)
    assert not found.converged and found.norm == pytest.approx(5.0, rel=1e-9)


def test_power_iteration_of_no_curvature_divides_by_zero_as_published():
    found = published_estimators.power_iteration(quadratic(0.0, 0.0), zeros(2), seed=0)
    assert math.isnan(found.value) and math.isnan(found.residual) and not found.converged
    assert found.history[0] == 0.0 and found.products == 6


def test_power_iteration_refuses_to_take_no_step():
    with pytest.raises(ValueError, match=r"iterations=0 take no step. Pass iterations >= 1"):
        published_estimators.power_iteration(quadratic(1.0), zeros(1), iterations=0, seed=0)


# Lanczos on finite differences


def exact_ritz(hessian, start, steps):
    """Ritz values of a Krylov space by dense linear algebra: no recurrence."""
    powers = [start]
    for _ in range(steps - 1):
        image = hessian @ powers[-1]
        for _ in range(2):
            for q in powers:
                image = image - (q @ image) * q
        powers.append(image / image.norm())
    basis = torch.stack(powers)
    return torch.linalg.eigvalsh(basis @ hessian @ basis.T).flip(0)


def test_finite_differences_of_a_quadratic_give_the_lanczos_values():
    curvatures = [(-1) ** k * (k + 1.0) for k in range(30)]
    objective = quadratic(*curvatures, copies=2)
    theta = torch.linspace(-1, 1, 30, dtype=torch.float64)
    found = published_estimators.finite_difference_lanczos(objective, theta, steps=8, seed=2)
    start = start_of(objective, "finite_difference_lanczos", 2)
    want = exact_ritz(torch.diag(torch.tensor(curvatures, dtype=torch.float64)), start, 8)
    torch.testing.assert_close(found.values, want, rtol=1e-8, atol=1e-8)
    assert found.negative == int((want < 0).sum()) > 0
    assert (found.steps, found.gradients, found.step_size) == (8, 9, 1e-3)
    assert found.asymmetry < 1e-9 and not bool(found.converged.all())


def test_residuals_are_those_of_the_ritz_vectors():
    objective, hessian = regression()
    found = published_estimators.finite_difference_lanczos(
        objective, objective.theta, steps=3, step_size=1e-2, seed=0
    )
    start = start_of(objective, "finite_difference_lanczos")
    krylov = torch.stack([start, hessian @ start, hessian @ hessian @ start], dim=1)
    basis = torch.linalg.qr(krylov).Q
    values, inner = torch.linalg.eigh(basis.T @ hessian @ basis)
    vectors = basis @ inner
    want = (hessian @ vectors - vectors * values).norm(dim=0)
    torch.testing.assert_close(found.values, values.flip(0), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.residuals, want.flip(0), rtol=1e-6, atol=1e-9)


def test_finite_differences_in_float32_show_negative_eigenvalues_where_there_are_none():
    generator = rng.stream(0, "theta")
    theta = torch.randn(400, dtype=torch.float64, generator=generator)
    curvatures = torch.linspace(1.0, 2.0, 400).tolist()
    exact = quadratic(*curvatures)
    rounded = exact.replace(dtype=torch.float32)
    good = published_estimators.finite_difference_lanczos(exact, theta, seed=0)
    assert good.negative == 0 and 1 <= float(good.values.min()) <= float(good.values.max()) <= 2
    bad = published_estimators.finite_difference_lanczos(rounded, theta, step_size=1e-7, seed=0)
    assert bad.negative >= 4 and float(bad.values.max()) > 3 and bad.dtype == "float32"
    # The asymmetry tells, and so nothing counts as converged.
    assert bad.asymmetry > 1 and not bool(bad.converged.any())
    fair = published_estimators.finite_difference_lanczos(rounded, theta, step_size=1e-2, seed=0)
    assert fair.negative == 0 and fair.asymmetry < 1e-2


def test_noise_alone_gives_roots_of_a_hermite_polynomial_half_of_them_negative():
    noise = rng.stream(0, "noise")

    def product(v):
        return torch.randn(len(v), dtype=torch.float64, generator=noise) * 3 / len(v) ** 0.5

    start = torch.nn.functional.one_hot(torch.tensor(0), 100_000).double()
    diagonal, couplings, asymmetry = published_estimators._lanczos(product, start, 15)
    values, _ = published_estimators._ritz(diagonal, couplings)
    # βⱼ² = βⱼ₋₁² + 3², for what symmetry would take off is not there.
    roots = 3 * np.polynomial.hermite_e.hermegauss(15)[0][::-1]
    # Chance directions of n entries have products of about 1/√n, here 0.3%.
    np.testing.assert_allclose(values.numpy(), roots, atol=0.02 * roots[0])
    assert roots[0] == pytest.approx(6.36 * 3, rel=1e-3)
    assert asymmetry == pytest.approx(3 * 14**0.5, rel=0.02)


def test_without_reorthogonalisation_a_converged_value_comes_again():
    curvatures = [100.0, 50.0, *np.linspace(0, 1, 60)]
    found = published_estimators.finite_difference_lanczos(
        quadratic(*curvatures), zeros(62), steps=40, seed=0
    )
    near = [int((abs(found.values - top) < 1e-6).sum()) for top in (100.0, 50.0)]
    assert max(near) >= 2


def test_a_recurrence_with_nothing_left_ends():
    found = published_estimators.finite_difference_lanczos(
        quadratic(0.0, 0.0, 0.0), zeros(3), seed=0
    )
    assert found.values.tolist() == [0.0] and found.residuals.tolist() == [0.0]
    assert (found.negative, found.gradients, found.steps) == (0, 2, 15)


def test_finite_differences_where_gradients_are_not_finite_are_nan():
    broken = published_estimators.finite_difference_lanczos(diverged(), zeros(3), seed=0)
    assert bool(broken.values.isnan().all()) and bool(broken.residuals.isnan().all())
    assert not bool(broken.converged.any()) and broken.negative == 0 and broken.gradients == 2
    assert math.isnan(broken.asymmetry)


@pytest.mark.parametrize(
    ("steps", "step_size"), [(0, 1e-3), (5, 0.0), (5, -1.0), (5, math.inf), (5, math.nan)]
)
def test_finite_differences_refuse_what_gives_no_recurrence(steps, step_size):
    with pytest.raises(
        ValueError, match=rf"steps={steps}, step_size={step_size} give no recurrence.*15 steps"
    ):
        published_estimators.finite_difference_lanczos(
            quadratic(1.0), zeros(1), steps=steps, step_size=step_size, seed=0
        )


# The coarse range


def test_coarse_range_of_a_quadratic_is_the_closed_form():
    curvatures = torch.tensor([1.0, 4.0, 9.0, 2.0], dtype=torch.float64)
    theta = torch.tensor([0.5, -1.0, 0.2, 0.0], dtype=torch.float64)
    objective = quadratic(*curvatures.tolist())
    found = published_estimators.coarse_range(objective, theta, reach=2.0, seed=4)
    a, b = (
        torch.randn(4, dtype=torch.float64, generator=rng.stream(4, "coarse_range", axis))
        for axis in (1, 2)
    )
    d1 = a / a.norm()
    d2 = b - (b @ d1) * d1
    d2 = d2 / d2.norm()
    points = theta + 2 * EVEN[:, None, None] * d1 + 2 * EVEN[None, :, None] * d2
    want = 0.5 * (curvatures * points**2).sum(-1)
    torch.testing.assert_close(found.loss, want, rtol=1e-13, atol=1e-13)
    assert found.value == pytest.approx(float(want.max() - want.min()), rel=1e-13)
    assert found.centre == pytest.approx(0.5 * (0.25 + 4 + 9 * 0.04), rel=1e-13)
    assert (found.passes, found.converged, found.seed) == (101, True, 4)
    assert abs(found.cosine) < 1e-12 and isinstance(found, slices.Plane)


def test_a_coarse_even_grid_misses_the_centre_and_an_odd_one_does_not():
    # On a sphere ½ c (α² + β²): the points nearest to the centre are 1/9 away along both axes.
    even = published_estimators.coarse_range(quadratic(6.0, 6.0), zeros(2), seed=0)
    assert even.missed == pytest.approx(6 / 81, rel=1e-12) and even.centre == 0.0
    assert even.value == pytest.approx(6 - 6 / 81, rel=1e-12)
    odd = published_estimators.coarse_range(quadratic(6.0, 6.0), zeros(2), points=11, seed=0)
    assert odd.missed < 1e-30 and odd.value == pytest.approx(6.0, rel=1e-12)
    assert odd.loss.shape == (11, 11) and odd.passes == 122


def test_coarse_range_keeps_what_is_not_finite():
    found = published_estimators.coarse_range(diverged(), zeros(3), seed=0)
    assert math.isnan(found.value) and not found.converged
    assert bool(found.loss.isnan().any()) and found.centre == -math.inf


@pytest.mark.parametrize(("points", "reach"), [(1, 1.0), (10, 0.0), (10, -1.0), (10, math.inf)])
def test_coarse_range_refuses_what_gives_no_range(points, reach):
    with pytest.raises(ValueError, match=rf"points={points}, reach={reach} give no range"):
        published_estimators.coarse_range(
            quadratic(1.0, 2.0), zeros(2), points=points, reach=reach, seed=0
        )


# All of them

REPLICAS = [
    (published_estimators.power_iteration, {"iterations": 2}),
    (published_estimators.finite_difference_lanczos, {"steps": 3}),
    (published_estimators.coarse_range, {"points": 3}),
]


def numbers(found):
    return {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in vars(found).items()
        if name != "accuracy"
    }


@pytest.mark.slow
@pytest.mark.parametrize(("replica", "options"), REPLICAS)
@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
def test_replicas_of_one_seed_are_the_same_bits_and_leave_all_alone(replica, options, bn):
    model = small_cnn().train()
    objective = Objective(model, digits().first(9), bn=bn, bn_block=5, microbatch=4)
    theta = objective.theta.clone()
    before = state_of(model), torch.get_rng_state()
    one, two, other = (replica(objective, theta, **options, seed=seed) for seed in (1, 1, 2))
    assert numbers(one) == numbers(two) != numbers(other)
    assert torch.equal(theta, objective.theta) and torch.equal(before[1], torch.get_rng_state())
    assert state_of(model) == before[0]
    assert (one.bn, one.examples, one.dtype) == (bn, 9, "float64")
    assert one.examples_hash == objective.examples_hash


@pytest.mark.parametrize(("replica", "options"), REPLICAS)
def test_replicas_are_remembered(replica, options, store):
    objective = small_objective(5)
    want = replica(objective, objective.theta, **options, seed=0)
    for _ in range(2):
        found = store.remember(replica, objective, objective.theta, **options, seed=0)
        assert type(found) is type(want) and numbers(found) == numbers(want)


@pytest.mark.parametrize(("replica", "options"), REPLICAS)
def test_replicas_weigh_a_ragged_last_batch_by_its_examples(replica, options):
    whole, parted = (
        replica(small_objective(13, microbatch=size), small_objective().theta, **options, seed=0)
        for size in (13, 5)
    )
    key = "values" if hasattr(whole, "values") else "value"
    torch.testing.assert_close(
        torch.as_tensor(getattr(parted, key)),
        torch.as_tensor(getattr(whole, key)),
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.parametrize(("replica", "options"), REPLICAS)
def test_replicas_refuse_a_theta_of_another_shape(replica, options):
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\)"):
        replica(quadratic(1.0, 2.0), zeros(1), **options, seed=0)
