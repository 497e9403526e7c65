"""Null models of a path: closed forms, and the paths themselves drawn in full."""

import math

import pytest
import torch
from landscape.dynamics.path_components import centred, shares
from landscape.dynamics.path_nulls import (
    _chi_squared,
    correlated_walk_shares,
    lag_correlations,
    shuffled_shares,
    step_gram,
    straight_shares,
    walk_shares,
)

N = 300  # Dimensions of the paths that are drawn in full.


def gram_of(points):
    moved = points - points[0]
    return moved @ moved.T


def smooth_path(generator, count=30, n=N):
    """A path whose steps are correlated and become shorter."""
    steps = torch.randn(count, n, dtype=torch.float64, generator=generator)
    for i in range(1, count):
        steps[i] = 0.8 * steps[i - 1] + 0.6 * steps[i]
    lengths = torch.linspace(2, 0.2, count, dtype=torch.float64)[:, None]
    return torch.cat([torch.zeros(1, n).double(), (steps * lengths).cumsum(0)])


def test_a_long_walk_has_the_shares_of_the_literature():
    shares_of_walks = walk_shares(501, dimensions=10**6, draws=3).shares.mean(dim=0)
    torch.testing.assert_close(
        100 * shares_of_walks[:3], torch.tensor([60.8, 15.2, 6.8]).double(), rtol=0, atol=0.08
    )
    about_end = walk_shares(501, dimensions=10**6, draws=3, centre="end").shares.mean(dim=0)
    closed = torch.tensor([8 / math.pi**2 / (2 * k - 1) ** 2 for k in (1, 2, 3)]).double()
    torch.testing.assert_close(about_end[:3], closed, rtol=0, atol=2e-3)


def test_walks_in_few_dimensions_differ_and_agree_with_full_ones(generator):
    # Four dimensions, fewer than steps: no Wishart root, and shares that scatter.
    drawn = walk_shares(21, dimensions=4, draws=400, seed=1).first(2)
    steps = torch.randn(400, 20, 4, dtype=torch.float64, generator=generator)
    points = torch.cat([torch.zeros(400, 1, 4).double(), steps.cumsum(dim=1)], dim=1)
    full = shares(centred(points @ points.transpose(1, 2), "mean"))[:, :2].sum(dim=1)
    error = math.hypot(float(drawn.std()), float(full.std())) / math.sqrt(400)
    assert abs(float(drawn.mean() - full.mean())) < 4 * error
    assert float(drawn.std()) > 0.01


def test_the_gram_matrix_of_a_walk_is_drawn_as_that_of_the_walk_itself(generator):
    # Mean and spread of the first share, by the Wishart root and by walks drawn in full.
    drawn = walk_shares(21, dimensions=N, draws=400, seed=2).first(1)
    steps = torch.randn(400, 20, N, dtype=torch.float64, generator=generator)
    points = torch.cat([torch.zeros(400, 1, N).double(), steps.cumsum(dim=1)], dim=1)
    full = shares(centred(points @ points.transpose(1, 2), "mean"))[:, 0]
    error = math.hypot(float(drawn.std()), float(full.std())) / math.sqrt(400)
    assert abs(float(drawn.mean() - full.mean())) < 4 * error
    assert float(drawn.std() / full.std()) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("degrees", [2.0, 7.0, 1e5])
def test_drawn_chi_squared_numbers_have_the_moments_of_theirs(generator, degrees):
    drawn = _chi_squared(torch.full((20000,), degrees).double(), generator)
    # Mean k and variance 2k; the fourth central moment is 12k(k + 4).
    assert float(drawn.mean()) == pytest.approx(degrees, abs=4 * math.sqrt(2 * degrees / 20000))
    spread = math.sqrt((12 * degrees * (degrees + 4) - 4 * degrees**2) / 20000)
    assert float(drawn.var()) == pytest.approx(2 * degrees, abs=4 * spread)


def test_uncorrelated_equal_steps_give_back_the_random_walk(generator):
    steps = torch.randn(100, 5000, dtype=torch.float64, generator=generator)
    steps /= steps.norm(dim=1, keepdim=True)
    gram = gram_of(torch.cat([torch.zeros(1, 5000).double(), steps.cumsum(0)]))
    torch.testing.assert_close(
        lag_correlations(gram), torch.eye(6).double()[0], rtol=0, atol=4 / math.sqrt(5000 * 90)
    )
    walk = walk_shares(101, dimensions=5000).shares.mean(dim=0)[:3]
    for null in (
        correlated_walk_shares(gram, dimensions=5000, draws=50),
        shuffled_shares(gram, draws=50),
    ):
        torch.testing.assert_close(null.shares.mean(dim=0)[:3], walk, rtol=0.05, atol=0)


def test_a_correlated_walk_keeps_lengths_and_correlations(generator):
    gram = gram_of(smooth_path(generator))
    assert float(lag_correlations(gram)[1]) == pytest.approx(0.8, abs=0.06)
    # Correlation makes a walk smoother, and the fall of its lengths makes it end near one place.
    assert float(correlated_walk_shares(gram, dimensions=N).first(1).mean()) > 0.75
    assert float(walk_shares(31, dimensions=N).first(1).mean()) < 0.63


def test_correlated_walks_agree_with_an_autoregression_drawn_in_full(generator):
    # Order 1 with coefficient 0.8 in full: its correlations are 0.8^k at all lags.
    paths = torch.stack([gram_of(smooth_path(generator)) for _ in range(40)])
    full = shares(centred(paths, "mean"))[:, :2].sum(dim=1)
    drawn = torch.cat(
        [correlated_walk_shares(gram, dimensions=N, draws=5).first(2) for gram in paths]
    )
    # The correlations of thirty steps are estimated with a bias towards 0, of order 1/30.
    assert float(drawn.mean()) == pytest.approx(float(full.mean()), abs=0.02)


def test_shuffled_steps_keep_the_ends_and_the_steps(generator):
    gram = gram_of(smooth_path(generator))
    null = shuffled_shares(gram, draws=20)
    assert null.shares.shape == (20, len(gram))
    torch.testing.assert_close(null.shares.sum(dim=1), torch.ones(20).double())
    torch.testing.assert_close(step_gram(gram).sum(), gram[-1, -1])
    # Equal steps along one line in any order are the same path.
    line = gram_of(torch.arange(10).double()[:, None] * torch.ones(1, 7).double())
    torch.testing.assert_close(shuffled_shares(line, draws=3).first(1), torch.ones(3).double())


def test_a_straight_line_with_noise_is_told_from_the_path_that_it_replaces(generator):
    t = torch.linspace(0, 1, 40, dtype=torch.float64)
    direction = torch.zeros(N, dtype=torch.float64)
    direction[0] = 10
    noise = 0.2 * torch.randn(40, N, dtype=torch.float64, generator=generator)
    noise[0] = noise[-1] = 0
    line = gram_of(t[:, None] * direction + noise)
    null = straight_shares(line, dimensions=N).first(1)
    own = float(shares(centred(line, "mean"))[0])
    assert float(null.min()) < own < float(null.max())
    # An arc of a circle has a second direction, which no straight line has.
    arc = torch.zeros(40, N, dtype=torch.float64)
    arc[:, 0], arc[:, 1] = torch.cos(math.pi * t), torch.sin(math.pi * t)
    bent = straight_shares(gram_of(arc), dimensions=N)
    assert float(shares(centred(gram_of(arc), "mean"))[:2].sum()) == pytest.approx(1)
    assert bent.quantile(2, 0.975) < 0.8


@pytest.mark.parametrize("centre", ["mean", "end"])
def test_same_seed_same_shares(generator, centre):
    gram = gram_of(smooth_path(generator))
    for null in (
        lambda seed: walk_shares(9, dimensions=99, draws=3, seed=seed, centre=centre),
        lambda seed: correlated_walk_shares(gram, dimensions=N, draws=3, seed=seed, centre=centre),
        lambda seed: shuffled_shares(gram, draws=3, seed=seed, centre=centre),
        lambda seed: straight_shares(gram, dimensions=N, draws=3, seed=seed, centre=centre),
    ):
        # LAPACK rounds otherwise in memory that is aligned otherwise.
        torch.testing.assert_close(null(4).shares, null(4).shares, rtol=1e-9, atol=1e-14)
        assert float((null(4).shares - null(5).shares).abs().max()) > 1e-6
        assert null(4).centre == centre


def test_errors_say_what_to_do(generator):
    gram = gram_of(smooth_path(generator))
    with pytest.raises(ValueError, match=r"200 draws of paths of 2 points in 9 free dimensions"):
        walk_shares(2, dimensions=9)
    with pytest.raises(ValueError, match=r"0 draws of paths of 31 points.*draws >= 1"):
        shuffled_shares(gram, draws=0)
    with pytest.raises(ValueError, match=r"in 0 free dimensions"):
        straight_shares(gram, dimensions=1)
    with pytest.raises(ValueError, match=r"shape \(3, 2\) holds no inner products of a path"):
        step_gram(torch.zeros(3, 2))
    gram[3, 3] = float("inf")
    with pytest.raises(ValueError, match=r"not finite. Pass Trajectory.gram\(\)"):
        correlated_walk_shares(gram, dimensions=N)
