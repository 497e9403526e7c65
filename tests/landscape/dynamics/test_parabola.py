"""Whether the loss along a direction is a parabola: known curves, and the window of each."""

import math

import pytest
import torch
from landscape.dynamics.parabola import parabola_window, polynomial_residual
from landscape.objective import Objective

from tests.sample_networks import small_objective


def test_a_known_parabola_leaves_no_residual_and_a_cubic_a_known_one():
    x = torch.linspace(-1, 1, 201, dtype=torch.float64)
    assert polynomial_residual(x, 3 * x**2 - x + 7, degree=2) < 1e-12
    # The distance of x³ from quadratics is that of Legendre's polynomial 2/5 P3: ‖2/5 P3‖ / ‖x³‖.
    closed = math.sqrt((2 / 5) ** 2 * (2 / 7) / (2 / 7))
    assert polynomial_residual(x, x**3, degree=2) == pytest.approx(closed, rel=0.02)
    assert polynomial_residual(x, x**3, degree=4) < 1e-12


def test_the_residual_does_not_depend_on_units():
    x = torch.linspace(-1, 2, 31, dtype=torch.float64)
    y = torch.exp(x)
    residual = polynomial_residual(x, y, degree=2)
    assert 0.05 < residual < 0.1
    assert polynomial_residual(500 * x - 7, 3 * y + 4, degree=2) == pytest.approx(residual)


def test_losses_that_are_no_numbers_or_all_equal_leave_none():
    x = torch.linspace(0, 1, 9, dtype=torch.float64)
    assert math.isnan(polynomial_residual(x, torch.full((9,), math.inf).double(), degree=2))
    assert math.isnan(polynomial_residual(x, torch.ones(9).double(), degree=2))


@pytest.fixture
def quadratic():
    model = torch.nn.Linear(2, 1, bias=False)
    points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    return Objective(model, (points, torch.zeros(2, 1)), loss="mse")


def test_a_quadratic_loss_is_a_parabola_over_its_whole_extent(quadratic):
    theta = torch.tensor([0.3, -0.2], dtype=torch.float64)
    window = parabola_window(
        quadratic, theta, torch.tensor([1.0, 1.0]).double(), low=-4.0, high=9.0
    )
    assert window.widest == 1.0 and window.converged and window.passes == 15
    assert float(window.residuals[0]) < 1e-5


def test_the_window_of_a_network_is_the_first_that_fits(generator):
    objective = small_objective(24)
    direction = torch.randn(objective.n, dtype=torch.float64, generator=generator)
    direction /= direction.norm()
    window = parabola_window(objective, objective.theta, direction, low=-6.0, high=6.0)
    fits = window.residuals < 0.05
    assert 0 < window.widest < 1 and fits.tolist() == [False] * (len(fits) - 1) + [True]
    assert window.widest == pytest.approx(2 ** (-(len(fits) - 1) / 2))
    assert (window.examples, window.dtype) == (24, "float64")


def test_without_a_fit_nothing_is_found(generator):
    objective = small_objective(24)
    direction = torch.randn(objective.n, dtype=torch.float64, generator=generator)
    window = parabola_window(objective, objective.theta, direction, low=-1.0, high=1.0, tol=1e-13)
    assert window.widest == 0 and not window.converged and len(window.shares) == 13


def test_errors_say_what_to_do(quadratic):
    x = torch.linspace(0, 1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"3 distinct positions and 3 losses.*at least 4"):
        polynomial_residual(x, x, degree=2)
    with pytest.raises(ValueError, match=r"low=1.0, high=2.0.*low <= 0 <= high"):
        parabola_window(quadratic, quadratic.theta, torch.ones(2).double(), low=1.0, high=2.0)
