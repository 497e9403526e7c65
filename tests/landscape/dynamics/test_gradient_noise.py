"""Gradient noise and batch sharpness, against gradients and Hessians computed one by one."""

import importlib
import itertools
import math

import numpy as np
import pytest
import torch
from landscape import rng
from landscape.dynamics.gradient_noise import batch_sharpness, gradient_noise
from landscape.objective import Objective
from landscape.store.fingerprint import digest
from torch import nn

from tests.sample_networks import (
    digits,
    filled,
    quadratic,
    regression_data,
    relu_net,
    relu_objective,
    small_cnn,
    small_objective,
    small_vit,
    state_of,
)

# The package names a function as it names this module.
noise = importlib.import_module("landscape.dynamics.gradient_noise")


def one_by_one(L):
    """Each example's gradient (N, n), from an objective of that example alone."""
    inputs, targets = (torch.cat(x) for x in zip(*L.parts(L.theta).batches, strict=True))
    held = {"bn_examples": inputs} if L.bn == "reestimate" else {}
    singles = (
        L.replace(examples=(inputs[i : i + 1], targets[i : i + 1]), **held)
        for i in range(len(inputs))
    )
    return torch.stack([single.gradient(L.theta) for single in singles]).numpy()


def moments(rows):
    """tr Σ, unbiased ‖G‖² and their ratio, by NumPy's covariance."""
    trace = np.trace(np.cov(rows, rowvar=False))
    norm = np.square(rows.mean(0)).sum() - trace / len(rows)
    return np.array([trace, norm, trace / norm if norm > 0 else math.inf])


def left_out(rows):
    """The jackknife's standard errors of the three."""
    found = np.stack([moments(np.delete(rows, i, axis=0)) for i in range(len(rows))])
    with np.errstate(invalid="ignore"):  # Of infinite scales.
        return np.sqrt((len(rows) - 1) * found.var(axis=0))


def vit_objective():
    inputs = torch.rand(7, 1, 8, 8, dtype=torch.float64, generator=rng.stream(0, "images"))
    return Objective(small_vit(), (inputs, torch.arange(7) % 4), microbatch=3)


NETWORKS = {
    "perceptron": lambda: relu_objective(relu_net(), microbatch=4),
    "convolutions, frozen": lambda: small_objective(13),
    "convolutions, reestimated": lambda: small_objective(13, bn="reestimate"),
    "transformer": vit_objective,
}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 4096, noise._CHUNK_BYTES])
@pytest.mark.parametrize("name", NETWORKS)
def test_noise_is_that_of_gradients_computed_one_by_one(name, chunk, monkeypatch):
    monkeypatch.setattr(noise, "_CHUNK_BYTES", chunk)
    L = NETWORKS[name]()
    rows, found = one_by_one(L), gradient_noise(L, L.theta)
    trace, norm, scale = moments(rows)
    assert found.trace == pytest.approx(trace, rel=1e-10)
    assert found.squared_norm == pytest.approx(norm, rel=1e-10)
    assert found.scale == pytest.approx(scale, rel=1e-10)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(rows.mean(0)), rel=1e-10)
    errors = (found.trace_stderr, found.squared_norm_stderr, found.scale_stderr)
    np.testing.assert_allclose(errors, left_out(rows), rtol=1e-9)


def linear_regression(count, *, slope, spread, seed=0):
    """The squared error of a linear model at slope 0: gᵢ = −2 (slope + eᵢ) for x = 1."""
    noise = spread * torch.randn(count, 1, dtype=torch.float64, generator=rng.stream(seed, "e"))
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    inputs = torch.ones(count, 1, dtype=torch.float64)
    return Objective(model, (inputs, slope + noise), loss="mse"), noise


def test_noise_of_a_linear_regression_is_known():
    L, e = linear_regression(40, slope=3.0, spread=0.5)
    found = gradient_noise(L, L.theta)
    assert found.trace == pytest.approx(4 * float(e.var()), rel=1e-12)
    mean = 3.0 + float(e.mean())
    assert found.gradient_norm == pytest.approx(2 * abs(mean), rel=1e-12)
    norm = 4 * mean**2 - found.trace / 40
    assert found.squared_norm == pytest.approx(norm, rel=1e-12)
    assert found.scale == pytest.approx(found.trace / norm, rel=1e-12) and found.converged
    # Of a variance with divisor N − 1 the jackknife's error is that of a mean of squares, over
    # (N − 2)/N.
    spread = float((e - e.mean()).square().std()) / 40**0.5
    assert found.trace_stderr == pytest.approx(4 * spread * 40 / 38, rel=1e-12)


def test_estimates_are_unbiased_and_as_far_off_as_their_errors_say():
    drawn = [linear_regression(40, slope=0.5, spread=1.0, seed=seed)[0] for seed in range(100)]
    found = [gradient_noise(L, L.theta) for L in drawn]
    # Σ = 4, ‖G‖² = 1: one sample of 40 has ‖ḡ‖² = 1.1 on average.
    for name, want in (("trace", 4.0), ("squared_norm", 1.0)):
        values = np.array([getattr(one, name) for one in found])
        errors = np.array([getattr(one, f"{name}_stderr") for one in found])
        assert abs(values.mean() - want) < 4 * values.std() / 100**0.5
        assert np.sqrt(np.square(errors).mean()) == pytest.approx(values.std(), rel=0.25)
    biased = np.array([one.gradient_norm**2 for one in found])
    assert biased.mean() > 1.0


def test_a_gradient_lost_in_noise_has_an_infinite_scale():
    values = torch.tensor([[1.0], [-1.0], [2.0], [-2.0], [0.001]], dtype=torch.float64)
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    L = Objective(model, (torch.ones(5, 1).double(), values), loss="mse")
    found = gradient_noise(L, L.theta)
    assert found.squared_norm < 0 and found.scale == math.inf and not found.converged
    assert not math.isfinite(found.scale_stderr)
    assert found.trace == pytest.approx(4 * float(values.var()), rel=1e-12)


def test_a_scale_within_two_errors_of_no_gradient_has_not_converged():
    weak, strong = (
        gradient_noise(L, L.theta)
        for L in (linear_regression(40, slope=slope, spread=1.0)[0] for slope in (0.3, 2.0))
    )
    assert 0 < weak.squared_norm < 2 * weak.squared_norm_stderr and weak.scale < math.inf
    assert not weak.converged and strong.converged


def test_the_same_example_many_times_has_no_noise():
    L = quadratic(2.0, 3.0, copies=6)
    found = gradient_noise(L, torch.tensor([1.0, -1.0]).double())
    np.testing.assert_allclose((found.trace, found.scale, found.trace_stderr), 0, atol=1e-30)
    assert found.squared_norm == pytest.approx(13.0, rel=1e-14)


def test_noise_at_a_point_that_is_not_finite_is_no_number():
    L = relu_objective(relu_net())
    found = gradient_noise(L, torch.full_like(L.theta, math.nan))
    assert math.isnan(found.trace) and math.isnan(found.scale) and not found.converged


def test_noise_carries_where_it_was_measured_and_leaves_the_network_alone():
    model = small_cnn()
    before = state_of(model)
    L = Objective(model, digits().first(13))
    with torch.inference_mode():
        found = gradient_noise(L, L.theta)
    assert (found.examples, found.examples_hash, found.bn) == (13, L.examples_hash, "frozen")
    assert found.dtype == "float64" and state_of(model) == before
    assert digest(found) == digest(gradient_noise(L, L.theta))


def test_noise_in_float32_is_that_of_float64_to_its_rounding():
    L = small_objective(13)
    single = gradient_noise(L.replace(dtype=torch.float32), L.theta)
    assert single.dtype == "float32"
    assert single.trace == pytest.approx(gradient_noise(L, L.theta).trace, rel=1e-5)


def test_noise_under_batch_statistics_is_refused():
    L = small_objective(13, bn="batch")
    with pytest.raises(ValueError, match=r"none has a gradient of its own. Pass .*bn='frozen'"):
        gradient_noise(L, L.theta)


def test_noise_of_two_examples_is_refused():
    L = small_objective(2)
    with pytest.raises(ValueError, match=r"2 examples do not tell .* at least 3"):
        gradient_noise(L, L.theta)


@pytest.mark.parametrize("name", ["gradient_noise", "batch_sharpness"])
def test_without_theta_the_objectives_own_point_is_measured(name):
    L = small_objective(13)
    options = {"batch_size": 4, "max_batches": 2} if name == "batch_sharpness" else {}
    points = [(), (L.theta,), (None,), (0.9 * L.theta,)]
    own, given, none, other = (
        digest(getattr(noise, name)(L, *point, **options)) for point in points
    )
    assert own == given == none and own != other


# Batch sharpness


def curvature_along_gradient(L):
    """gᵀHg/‖g‖² with the whole matrix."""
    g = L.gradient(L.theta).numpy()
    return float(g @ L.hessian(L.theta).to_dense().numpy() @ g / (g @ g))


def difference_along_gradient(L, step=1e-5):
    """The same from two gradients nearby."""
    g = L.gradient(L.theta)
    held = L if L.bn == "batch" else L.replace(bn="frozen")
    points = (L.theta + sign * step * g / g.norm() for sign in (1, -1))
    ends = [held.gradient(point, buffers=L.statistics(L.theta)) for point in points]
    return float((ends[0] - ends[1]) @ g / g.norm()) / (2 * step)


@pytest.mark.parametrize("bn", ["frozen", "reestimate", "batch"])
def test_with_all_examples_it_is_the_curvature_along_the_gradient(bn):
    L = small_objective(13, bn=bn, bn_block=64)
    found = batch_sharpness(L, L.theta, batch_size=13)
    assert found.value == pytest.approx(difference_along_gradient(L), rel=1e-6)
    assert (found.stderr, found.products, found.converged) == (0.0, 1, True)


def test_every_batch_has_the_gradient_and_the_hessian_of_its_own_examples():
    L = relu_objective(relu_net(), microbatch=4)
    inputs, _, classes = regression_data()
    found = batch_sharpness(L, L.theta, batch_size=5, rtol=1e-9, max_batches=4, seed=3)
    for index, value in enumerate(found.values.tolist()):
        order = torch.randperm(11, generator=rng.stream(3, "batch_sharpness", index))[:5]
        own = Objective(relu_net(), (inputs[order], classes[order]))
        assert value == pytest.approx(curvature_along_gradient(own), rel=1e-9)
    assert len(set(found.values.tolist())) == 4


def test_batches_hold_the_statistics_that_all_examples_have(monkeypatch):
    L = small_objective(13, bn="reestimate", bn_block=64)
    seen, real = [], noise._along_gradient
    monkeypatch.setattr(noise, "_along_gradient", lambda *at: seen.append(at[0]) or real(*at))
    found = batch_sharpness(L, L.theta, batch_size=4, max_batches=2)
    for batch, value in zip(seen, found.values.tolist(), strict=True):
        held = batch.replace(bn="frozen")
        g = held.gradient(L.theta, buffers=L.statistics(L.theta))
        Hg = held.hessian(L.theta, buffers=L.statistics(L.theta)) @ g
        assert value == pytest.approx(float(g @ Hg / (g @ g)), rel=1e-9)


@pytest.mark.slow
def test_the_mean_over_draws_is_that_over_all_batches():
    inputs, _, classes = regression_data(count=6)
    L = Objective(relu_net(), (inputs, classes))
    chosen = [list(pair) for pair in itertools.combinations(range(6), 2)]
    every = [
        curvature_along_gradient(Objective(relu_net(), (inputs[pair], classes[pair])))
        for pair in chosen
    ]
    found = batch_sharpness(L, L.theta, batch_size=2, rtol=1e-9, max_batches=40)
    assert found.products == 40 and not found.converged
    assert abs(found.value - np.mean(every)) < 4 * found.stderr
    assert found.stderr == pytest.approx(np.std(every) / 40**0.5, rel=0.25)


def test_of_a_linear_regression_it_is_the_mean_square_input():
    # One parameter: the gradient has one direction, H_B = 2 mean x² over the batch.
    x = torch.linspace(1, 1.5, 8, dtype=torch.float64)[:, None]
    L = Objective(filled(nn.Linear(1, 1, bias=False)), (x, torch.ones_like(x)), loss="mse")
    found = batch_sharpness(L, L.theta, batch_size=1, rtol=0.03, max_batches=400)
    assert abs(found.value - 2 * float(x.square().mean())) < 4 * found.stderr
    assert found.converged and found.stderr <= 0.03 * found.value
    assert set(found.values.tolist()) <= {2 * float(v) ** 2 for v in x} and found.products < 400


def test_it_sees_negative_curvature():
    L = quadratic(-2.0, copies=3)
    assert batch_sharpness(L, torch.ones(1).double(), batch_size=2).value == pytest.approx(-2.0)


def test_it_stops_early_where_batches_agree_but_not_before_ten():
    L = quadratic(2.0, 3.0, copies=6)
    found = batch_sharpness(L, torch.ones(2).double(), batch_size=2)
    assert (found.products, found.stderr, found.converged) == (10, 0.0, True)


def test_a_batch_without_a_gradient_leaves_no_number():
    L = quadratic(2.0, 3.0, copies=6)
    found = batch_sharpness(L, torch.zeros(2).double(), batch_size=2)
    assert math.isnan(found.value) and not found.converged and found.products == 1


def test_the_same_seed_draws_the_same_batches():
    L = small_objective(13)
    how = {"batch_size": 4, "max_batches": 3}
    first, second, other = (batch_sharpness(L, L.theta, seed=seed, **how) for seed in (1, 1, 2))
    assert digest(first) == digest(second) and not torch.equal(first.values, other.values)
    assert (first.examples, first.bn, first.seed) == (13, "frozen", 1)


@pytest.mark.parametrize("size", [0, 14])
def test_a_batch_of_no_such_size_is_refused(size):
    L = small_objective(13)
    with pytest.raises(ValueError, match=f"batch_size={size} makes no batch of 13 .* from 1 to 13"):
        batch_sharpness(L, L.theta, batch_size=size)


@pytest.mark.parametrize("wrong", [{"max_batches": 1}, {"rtol": 0.0}, {"rtol": math.nan}])
def test_no_standard_error_is_refused(wrong):
    L = small_objective(13)
    with pytest.raises(ValueError, match=r"give no standard error. Pass max_batches >= 2"):
        batch_sharpness(L, L.theta, batch_size=4, **wrong)
