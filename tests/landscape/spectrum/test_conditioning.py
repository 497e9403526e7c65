"""Condition numbers by definition, with the intervals that residuals allow."""

import dataclasses
import math

import pytest
import torch
from landscape.spectrum import condition_number, eigenpairs

from tests.sample_networks import diagonal_operator


def ends(*values):
    return eigenpairs(diagonal_operator(list(values)), which="both ends", tol=1e-9)


def rough(pairs, residuals):
    return dataclasses.replace(pairs, residuals=torch.tensor(residuals, dtype=torch.float64))


def test_lambda_max_over_lambda_min_of_a_definite_operator():
    found = condition_number(ends(10.0, 5.0, 2.0))
    assert found.value == pytest.approx(5.0) and found.definition == "λ_max / |λ_min|"
    assert found.low <= 5.0 <= found.high and found.high - found.low < 1e-9 and found.converged


def test_lambda_min_is_the_smallest_algebraic_eigenvalue_not_the_smallest_magnitude():
    assert condition_number(ends(10.0, 0.1, -4.0)).value == pytest.approx(2.5)
    assert condition_number(ends(-1.0, -4.0)).value == pytest.approx(-0.25)


def test_lambda_max_over_the_kth_largest():
    pairs = eigenpairs(diagonal_operator([12.0, 6.0, 3.0, 1.0, -7.0]), 3, tol=1e-9)
    found = condition_number(pairs, over="kth")
    assert found.value == pytest.approx(4.0) and found.definition == "λ_max / |λ_3|"
    both = eigenpairs(diagonal_operator([12.0, 6.0, 3.0, 1.0, -7.0]), 2, which="both ends")
    assert condition_number(both, over="kth").value == pytest.approx(2.0)


def test_the_interval_is_what_both_residuals_allow():
    pairs = rough(ends(10.0, 5.0, 2.0), [1.0, 0.5])
    found = condition_number(pairs)
    assert found.low == pytest.approx(9 / 2.5) and found.high == pytest.approx(11 / 1.5)
    negative = condition_number(rough(ends(-1.0, -4.0), [0.5, 1.0]))
    assert negative.low == pytest.approx(-1.5 / 3) and negative.high == pytest.approx(-0.5 / 5)


def test_a_denominator_that_may_be_zero_makes_it_infinite():
    for residual in ([0.0, 0.3], [0.0, 0.201]):
        found = condition_number(rough(ends(10.0, 5.0, 0.2), residual))
        assert found.value == found.high == math.inf
        assert found.low == pytest.approx(10 / (0.2 + residual[1]))
    singular = condition_number(ends(3.0, 1.0, 0.0))
    assert singular.value == math.inf and singular.low > 1e9


def test_zero_over_zero_is_not_a_number():
    found = condition_number(ends(0.0, 0.0, 0.0))
    assert math.isnan(found.value) and (found.low, found.high) == (-math.inf, math.inf)


def test_it_converged_if_both_eigenvalues_did():
    pairs = ends(10.0, 5.0, 2.0)
    half = dataclasses.replace(pairs, converged=torch.tensor([True, False]))
    assert not condition_number(half).converged


def test_pairs_that_lack_the_eigenvalues_are_refused():
    largest = eigenpairs(diagonal_operator([3.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match=r"needs both ends .* these are the largest.*both ends"):
        condition_number(largest)
    with pytest.raises(ValueError, match=r"needs k >= 2 of the largest, and these are k=1"):
        condition_number(largest, over="kth")
    smallest = eigenpairs(diagonal_operator([3.0, 2.0, 1.0]), 2, which="smallest")
    with pytest.raises(ValueError, match=r"these are k=2, smallest.*which='largest'"):
        condition_number(smallest, over="kth")
    with pytest.raises(ValueError, match=r"over='sigma' is not known. Pass 'lambda_min'"):
        condition_number(largest, over="sigma")
