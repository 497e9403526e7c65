"""The quadratic model beside a measured slice: exact, and parting from it at a known radius."""

import dataclasses
import math

import pytest
import torch
from landscape import directions, slices
from landscape.objective import Objective
from landscape.slices.quadratic import quadratic as model_of
from landscape.slices.quadratic import radius_along

from tests.sample_measurements import MEASURED
from tests.sample_networks import Point, quadratic, small_cnn, small_objective, state_of

ALPHAS = torch.linspace(-1, 2, 5, dtype=torch.float64)
BETAS = torch.linspace(-3, 1, 7, dtype=torch.float64)
E1, E2 = torch.eye(2, dtype=torch.float64)


def objective_of(loss, n=2):
    """An objective whose loss at theta is a function of it."""
    examples = (torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64))
    return Objective(Point(n), examples, loss=lambda outputs, _: loss(outputs))


def bowl(c, k):
    """½ c r² + k r⁴ of the distance r, plus 3: the model parts from it at a known radius."""
    return objective_of(lambda x: 3 + 0.5 * c * x.square().sum(1) + k * x.square().sum(1) ** 2)


def radial_line(losses, alphas, dtype="float64"):
    alphas, losses = (torch.as_tensor(x, dtype=torch.float64) for x in (alphas, losses))
    return slices.Line(alphas, losses, losses, **{**MEASURED, "dtype": dtype})


@pytest.mark.parametrize("curvatures", [(1.0, 10.0), (1.0, -10.0), (0.0, 0.0), (-2.0, -2.0)])
def test_model_of_a_quadratic_is_its_plane_and_never_parts(curvatures):
    objective = quadratic(*curvatures, copies=3)
    centre, d1, d2 = torch.tensor([[0.5, -1.0], [2.0, 1.0], [-1.0, 3.0]], dtype=torch.float64)
    plane = slices.plane(objective, centre, d1, d2, alphas=ALPHAS, betas=BETAS)
    found = model_of(objective, centre, plane, d1, d2, rtol=1e-9)
    assert found.loss.shape == (5, 7)
    torch.testing.assert_close(found.loss, plane.loss, rtol=1e-12, atol=1e-12)
    assert (found.radius, found.disagrees_at) == (math.inf, math.inf)
    assert found.reach == 1.0  # The nearest of the four sides: α = -1 and β = 1.
    assert (found.products, found.converged, found.rtol) == (2, True, 1e-9)
    hessian = torch.diag(torch.tensor(curvatures, dtype=torch.float64))
    pair = torch.stack([d1, d2], dim=1)
    torch.testing.assert_close(found.curvature, pair.T @ hessian @ pair, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found.slope, pair.T @ hessian @ centre, rtol=1e-13, atol=1e-13)
    assert found.value == objective.loss(centre)


@pytest.mark.parametrize(("c", "k"), [(2.0, 1.0), (2.0, -0.05), (10.0, 0.3)])
def test_model_of_a_quartic_parts_at_the_known_radius(c, k):
    # |k| r⁴ = rtol (½ c r² + k r⁴): r² = rtol c / (2 (|k| - rtol k)).
    rtol = 0.1
    want = (rtol * c / (2 * (abs(k) - rtol * k))) ** 0.5
    grid = torch.linspace(-1.47 * want, 2 * want, 41, dtype=torch.float64)
    objective, origin = bowl(c, k), torch.zeros(2, dtype=torch.float64)
    plane = slices.plane(objective, origin, E1, E2, alphas=grid, betas=grid[3:])
    found = model_of(objective, origin, plane, E1, E2, rtol=rtol)
    assert found.radius <= want <= found.disagrees_at
    assert found.disagrees_at - found.radius < 0.03 * want  # 41 x 38 points have many distances.


def test_radius_grows_with_the_tolerance_and_is_in_units_of_the_directions():
    objective, origin = bowl(2.0, 1.0), torch.zeros(2, dtype=torch.float64)
    grid = torch.linspace(-1, 1, 21, dtype=torch.float64)

    def radius(scale, rtol):
        axes = {"alphas": grid / scale, "betas": grid / scale}
        plane = slices.plane(objective, origin, scale * E1, scale * E2, **axes)
        return model_of(objective, origin, plane, scale * E1, scale * E2, rtol=rtol).radius

    assert 0 < radius(1, 0.01) < radius(1, 0.1) < radius(1, 0.5)
    assert radius(4, 0.1) == pytest.approx(radius(1, 0.1) / 4, rel=1e-9)


def test_level_directions_of_a_saddle_are_no_reason_to_part():
    # On x = y the saddle is level, and a small quartic is all that there is.
    def saddle(x):
        return x[:, 0] ** 2 - x[:, 1] ** 2 + 1e-3 * (x**4).sum(1)

    objective, origin = objective_of(saddle), torch.zeros(2, dtype=torch.float64)
    grid = torch.linspace(-1, 1, 21, dtype=torch.float64)
    plane = slices.plane(objective, origin, E1, E2, alphas=grid, betas=grid)
    assert model_of(objective, origin, plane, E1, E2, rtol=0.01).radius == math.inf


def test_model_of_a_network_has_its_second_derivatives_along_the_directions(generator):
    objective = small_objective()
    d1, d2 = (
        directions.filter_normalize(
            directions.random(objective.layout, generator=generator),
            objective.theta,
            objective.layout,
        )
        for _ in range(2)
    )
    step = 1e-5 * torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64)
    plane = slices.plane(objective, objective.theta, d1, d2, alphas=step, betas=step)
    found = model_of(objective, objective.theta, plane, d1, d2, rtol=0.05)
    # Third derivatives are what is left, smaller than the rise by the step.
    rise = plane.loss - found.value
    assert float((found.loss - plane.loss).abs().max()) < 0.05 * float(rise.abs().max())
    assert found.radius == math.inf and found.reach == pytest.approx(2e-5)
    f = plane.loss / 1e-10
    mixed = (f[3, 3] - f[3, 1] - f[1, 3] + f[1, 1]) / 4
    assert float(found.curvature[0, 1]) == pytest.approx(float(mixed), rel=1e-3, abs=1e-3)


def test_model_leaves_the_network_alone_and_carries_its_labels(generator):
    model = small_cnn().train()
    before = state_of(model)
    objective = small_objective(9, bn="reestimate")
    d1, d2 = torch.randn(2, objective.n, dtype=torch.float64, generator=generator)
    plane = slices.plane(objective, objective.theta, d1, d2, alphas=[-0.1, 0.1], betas=[0.0])
    found = model_of(objective, objective.theta, plane, d1, d2)
    assert state_of(model) == before
    assert (found.bn, found.examples, found.dtype) == ("reestimate", 9, "float64")
    assert found.examples_hash == objective.examples_hash and found.reach == 0.0


def test_model_is_kept_in_a_store(store):
    objective, origin = quadratic(1.0, 10.0), torch.zeros(2, dtype=torch.float64)
    plane = slices.plane(objective, origin, E1, E2, alphas=ALPHAS, betas=BETAS)
    one, two = (store.remember(model_of, objective, origin, plane, E1, E2) for _ in "ab")
    assert torch.equal(one.loss, two.loss) and one.radius == two.radius == math.inf


# Along lines


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_radius_along_a_quartic_is_known(slope):
    alphas = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    line = radial_line(5 + slope * alphas + alphas**2 + alphas**4, alphas)
    found = radius_along(line, loss=5.0, slope=slope, curvature=2.0, rtol=0.1)
    # r⁴ = rtol (slope r + r² + r⁴), by its largest root.
    want = max(
        root.real
        for root in torch.linalg.eigvals(
            torch.tensor([[0, 0.1 / 0.9, 0.1 * slope / 0.9], [1, 0, 0], [0, 1, 0]])
        ).tolist()
    )
    assert found.radius <= want <= found.disagrees_at
    assert found.disagrees_at - found.radius == pytest.approx(1e-3, rel=1e-6) and found.reach == 1.0


def test_loss_that_is_not_finite_agrees_with_nothing():
    line = radial_line([math.nan, 1.0, 0.0, 1.0, math.inf], [-3, -1, 0, 1, 2])
    found = radius_along(line, loss=0.0, slope=0.0, curvature=2.0)
    assert (found.radius, found.disagrees_at, found.reach) == (1.0, 2.0, 2.0)


def test_model_that_is_wrong_at_once_has_radius_zero():
    line = radial_line([4.0, 1.0, 1.0, 4.0], [-2, -1, 1, 2])
    found = radius_along(line, loss=0.0, slope=0.0, curvature=20.0)
    assert (found.radius, found.disagrees_at) == (0.0, 1.0)
    found = radius_along(line, loss=0.0, slope=math.nan, curvature=2.0)
    assert (found.radius, found.disagrees_at) == (0.0, 1.0)


def test_differences_within_rounding_of_the_loss_are_none():
    losses = [100.0 + 4e-5, 100.0, 100.0 - 4e-5]
    single, double = (radial_line(losses, [-1, 0, 1], dtype) for dtype in ("float32", "float64"))
    flat = {"loss": 100.0, "slope": 0.0, "curvature": 0.0}
    assert radius_along(single, **flat).radius == math.inf
    assert radius_along(double, **flat).radius == 0.0


# What is refused


def test_model_refuses_a_plane_of_other_examples_policy_or_directions():
    objective, origin = quadratic(1.0, 10.0), torch.zeros(2, dtype=torch.float64)
    plane = slices.plane(objective, origin, E1, E2, alphas=ALPHAS, betas=BETAS)
    for other in ({"examples_hash": "x"}, {"bn": "batch"}):
        wrong = dataclasses.replace(plane, **other)
        with pytest.raises(ValueError, match=r"plane was measured on 1 examples with bn="):
            model_of(objective, origin, wrong, E1, E2)
    with pytest.raises(ValueError, match=r"directions have the cosine 0.707.*, the plane's have 0"):
        model_of(objective, origin, plane, E1, E1 + E2)
    with pytest.raises(ValueError, match=r"theta has the shape \(1,\)"):
        model_of(objective, origin, plane, E1, E2[1:])


def test_model_without_theta_is_that_of_the_own_theta():
    objective = small_objective()
    d1, d2 = torch.ones(objective.n).double(), objective.theta
    plane = slices.plane(objective, d1=d1, d2=d2, reach=1e-3, points=3)
    one = model_of(objective, plane=plane, d1=d1, d2=d2)
    two = model_of(objective, objective.theta, plane, d1, d2)
    assert torch.equal(one.loss, two.loss) and torch.equal(one.curvature, two.curvature)
    assert one.value == objective.loss(objective.theta) and one.radius == two.radius


def test_model_asks_for_a_plane_and_directions_that_are_missing():
    objective = quadratic(1.0, 10.0)
    plane = slices.plane(objective, d1=E1, d2=E2, points=3)
    with pytest.raises(ValueError, match=r"plane missing: .* Pass plane=\.\.\., as slices.plane"):
        model_of(objective, d1=E1, d2=E2)
    with pytest.raises(ValueError, match=r"d1 missing: .* Pass d1=\.\.\., each a vector"):
        model_of(objective, plane=plane, d2=E2)


@pytest.mark.parametrize("rtol", [0.0, -1.0, math.nan])
def test_model_refuses_a_tolerance_that_is_none(rtol):
    with pytest.raises(ValueError, match=rf"rtol={rtol} lets no prediction agree. Pass rtol > 0"):
        radius_along(radial_line([1.0], [0.0]), loss=1.0, slope=0.0, curvature=0.0, rtol=rtol)
