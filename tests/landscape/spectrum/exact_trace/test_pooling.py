"""Pooling before ReLU: same values, same gradients, in every case that is not exactly this one."""

import pytest
import torch
from landscape import rng
from landscape.spectrum.exact_trace.pooling import PoolFirst
from torch import nn
from torch.nn import functional


@pytest.fixture
def x():
    generator = rng.stream(0, "pooling")
    values = torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=generator)
    values[0, 0] = -1.0  # Windows without a positive value.
    values[0, 1] = 2.0  # Ties.
    values[1, 0, 0, 0] = float("nan")
    return values.requires_grad_()


def both(function, x):
    """What a function gives as it is and in the context, each with its gradient."""
    plain = function(x)
    with PoolFirst():
        pooled = function(x)
    weights = torch.arange(plain.numel(), dtype=x.dtype).view(plain.shape) + 1
    return [(y, *torch.autograd.grad((y * weights).sum(), x)) for y in (plain, pooled)]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: nn.MaxPool2d(2)(nn.ReLU()(x)),
        lambda x: functional.max_pool2d(functional.relu(x), 3, stride=2, padding=1),
        lambda x: torch.max_pool2d(torch.relu(x), 2),
        lambda x: functional.max_pool2d(functional.relu(input=x), 2, ceil_mode=True),
    ],
)
def test_values_and_gradients_are_the_same_and_pooling_comes_first(function, x):
    (plain, slope), (pooled, other) = both(function, x)
    assert pooled.grad_fn.name() == "ReluBackward0" != plain.grad_fn.name()
    torch.testing.assert_close(pooled, plain, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(other, slope, rtol=0, atol=0, equal_nan=True)


def used_twice(x):
    y = functional.relu(x)
    return functional.max_pool2d(y, 2) + y[..., ::2, ::2]


@pytest.mark.parametrize(
    "function",
    [
        used_twice,
        lambda x: functional.max_pool2d(functional.relu(x * 1.0, inplace=True), 2),
        lambda x: functional.max_pool2d(functional.relu(x), 2, return_indices=True)[0],
        lambda x: functional.avg_pool2d(functional.relu(x), 2),
        lambda x: functional.max_pool2d(functional.gelu(x), 2),
        lambda x: functional.max_pool2d(x, 2),
    ],
)
def test_everything_else_is_left_as_it_is(function, x):
    for y in zip(*both(function, x.detach().nan_to_num().requires_grad_()), strict=True):
        torch.testing.assert_close(*y, rtol=0, atol=0)


def test_a_result_that_was_changed_in_place_is_pooled_as_it_is(x):
    values = x.detach().nan_to_num()
    with PoolFirst():
        y = functional.relu(values).mul_(-1)
        pooled = functional.max_pool2d(y, 2)
    torch.testing.assert_close(pooled, functional.max_pool2d(-values.relu(), 2), rtol=0, atol=0)
    assert float(pooled.max()) <= 0
