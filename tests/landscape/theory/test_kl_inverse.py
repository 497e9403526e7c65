"""The inverse of the divergence of two coins: closed forms, tails, and refusals."""

import math

import pytest
from landscape import theory
from scipy import stats


def kl(q, p):
    return sum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)


@pytest.mark.parametrize("budget", [1e-9, 0.01, 0.7, 5.0, 300.0])
def test_the_inverse_of_kl_without_errors_is_in_closed_form(budget):
    assert theory.kl_inverse(0.0, budget) == pytest.approx(1 - math.exp(-budget), rel=1e-12)


@pytest.mark.parametrize("share", [1e-6, 0.02, 0.5, 0.97, 1 - 1e-9])
@pytest.mark.parametrize("budget", [1e-6, 0.03, 0.4])
def test_the_inverse_of_kl_inverts_it(share, budget):
    p = theory.kl_inverse(share, budget)
    assert share < p <= 1
    if p < 1 - 1e-9:
        assert kl(share, p) == pytest.approx(budget, rel=1e-6)


def test_the_inverse_of_kl_at_its_edges():
    assert theory.kl_inverse(0.3, 0.0) == pytest.approx(0.3, abs=1e-12)
    assert theory.kl_inverse(0.3, 1e-300) == pytest.approx(0.3, abs=1e-12)
    assert theory.kl_inverse(1.0, 0.2) == 1.0
    assert theory.kl_inverse(0.3, math.inf) == 1.0
    assert theory.kl_inverse(0.3, 1e6) == 1.0


def test_the_inverse_of_kl_bounds_the_tail_of_the_binomial_distribution():
    # P(Bin(n, p) <= q n) <= exp(−n kl(q ‖ p)): at the inverse of log(1/δ)/n it is δ at most.
    n, delta = 200, 0.05
    for wrong in (0, 3, 40, 120):
        p = theory.kl_inverse(wrong / n, math.log(1 / delta) / n)
        assert 0 < stats.binom.cdf(wrong, n, p) <= delta * (1 + 1e-9)


@pytest.mark.parametrize(("share", "budget"), [(-0.1, 1.0), (1.1, 1.0), (0.5, -1.0)])
def test_the_inverse_of_kl_refuses_what_is_out_of_range(share, budget):
    with pytest.raises(ValueError, match="pass a share from 0 to 1 and a budget >= 0"):
        theory.kl_inverse(share, budget)
