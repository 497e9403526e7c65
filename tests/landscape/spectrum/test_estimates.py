"""Trace, Frobenius norm and diagonal: values, standard errors, intervals, costs."""

import math

import numpy as np
import pytest
import torch
from landscape import rng
from landscape.operators import SymmetricOperator, from_matrix
from landscape.spectrum import diagonal, eigenpairs, frobenius, trace
from landscape.store import codec

from tests.sample_networks import diagonal_operator, random_symmetric, small_objective
from tests.sample_operators import Interrupting, diagonal_large, normal

TRIALS = 400


def exponential(count, mean):
    draws = torch.rand(count, dtype=torch.float64, generator=rng.stream(0, "exponential"))
    return (-mean * draws.log()).numpy()


SPECTRA = {
    "outliers": np.r_[100.0, 60, 40, 20, 10, 5, exponential(150, 0.1) - 0.03],
    "flat": normal(120, shift=0.5),
    "negative": -exponential(120, 1.0) - 0.1,
    "geometric": 0.9 ** np.arange(100.0),
}
ESTIMATORS = {"trace": (trace, np.sum), "frobenius": (frobenius, np.linalg.norm)}


def network_spectrum(count=600):
    return np.r_[30.0, 20, 15, 10, 8, 5, 3, 2, exponential(count - 10, 0.03), -0.5, -0.3]


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("trace", {"probes": 4}),
        ("trace", {"probes": 10}),
        ("trace", {"rtol": 0.1}),
        ("frobenius", {"probes": 4}),
        ("frobenius", {"probes": 10}),
    ],
)
def test_intervals_cover_the_truth_in_most_of_400_repetitions(name, options, kind):
    function, truth = ESTIMATORS[kind]
    op, true = diagonal_large(SPECTRA[name]), truth(SPECTRA[name])
    found = [function(op, generator=rng.stream(seed, "cover"), **options) for seed in range(TRIALS)]
    covered = np.mean([estimate.low <= true <= estimate.high for estimate in found])
    # 95% within 2.6 of the binomial's standard errors; few probes of a skewed norm miss more.
    assert (0.90 if kind == "frobenius" else 0.92) <= covered <= 0.985
    if "probes" in options and kind == "trace":
        errors = np.array([estimate.value for estimate in found]) - true
        assert abs(errors.mean()) < 4 * errors.std() / TRIALS**0.5
        spread = np.mean([estimate.stderr**2 for estimate in found]) ** 0.5
        assert spread == pytest.approx(errors.std(), rel=0.15)
    if "rtol" in options:
        assert all(estimate.converged for estimate in found)


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("rtol", [0.05, 0.01, 0.003])
def test_a_requested_accuracy_is_reached_or_not_called_converged(kind, rtol):
    function, truth = ESTIMATORS[kind]
    values = network_spectrum()
    found = function(diagonal_large(values), rtol=rtol)
    assert found.converged and 0 < found.stderr <= rtol * abs(found.value)
    assert abs(found.value - truth(values)) < 4 * found.stderr
    short = function(diagonal_large(values), rtol=1e-6, max_products=60)
    assert not short.converged and short.products <= 60
    assert abs(short.value - truth(values)) < 4 * short.stderr


def test_a_trace_costs_less_than_plain_hutchinson():
    values = network_spectrum(2000)
    found = trace(diagonal_large(values), rtol=0.01)
    plain = 2 * (values**2).sum() / (0.01 * values.sum()) ** 2
    assert found.converged and found.products < plain / 20


def test_a_trace_near_zero_needs_an_absolute_tolerance():
    values = np.r_[normal(100), -normal(100)]
    relative = trace(diagonal_large(values), max_products=100)
    assert not relative.converged and relative.products == 100
    absolute = trace(diagonal_large(values), atol=5.0)
    assert absolute.converged and absolute.stderr <= 5.0 and absolute.products < 100


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_known_pairs_are_taken_out_for_free(kind):
    function, truth = ESTIMATORS[kind]
    op = diagonal_large(network_spectrum())
    known = eigenpairs(op, 8, tol=1e-5, vectors=True)
    plain, better = (function(op, probes=6, known=pairs) for pairs in (None, known))
    assert better.products == plain.products == 9
    assert better.stderr < 0.2 * plain.stderr
    assert abs(better.value - truth(network_spectrum())) < 4 * better.stderr


@pytest.mark.slow
def test_pairs_known_only_roughly_bias_nothing():
    values = network_spectrum()
    known = eigenpairs(diagonal_large(values), 5, tol=0.1, vectors=True)
    assert float(known.residuals.max()) > 1e-3
    for function, truth in ESTIMATORS.values():
        found = [
            function(
                diagonal_large(values), probes=10, known=known, generator=rng.stream(seed, "rough")
            ).value
            for seed in range(50)
        ]
        error = np.array(found) - truth(values)
        assert abs(error.mean()) < 4 * error.std() / 50**0.5


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 40,
        [0.0],
        [-2.5],
        [2.0] * 50,
        [1.0, -1.0],
        np.r_[normal(3), np.zeros(60)],
        normal(20),
    ],
    ids=["zero", "1 x 1 zero", "1 x 1", "identity", "2 x 2", "rank 3", "small"],
)
def test_small_and_rank_deficient_operators_are_exact(values, kind):
    function, truth = ESTIMATORS[kind]
    op = diagonal_large(values)
    found = function(op)
    assert found.value == pytest.approx(truth(np.array(values)), rel=1e-12, abs=1e-12)
    assert found.stderr <= 1e-7 * abs(found.value) and found.converged
    assert found.low <= found.value <= found.high
    assert found.products == op.products <= 32


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_operator_with_fewer_rows_than_the_products_it_would_take_is_summed(kind):
    function, truth = ESTIMATORS[kind]
    values = normal(90, shift=0.1)
    found = function(diagonal_large(values), rtol=1e-4)
    assert (found.stderr, found.probes) == (0.0, 0) and found.converged
    assert found.value == pytest.approx(truth(values), rel=1e-10)


def test_all_pairs_known_leave_nothing_to_estimate():
    op = diagonal_operator([3.0, -1.0, 2.0])
    known = eigenpairs(op, 3, tol=1e-9, vectors=True)
    found = [trace(op, known=known), frobenius(op, known=known)]
    assert [estimate.value for estimate in found] == pytest.approx([4.0, math.sqrt(14)])
    assert all((e.products, e.stderr, e.converged) == (0, 0.0, True) for e in found)


@pytest.mark.slow
def test_estimates_of_a_networks_hessian_match_the_dense_one():
    objective = small_objective(13)
    op = objective.hessian(objective.theta)
    dense = op.to_dense()
    for found, true in (
        (trace(op, rtol=0.02), float(dense.trace())),
        (frobenius(op, rtol=0.02), float(dense.norm())),
    ):
        assert found.converged and abs(found.value - true) < 4 * found.stderr + 1e-9


def test_estimates_of_one_generator_are_the_same_bits():
    op = diagonal_large(network_spectrum())
    for function in (trace, frobenius):
        one, two, other = (function(op, generator=rng.stream(s, "z")) for s in (1, 1, 2))
        assert one == two and one.value != other.value


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_interrupted_estimate_returns_the_best_so_far(kind):
    function, truth = ESTIMATORS[kind]
    values = network_spectrum()
    for after in (30, 33):
        found = function(SymmetricOperator(600, Interrupting(values, after)), rtol=1e-5)
        assert found.interrupted and not found.converged
        assert abs(found.value - truth(values)) < 5 * found.stderr
    with pytest.raises(KeyboardInterrupt):
        function(SymmetricOperator(600, Interrupting(values, 5)))


@pytest.mark.parametrize("function", [trace, frobenius])
def test_products_that_break_the_rules_are_named(function):
    bad = SymmetricOperator(50, lambda v: v * float("nan"))
    with pytest.raises(RuntimeError, match=r"product 1 with the operator is not finite"):
        function(bad)
    left = [25]

    def later(v):
        left[0] -= 1
        return v * (float("nan") if left[0] < 0 else torch.linspace(0, 1, 500).double())

    with pytest.raises(RuntimeError, match=r"is not finite"):
        function(SymmetricOperator(500, later), rtol=1e-9)
    matrix = torch.randn(60, 60, dtype=torch.float64, generator=rng.stream(0, "asymmetric"))
    with pytest.raises(RuntimeError, match=r"the operator is not symmetric"):
        function(SymmetricOperator(60, lambda v: matrix @ v), probes=30)


@pytest.mark.parametrize("function", [trace, frobenius])
def test_arguments_out_of_range_are_refused(function):
    op = diagonal_operator([1.0, 2.0])
    for wrong in ({"rtol": 0.0}, {"rtol": -1.0}, {"atol": float("nan")}):
        with pytest.raises(ValueError, match=r"ask for no accuracy. Pass one of them > 0"):
            function(op, **wrong)
    for wrong in ({"max_products": 31}, {"max_basis": 0}):
        with pytest.raises(ValueError, match=r"too few. Pass max_products >= 32 and max_basis"):
            function(op, **wrong)
    with pytest.raises(ValueError, match=r"probes=1 leaves no spread.*Pass probes >= 2"):
        function(op, probes=1)
    with pytest.raises(ValueError, match=r"no vectors"):
        function(op, known=eigenpairs(op))


def test_a_bounded_basis_is_kept_to():
    op = diagonal_large(network_spectrum())
    bound, free = (trace(op, rtol=0.002, max_basis=most) for most in (12, 200))
    assert bound.converged and bound.products - bound.probes < free.products - free.probes
    assert bound.probes > free.probes and bound.products - bound.probes <= 12 + 5


def test_estimates_survive_the_store():
    found = trace(diagonal_large(network_spectrum()))
    assert codec.decode(*codec.encode(found)) == found


def test_the_diagonal_is_exact_for_a_diagonal_operator():
    values = normal(30)
    found = diagonal(diagonal_large(values), probes=2)
    np.testing.assert_allclose(found.values.numpy(), values, rtol=1e-14)
    assert not found.stderr.any() and found.products == found.probes == 2


@pytest.mark.parametrize("probes", [3, 10, 60])
def test_intervals_of_the_diagonal_cover_the_truth(probes):
    matrix = random_symmetric(40, rng.stream(0, "dense")) + torch.diag(torch.arange(40.0))
    op, true = from_matrix(matrix), matrix.diagonal()
    covered, errors = [], []
    for seed in range(100):
        found = diagonal(op, probes=probes, generator=rng.stream(seed, "diagonal"))
        covered.append(((found.low <= true) & (true <= found.high)).double().mean())
        errors.append(found.values - true)
    assert 0.93 <= float(torch.stack(covered).mean()) <= 0.97
    errors = torch.stack(errors)
    assert bool((errors.mean(0).abs() < 5 * errors.std(0) / 10).all())


def test_known_pairs_reduce_the_error_of_the_diagonal():
    matrix = random_symmetric(40, rng.stream(0, "dense"))
    top = torch.randn(40, dtype=torch.float64, generator=rng.stream(0, "top"))
    op = from_matrix(matrix + torch.outer(top, top) * 3)
    known = eigenpairs(op, tol=1e-3, vectors=True)
    plain, better = (diagonal(op, probes=20, known=pairs) for pairs in (None, known))
    assert float(better.stderr.mean()) < 0.6 * float(plain.stderr.mean())
    error = (better.values - op.to_dense().diagonal()).abs()
    assert bool((error < 5 * better.stderr).all())


def test_an_interrupted_diagonal_keeps_the_probes_that_are_done():
    values = normal(20)
    found = diagonal(SymmetricOperator(20, Interrupting(values, 5)), probes=50)
    assert found.interrupted and found.probes == 5
    with pytest.raises(KeyboardInterrupt):
        diagonal(SymmetricOperator(20, Interrupting(values, 1)), probes=50)


def test_a_diagonal_without_spread_or_finite_products_is_refused():
    with pytest.raises(ValueError, match=r"probes=1 leaves no spread to report. Pass probes >= 2"):
        diagonal(diagonal_operator([1.0]), probes=1)
    with pytest.raises(RuntimeError, match=r"not finite.*check them"):
        diagonal(SymmetricOperator(3, lambda v: v * float("inf")))


def test_a_diagonal_survives_the_store():
    found = diagonal(from_matrix(random_symmetric(5, rng.stream(0, "m"))), probes=4)
    read = codec.decode(*codec.encode(found))
    assert torch.equal(read.values, found.values) and torch.equal(read.low, found.low)
