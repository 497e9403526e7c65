"""The gradient in the top eigenspace, and descent in parts: closed forms on a quadratic."""

import math

import pytest
import torch
from landscape.dynamics.top_space import projected_descent, top_space
from landscape.objective import Objective
from torch import nn

from tests.landscape.dynamics.test_critical import CURVATURES, point, quadratic
from tests.sample_networks import small_objective


def test_the_share_of_a_diagonal_quadratic_is_that_of_its_largest_terms():
    # The gradient is λᵢ θᵢ; each example has one coordinate, so its gradient is 3 λᵢ θᵢ there.
    theta = point(1.0, -2.0, 3.0)
    squares = (CURVATURES * theta) ** 2
    for k in (1, 2):
        top = top_space(quadratic(), theta, k=k, batch_size=1, batches=400, seed=3)
        assert top.share == pytest.approx(float(squares[:k].sum() / squares.sum()), rel=1e-6)
        assert top.chance == pytest.approx(k / 3) and top.converged
    # Of examples drawn one at a time the noise is g_B − g, with g_B = 3 λᵢ θᵢ eᵢ: by hand, each
    # coordinate has the second moment 2 (λᵢ θᵢ)², so the noise has the share of the gradient.
    top = top_space(quadratic(), theta, k=1, batch_size=1, batches=400, seed=3)
    assert abs(top.noise_share - float(squares[0] / squares.sum())) < 4 * top.noise_stderr
    assert 0 < top.noise_stderr < 0.05


def test_without_noise_or_gradient_there_is_no_share():
    top = top_space(quadratic(), point(0.0, 0.0, 0.0), k=1, batch_size=3, batches=2)
    assert math.isnan(top.share) and math.isnan(top.noise_share)


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_shares_are_those_of_dense_eigenvectors_in_both_modes_of_normalisation(bn):
    L = small_objective(bn=bn)
    _, vectors = torch.linalg.eigh(L.hessian().to_dense())
    g = L.gradient()
    expected = float((vectors[:, -3:].T @ g).square().sum() / g.square().sum())
    top = top_space(L, k=3, batch_size=7, batches=2, tol=1e-8)
    assert top.share == pytest.approx(expected, rel=1e-4) and top.bn == bn


def test_parts_of_a_descent_on_a_quadratic_move_their_own_coordinates():
    theta, rate = point(1.0, -2.0, 3.0), 0.1
    options = {"learning_rate": rate, "batch_size": 3, "steps": 7, "k": 1, "refresh": 3}
    shrink = (1 - rate * CURVATURES) ** 7
    for part, moved in (("all", [1, 1, 1]), ("dominant", [1, 0, 0]), ("bulk", [0, 1, 1])):
        ended = projected_descent(quadratic(), theta, part=part, **options)
        chosen = torch.tensor(moved, dtype=torch.bool)
        assert torch.allclose(ended.theta, torch.where(chosen, shrink * theta, theta), atol=1e-6)
        assert ended.steps == 7 and len(ended.losses) == 4 and ended.converged
        assert float(ended.losses[0]) == pytest.approx(quadratic().loss(theta))
    kept = projected_descent(quadratic(), theta, part="bulk", **{**options, "steps": 1}).kept
    squares = (CURVATURES * theta) ** 2
    assert kept == pytest.approx(float(squares[1:].sum() / squares.sum()), rel=1e-6)


def test_a_descent_that_diverges_says_so():
    options = {"learning_rate": 1e200, "batch_size": 3, "steps": 9, "refresh": 1, "k": 1}
    ended = projected_descent(quadratic(), point(1.0, 1.0, 1.0), part="all", **options)
    assert not ended.converged and ended.steps < 9 and not math.isfinite(float(ended.losses[-1]))


def test_the_same_seed_draws_the_same_batches_for_all_parts():
    model = nn.Linear(3, 1, bias=False).double()
    L = Objective(model, (torch.eye(3).double(), torch.ones(3, 1).double()), loss="mse")
    options = {"part": "all", "learning_rate": 0.1, "batch_size": 1, "steps": 5}
    ends = [projected_descent(L, point(1, 2, 3), seed=seed, **options) for seed in (0, 0, 1)]
    assert torch.equal(ends[0].theta, ends[1].theta)
    assert not torch.equal(ends[0].theta, ends[2].theta)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"part": "top"}, "part='top' is none"), ({"steps": 0}, "make no descent")],
)
def test_bad_settings_of_a_descent_are_refused(options, message):
    given = {"part": "all", "learning_rate": 0.1, "batch_size": 3, **options}
    with pytest.raises(ValueError, match=message):
        projected_descent(quadratic(), **given)


def test_bad_batches_are_refused():
    with pytest.raises(ValueError, match="tell nothing of noise"):
        top_space(quadratic(), batch_size=4)
    with pytest.raises(ValueError, match="makes no batch of 3 examples"):
        projected_descent(quadratic(), part="all", learning_rate=0.1, batch_size=4)
