"""The exact spectrum of the Gauss-Newton matrix on its range: closed forms, dense matrices."""

import math

import pytest
import torch
from landscape import models, rng
from landscape.objective import Objective
from landscape.spectrum.gauss_newton import ggn_spectrum
from torch import nn

from tests.sample_networks import digits, filled, small_objective

EPS = torch.finfo(torch.float64).eps


def linear_objective(inputs, outputs=2, **options):
    model = filled(nn.Linear(inputs.shape[1], outputs, bias=False), "linear")
    targets = torch.zeros(len(inputs), outputs, dtype=torch.float64)
    return Objective(model, (inputs, targets), loss="mse", dtype=torch.float64, **options)


def deep(count=6, **options):
    settings = {"depth": 4, "width": 5, "norm": "none", "skip": True, **options.pop("model", {})}
    model = models.FullyConnected(**settings).build((1, 8, 8), 10, seed=0)
    return Objective(model, digits().first(count), dtype=torch.float64, **options)


def assert_is_dense(L, spectrum):
    dense = torch.linalg.eigvalsh(L.ggn().to_dense()).flip(0)
    scale = float(dense[0])
    count = min(len(dense), len(spectrum.values))
    assert float((spectrum.values[:count] - dense[:count]).abs().max()) < 1e-9 * scale
    for rest in (spectrum.values[count:], dense[count:]):
        assert float(rest.abs().sum()) < 1e-12 * scale


def test_spectrum_of_a_linear_network_is_that_of_its_inputs(generator):
    inputs = torch.randn(5, 7, dtype=torch.float64, generator=generator)
    spectrum = ggn_spectrum(linear_objective(inputs))
    # (2 / K)(1/N) X Xᵀ for each of K = 2 outputs.
    want = torch.linalg.eigvalsh(inputs @ inputs.T / 5).flip(0).repeat_interleave(2)
    torch.testing.assert_close(spectrum.values, want, rtol=1e-12, atol=0.0)
    assert spectrum.rank == 10 and spectrum.unresolved == 0
    assert spectrum.condition == pytest.approx(float(want[0] / want[-1]), rel=1e-10)
    assert spectrum.cut == pytest.approx(10 * EPS * float(want[0]))
    torch.testing.assert_close(spectrum.jacobian.values, want, rtol=1e-12, atol=0.0)


def test_spectrum_of_a_softmax_regression_has_its_closed_form():
    # Zero weights: p = 1/K, whose Hessian is I/K - 1/K² with K - 1 eigenvalues 1/K.
    model = nn.Linear(2, 4, bias=False)
    nn.init.zeros_(model.weight)
    inputs = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    L = Objective(model, (inputs, torch.tensor([0, 3])), dtype=torch.float64)
    spectrum = ggn_spectrum(L)
    want = torch.tensor([9.0 / 8] * 3 + [1.0 / 8] * 3, dtype=torch.float64)
    torch.testing.assert_close(spectrum.values, want, rtol=1e-12, atol=0.0)
    assert spectrum.condition == pytest.approx(9.0, rel=1e-12)
    assert spectrum.jacobian.condition == pytest.approx(9.0, rel=1e-12)
    assert len(spectrum.jacobian.values) == 8  # No output is left out: 4 for each example.


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_spectrum_is_that_of_the_dense_matrix(bn, loss):
    L = small_objective(13, bn=bn)  # 13 examples in microbatches of 5, or blocks of 7 and 6
    if loss == "mse":
        inputs, targets = digits().first(13)
        one_hot = nn.functional.one_hot(targets, 10).double()
        L = L.replace(examples=(inputs, one_hot), loss="mse")
    assert_is_dense(L, ggn_spectrum(L))


def test_statistics_of_the_batch_are_differentiated():
    batch, frozen = (ggn_spectrum(small_objective(7, bn=bn)) for bn in ("batch", "reestimate"))
    assert abs(batch.values[0] / frozen.values[0] - 1) > 0.01


def test_the_range_of_a_softmax_has_one_direction_less_for_each_example():
    L = deep(6)
    one_hot = nn.functional.one_hot(digits().first(6)[1], 10).double()
    squared = ggn_spectrum(L.replace(examples=(digits().first(6)[0], one_hot), loss="mse"))
    softmax = ggn_spectrum(L)
    assert (len(softmax.values), len(squared.values)) == (54, 60)
    # Negative control: what squared errors weigh is not what the softmax weighs.
    assert squared.condition == pytest.approx(squared.jacobian.condition, rel=1e-6)
    assert abs(softmax.condition / softmax.jacobian.condition - 1) > 0.1


@pytest.mark.parametrize("bn", ["frozen", "batch"])
def test_ranges_of_parameters_change_rounding_alone(bn):
    L = small_objective(5, bn=bn)
    whole, parts = ggn_spectrum(L), ggn_spectrum(L, memory=8 * 50 * 60)  # 60 of 235 at once
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-9, atol=1e-13)
    assert (whole.passes, parts.passes) == (50, 200)
    again = ggn_spectrum(L)
    assert torch.equal(again.values, whole.values) and again.condition == whole.condition


def test_examples_seen_twice_leave_directions_that_cannot_be_told_from_zero(generator):
    inputs = torch.randn(3, 7, dtype=torch.float64, generator=generator)
    once, twice = (ggn_spectrum(linear_objective(x)) for x in (inputs, inputs.repeat(2, 1)))
    assert (twice.rank, twice.unresolved) == (6, 6) and once.unresolved == 0
    assert twice.condition == pytest.approx(once.condition, rel=1e-9)
    assert twice.at_least == pytest.approx(1 / (2 * 12 * EPS))
    assert once.at_least == pytest.approx(once.condition, rel=1e-9)


def test_more_rows_than_parameters_leave_directions_too():
    inputs, targets = digits().first(9)
    few = filled(nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False)), "few")
    few[1].weight.requires_grad_(False)
    model = nn.Sequential(few, filled(nn.Linear(2, 3), "last"))
    L = Objective(model, (inputs, targets % 3), dtype=torch.float64)
    spectrum = ggn_spectrum(L)
    # Of 9 parameters 3 shift all outputs alike, which the softmax does not see.
    assert (L.n, len(spectrum.values), spectrum.rank, spectrum.unresolved) == (9, 18, 6, 12)
    assert spectrum.jacobian.rank == 9
    assert_is_dense(L, spectrum)


def test_error_is_the_share_that_rounding_may_take():
    inputs = torch.diag(torch.tensor([1.0, 1e-5], dtype=torch.float64))
    spectrum = ggn_spectrum(linear_objective(inputs, outputs=1))
    assert spectrum.condition == pytest.approx(1e10, rel=1e-5)
    assert spectrum.error == pytest.approx(spectrum.condition * 2 * EPS * 1e10, rel=1e-4)
    assert spectrum.at_least == pytest.approx(spectrum.condition, rel=1e-5)


@pytest.mark.parametrize("size", [1e3, 1e4])
def test_certain_predictions_have_a_condition_number_although_their_curvature_underflows(size):
    # Two classes: p (1 - p) = e^-d to rounding, d the difference of the outputs.
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = torch.tensor([[size, size + 2], [0.0, 0.0]])
    L = Objective(model, (torch.eye(2), torch.tensor([0, 1])), dtype=torch.float64)
    spectrum = ggn_spectrum(L)
    assert float(spectrum.values[0]) < 1e-300 and spectrum.rank == 2
    assert spectrum.condition == pytest.approx(math.exp(2), rel=1e-9)


def test_conditions_are_recorded_and_the_matrix_may_be_zero():
    model = nn.Linear(2, 2, bias=False)
    examples = torch.zeros(3, 2), torch.zeros(3, 2)
    spectrum = ggn_spectrum(Objective(model, examples, loss="mse", dtype=torch.float64))
    assert (spectrum.bn, spectrum.examples, spectrum.dtype) == ("frozen", 3, "float64")
    assert spectrum.rank == 0 and math.isnan(spectrum.condition)
    assert spectrum.values.tolist() == [0.0] * 6


def test_derivatives_are_taken_also_where_a_caller_forbids_them():
    L = small_objective(3)
    want = ggn_spectrum(L)
    with torch.inference_mode():
        assert torch.equal(ggn_spectrum(L).values, want.values)


def test_a_network_in_float32_is_refused():
    with pytest.raises(ValueError, match=r"in float64, and the network computes in float32"):
        ggn_spectrum(small_objective(3, dtype=torch.float32))


def test_a_loss_of_the_readers_own_is_refused():
    L = small_objective(3, loss=lambda outputs, targets: outputs.square().sum(1))
    with pytest.raises(ValueError, match="a function of the reader's own"):
        ggn_spectrum(L)


def test_outputs_without_a_row_for_each_example_are_refused():
    model = filled(nn.Conv2d(1, 2, 3), "convolution")
    inputs = torch.zeros(3, 1, 8, 8)
    L = Objective(model, (inputs, torch.zeros(3, 2, 6, 6)), loss="mse", dtype=torch.float64)
    with pytest.raises(ValueError, match=r"outputs \(1, 2, 6, 6\).*needs outputs \(N, K\)"):
        ggn_spectrum(L)


def test_outputs_and_derivatives_that_are_not_finite_are_refused():
    L = linear_objective(torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="outputs of the network are not finite"):
        ggn_spectrum(L, torch.full((6,), math.inf, dtype=torch.float64))
    tall = linear_objective(torch.full((2, 3), 1e200, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="not finite in float64: they overflow"):
        ggn_spectrum(tall, torch.zeros(6, dtype=torch.float64))


def test_another_point_has_another_spectrum():
    L = deep(4)
    theta = L.theta + 0.1 * torch.randn(L.n, generator=rng.stream(0, "step")).double()
    assert_is_dense(L.replace(), ggn_spectrum(L))
    dense = torch.linalg.eigvalsh(L.ggn(theta).to_dense())[-1]
    assert float(ggn_spectrum(L, theta).values[0]) == pytest.approx(float(dense), rel=1e-10)
