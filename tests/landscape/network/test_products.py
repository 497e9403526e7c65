"""Products with curvature matrices, microbatch by microbatch."""

import gc
import weakref

import pytest
import torch
from landscape.network.products import SumOfProducts, ggn_product, hessian_product

LIKE = torch.zeros(1, dtype=torch.float64)


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


# The sum over microbatches


class Cubes:
    """Microbatch b has the loss (b + 1) Σ θ³, so the Hessian 6 (b + 1) diag θ; n = 100."""

    def __init__(self):
        self.built, self.alive, self.most = [], [], 0

    def __call__(self, index):
        self.most = max(self.most, sum(ref() is not None for ref in self.alive))
        self.built.append(index)
        leaf = torch.ones(100, dtype=torch.float64, requires_grad=True)
        product = hessian_product((index + 1) * (leaf**3).sum(), leaf)
        self.alive.append(weakref.ref(product))
        return product

    def total(self, memory, batches=3):
        return SumOfProducts(self, n=100, batches=batches, memory=memory, like=LIKE)


@pytest.mark.parametrize("memory", [0, 3000, 2**20])
def test_product_is_the_sum_over_microbatches(generator, memory):
    block = torch.randn(100, 2, dtype=torch.float64, generator=generator)
    total, whole = Cubes().total(memory), Cubes().total(2**20)
    first = total(block)
    torch.testing.assert_close(first, 36 * block, rtol=1e-15, atol=0)
    assert torch.equal(first, total(block)) and torch.equal(first, whole(block))


@pytest.mark.parametrize(
    ("memory", "again"), [(0, [0, 1, 2, 3]), (800, [0, 1, 2, 3]), (2000, [2, 3]), (2**20, [])]
)
def test_graphs_are_kept_as_far_as_the_memory_goes(memory, again):
    # A graph saves θ, 800 bytes, and a number: 2,000 bytes are enough for two.
    one, cubes = torch.ones(100, 1, dtype=torch.float64), Cubes()
    total = cubes.total(memory, batches=4)
    total(one)
    assert cubes.built == [0, 0, 1, 2, 3]  # Once more, to see what a graph holds.
    total(one)
    assert cubes.built[5:] == again


def test_graphs_are_built_once_a_block_and_not_once_a_column():
    cubes = Cubes()
    total = cubes.total(0)
    for _ in range(2):
        cubes.built.clear()
        total(torch.ones(100, 5, dtype=torch.float64))
    assert cubes.built == [0, 1, 2]


def test_one_graph_is_held_beyond_the_memory():
    gc.disable()  # Without the collector's help.
    try:
        cubes = Cubes()
        cubes.total(0, batches=5)(torch.ones(100, 1, dtype=torch.float64))
        assert cubes.most == 0  # None is left when the next is built.
        assert not any(ref() for ref in cubes.alive)
    finally:
        gc.enable()


def test_kept_graphs_die_with_the_sum():
    cubes = Cubes()
    total = cubes.total(2**20)
    total(torch.ones(100, 1, dtype=torch.float64))
    assert all(ref() is not None for ref in cubes.alive[1:])
    del total
    assert not any(ref() for ref in cubes.alive)


def test_sums_are_float64_where_products_are_float32():
    # 1 + 2⁻³⁰ is 1 in float32.
    parts = [1.0, 2.0**-30]
    like = torch.zeros(1)
    total = SumOfProducts(
        lambda index: lambda v: parts[index] * v, n=1, batches=2, memory=0, like=like
    )
    assert total(torch.ones(1, 1, dtype=torch.float64)).item() == 1 + 2.0**-30


def test_microbatch_without_curvature_adds_nothing():
    total = SumOfProducts(lambda index: lambda v: None, n=3, batches=2, memory=0, like=LIKE)
    assert torch.equal(total(torch.ones(3, 2)), torch.zeros(3, 2, dtype=torch.float64))
    assert total(torch.ones(3, 0)).shape == (3, 0)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_products_are_the_same_where_the_caller_does_not_differentiate(context):
    with context():
        found = Cubes().total(0)(torch.ones(100, 1, dtype=torch.float64))
    assert torch.equal(found, torch.full((100, 1), 36, dtype=torch.float64))


# One microbatch


def test_hessian_product_of_a_cubic_is_exact():
    theta = vector(1, -2, 3).requires_grad_()
    product = hessian_product((theta**3).sum() + theta[0] * theta[1], theta)
    assert product(vector(1, 1, 1)).tolist() == [7, -11, 18]
    assert product(vector(0, 2, 0)).tolist() == [2, -24, 0]


def test_hessian_product_may_be_taken_again_and_again():
    theta = vector(1, -2, 3).requires_grad_()
    product = hessian_product(theta.sin().sum(), theta)
    assert torch.equal(product(vector(1, 0, 2)), product(vector(1, 0, 2)))
    assert theta.grad is None


def test_hessian_product_of_a_loss_without_curvature_is_none():
    theta = vector(1, 2).requires_grad_()
    other = vector(3).requires_grad_()
    assert hessian_product(theta.sum(), theta)(vector(1, 1)) is None
    assert hessian_product(vector(5).sum(), theta)(vector(1, 1)) is None
    assert hessian_product((other**2).sum(), theta)(vector(1, 1)) is None
    # Curvature, but in something else.
    assert hessian_product((theta * other**2).sum(), theta)(vector(1, 1)) is None


def test_ggn_product_is_jacobian_hessian_jacobian():
    # f = (θ₀θ₁, θ₁²), ℓ = f₀² f₁ at θ = (2, 3): J = [[3, 2], [0, 6]], ∇²ℓ = [[18, 12], [12, 0]].
    theta = vector(2, 3).requires_grad_()
    outputs = torch.stack([theta[0] * theta[1], theta[1] ** 2])
    product = ggn_product(outputs, lambda f: f[0] ** 2 * f[1], theta)
    jacobian = vector(3, 2, 0, 6).view(2, 2)
    want = jacobian.T @ vector(18, 12, 12, 0).view(2, 2) @ jacobian
    for v in (vector(1, 0), vector(0, 1), vector(-2, 5)):
        torch.testing.assert_close(product(v), want @ v, rtol=1e-14, atol=0)


def test_ggn_of_outputs_linear_in_theta_is_the_hessian(generator):
    x = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    theta = vector(0.3, -1, 2).requires_grad_()
    outputs = x @ theta
    v = torch.randn(3, dtype=torch.float64, generator=generator)
    found = ggn_product(outputs, lambda f: f.cos().sum(), theta)(v)
    torch.testing.assert_close(found, hessian_product(outputs.cos().sum(), theta)(v))


def test_ggn_of_a_loss_linear_in_the_outputs_is_none_or_zero():
    theta = vector(1, 2).requires_grad_()
    weight = vector(2, 3).requires_grad_()  # A loss with parameters of its own.
    assert ggn_product(theta**2, lambda f: f.sum(), theta)(vector(1, 1)) is None
    assert not ggn_product(theta**2, lambda f: (weight * f).sum(), theta)(vector(1, 1)).any()
    assert ggn_product(vector(1, 2), lambda f: f.square().sum(), theta)(vector(1, 1)) is None
