"""Tests of landscape.network.kernels.matrix_product."""

import pytest
import torch
from landscape import rng
from landscape.network.kernels import matrix_product
from torch.nn import functional

SHAPES = [(128, 96, 64), (1024, 784, 10), (257, 65, 33), (3, 5, 2), (0, 8, 4)]


def drawn(*shape, index=0):
    return torch.randn(*shape, generator=rng.stream(0, "matrix product", index))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_linear_is_that_of_float64(shape, bias, transposed):
    n, inputs, outputs = shape
    x, w = drawn(n, inputs), drawn(outputs, inputs, index=1)
    if transposed:
        x, w = x.T.contiguous().T, w.T.contiguous().T
    b = drawn(outputs, index=2) if bias else None
    exact = functional.linear(x.double(), w.double(), None if b is None else b.double())
    result = matrix_product.linear(x, w, b)
    assert result.dtype == torch.float32 and result.shape == exact.shape
    assert float((result - exact).abs().sum()) <= 2e-6 * inputs**0.5 * max(1, exact.numel())
    assert torch.equal(result, matrix_product.linear(x, w, b))


def test_product_is_that_of_two_matrices():
    first, second = drawn(300, 200), drawn(200, 100, index=1)
    exact = first.double() @ second.double()
    assert torch.allclose(matrix_product.product(first, second).double(), exact, atol=1e-4)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays(value):
    x, w = drawn(256, 64), drawn(128, 64, index=1)
    x[3, 5] = value
    result = matrix_product.linear(x, w)
    assert not bool(result[3].isfinite().any()) and bool(result[4:].isfinite().all())


def test_gradients_are_those_of_pytorch():
    x, w = drawn(256, 64), drawn(128, 64, index=1).requires_grad_()
    (gradient,) = torch.autograd.grad(matrix_product.linear(x, w).square().sum(), w)
    (exact,) = torch.autograd.grad(functional.linear(x, w).square().sum(), w)
    assert torch.equal(gradient, exact)
