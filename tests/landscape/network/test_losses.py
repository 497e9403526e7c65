"""Losses of one example each, and their second derivatives by the outputs."""

import math

import pytest
import torch
from landscape.network.losses import output_factors, per_example, scaled_output_factors
from torch.nn import functional

from tests.sample_networks import half_squares, regression_data


@pytest.fixture
def outputs(generator):
    return 2 * torch.randn(11, 3, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_cross_entropy_is_smoothed_as_by_definition(outputs, smoothing):
    _, _, classes = regression_data()
    shares = (1 - smoothing) * functional.one_hot(classes, 3).double() + smoothing / 3
    want = -(shares * (outputs - outputs.logsumexp(1, keepdim=True))).sum(1)
    found = per_example("cross_entropy", smoothing)(outputs, classes)
    torch.testing.assert_close(found, want, rtol=1e-13, atol=1e-14)
    assert float(found.mean()) == pytest.approx(
        float(functional.cross_entropy(outputs, classes, label_smoothing=smoothing)), rel=1e-14
    )


def test_squared_error_is_the_mean_over_an_example_s_outputs(outputs):
    _, targets, _ = regression_data()
    found = per_example("mse")(outputs, targets)
    torch.testing.assert_close(found, ((outputs - targets) ** 2).sum(1) / 3, rtol=1e-14, atol=0)
    deep = per_example("mse")(outputs[:, :, None], targets[:, :, None].float())
    torch.testing.assert_close(deep, found, rtol=1e-6, atol=0)
    assert deep.dtype == torch.float64


def test_own_loss_is_used_as_it_is(outputs):
    _, targets, _ = regression_data()
    assert torch.equal(per_example(half_squares)(outputs, targets), half_squares(outputs, targets))


# Second derivatives


def hessians(loss, outputs, targets):
    """∇²ℓ (N, K, K) of each example, by automatic differentiation."""
    single = lambda output, target: loss(output[None], target[None])[0]  # noqa: E731
    return torch.func.vmap(torch.func.hessian(single))(outputs, targets)


def square(factors):
    return torch.einsum("cnk,cnl->nkl", factors, factors)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["classes", "ignored", "probabilities"])
def test_factors_of_cross_entropy_make_its_hessian(outputs, kind, smoothing):
    _, targets, classes = regression_data()
    if kind == "ignored":
        classes = torch.where(torch.arange(11) % 3 == 0, -100, classes)
    elif kind == "probabilities":  # Which need not sum to 1 for PyTorch.
        classes = targets.abs()
    factors = output_factors("cross_entropy", outputs, classes, smoothing)
    want = hessians(per_example("cross_entropy", smoothing), outputs, classes)
    torch.testing.assert_close(square(factors), want, rtol=1e-12, atol=1e-14)
    assert factors.shape == (2, 11, 3)


def test_factors_of_squared_error_make_its_hessian(outputs):
    _, targets, _ = regression_data()
    factors = output_factors("mse", outputs, targets)
    torch.testing.assert_close(square(factors), hessians(per_example("mse"), outputs, targets))
    assert factors.shape == (3, 11, 3)


@pytest.mark.parametrize("row", [[1000.0, 0.0, -1000.0], [-1000.0, 0.0, 0.0], [0.0, 0.0, 1000.0]])
def test_factors_are_finite_where_probabilities_vanish(row):
    outputs = torch.tensor([row], dtype=torch.float64)
    p = outputs.softmax(1)
    want = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    found = square(output_factors("cross_entropy", outputs, torch.tensor([0])))
    torch.testing.assert_close(found, want, rtol=1e-14, atol=1e-300)


def test_factors_of_an_own_loss_are_not_known(outputs):
    with pytest.raises(ValueError, match=r"the reader's own \(half_squares\).* are not known"):
        output_factors(half_squares, outputs, outputs)


# What is refused


@pytest.mark.parametrize("loss", ["hinge", None, 3])
def test_unknown_loss_is_refused(loss):
    with pytest.raises(ValueError, match=r"is not known. Pass 'cross_entropy', 'mse', or a func"):
        per_example(loss)


@pytest.mark.parametrize(
    ("loss", "smoothing"),
    [("cross_entropy", 1.0), ("cross_entropy", -0.1), ("mse", 0.1), (half_squares, 0.1)],
)
def test_smoothing_that_cannot_be_is_refused(loss, smoothing):
    with pytest.raises(ValueError, match=rf"label_smoothing={smoothing} .* only with loss='cross"):
        per_example(loss, smoothing)


def test_squared_error_refuses_to_broadcast(outputs):
    with pytest.raises(ValueError, match=r"shape \(11, 3\) and targets of shape \(11,\) have no"):
        per_example("mse")(outputs, outputs[:, 0])


@pytest.mark.parametrize("reduce", [torch.Tensor.mean, torch.Tensor.square])
def test_own_loss_must_be_one_value_an_example(outputs, reduce):
    with pytest.raises(
        ValueError, match=r"the loss returned the shape .* for 11 examples. It must"
    ):
        per_example(lambda outputs, targets: reduce(outputs))(outputs, outputs)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_scaled_factors_are_the_same_factors(smoothing, generator):
    outputs = 3 * torch.randn(6, 5, dtype=torch.float64, generator=generator)
    classes = torch.tensor([0, 4, -100, 1, 2, 2])  # -100: an example without a loss
    factors, scale = scaled_output_factors("cross_entropy", outputs, classes, smoothing)
    want = output_factors("cross_entropy", outputs, classes, smoothing)
    torch.testing.assert_close(math.exp(scale) * factors, want, rtol=1e-12, atol=1e-15)
    squared, none = scaled_output_factors("mse", outputs, outputs)
    assert none == 0.0 and torch.equal(squared, output_factors("mse", outputs, outputs))


def test_scaled_factors_of_certain_predictions_do_not_underflow():
    outputs = torch.tensor([[2000.0, 0.0], [2002.0, 0.0]], dtype=torch.float64)
    classes = torch.tensor([0, 1])
    lost = output_factors("cross_entropy", outputs, classes)
    assert torch.equal(lost[:, 0], lost[:, 1])  # Both are the smallest float.
    factors, scale = scaled_output_factors("cross_entropy", outputs, classes)
    # √(p (1 - p)) = e^(-d/2), d = 2,000 and 2,002, along (1, -1).
    assert scale == pytest.approx(-1000.0)
    want = torch.tensor([[1.0, -1.0], [math.exp(-1), -math.exp(-1)]], dtype=torch.float64)
    torch.testing.assert_close(factors[0], want, rtol=1e-9, atol=0.0)


def test_scaled_factors_without_any_loss_are_zero():
    outputs = torch.ones(2, 3, dtype=torch.float64)
    factors, scale = scaled_output_factors("cross_entropy", outputs, torch.tensor([-100, -100]))
    assert scale == 0.0 and not factors.any()
