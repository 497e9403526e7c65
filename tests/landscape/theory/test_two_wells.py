"""Noisy descent between two wells, against exact masses."""

import math

import pytest
import torch
from landscape.theory import TwoWells, occupancy

WELLS = TwoWells(2, 4.0, 0.02)


def random_points(dimension, count=7):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, dimension, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("ratio", [1.0, 4.0])
def test_the_gradient_is_the_losses(dimension, ratio):
    wells, x = TwoWells(dimension, ratio, 0.3), random_points(dimension).requires_grad_()
    (expected,) = torch.autograd.grad(wells.loss(x).sum(), x)
    torch.testing.assert_close(wells.gradient(x.detach()), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dimension", [1, 3])
def test_curvatures_and_depths_of_both_minima(dimension):
    wells, level = TwoWells(dimension, 4.0, 0.3), TwoWells(dimension, 4.0)
    for first, curvature, depth in ((-1.0, 0.5, 0.3), (1.0, 2.0, 0.0)):
        x = torch.zeros(dimension, dtype=torch.float64)
        x[0] = first
        hessian = torch.autograd.functional.hessian(lambda p: level.loss(p[None])[0], x)
        torch.testing.assert_close(hessian, curvature * torch.eye(dimension, dtype=torch.float64))
        assert float(wells.loss(x[None])) == pytest.approx(depth)
        assert float(wells.curvature(x[None])) == pytest.approx(curvature)
        assert not wells.gradient(x[None]).any()
    assert wells.half_log_det_ratio == pytest.approx(dimension * math.log(2))


def test_the_mass_of_two_dimensions_is_that_of_a_grid():
    temperature, grid = 0.1, torch.linspace(-4, 4, 1601, dtype=torch.float64)
    points = torch.cartesian_prod(grid, grid)
    density = torch.exp(-WELLS.loss(points) / temperature)
    # The middle column counts half on each side.
    middle = points[:, 0].abs() < 1e-9
    weight = ((points[:, 0] < 0) & ~middle) + 0.5 * middle
    flat, sharp = (float((density * w).sum()) for w in (weight, 1 - weight))
    assert WELLS.log_odds(temperature) == pytest.approx(math.log(flat / sharp), abs=1e-6)


def test_masses_approach_the_formula_as_the_temperature_falls():
    errors = [abs(WELLS.log_odds(T) - WELLS.laplace_log_odds(T)) for T in (0.04, 0.02, 0.01)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.05


def test_examples_average_to_the_loss_with_the_hessian_as_covariance_at_the_minima():
    wells = TwoWells(2, 4.0)
    x = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.3, 0.7]], dtype=torch.float64)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 2)
    noise = torch.stack([wells.example_noise(x, sign.expand(3, 2)) for sign in signs])
    assert noise.mean(0).abs().max() < 1e-15
    covariance = torch.einsum("bni,bnj->nij", noise, noise) / 4
    identity = torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(covariance[0], 0.5 * identity)
    torch.testing.assert_close(covariance[1], 2.0 * identity)
    # Each example is a gradient: the derivative of G₂ = s x₂ by x₁ is there too.
    point = x[2:].clone().requires_grad_()
    potential = (math.log(4.0) / 4 * point[:, 0]).exp() * point[:, 1]
    (expected,) = torch.autograd.grad(potential.sum(), point)
    only = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(wells.example_noise(x[2:], only), expected)


def stationary_log_odds(ratio, temperature, exponent):
    """Exact long-run odds of the Itô diffusion in one dimension with covariance 2 T s^2a."""
    wells, x = TwoWells(1, ratio), torch.linspace(-2.5, 2.5, 20001, dtype=torch.float64)[:, None]
    diffusion = wells.curvature(x) ** exponent
    drift = torch.cumulative_trapezoid(wells.gradient(x)[:, 0] / diffusion, x[:, 0])
    density = torch.exp(-(drift - drift.min()) / temperature) / diffusion[1:]
    return math.log(float(density[x[1:, 0] < 0].sum() / density[x[1:, 0] > 0].sum()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "exponent"), [("isotropic", 0.0), ("root of H", 0.5), ("H", 1.0), ("examples", 1.0)]
)
def test_the_odds_are_those_of_the_diffusion(noise, exponent):
    temperature, ratio = 0.04, 2.0
    counted = occupancy(
        TwoWells(1, ratio),
        temperature=temperature,
        learning_rate=0.05,
        noise=noise,
        duration=150.0,
        chains=800,
    )
    exact = stationary_log_odds(ratio, temperature, exponent)
    assert abs(counted.log_odds - exact) < 4 * counted.error + 0.1  # The step is not small.
    assert counted.error < 0.25 and counted.mixed > 0.3


def test_symmetric_wells_have_even_odds():
    counted = occupancy(
        TwoWells(1), temperature=0.05, learning_rate=0.1, duration=100.0, chains=400
    )
    assert abs(counted.log_odds) < 4 * counted.error
    assert len(counted.times) == 40 and counted.times[-1] == pytest.approx(100.0)
    assert (counted.from_flat.diff() < 0.1).all()


def test_same_seed_same_chains_and_another_seed_others():
    options = {"temperature": 0.05, "learning_rate": 0.1, "duration": 20.0, "chains": 40}
    first, again, other = (occupancy(WELLS, **options, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.from_flat, again.from_flat)
    assert not torch.equal(first.from_flat, other.from_flat)


def test_chains_that_never_leave_have_no_odds():
    counted = occupancy(
        TwoWells(1), temperature=1e-4, learning_rate=0.1, duration=10.0, chains=10, counts=5
    )
    assert math.isnan(counted.log_odds) and counted.mixed == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.0},
        {"learning_rate": 0.0},
        {"learning_rate": -0.1},
        {"chains": 5},
        {"chains": 2},
        {"counts": 1},
        {"duration": 1.0},
        {"temperature": math.nan},
    ],
)
def test_chains_that_cannot_be_run_are_refused(changes):
    options = {"temperature": 0.05, "learning_rate": 0.1, "duration": 20.0, "chains": 40}
    with pytest.raises(ValueError, match="pass numbers > 0, an even number of chains >= 4"):
        occupancy(WELLS, **{**options, **changes})


def test_unknown_noise_and_steps_that_are_too_large_are_refused():
    options = {"temperature": 0.05, "learning_rate": 0.1, "duration": 20.0, "chains": 40}
    with pytest.raises(ValueError, match="noise='pink' is unknown"):
        occupancy(WELLS, **options, noise="pink")
    wild = {**options, "learning_rate": 5.0, "duration": 400.0}
    with pytest.raises(FloatingPointError, match="chains left every bound"):
        occupancy(WELLS, **wild)


@pytest.mark.parametrize(
    "numbers", [(0, 1.0, 0.0), (1, 0.5, 0.0), (1, math.inf, 0), (1, 1, math.nan)]
)
def test_wells_out_of_range_are_refused(numbers):
    with pytest.raises(ValueError, match="pass a dimension >= 1, a ratio of curvatures >= 1"):
        TwoWells(*numbers)
    with pytest.raises(ValueError, match="temperature=0 has no density"):
        TwoWells().log_odds(0)
