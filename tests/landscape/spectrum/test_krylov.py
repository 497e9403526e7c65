"""Krylov decompositions: A Qᵀ = Qᵀ H + Wᵀ B, orthonormal to rounding."""

import numpy as np
import pytest
import torch
from landscape import rng
from landscape.operators import SymmetricOperator, from_matrix
from landscape.spectrum.basis import Rows
from landscape.spectrum.krylov import Krylov

from tests.sample_networks import random_symmetric


def stretched(n=120):
    """Outliers far above a bulk, where Lanczos without reorthogonalisation loses orthogonality."""
    generator = rng.stream(0, "stretched")
    q = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))[0]
    values = torch.cat(
        [
            torch.tensor([1e6, 1e4, 100.0, -50.0], dtype=torch.float64),
            torch.linspace(-1, 1, n - 4, dtype=torch.float64),
        ]
    )
    return (q * values) @ q.T


def basis_of(krylov):
    return krylov.combine(np.eye(krylov.steps))


def residual_of(matrix, krylov):
    """What is left of A Qᵀ - Qᵀ H in directions that no waiting vector accounts for."""
    q = basis_of(krylov)
    rest = matrix @ q.T - q.T @ torch.from_numpy(krylov.h.copy())
    size = np.linalg.norm(krylov.coupling, axis=0)
    return (rest.norm(dim=0) - torch.from_numpy(size)).abs().max()


@pytest.mark.parametrize("steps", [1, 2, 17, 60, 100])
def test_the_basis_is_orthonormal_to_rounding(steps):
    krylov = Krylov(from_matrix(stretched()), None, rng.stream(0, "start"), max_basis=120)
    for _ in range(steps):
        krylov.extend()
    q = basis_of(krylov)
    assert float((q @ q.T - torch.eye(steps, dtype=torch.float64)).abs().max()) < 2e-14


def test_the_decomposition_holds_through_restarts_and_second_vectors():
    matrix = stretched()
    krylov = Krylov(from_matrix(matrix), None, rng.stream(0, "start"), max_basis=40)
    for _ in range(30):
        krylov.extend()
    assert float(residual_of(matrix, krylov)) < 1e-7
    for keep in ([-1, -2, 0, 5, 6], [-1, 0]):
        values, vectors, _ = krylov.ritz()
        krylov.restart(values[keep], vectors[:, keep])
        krylov.renew()
        for step in range(12):
            krylov.extend()
            krylov.prefer(step % len(krylov.coupling))
        assert float(residual_of(matrix, krylov)) < 1e-7
        q = basis_of(krylov)
        np.testing.assert_allclose((q @ q.T).numpy(), np.eye(krylov.steps), atol=1e-13)
        np.testing.assert_allclose((q @ matrix @ q.T).numpy(), krylov.h, atol=1e-7)


def test_h_is_tridiagonal_and_bounds_are_the_residuals():
    matrix = random_symmetric(50, rng.stream(0, "matrix"))
    krylov = Krylov(from_matrix(matrix), None, rng.stream(0, "start"), max_basis=50)
    for _ in range(12):
        krylov.extend()
    assert np.array_equal(krylov.h, np.triu(np.tril(krylov.h, 1), -1))
    values, vectors, bounds = krylov.ritz()
    x = krylov.combine(vectors.T)
    true = (matrix @ x.T - x.T * torch.from_numpy(values)).norm(dim=0)
    np.testing.assert_allclose(bounds, true.numpy(), rtol=1e-10)


def test_an_invariant_space_exhausts_it_and_a_random_vector_leads_on():
    matrix = torch.diag(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64))
    start = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])
    krylov = Krylov(from_matrix(matrix), start, rng.stream(0, "start"), max_basis=5)
    krylov.extend()
    krylov.extend()
    assert krylov.exhausted and krylov.ritz()[0] == pytest.approx([1.0, 2.0])
    for _ in range(3):
        krylov.extend()
    assert krylov.exhausted and krylov.ritz()[0] == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])


def held(n, max_rows, dtype=torch.float64):
    return Rows(n, max_rows, device=torch.device("cpu"), dtype=dtype)


def test_rows_grow_without_moving_what_they_hold():
    rows = held(3, 100)
    rows.put(0, torch.ones(3))
    address = rows.row(0).data_ptr()
    for index in range(1, 70):
        rows.put(index, torch.full((3,), float(index)))
    assert rows.row(0).data_ptr() == address
    assert all(block.is_contiguous() for block in rows.first(70))
    assert rows.dot(torch.ones(3, dtype=torch.float64), 70).tolist() == [
        3.0,
        *(3.0 * index for index in range(1, 70)),
    ]


def test_rows_never_hold_more_than_their_bound():
    rows = held(2, 21)
    for index in range(21):
        rows.put(index, torch.ones(2))
    assert sum(len(block) for block in rows.first(100)) == 21


def test_rows_rotate_in_slabs_as_in_one_piece(monkeypatch):
    monkeypatch.setattr("landscape.spectrum.basis._SLAB_BYTES", 800)
    generator = rng.stream(0, "rows")
    full = torch.randn(40, 33, dtype=torch.float64, generator=generator)
    turn = torch.randn(6, 40, dtype=torch.float64, generator=generator)
    rows = held(33, 40)
    for index, row in enumerate(full):
        rows.put(index, row)
    rows.rotate(turn.numpy())
    torch.testing.assert_close(torch.cat(rows.first(6)), turn @ full, rtol=1e-13, atol=1e-13)


def test_rows_held_in_float32_give_and_take_float64():
    generator = rng.stream(0, "rows")
    full = torch.randn(20, 33, dtype=torch.float64, generator=generator)
    v = torch.randn(33, dtype=torch.float64, generator=generator)
    rows = held(33, 20, torch.float32)
    for index, row in enumerate(full):
        rows.put(index, row)
    assert {block.dtype for block in rows.first(20)} == {torch.float32}
    components, left = rows.dot(v, 20), v.clone()
    rows.subtract(left, components)
    assert components.dtype == left.dtype == rows.combine(np.eye(20)).dtype == torch.float64
    torch.testing.assert_close(components, full @ v, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(left, v - full.T @ (full @ v), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_basis_takes_the_precision_of_the_products_and_stays_orthonormal(dtype):
    matrix = stretched(400)
    op = SymmetricOperator(400, lambda v: (matrix.to(dtype) @ v.to(dtype)).double(), dtype=dtype)
    krylov = Krylov(op, None, rng.stream(0, "krylov"), max_basis=60)
    for _ in range(60):
        krylov.extend()
    basis = basis_of(krylov)
    gram = basis @ basis.T - torch.eye(60, dtype=torch.float64)
    assert float(gram.abs().max()) < 50 * torch.finfo(dtype).eps
    values = torch.linalg.eigvalsh(matrix)
    assert krylov.ritz()[0][-1] == pytest.approx(float(values[-1]), rel=1e-6)


def test_the_basis_stays_orthonormal_where_rounding_alone_is_left_of_a_product():
    # Rank 5: after 6 steps float32 products leave noise, most of which lies along the basis. One
    # pass removes it up to rounding of what it removed; only a second one removes that as well.
    q = torch.linalg.qr(torch.randn(60, 5, generator=rng.stream(0, "rank")))[0]
    matrix = (q * torch.linspace(1, 2, 5)) @ q.T
    op = SymmetricOperator(60, lambda v: (matrix @ v.float()).double(), dtype=torch.float32)
    krylov = Krylov(op, None, rng.stream(0, "krylov"), max_basis=60)
    for _ in range(60):
        krylov.extend()
    basis = basis_of(krylov)
    gram = basis @ basis.T - torch.eye(60, dtype=torch.float64)
    assert float(gram.abs().max()) < 5 * torch.finfo(torch.float32).eps


def test_the_remainder_is_what_products_have_outside_the_space():
    matrix = stretched(50)
    krylov = Krylov(from_matrix(matrix), None, rng.stream(0, "krylov"), max_basis=50)
    for _ in range(12):
        krylov.extend()
    krylov.renew()  # Two vectors wait.
    for _ in range(5):
        krylov.extend()
    c = np.random.default_rng(0).standard_normal(krylov.steps)
    x, inside = krylov.combine(np.stack([c, krylov.h @ c]))
    torch.testing.assert_close(krylov.remainder(c), matrix @ x - inside, rtol=0, atol=1e-8)
