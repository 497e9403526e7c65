"""Bounds of the error of networks with random weights: closed forms, coverage, and refusals."""

import math

import pytest
import torch
from landscape import sharpness, theory
from landscape.objective import Objective
from scipy import stats
from torch import nn


def labelled_points(seed, count):
    """Points whose class is the sign of the first coordinate, but for one in ten."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, generator=draw)
    flipped = torch.rand(count, generator=draw) < 0.1
    return inputs, (inputs[:, 0] > 0).long() ^ flipped.long()


@pytest.fixture
def line():
    """A linear classifier of two classes, right nine times in ten."""

    def make(seed, count):
        model = nn.Linear(3, 2, bias=False)
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]]))
        return Objective(model, labelled_points(seed, count))

    return make


def test_without_noise_the_stochastic_error_is_that_of_the_network(line):
    L = line(0, 500)
    drawn = sharpness.stochastic_error(L, L.theta, sigma=0.0, draws=3)
    assert drawn.errors.tolist() == [1 - L.evaluate().accuracy] * 3
    assert drawn.examples == 500 and drawn.examples_hash == L.examples_hash


def test_the_stochastic_error_of_a_linear_classifier_is_in_closed_form(line):
    # Weights w + σ ε: the difference of both outputs is 2 x₁ + σ √2 ‖x‖ ε for an input x.
    L = line(1, 400)
    inputs, targets = labelled_points(1, 400)
    sigma = 0.8
    margin = (2 * targets - 1) * 2 * inputs[:, 0] / (sigma * math.sqrt(2) * inputs.norm(dim=1))
    expected = float(stats.norm.cdf(-margin.numpy()).mean())
    drawn = sharpness.stochastic_error(L, L.theta, sigma=sigma, draws=2000, seed=3)
    assert abs(drawn.mean - expected) < 4 * drawn.stderr
    assert drawn.stderr < 0.01


def test_one_seed_gives_one_result(line):
    L = line(0, 100)
    twice = [sharpness.stochastic_error(L, L.theta, sigma=0.5, draws=5, seed=s) for s in (1, 1, 2)]
    assert torch.equal(twice[0].errors, twice[1].errors)
    assert not torch.equal(twice[0].errors, twice[2].errors)


def test_a_certificate_by_hand(line):
    L = line(2, 300)
    prior = L.theta + 0.1
    got = sharpness.certificate(L, L.theta, prior=prior, sigmas=[0.2], draws=50, delta=0.1, seed=4)
    assert got.divergence == pytest.approx(6 * 0.01 / (2 * 0.04), rel=1e-6)
    drawn = theory.kl_inverse(got.sampled_error, math.log(2 / 0.1) / 50)
    capacity = got.divergence + math.log(2 * math.sqrt(300) / 0.05)
    assert got.error_bound == pytest.approx(drawn, rel=1e-12)
    assert got.bound == pytest.approx(theory.kl_inverse(drawn, capacity / 300), rel=1e-12)
    assert got.sampled_error < got.error_bound < got.bound < 1
    assert not got.converged  # A single size is an end of the range.
    assert got.passes == 50 + 8


def test_the_size_of_the_noise_is_chosen(line):
    L = line(2, 300)
    sigmas = [0.001, 0.2, 0.4, 100.0]
    got = sharpness.certificate(L, L.theta, prior=L.theta + 0.3, sigmas=sigmas, draws=50)
    assert got.sigma in (0.2, 0.4) and got.converged
    # All sizes pay for the choice: log K stands in the bound.
    alone = sharpness.certificate(L, L.theta, prior=L.theta + 0.3, sigmas=[got.sigma], draws=50)
    assert alone.divergence == got.divergence


def test_certificates_hold_on_new_examples(line):
    # The bound is of the expected error, which 20,000 new examples tell to within 0.003.
    new = line(10_000, 20_000)
    held = []
    for seed in range(40):
        L = line(seed, 60)
        zero = torch.zeros_like(L.theta)
        got = sharpness.certificate(L, L.theta, prior=zero, sigmas=[0.5, 1.0], draws=30, seed=seed)
        fresh = sharpness.stochastic_error(new, L.theta, sigma=got.sigma, draws=20, seed=seed)
        held.append(fresh.mean <= got.bound)
        assert 0.1 < got.bound < 1
    assert all(held)


def test_a_network_far_from_the_prior_has_a_vacuous_bound(line):
    L = line(0, 50)
    got = sharpness.certificate(L, 1e4 * L.theta, prior=L.theta, sigmas=[0.1], draws=10)
    assert got.bound == 1.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sigmas": []}, r"sigmas=\[\] are no sizes of noise"),
        ({"sigmas": [0.2, 0.1]}, "Pass finite numbers > 0, ascending"),
        ({"sigmas": [0.0, 0.1]}, "are no sizes of noise"),
        ({"prior": torch.zeros(3)}, r"prior \(3,\). Pass two vectors of one length"),
        ({"delta": 1.0}, "delta=1.0: the bound needs"),
        ({"draws": 1}, "at least 2 draws"),
        ({"draws": 2.5}, "draws=2.5 is not what certificate takes"),
    ],
)
def test_what_gives_no_certificate_is_refused(line, options, text):
    L = line(0, 20)
    given = {"prior": L.theta, "sigmas": [0.1]} | options
    with pytest.raises((ValueError, TypeError), match=text):
        sharpness.certificate(L, L.theta, **given)


def test_few_examples_are_refused(line):
    L = line(0, 7)
    with pytest.raises(ValueError, match="at least 8"):
        sharpness.certificate(L, L.theta, prior=L.theta, sigmas=[0.1])


def test_networks_that_depend_on_the_examples_are_refused():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    L = Objective(model, (torch.randn(32, 3), torch.zeros(32, dtype=torch.long)), bn="batch")
    with pytest.raises(ValueError, match="bn='batch' lets the network depend on the examples"):
        sharpness.stochastic_error(L, L.theta, sigma=0.1)


def test_targets_that_are_no_classes_are_refused():
    L = Objective(nn.Linear(3, 1), (torch.randn(32, 3), torch.randn(32, 1)), loss="mse")
    with pytest.raises(ValueError, match="the accuracy is not a number"):
        sharpness.stochastic_error(L, L.theta, sigma=0.1, draws=2)
