"""Symmetric operators."""

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from landscape.operators import SymmetricOperator, from_matrix
from landscape.store.fingerprint import digest

from tests.sample_networks import diagonal_operator, random_symmetric


def test_operator_multiplies_vectors_and_blocks_like_its_matrix(generator):
    matrix = random_symmetric(6, generator)
    op = from_matrix(matrix)
    block = torch.randn(6, 4, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(op @ block, matrix @ block, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(op @ block[:, 1], matrix @ block[:, 1], rtol=1e-13, atol=1e-14)
    assert op.shape == (6, 6)


def test_operator_counts_its_products(generator):
    op = diagonal_operator([1.0, 2.0, 3.0])
    op @ torch.ones(3)
    op @ torch.ones(3, 4)
    assert op.products == 5


def test_operator_works_in_float64_whatever_it_is_given():
    op = SymmetricOperator(2, lambda v: v.float() * 3)
    found = op @ torch.tensor([1.0, 2.0])
    assert found.dtype == torch.float64 and found.tolist() == [3.0, 6.0]


@pytest.mark.parametrize("shape", [(3,), (1, 4), (4, 1, 1), ()])
def test_operator_refuses_a_tensor_with_other_rows(shape):
    with pytest.raises(ValueError, match=r"operator of shape \(4, 4\).*Pass one vector \(4,\)"):
        diagonal_operator([1.0, 2.0, 3.0, 4.0]) @ torch.zeros(shape)


def test_scaled_operator_is_dad(generator):
    matrix = random_symmetric(5, generator)
    d = torch.tensor([1.0, 0.0, -2.0, 3.0, 0.5], dtype=torch.float64)
    op = from_matrix(matrix)
    want = torch.diag(d) @ matrix @ torch.diag(d)
    torch.testing.assert_close(op.scaled(d).to_dense(), want, rtol=1e-14, atol=1e-15)
    assert op.scaled(d).fingerprint not in (None, op.fingerprint, op.scaled(d + 1).fingerprint)
    assert op.scaled(d).fingerprint == op.scaled(d.clone()).fingerprint


def test_operator_without_identity_is_refused_only_where_it_is_asked_for_it():
    op = SymmetricOperator(2, lambda v: v)
    for unknown in (op, op.scaled(torch.ones(2))):
        assert (unknown @ torch.ones(2)).tolist() == [1.0, 1.0]
        with pytest.raises(TypeError, match=r"shape \(2, 2\) was made without a fingerprint"):
            digest(unknown)


def test_scaled_operator_refuses_scales_of_another_length():
    with pytest.raises(ValueError, match=r"scales have the shape \(3,\).*one for each row: \(2,\)"):
        diagonal_operator([1.0, 2.0]).scaled(torch.ones(3))


def test_dense_and_scipy_forms_are_the_same_matrix(generator):
    matrix = random_symmetric(5, generator)
    op = from_matrix(matrix)
    assert torch.equal(op.to_dense(), matrix)
    np.testing.assert_allclose(op.to_scipy() @ np.eye(5), matrix.numpy(), rtol=1e-14)
    assert op.to_scipy().dtype == np.float64


def test_block_goes_to_the_product_as_a_whole_unless_it_takes_single_vectors(generator):
    block = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    for single, want in ((False, [(3, 4), (3, 1)]), (True, [(3,)] * 5)):
        seen = []
        op = SymmetricOperator(3, lambda v, seen=seen: seen.append(v.shape) or 2 * v, single=single)
        assert torch.equal(op @ block, 2 * block) and torch.equal(op @ block[:, 0], 2 * block[:, 0])
        assert seen == want and op.products == 5
        assert (op @ block[:, :0]).shape == (3, 0)


def test_scipy_form_is_symmetric_and_takes_vectors_and_blocks(generator):
    matrix = random_symmetric(6, generator)
    form, v = from_matrix(matrix).to_scipy(), np.arange(6.0)
    for found in (form.matvec(v), form.rmatvec(v), form @ v, form.T @ v, form.H @ v):
        np.testing.assert_allclose(found, matrix.numpy() @ v, rtol=1e-14)
    assert form.matvec(v[:, None]).shape == (6, 1)
    block = np.stack([v, v**2], axis=1)
    for found in (form.matmat(block), form.rmatmat(block), form @ block.astype("float32")):
        np.testing.assert_allclose(found, matrix.numpy() @ block, rtol=1e-6)
    assert not np.shares_memory(form @ v, v)


def test_scipy_form_has_the_eigenvalues_of_the_matrix(generator):
    matrix = random_symmetric(8, generator)
    values = scipy.sparse.linalg.eigsh(from_matrix(matrix).to_scipy(), k=3, which="BE")[0]
    want = torch.linalg.eigvalsh(matrix)[[0, 6, 7]]
    np.testing.assert_allclose(np.sort(values), want.numpy(), rtol=1e-12)


def test_operator_knows_its_device():
    op = diagonal_operator([1.0, 2.0])
    assert op.device == op.scaled(torch.ones(2)).device == torch.device("cpu")
    assert SymmetricOperator(2, lambda v: v, device="cuda").device == torch.device("cuda")


def test_products_of_a_scaled_operator_count_for_both():
    op = diagonal_operator([1.0, 2.0])
    scaled = op.scaled(torch.ones(2))
    scaled @ torch.ones(2, 3)
    assert op.products == scaled.products == 3


def test_one_by_one_and_zero_operators_are_operators():
    assert (diagonal_operator([3.0]) @ torch.tensor([2.0])).tolist() == [6.0]
    assert not (from_matrix(torch.zeros(4, 4)) @ torch.ones(4)).any()


def test_operator_of_a_matrix_is_identified_by_the_matrix(generator):
    matrix = random_symmetric(3, generator)
    assert from_matrix(matrix).fingerprint == from_matrix(matrix.clone()).fingerprint
    assert from_matrix(matrix).fingerprint != from_matrix(2 * matrix).fingerprint


@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 2, 2)])
def test_operator_of_a_matrix_that_is_not_square_is_refused(shape):
    with pytest.raises(ValueError, match=r"is not square. Pass \(n, n\)"):
        from_matrix(torch.zeros(shape))


def test_operator_of_an_asymmetric_matrix_is_refused():
    with pytest.raises(ValueError, match=r"not symmetric: max \|A - Aᵀ\| = 2.*\(A \+ A.T\) / 2"):
        from_matrix(torch.tensor([[1.0, 3.0], [1.0, 1.0]]))


def test_operator_of_a_matrix_allows_rounding():
    matrix = torch.tensor([[1.0, 3.0], [3.0 + 1e-12, 1.0]], dtype=torch.float64)
    assert from_matrix(matrix).n == 2
    with pytest.raises(ValueError, match=r"not symmetric"):
        from_matrix(matrix, rtol=1e-14)
