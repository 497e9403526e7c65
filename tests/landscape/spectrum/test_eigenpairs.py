"""Extreme algebraic eigenvalues against a dense solver."""

import dataclasses

import numpy as np
import pytest
import torch
from landscape import rng
from landscape.operators import SymmetricOperator, from_matrix
from landscape.spectrum import eigenpairs
from landscape.store import codec

from tests.sample_networks import diagonal_operator, random_symmetric, small_objective
from tests.sample_operators import Interrupting, diagonal_large


def orthogonal(n, generator):
    return torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))[0]


def with_spectrum(values, name="spectrum"):
    values = torch.tensor(values, dtype=torch.float64)
    q = orthogonal(len(values), rng.stream(0, name))
    return (q * values) @ q.T


def low_rank(n, rank, generator):
    half = torch.randn(n, rank, dtype=torch.float64, generator=generator)
    return half @ half.T


def matrices():
    generator = rng.stream(0, "matrices")
    return {
        "random": random_symmetric(40, generator),
        "positive": low_rank(30, 30, generator),
        "rank deficient": low_rank(40, 3, generator),
        "diagonal": torch.diag(torch.linspace(-3, 5, 25, dtype=torch.float64)),
        "largest magnitude negative": with_spectrum([-100.0, *np.linspace(-1, 2, 29)]),
        "negative definite": -low_rank(20, 20, generator) - torch.eye(20, dtype=torch.float64),
        "repeated": with_spectrum([5.0, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1]),
        "two values": with_spectrum([2.0] * 4 + [-1.0] * 9),
        "identity": torch.eye(12, dtype=torch.float64),
        "minus identity": -3 * torch.eye(12, dtype=torch.float64),
        "zero": torch.zeros(7, 7, dtype=torch.float64),
        "1 x 1": torch.tensor([[-2.5]], dtype=torch.float64),
        "1 x 1 zero": torch.zeros(1, 1, dtype=torch.float64),
        "2 x 2": torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64),
        "tiny": 1e-100 * random_symmetric(15, generator),
        "huge": 1e100 * random_symmetric(15, generator),
    }


MATRICES = matrices()


def wanted(matrix, k, which):
    return wanted_of(np.linalg.eigvalsh(matrix.numpy())[::-1], k, which)


def wanted_of(descending, k, which):
    if which == "largest":
        return descending[:k]
    if which == "smallest":
        return descending[-k:]
    return descending if 2 * k >= len(descending) else np.r_[descending[:k], descending[-k:]]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["largest", "smallest", "both ends"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", MATRICES)
def test_eigenpairs_are_those_of_a_dense_solver(name, k, which):
    matrix = MATRICES[name]
    k = min(k, len(matrix))
    found = eigenpairs(from_matrix(matrix), k, which=which, tol=1e-10, vectors=True)
    want = wanted(matrix, k, which)
    size = float(matrix.abs().max())
    assert found.values.shape == want.shape and bool(found.converged.all())
    np.testing.assert_allclose(found.values.numpy(), want, rtol=0, atol=1e-9 * size)
    gram = found.vectors.T @ found.vectors
    np.testing.assert_allclose(gram.numpy(), np.eye(len(want)), atol=1e-10)


@pytest.mark.parametrize("name", ["random", "diagonal", "largest magnitude negative", "tiny"])
@pytest.mark.parametrize("max_products", [5, 12, 400])
def test_residuals_are_true_and_bound_the_error(name, max_products):
    matrix = MATRICES[name]
    found = eigenpairs(
        from_matrix(matrix), 2, which="both ends", max_products=max_products, vectors=True
    )
    residuals = (matrix @ found.vectors - found.vectors * found.values).norm(dim=0)
    size = float(matrix.abs().max())
    np.testing.assert_allclose(found.residuals.numpy(), residuals.numpy(), atol=1e-13 * size)
    exact = np.linalg.eigvalsh(matrix.numpy())
    for value, residual in zip(found.values.numpy(), found.residuals.numpy(), strict=True):
        assert np.abs(exact - value).min() <= residual + 1e-12 * size


def test_converged_means_a_residual_within_tol_of_the_spectral_range():
    matrix = MATRICES["random"]
    found = eigenpairs(from_matrix(matrix), 3, which="both ends", tol=1e-3)
    assert bool(found.converged.all())
    assert bool((found.residuals <= 1e-3 * found.spectral_range).all())
    exact = np.linalg.eigvalsh(matrix.numpy())
    assert found.spectral_range == pytest.approx(exact[-1] - exact[0], rel=1e-3)
    assert (found.tol, found.k, found.dtype) == (1e-3, 3, "float64")


def test_eigenpairs_that_ran_out_of_products_say_so():
    op = from_matrix(MATRICES["random"])
    found = eigenpairs(op, 2, tol=1e-8, max_products=6)
    assert not found.converged.any() and bool((found.residuals > 0.01).all())
    # Six for the recurrence and one for the residuals of both.
    assert found.products == op.products == 7


@pytest.mark.parametrize(("k", "which", "m"), [(3, "largest", 3), (2, "both ends", 4)])
def test_eigenpairs_refuse_a_budget_that_cannot_give_as_many_as_promised(k, which, m):
    op = from_matrix(MATRICES["random"])
    with pytest.raises(ValueError, match=rf"cannot give k={k} eigenvalues at {which}.*least {m}"):
        eigenpairs(op, k, which=which, max_products=2)
    found = eigenpairs(op, k, which=which, max_products=m)
    assert len(found) == m and not found.converged.any()


def test_a_looser_tolerance_costs_fewer_products():
    matrix = with_spectrum(np.linspace(0, 1, 200) ** 3)
    costs = [eigenpairs(from_matrix(matrix), 1, tol=tol).products for tol in (1e-2, 1e-6)]
    assert costs[0] < costs[1] < 200


def test_largest_is_the_largest_algebraic_eigenvalue():
    pairs = eigenpairs(diagonal_operator([-100.0, 1.0, 2.0, 0.5]), which="both ends")
    assert pairs.largest == pytest.approx(2.0) and pairs.smallest == pytest.approx(-100.0)


def test_values_descend_from_the_largest_to_the_smallest():
    values = eigenpairs(from_matrix(MATRICES["random"]), 4, which="both ends").values
    assert len(values) == 8 and bool((values.diff() < 0).all())


def test_smallest_refuses_to_be_read_from_the_largest_and_the_other_way_round():
    op = diagonal_operator([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"these are the largest eigenvalues, not the smallest"):
        _ = eigenpairs(op).smallest
    with pytest.raises(ValueError, match=r"which='largest' or which='both ends'"):
        _ = eigenpairs(op, which="smallest").largest


def test_vectors_are_left_out_unless_asked_for():
    assert eigenpairs(diagonal_operator([1.0, 2.0])).vectors is None


def test_eigenpairs_of_one_generator_are_the_same_bits():
    op = from_matrix(MATRICES["random"])
    one, two = (
        eigenpairs(op, 2, generator=rng.stream(3, "start"), vectors=True, max_products=9)
        for _ in range(2)
    )
    assert torch.equal(one.values, two.values) and torch.equal(one.vectors, two.vectors)
    other = eigenpairs(op, 2, generator=rng.stream(4, "start"), max_products=9)
    assert not torch.equal(one.values, other.values)


def test_eigenpairs_leave_global_random_numbers_alone():
    before = torch.get_rng_state()
    eigenpairs(from_matrix(MATRICES["two values"]), 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_start_vector_nearby_saves_products():
    matrix = with_spectrum(np.linspace(0, 1, 300))
    _, vectors = np.linalg.eigh(matrix.numpy())
    near = torch.from_numpy(vectors[:, -1].copy()) + 1e-3
    cold = eigenpairs(from_matrix(matrix), tol=1e-3)
    warm = eigenpairs(from_matrix(matrix), tol=1e-3, start=near)
    assert warm.products < cold.products and bool(warm.converged.all())
    assert warm.largest == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("support", [1, 4, 5, 10])
def test_a_start_vector_in_an_invariant_space_does_not_hide_the_rest(support):
    # Nothing of the largest eigenvectors in it: the recurrence has to start anew elsewhere.
    start = torch.zeros(20, dtype=torch.float64)
    start[:support] = 1
    found = eigenpairs(diagonal_operator([float(i) for i in range(20)]), start=start, tol=1e-8)
    assert found.largest == pytest.approx(19.0)


FEW_VALUES = {
    "zero": np.zeros(2000),
    "identity": np.ones(2000),
    "negative identity": -np.ones(2000),
    "rank three": np.r_[3.0, 2.0, 1.0, np.zeros(1997)],
    "copies": np.r_[5.0, 5.0, 5.0, 4.0, np.zeros(1990), -2.0, -2.0, -7.0],
}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("which", ["largest", "smallest", "both ends"])
@pytest.mark.parametrize("name", FEW_VALUES)
def test_few_eigenvalues_are_known_with_all_their_copies_after_few_products(name, which, verify):
    op = diagonal_large(FEW_VALUES[name])
    found = eigenpairs(op, 5, which=which, verify=verify)
    want = wanted_of(np.sort(FEW_VALUES[name])[::-1], 5, which)
    np.testing.assert_allclose(found.values.numpy(), want, atol=1e-12)
    assert bool(found.converged.all()) and found.products <= 30


def test_a_start_vector_in_a_space_of_few_eigenvalues_is_not_taken_for_the_whole():
    start = torch.zeros(2000, dtype=torch.float64)
    start[3:] = 1  # Only eigenvectors of the eigenvalue 0.
    found = eigenpairs(diagonal_large(FEW_VALUES["rank three"]), 2, start=start)
    np.testing.assert_allclose(found.values.numpy(), [3.0, 2.0], atol=1e-12)


def test_a_start_vector_is_not_changed():
    start = torch.full((3,), 2.0, dtype=torch.float64)
    eigenpairs(diagonal_operator([1.0, 2.0, 3.0]), start=start)
    assert start.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.slow
def test_eigenpairs_of_a_networks_hessian_are_those_of_the_dense_one():
    objective = small_objective(13)
    op = objective.hessian(objective.theta)
    exact = np.linalg.eigvalsh(op.to_dense().numpy())
    found = eigenpairs(op, 2, which="both ends", tol=1e-8)
    want = [exact[-1], exact[-2], exact[1], exact[0]]
    np.testing.assert_allclose(found.values.numpy(), want, atol=1e-8 * found.spectral_range)
    assert bool(found.converged.all()) and found.smallest < 0


@pytest.mark.slow
def test_filter_scaled_hessian_has_the_spectrum_of_dad():
    objective = small_objective(13)
    d = objective.layout.filter_norms(objective.theta)
    dense = objective.hessian(objective.theta).to_dense()
    want = np.linalg.eigvalsh((d[:, None] * dense * d).numpy())[-1]
    found = eigenpairs(objective.hessian(objective.theta).scaled(d), tol=1e-8)
    assert found.largest == pytest.approx(want, rel=1e-8)


def test_a_product_that_is_not_finite_stops_the_recurrence():
    for bad in (float("nan"), float("inf")):
        op = SymmetricOperator(4, lambda v, bad=bad: v * bad)
        with pytest.raises(RuntimeError, match=r"product 1 with the operator is not finite.*check"):
            eigenpairs(op)


def test_an_unknown_end_is_refused():
    with pytest.raises(ValueError, match=r"which='LM' is not known. Pass 'largest'.*algebraic"):
        eigenpairs(diagonal_operator([1.0]), which="LM")


@pytest.mark.parametrize(
    "arguments", [{"k": 0}, {"tol": 0.0}, {"tol": float("nan")}, {"max_products": 0}]
)
def test_counts_and_tolerances_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=r"pass k >= 1, tol > 0 .* and max_products >= 1"):
        eigenpairs(diagonal_operator([1.0, 2.0]), **arguments)


@pytest.mark.parametrize(
    "start",
    [
        torch.zeros(2),
        torch.ones(3),
        torch.ones(3, 1),
        torch.tensor([[1.0, -1.0], [2.0, -2.0]]),
        torch.tensor([float("nan"), 1.0]),
    ],
)
def test_a_start_vector_that_is_none_is_refused(start):
    with pytest.raises(ValueError, match=r"start has the shape .*\(2,\), or a block .* not zero"):
        eigenpairs(diagonal_operator([1.0, 2.0]), start=start)


def bulk(count, name="bulk"):
    """Eigenvalues as a network has them: many small, some negative."""
    draws = torch.rand(count, dtype=torch.float64, generator=rng.stream(0, name))
    return (-0.05 * draws.log() - 0.1).numpy()


def test_more_eigenvalues_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"k=5 eigenvalues .* shape \(3, 3\).*Pass k <= 3"):
        eigenpairs(diagonal_operator([1.0, 2.0, 3.0]), 5)


def test_all_eigenvalues_can_be_asked_for():
    op = diagonal_operator([3.0, -1.0, 2.0])
    for k, which in ((3, "largest"), (3, "smallest"), (2, "both ends"), (3, "both ends")):
        assert eigenpairs(op, k, which=which).values.tolist() == pytest.approx([3.0, 2.0, -1.0])


@pytest.mark.slow
@pytest.mark.parametrize("which", ["largest", "smallest", "both ends"])
@pytest.mark.parametrize("max_basis", [7, 12, 30])
def test_a_bounded_basis_finds_the_same_pairs_for_more_products(which, max_basis):
    op = diagonal_large(np.r_[2.0, 1.5, 1.2, np.linspace(-1, 1, 400), -1.3, -1.6])
    options = {"which": which, "tol": 1e-6, "max_products": 2000, "vectors": True}
    free = eigenpairs(op, 2, **options)
    bound = eigenpairs(op, 2, max_basis=max_basis, **options)
    assert bool(bound.converged.all())
    torch.testing.assert_close(bound.values, free.values, rtol=0, atol=1e-9)
    overlap = (bound.vectors * free.vectors).sum(dim=0).abs()
    torch.testing.assert_close(overlap, torch.ones_like(overlap), rtol=0, atol=1e-9)
    assert bound.products >= free.products
    # Restarts forget the end that is not wanted; the range that tol refers to does not.
    assert bound.spectral_range == pytest.approx(free.spectral_range, rel=0.1)


def test_a_basis_without_room_is_refused():
    op = diagonal_large(np.arange(50.0))
    with pytest.raises(ValueError, match=r"max_basis=4 .* search for 2 eigenvalues.*at least 5"):
        eigenpairs(op, 2, max_basis=4)
    with pytest.raises(ValueError, match=r"at least 10"):
        eigenpairs(op, 2, max_basis=9, verify=True)
    assert len(eigenpairs(op, 2, max_basis=5)) == 2


@pytest.mark.parametrize("max_basis", [None, 40])
@pytest.mark.parametrize(
    ("top", "k"),
    [((1.0, 1.0), 2), ((1.0, 1.0, 1.0), 3), ((2.0, 1.0, 1.0, 1.0), 4), ((3.0, 2.0), 2)],
)
def test_verify_finds_every_copy_of_a_repeated_eigenvalue(top, k, max_basis):
    values = np.r_[top, bulk(2000 - len(top))]
    for seed in range(3):
        found = eigenpairs(
            diagonal_large(values),
            k,
            verify=True,
            max_basis=max_basis,
            generator=rng.stream(seed, "verify"),
        )
        assert bool(found.converged.all())
        np.testing.assert_allclose(found.values.numpy(), top, atol=1e-6)


def test_without_verify_a_copy_may_be_missed_and_verify_costs_few_products():
    op = diagonal_large(np.r_[1.0, 1.0, 1.0, bulk(1997)])
    plain, verified = (eigenpairs(op, 3, verify=verify) for verify in (False, True))
    assert bool(plain.converged.all()) and float(plain.values[2]) < 0.9  # As the docstring says.
    single = diagonal_large(np.r_[3.0, 2.0, 1.0, bulk(1997)])
    costs = [eigenpairs(single, 3, verify=verify).products for verify in (False, True)]
    assert costs[1] - costs[0] <= 15
    assert float(verified.values[2]) == pytest.approx(1.0)


def test_verify_at_both_ends():
    op = diagonal_large(np.r_[1.0, 1.0, bulk(500), -1.0, -1.0])
    found = eigenpairs(op, 2, which="both ends", verify=True)
    np.testing.assert_allclose(found.values.numpy(), [1, 1, -1, -1], atol=1e-6)


def test_negative_marks_values_that_are_negative_beyond_their_residual():
    pairs = eigenpairs(diagonal_operator([2.0, 0.0, -1e-3, -5.0]), 2, which="both ends")
    assert pairs.negative.tolist() == [False, False, True, True]
    unsure = eigenpairs(from_matrix(MATRICES["random"]), 1, which="smallest", max_products=3)
    assert float(unsure.residuals[0]) > 1
    assert bool(unsure.negative[0]) == (float(unsure.values[0] + unsure.residuals[0]) < 0)


def test_clusters_are_values_that_residuals_cannot_tell_apart():
    pairs = eigenpairs(diagonal_operator([5.0, 5.0, 4.0, 1.0, 1.0, 1.0]), 6)
    assert pairs.cluster.tolist() == [0, 0, 1, 2, 2, 2] and pairs.cluster.dtype == torch.int64
    apart = eigenpairs(diagonal_operator([5.0, 4.0, 2.0, 1.0]), 4)
    for residuals, want in (
        ([0.4, 0.7, 0.1, 0.1], [0, 0, 1, 2]),
        ([1.0, 1.2, 0.8, 0.1], [0, 0, 0, 1]),
    ):
        residuals = torch.tensor(residuals, dtype=torch.float64)
        assert dataclasses.replace(apart, residuals=residuals).cluster.tolist() == want
    assert eigenpairs(diagonal_operator([1.0])).cluster.tolist() == [0]


def test_a_block_of_start_vectors_saves_products():
    matrix = with_spectrum(np.linspace(0, 1, 200))
    turned = matrix + 1e-3 * random_symmetric(200, rng.stream(0, "turned")) / 200**0.5
    before = eigenpairs(from_matrix(matrix), 4, tol=1e-6, vectors=True)
    cold = eigenpairs(from_matrix(turned), 4)
    warm = eigenpairs(from_matrix(turned), 4, start=before.vectors)
    assert bool(warm.converged.all()) and warm.products < 0.75 * cold.products
    np.testing.assert_allclose(warm.values.numpy(), cold.values.numpy(), atol=1e-4)


def test_a_matrix_that_is_not_symmetric_is_named_as_that():
    half = torch.randn(30, 30, dtype=torch.float64, generator=rng.stream(0, "asymmetric"))
    slightly = MATRICES["random"] + 0.1 * torch.triu(MATRICES["random"])
    for matrix in (half, slightly, torch.tensor([[1.0, 2.0], [0.0, 1.0]])):
        matrix = matrix.double()
        op = SymmetricOperator(len(matrix), lambda v, matrix=matrix: matrix @ v)
        with pytest.raises(RuntimeError, match=r"not symmetric to 0.001 .*are deterministic"):
            eigenpairs(op)


@pytest.mark.parametrize("n", [40, 4000])
def test_products_that_are_not_deterministic_are_named_as_that(n):
    values, generator = torch.linspace(0, 1, n, dtype=torch.float64), rng.stream(0, "dropout")

    def product(v):
        kept = (torch.rand(n, generator=generator) > 0.3).double()
        return kept * values * (kept * v)

    op = SymmetricOperator(n, product)
    with pytest.raises(RuntimeError, match=r"differs by .*not deterministic: dropout.*eval mode"):
        eigenpairs(op)


@pytest.mark.parametrize("noise", [1e-7, 1e-5])
@pytest.mark.parametrize("options", [{}, {"max_basis": 12}, {"verify": True}])
def test_rounding_of_float32_is_no_breach_of_symmetry(noise, options):
    values = torch.from_numpy(np.r_[10.0, 8.0, 5.0, bulk(1000)])
    generator = rng.stream(0, "rounding")

    def product(v):
        error = torch.randn(len(v), dtype=torch.float64, generator=generator)
        image = values * v
        return image + noise * 10.0 * v.norm() * error / error.norm()

    found = eigenpairs(SymmetricOperator(len(values), product), 3, tol=1e-4, **options)
    np.testing.assert_allclose(found.values.numpy(), [10, 8, 5], atol=1e-3)
    assert bool(found.converged.all())


def test_a_tolerance_below_the_noise_of_products_is_not_reached_and_says_so():
    values = torch.from_numpy(np.r_[10.0, 8.0, 5.0, bulk(300)])

    def product(v):
        return (values.float() * v.float() * (1 + 1e-4)).double() + 1e-4 * v.roll(1)

    found = eigenpairs(SymmetricOperator(len(values), product), tol=1e-9)
    assert not found.converged.any()


def test_an_interrupted_search_returns_the_best_so_far():
    values = np.r_[3.0, 2.0, bulk(300)]
    op = SymmetricOperator(len(values), Interrupting(values, after=8))
    found = eigenpairs(op, 2, vectors=True, tol=1e-12)
    assert found.interrupted and found.products == op.products == 9
    assert not found.converged.any()
    np.testing.assert_allclose(found.values.numpy(), [3, 2], atol=1e-2)
    true = (torch.from_numpy(values)[:, None] * found.vectors - found.vectors * found.values).norm(
        dim=0
    )
    np.testing.assert_allclose(found.residuals.numpy(), true.numpy(), rtol=1e-6)


def test_an_interrupt_while_residuals_are_measured_leaves_what_the_recurrence_knows():
    values = np.r_[3.0, 2.0, bulk(300)]
    free = eigenpairs(diagonal_large(values))
    op = SymmetricOperator(len(values), Interrupting(values, after=free.products - 1))
    found = eigenpairs(op)
    assert found.interrupted and not free.interrupted and bool(found.converged.all())
    torch.testing.assert_close(found.values, free.values)


def test_an_interrupt_before_there_are_enough_values_is_passed_on():
    values = np.arange(20.0)
    with pytest.raises(KeyboardInterrupt):
        eigenpairs(SymmetricOperator(20, Interrupting(values, after=2)), 3)


@pytest.mark.slow
def test_eigenpairs_survive_the_store():
    found = eigenpairs(from_matrix(MATRICES["random"]), 2, which="both ends", vectors=True)
    read = codec.decode(*codec.encode(found))
    assert torch.equal(read.values, found.values) and torch.equal(read.vectors, found.vectors)
    assert (read.n, read.interrupted, read.which) == (40, False, "both ends")


def test_products_of_float32_give_residuals_that_hold_in_float64():
    # The basis is float32 then; what it and the products round away stands in the residuals.
    matrix = MATRICES["random"]
    op = SymmetricOperator(
        len(matrix), lambda v: (matrix.float() @ v.float()).double(), dtype=torch.float32
    )
    found = eigenpairs(op, 3, which="both ends", tol=1e-6, vectors=True)
    true = (matrix @ found.vectors - found.vectors * found.values).norm(dim=0)
    assert bool((true <= 1.1 * found.residuals).all())
    exact = torch.linalg.eigvalsh(matrix)
    wanted = torch.cat([exact.flip(0)[:3], exact.flip(0)[-3:]])
    torch.testing.assert_close(found.values, wanted, rtol=0, atol=1e-5)


def test_residuals_notice_products_that_the_recurrence_has_not_seen():
    # Once the space is built, products are off by a part that is symmetric and deterministic: only
    # the product that measures residuals can tell.
    matrix, late = MATRICES["random"], []

    def product(v):
        late.append(1)
        return matrix @ v + (2e-4 * float(matrix.abs().max()) * v if len(late) > 30 else 0)

    found = eigenpairs(SymmetricOperator(len(matrix), product), 2, tol=1e-12, max_products=30)
    assert bool((found.residuals > 1e-4 * float(matrix.abs().max())).all())
